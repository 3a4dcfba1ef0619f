package doctor

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// nameMost is how many characters of a program's name are kept.
const nameMost = 60

// interpreters run a script that says more than their own name. Options that
// take the next word are listed; those of code end the search.
var interpreters = map[string]struct{ value, code, module []string }{
	"php":    {value: []string{"-d", "-c", "-z", "-t"}, code: []string{"-r", "-R"}},
	"python": {value: []string{"-W", "-X"}, code: []string{"-c"}, module: []string{"-m"}},
	"ruby":   {value: []string{"-I", "-r", "-C"}, code: []string{"-e"}},
	"perl":   {value: []string{"-I"}, code: []string{"-e", "-E"}},
	"node":   {value: []string{"-r", "--require", "--import"}, code: []string{"-e", "--eval", "-p"}},
	"nodejs": {value: []string{"-r", "--require", "--import"}, code: []string{"-e", "--eval", "-p"}},
	"sh":     {value: []string{"-o"}, code: []string{"-c"}},
	"dash":   {value: []string{"-o"}, code: []string{"-c"}},
	"bash":   {value: []string{"-o", "-O"}, code: []string{"-c"}},
	"java":   {value: []string{"-cp", "-classpath", "--class-path", "-p", "--module-path"}, module: []string{"-jar", "-m"}},
}

// consoles are scripts whose first argument says what the process does.
var consoles = []string{"artisan", "console", "manage.py", "rails", "rake", "magento", "drush", "occ", "wp", "wp-cli.phar"}

var (
	version = regexp.MustCompile(`^([a-z]+)[0-9.]*$`)
	// title is a command line that a process has written over with words of its own:
	// "php-fpm: pool www", "postgres: checkpointer", "redis-server *:6379".
	title = regexp.MustCompile(`^([^\s:]+):\s+(.*)$`)
)

// programOf names what a process runs: the executable, and the script and role
// where the executable alone says nothing. A process may write what it likes
// into its command line: nothing but printable characters comes out.
func programOf(argv []string, comm string) string {
	for len(argv) > 0 && argv[len(argv)-1] == "" {
		argv = argv[:len(argv)-1]
	}
	if len(argv) == 0 || strings.TrimSpace(argv[0]) == "" {
		return short(comm)
	}
	if len(argv) == 1 && strings.ContainsAny(argv[0], " \t") {
		return short(titled(strings.TrimSpace(argv[0])))
	}
	name := strings.TrimSuffix(strings.TrimPrefix(path.Base(argv[0]), "-"), ":") // "-bash" is a login shell
	if _, ok := interpreter(name); ok {
		return short(scripted(name, argv[1:]))
	}
	return short(name)
}

// titled is the part of a title that all of its kind share.
func titled(text string) string {
	if m := title.FindStringSubmatch(text); m != nil {
		name := path.Base(m[1])
		words := strings.Fields(m[2])
		// "pool www", "master process (/etc/…)"; "worker process", "cache manager process".
		if len(words) >= 2 && (name == "nginx" || strings.HasPrefix(name, "php-fpm")) {
			return name + ": " + words[0] + " " + words[1]
		}
		return name
	}
	words := strings.Fields(text)
	name := path.Base(words[0])
	if _, ok := interpreter(name); ok {
		return scripted(name, words[1:])
	}
	return name
}

// scripted is the name of what an interpreter runs: "php artisan queue:work". A script that is known
// by its own name, as supervisord is, has that.
func scripted(name string, args []string) string {
	words := script(name, args)
	if len(words) == 1 && roles[words[0]] != "" {
		return words[0]
	}
	return strings.Join(append([]string{name}, words...), " ")
}

// interpreter finds php for php8.3 too.
func interpreter(name string) (kind string, ok bool) {
	m := version.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	_, ok = interpreters[m[1]]
	return m[1], ok
}

// script is the script among an interpreter's arguments, and its role.
func script(name string, args []string) []string {
	kind, _ := interpreter(name)
	options := interpreters[kind]
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case slices.Contains(options.code, arg):
			return []string{arg}
		case slices.Contains(options.module, arg):
			if i+1 < len(args) {
				return []string{path.Base(args[i+1])}
			}
			return nil
		case slices.Contains(options.value, arg):
			i++
		case arg == "" || strings.HasPrefix(arg, "-"):
		default:
			return append([]string{path.Base(arg)}, role(path.Base(arg), args[i+1:])...)
		}
	}
	return nil
}

func role(script string, args []string) []string {
	if !slices.Contains(consoles, script) {
		return nil
	}
	for _, arg := range args {
		if arg != "" && !strings.HasPrefix(arg, "-") {
			return []string{arg}
		}
	}
	return nil
}

// short is a name that fits into a table.
func short(s string) string {
	s = printable(s)
	if r := []rune(s); len(r) > nameMost {
		return string(r[:nameMost-1]) + "…"
	}
	return s
}

// printable keeps names that others have chosen from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
