package conf

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"bulkhead/conf/ini"
)

// translator makes raw structs of supervisord's INI, so that all that follows
// is the same for both languages: presets, defaults, expansions, rules.
type translator struct {
	*report
	env   Env
	main  *file
	doc   *ini.Document
	raw   rawFile
	files []string
	names names // for [supervisord] and the servers

	cwd        string // where relative paths begin
	foreground bool
	findings   []Finding
}

// ReadINI reads the supervisord.conf at path with what it includes, and returns
// the configuration as supervisord would run it on a host like env. What is
// given on the command line goes before what is in the file.
//
// The error is a *Problems with everything that is wrong, as that of Read.
func ReadINI(path string, env Env, given Overrides) (*Config, []Warning, error) {
	r := newReport()
	c := r.readINI(path, env, given)
	if err := r.err(); err != nil {
		return nil, r.warningList(), err
	}
	return c, r.warningList(), nil
}

func (r *report) readINI(path string, env Env, given Overrides) *Config {
	t := r.translate(path, env, given)
	if t == nil {
		return nil
	}
	return t.resolve()
}

// begin makes of what was translated what it says of the supervisor.
func (t *translator) begin() (*Config, *resolver) {
	res := newResolver(t.report, t.main, t.env)
	c := &Config{Path: t.main.path, Files: t.files}
	res.supervisor(c, &t.raw.Supervisor)
	return c, res
}

// resolve makes the configuration of what was translated.
func (t *translator) resolve() *Config {
	c, res := t.begin()
	res.host(c, &t.raw.Host)
	c.Supervisor.Foreground = t.foreground
	res.all(c, []*document{{file: t.main, raw: t.raw}})
	return c
}

// translate is nil after a problem that leaves nothing to look at.
func (r *report) translate(path string, env Env, given Overrides) *translator {
	t := newTranslator(r, path, env)
	if !t.load(path, place{t.main, nil}) {
		return nil
	}
	t.include()
	if !t.sections(given) {
		return nil
	}
	return t
}

func newTranslator(r *report, path string, env Env) *translator {
	main := newDocument(path).file
	main.marks = map[string]mark{}
	t := &translator{report: r, env: env, main: main, doc: &ini.Document{}, names: baseNames(main, env)}
	if t.env.Cwd == "" {
		t.env.Cwd = "/"
	}
	t.cwd = t.env.Cwd
	return t
}

// sections translates the document; there must be a [supervisord] in it.
func (t *translator) sections(given Overrides) bool {
	section := t.doc.Section("supervisord")
	if section == nil {
		t.problem(place{t.main, nil}, faultf("write [supervisord] above its keys", ".ini file does not include supervisord section"))
		return false
	}
	t.supervisord(section, given)
	t.servers()
	t.daemonDirectory()
	t.programs()
	t.others()
	return true
}

// daemonDirectory goes where a daemon goes before it has opened its children's
// files; in the foreground supervisord stays where it is.
func (t *translator) daemonDirectory() {
	if t.foreground || t.raw.Supervisor.Directory == nil {
		return
	}
	if dir, f := t.names.expand(string(*t.raw.Supervisor.Directory)); f == nil && filepath.IsAbs(dir) {
		t.cwd = dir
	}
}

// load reads one file into the document.
func (t *translator) load(name string, at place) bool {
	if _, ok := t.order[name]; !ok {
		t.order[name] = len(t.order)
	}
	data, err := readFile(name)
	if err != nil {
		t.problem(at, faultf("write the path of a file that can be read", "could not read config file %s: %v", name, cause(err)))
		return false
	}
	full, err := filepath.Abs(name)
	if err != nil {
		full = name
	}
	t.files = append(t.files, full)
	return t.parse(name, data)
}

