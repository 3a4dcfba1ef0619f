package ini

import "slices"

// Document is what one or more files say, later ones over earlier ones.
type Document struct {
	Sections []*Section // in the order they are first written
	defaults *Section   // [DEFAULT], whose keys every section has
}

// Section is one [NAME], the repeated ones merged.
type Section struct {
	Name string // case-sensitive, as written
	File string // where it is first written
	Line int
	own  []*Value // in the order they are first written

	defaults *Section
}

// Value is one key and what is written behind its delimiter.
type Value struct {
	Key  string // lower case
	Text string // not unquoted; continuation lines are joined by \n
	File string
	Line int // of the key

	lines []string
}

// Error is one line that is no INI.
type Error struct {
	File    string
	Line    int
	Message string
}

// Section returns the section of that name, or nil.
func (d *Document) Section(name string) *Section {
	for _, s := range d.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Get returns the value of a key, or nil.
func (s *Section) Get(key string) *Value {
	if s == nil {
		return nil
	}
	if i := s.index(key); i >= 0 {
		return s.own[i]
	}
	return s.defaults.Get(key)
}

// Values lists the section's keys and those of [DEFAULT] that it has not.
func (s *Section) Values() []*Value {
	all := slices.Clone(s.own)
	if s.defaults != nil {
		for _, v := range s.defaults.own {
			if s.index(v.Key) < 0 {
				all = append(all, v)
			}
		}
	}
	return all
}

func (s *Section) index(key string) int {
	return slices.IndexFunc(s.own, func(v *Value) bool { return v.Key == key })
}

// set adds a key, or replaces what an earlier line said.
func (s *Section) set(v *Value) {
	if i := s.index(v.Key); i >= 0 {
		s.own[i] = v
		return
	}
	s.own = append(s.own, v)
}

// open returns the section to add to, a new one where there is none yet.
func (d *Document) open(name, file string, line int) *Section {
	if d.defaults == nil {
		d.defaults = &Section{Name: "DEFAULT", File: file, Line: line}
	}
	if name == d.defaults.Name {
		return d.defaults
	}
	if s := d.Section(name); s != nil {
		return s
	}
	s := &Section{Name: name, File: file, Line: line, defaults: d.defaults}
	d.Sections = append(d.Sections, s)
	return s
}

// Own says whether the key is written in the section itself, not in [DEFAULT].
func (s *Section) Own(key string) bool { return s.index(key) >= 0 }
