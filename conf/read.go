package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// file is one file while it is read.
type file struct {
	name  string // as messages print it
	dir   string // absolute: %(here)s, and the base of relative paths
	path  string // absolute
	lines lines
	marks map[string]mark // of a file that is no TOML: what each key is there
}

// mark is where a key of ours comes from in a file of another language.
type mark struct {
	pos Position
	key string
}

// marked finds the mark of the longest known prefix of path, and what is left.
func (f *file) marked(path []string) (m mark, rest []string) {
	for n := len(path); n > 0; n-- {
		if m, ok := f.marks[joinPath(path[:n])]; ok {
			return m, path[n:]
		}
	}
	return mark{pos: Position{File: f.name}}, path
}

// document is a file and its decoded text.
type document struct {
	*file
	table map[string]any
	raw   rawFile
}

// Read reads the file at path with what it includes, and returns the
// configuration as it will run on a host like env. A file whose name ends in
// .conf or .ini is supervisord's, one that ends in .toml is not; of any other
// the text decides. See ReadINI.
//
// The error is always a *Problems with everything that is wrong in any of the
// files; the warnings are returned with and without it. Included files hold
// [programs.*] and [groups.*] only: the supervisor and the host are described in one place. A
// program is written in one file: there is no merging.
func Read(path string, env Env) (*Config, []Warning, error) {
	if isINI(path) {
		return ReadINI(path, env, Overrides{})
	}
	r := newReport()
	c := r.read(path, env)
	if err := r.err(); err != nil {
		return nil, r.warningList(), err
	}
	return c, r.warningList(), nil
}

// ReadSupervisor is what Read says of the supervisor itself, by the tables about it alone: a
// mistake in a program keeps nobody from finding it, nor does it take longer with many.
func ReadSupervisor(path string, env Env) (Supervisor, error) {
	r, c := newReport(), &Config{}
	if isINI(path) {
		if t := r.translate(path, env, Overrides{}); t != nil {
			c, _ = t.begin()
		}
	} else if main := r.load(path); main != nil {
		c, _ = r.begin(main, env)
	}
	return c.Supervisor, r.err()
}

func (r *report) read(path string, env Env) *Config {
	main := r.load(path)
	if main == nil {
		return nil
	}
	return r.resolve(main, env)
}

// begin makes of the main file what it says of the supervisor.
func (r *report) begin(main *document, env Env) (*Config, *resolver) {
	r.decode(place{main.file, nil}, main.table, &main.raw)
	c := &Config{Path: main.path, Files: []string{main.path}}
	res := newResolver(r, main.file, env)
	res.supervisor(c, &main.raw.Supervisor)
	return c, res
}

// resolve makes the configuration of the main file and what it includes.
func (r *report) resolve(main *document, env Env) *Config {
	c, res := r.begin(main, env)
	res.host(c, &main.raw.Host)
	res.notify(c, main.raw.Notify)

	docs := []*document{main}
	for _, name := range res.includes(main) {
		if doc := r.load(name); doc != nil {
			r.decodeIncluded(doc)
			docs = append(docs, doc)
			c.Files = append(c.Files, doc.path)
		}
	}
	r.refuseTwins(docs)
	res.all(c, docs)
	return c
}

// all resolves the groups and programs of the files, and validates the whole.
func (res *resolver) all(c *Config, docs []*document) {
	members := res.groups(c, docs)
	for _, doc := range docs {
		for name, raw := range doc.raw.Programs {
			c.Programs = append(c.Programs, res.programs(doc.file, name, raw, members[name])...)
		}
	}
	sortPrograms(c.Programs)
	res.refuseTwinGroups(c)
	res.checkNotify(c)
	res.validate(c)
}

// maxFile is far above any config and below what would hurt to hold.
const maxFile = 8 << 20

// load reads and parses one file; nil when that was a problem.
func (r *report) load(name string) *document {
	data, err := readFile(name)
	if err != nil {
		doc := newDocument(name)
		r.order[name] = len(r.order)
		r.problem(place{doc.file, nil}, faultf("", "cannot read the config file: %v", cause(err)))
		return nil
	}
	return r.parse(name, data)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is larger than %v", Bytes(maxFile))
	}
	return data, err
}

func newDocument(name string) *document {
	path, err := filepath.Abs(name)
	if err != nil { // there is no working directory
		path = name
	}
	return &document{file: &file{name: name, path: path, dir: filepath.Dir(path)}, table: map[string]any{}}
}