// parse adds the text of one file to the document.
func (t *translator) parse(name string, data []byte) bool {
	if !utf8.Valid(data) {
		t.problems = append(t.problems, Problem{Pos: Position{File: name}, Message: "cannot parse INI: it is no UTF-8", Hint: "convert it: iconv -t UTF-8"})
		return false
	}
	for _, e := range t.doc.Parse(name, string(data)) {
		t.problems = append(t.problems, Problem{Pos: Position{e.File, e.Line}, Message: "cannot parse INI: " + e.Message, Hint: "write [section] or KEY = VALUE"})
	}
	return true
}

// include reads the files of [include], each pattern's sorted; an included file
// includes nothing.
func (t *translator) include() {
	section := t.doc.Section("include")
	if section == nil {
		return
	}
	t.markSection([]string{"include"}, section)
	at := place{t.main, []string{"include"}}
	v := section.Get("files")
	if v == nil {
		t.problem(at, faultf("write files = conf.d/*.conf", ".ini file has [include] section, but no files setting"))
		return
	}
	at = t.mark([]string{"include", "files"}, section, v)
	patterns, f := t.names.expand(t.text(v))
	if f != nil {
		t.problem(at, f)
		return
	}
	for _, pattern := range strings.Fields(patterns) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(t.main.dir, pattern)
		}
		files := pythonGlob(filepath.Clean(pattern))
		if len(files) == 0 {
			t.warn(at, faultf("", "No file matches via include %q", pattern))
			continue
		}
		for _, name := range files {
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				t.load(name, at)
			}
		}
	}
}

// here is the directory that %(here)s means in a value: that of its own file.
func here(v *ini.Value) string {
	dir, err := filepath.Abs(filepath.Dir(v.File))
	if err != nil {
		return filepath.Dir(v.File)
	}
	return dir
}

// text is a value with %(here)s replaced, which no other file may resolve.
func (t *translator) text(v *ini.Value) string {
	return strings.ReplaceAll(v.Text, "%(here)s", escape(here(v)))
}

func escape(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// twice makes a text that expanded once is what s is when expanded twice.
func twice(s string) string { return strings.ReplaceAll(s, "%%", "%") }

func (t *translator) mark(path []string, s *ini.Section, v *ini.Value) place {
	t.main.marks[joinPath(path)] = mark{Position{v.File, v.Line}, s.Name + "." + v.Key}
	return place{t.main, path}
}

func (t *translator) markSection(path []string, s *ini.Section) place {
	t.main.marks[joinPath(path)] = mark{Position{s.File, s.Line}, s.Name}
	return place{t.main, path}
}

// owner is who is to own a socket. supervisord leaves the group as it is unless
// one is named, and needs a user.
func (t *translator) owner(at place, owner *text, n names) *text {
	if owner == nil {
		return nil
	}
	s, f := n.expand(string(*owner))
	name, group, hasGroup := strings.Cut(s, ":")
	switch {
	case f != nil: // said where it is expanded again
	case name == "" || hasGroup && group == "":
		t.problem(at, faultf(`write user or user:group`, "Invalid user:group definition %s", s))
	case !hasGroup:
		return ptr(*owner + ":")
	}
	return owner
}

// path is the text of a path that is not relative any more. supervisord takes a
// relative one from where it runs, not from where the file is.
func (t *translator) path(at place, s string, n names) string {
	full, f := n.expand(s)
	switch {
	case f != nil, full == "", filepath.IsAbs(full):
		return s
	case strings.HasPrefix(full, "~"):
		name, rest, _ := strings.Cut(full[1:], "/")
		home := t.env.Home
		if name != "" {
			u, f := t.env.user(name)
			if f != nil {
				return s
			}
			home = u.Home
		}
		full = filepath.Join("/", home, rest)
		t.found(Altered, at, "it is %s, the home directory as it is now", full)
		return escape(full)
	}
	t.found(Altered, at, "the path is absolute now, in %s where supervisord would run", t.cwd)
	return escape(t.cwd) + "/" + s
}
