package doctor

import (
	"fmt"
	"regexp"
	"strings"

	"bulkhead/supervisor/control"
)

// pastUnlimited says which programs nothing holds, and what would by what they had at most.
func pastUnlimited(p *Past) []Finding {
	f := Finding{Rule: "program-unlimited", Severity: Note}
	n := 0
	for _, g := range p.Programs {
		if !g.There || g.Now.Instances == 0 || !g.unlimited() {
			continue
		}
		if n++; n > limitsShown {
			continue
		}
		f.fact("%s (%s): the largest had %s at most, at %s", printable(g.Name), instances(g.Now.Instances), control.Size(g.Largest.Bytes), p.clock(g.Largest.At))
		if float64(g.Sum.Bytes) > scarce*float64(p.Memory.Total) {
			f.Severity = Warning
		}
		p.adviseLimit(&f, g)
	}
	switch {
	case n == 0:
		return nil
	case n == 1:
		f.Title = "nothing limits the memory of 1 program"
	default:
		f.Title = fmt.Sprintf("nothing limits the memory of %d programs", n)
	}
	if n > limitsShown {
		f.fact("and %d more", n-limitsShown)
	}
	return []Finding{f}
}

// limitsShown is for how many programs limits are proposed in one finding.
const limitsShown = 8

// limitFor proposes a limit for each instance, in steps: so much that the line at three quarters
// of it is where the largest was at most. Of one that leaks it is twice what it had before it did: that it has
// grown far beyond is no reason to allow it more.
func (p *Past) limitFor(g PastProgram) int64 {
	most := g.Largest.Bytes / 3 * 4
	if g.leaks(p.Memory) {
		most = 2 * g.First / int64(max(g.Now.Instances, 1))
	}
	return max((most+limitStep-1)/limitStep*limitStep, limitLeast)
}

// adviseLimit says how a program is held to an amount.
func (p *Past) adviseLimit(f *Finding, g PastProgram) {
	limit := p.limitFor(g)
	if float64(limit) > limitMost*float64(p.Memory.Total) {
		f.advise("move %s, or give the host more memory: a limit of %s would protect nobody", printable(g.Name), sizeText(limit))
		return
	}
	f.advise("%s; then bulkhead ctl update", p.setting(g.Name, "limits.memory_max", sizeText(limit), "recycle.max_memory", sizeText(limit/4*3)))
}

// adviseLess says what would have relieved the host: a limit for what grows, or else for the
// largest program that has none.
func (p *Past) adviseLess(f *Finding) {
	if all := p.growers(); len(all) > 0 {
		p.adviseLimit(f, all[0])
		return
	}
	for _, g := range p.Programs {
		if g.There && g.Now.Instances > 0 && g.unlimited() && g.Largest.Bytes >= limitLeast {
			p.adviseLimit(f, g)
			return
		}
	}
	f.advise("run fewer of the largest programs, or give the host more memory")
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// setting spells keys of a program and their values as its configuration does: TOML, or
// a supervisord.conf with keys of bulkhead's.
func (p *Past) setting(program string, pairs ...string) string {
	ini := strings.HasSuffix(p.config, ".conf") || strings.HasSuffix(p.config, ".ini")
	name, where := tableName(program), ""
	if p.config != "" {
		where = " of " + p.config
	}
	var words []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if ini {
			words = append(words, fmt.Sprintf("bulkhead.%s=%s", pairs[i], pairs[i+1]))
		} else {
			words = append(words, fmt.Sprintf("%s = %q", pairs[i], pairs[i+1]))
		}
	}
	table := "[programs." + name + "]"
	if ini {
		table = "[program:" + printable(program) + "]"
	}
	return table + where + ": " + strings.Join(words, " and ")
}

// tableName is a program's name as a key.
func tableName(program string) string {
	if bareKey.MatchString(program) {
		return program
	}
	return fmt.Sprintf("%q", printable(program))
}

func sizeText(n int64) string { return control.Size(n) }