// parse parses the text of one file; nil when that was a problem.
func (r *report) parse(name string, data []byte) *document {
	doc := newDocument(name)
	r.order[name] = len(r.order)
	doc.lines = scanLines(string(data))
	if _, err := toml.Decode(string(data), &doc.table); err != nil {
		r.syntax(place{doc.file, nil}, err)
		return nil
	}
	return doc
}

// syntax reports an error of the TOML parser, which stops at its first.
func (r *report) syntax(at place, err error) {
	p := Problem{Pos: at.pos(), Message: "cannot parse TOML: " + err.Error()}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		p.Pos.Line = parse.Position.Line
		p.Key = parse.LastKey
		p.Message = "cannot parse TOML: " + strings.TrimSpace(parse.Message)
		p.Hint = "see https://toml.io"
	}
	r.problems = append(r.problems, p)
}

// cause strips operation and path from an error whose message has them already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// includes returns the files of [supervisor] include, pattern by pattern, each
// sorted, every file once.
func (res *resolver) includes(main *document) []string {
	if main.raw.Supervisor.Include == nil {
		return nil
	}
	at := place{main.file, []string{"supervisor", "include"}}
	seen := map[string]bool{main.path: true}
	var names []string
	for _, pattern := range *main.raw.Supervisor.Include {
		pattern, f := res.names.expand(pattern)
		if f != nil {
			res.problem(at, f)
			continue
		}
		full := pattern
		if !filepath.IsAbs(pattern) {
			full = filepath.Join(escapeGlob(filepath.Dir(main.name)), pattern)
		}
		matches, err := filepath.Glob(full)
		if err != nil {
			res.problem(at, faultf(`write a pattern such as "conf.d/*.toml"`, "cannot use %q as a pattern: %v", pattern, err))
			continue
		}
		if len(matches) == 0 {
			res.warn(at, faultf("", "no file matches %q", pattern))
		}
		slices.Sort(matches)
		for _, name := range matches {
			if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
				res.problem(at, faultf(`write a pattern such as "conf.d/*.toml"`, "cannot include %q: it is not a file", name))
				continue
			}
			if path, err := filepath.Abs(name); err == nil && !seen[path] {
				seen[path] = true
				names = append(names, name)
			}
		}
	}
	return names
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

func escapeGlob(dir string) string { return globEscaper.Replace(dir) }

func (r *report) decodeIncluded(doc *document) {
	at := place{doc.file, nil}
	for _, key := range []string{"supervisor", "host", "notify"} {
		if _, ok := doc.table[key]; ok {
			r.problem(at.at(key), faultf("move it to the main file", "cannot use [%s] in an included file", key))
			delete(doc.table, key)
		}
	}
	r.decode(at, doc.table, &doc.raw)
}

// refuseTwins reports programs and groups that are written in two files, and
// keeps the first.
func (r *report) refuseTwins(docs []*document) {
	first := map[string]place{}
	twin := func(at place, name string) bool {
		before, ok := first[at.key()]
		if ok {
			r.problem(at, faultf("rename one of them", "cannot use the name %q twice: it is defined at %s", name, before.pos()))
		} else {
			first[at.key()] = at
		}
		return ok
	}
	for _, doc := range docs {
		for name := range doc.raw.Programs {
			if twin(place{doc.file, []string{"programs", name}}, name) {
				delete(doc.raw.Programs, name)
			}
		}
		for name := range doc.raw.Groups {
			if twin(place{doc.file, []string{"groups", name}}, name) {
				delete(doc.raw.Groups, name)
			}
		}
	}
}

// checkName says why s cannot name a program or an instance.
func checkName(s string) *fault {
	const hint = "use letters, digits, _ and -"
	switch {
	case s == "":
		return faultf(hint, "cannot use an empty name")
	case s == "all":
		return faultf("choose another", `cannot use %q as a name: "ctl start all" means every program`, s)
	case strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || c == ':' || c == '/' || c == '*' }):
		return faultf(hint, "cannot use %q as a name: it contains a space, a control character, ':', '/' or '*'", s)
	case len(s) > maxName:
		return faultf(hint, "cannot use %s as a name: longer than %d bytes", fmt.Sprintf("%.20q…", s), maxName)
	}
	return nil
}

// maxName leaves room for an escaped name and a run number in one cgroup
// directory name (NAME_MAX, include/uapi/linux/limits.h: 255).
const maxName = 64
