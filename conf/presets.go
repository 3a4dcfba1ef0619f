package conf

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Preset is a table of ordinary keys for one kind of worker. An explicit key
// of the program overrides the preset's.
type Preset struct {
	Name    string
	Meaning string // one sentence
	Keys    string // TOML, as it could stand in [programs.NAME]
}

// Presets returns all of them. The numbers in the comments are the documented
// behaviour of Laravel 8 to 13, Horizon 5 and Symfony Messenger 7.
func Presets() []Preset {
	return []Preset{
		{"generic", "Any program: supervisord's defaults and nothing more.", ""},
		{"laravel", "php artisan queue:work.", laravelKeys},
		{"horizon", "php artisan horizon, a master with its own tree of workers.", horizonKeys},
		{"symfony-messenger", "php bin/console messenger:consume.", symfonyKeys},
	}
}

const laravelKeys = `# A worker ends itself: 0 after max-jobs, max-time, queue:restart or a lost
# connection, 12 at its --memory. Both mean "start the next one".
autorestart       = true
exitcodes         = [0, 12]
recycle_exitcodes = [0, 12]
# At a job's timeout the worker kills itself with SIGKILL.
self_kill         = true
# SIGTERM means "finish the job in hand". It goes to the main process alone:
# the job's own subprocesses must live for that.
stopsignal        = "TERM"
stopasgroup       = false
# 30 seconds more than --timeout where the command has it: see stopwaitsecs.
stopwaitsecs      = "90s"
pause_signal      = "USR2"
resume_signal     = "CONT"
job_format        = "laravel"
`

const horizonKeys = `# 0 after horizon:terminate, which every deployment sends, 12 at its memory.
autorestart       = true
exitcodes         = [0, 12]
recycle_exitcodes = [0, 12]
stopsignal        = "TERM"
stopasgroup       = false
# The master waits for the longest job; with fast_termination it goes first and
# its workers finish alone, hence leftoverwaitsecs: as stopwaitsecs unless set.
stopwaitsecs      = "1h"
leftoverwaitsecs  = "1h"
pause_signal      = "USR2"
resume_signal     = "CONT"
# The workers' lines reach us mixed and in chunks: not a number to act on.
job_format        = "none"
`

const symfonyKeys = `# The worker ends with 0 at each of its limits and at messenger:stop-workers.
autorestart       = true
exitcodes         = [0]
recycle_exitcodes = [0]
stopsignal        = "TERM"
stopasgroup       = false
stopwaitsecs      = "20s"
# Read from the log lines on the console: the command needs -vv.
job_format        = "symfony"
`

func presetNames() []string {
	var all []string
	for _, p := range Presets() {
		all = append(all, p.Name)
	}
	return all
}

// preset returns the keys of a preset that exists.
func preset(name string) *rawProgram {
	i := slices.IndexFunc(Presets(), func(p Preset) bool { return p.Name == name })
	table := map[string]any{}
	if _, err := toml.Decode(Presets()[i].Keys, &table); err != nil {
		panic("conf: preset " + name + ": " + err.Error())
	}
	raw, r := &rawProgram{}, newReport()
	r.decode(place{&file{name: "preset " + name}, []string{"programs", name}}, table, raw)
	if err := r.err(); err != nil {
		panic("conf: " + err.Error())
	}
	return raw
}

// derive sets what a preset makes of other keys of the program, before the
// preset itself fills the rest.
func derive(raw *rawProgram, preset string, argv []string) {
	switch preset {
	case "laravel":
		if t, ok := workerTimeout(argv); ok && t > 0 && raw.StopWait == nil {
			wait := span(t + 30*time.Second)
			raw.StopWait = &wait
		}
	case "horizon":
		if raw.LeftoverWait == nil {
			raw.LeftoverWait = raw.StopWait
		}
	}
}

// workerTimeout is the --timeout of a Laravel command; 0 means none at all.
func workerTimeout(argv []string) (time.Duration, bool) {
	n, ok := numberOption(argv, "--timeout")
	return time.Duration(n) * time.Second, ok
}

// workerMemory is the --memory of a Laravel command, written in MB of 1024².
func workerMemory(argv []string) (Bytes, bool) {
	n, ok := numberOption(argv, "--memory")
	return Bytes(n) << 20, ok
}

var leadingNumber = regexp.MustCompile(`^[0-9]{1,9}$`)

// numberOption finds --name=60 or --name 60. The words of a shell's -c script
// are looked through too.
func numberOption(argv []string, name string) (int64, bool) {
	var words []string
	for _, arg := range argv {
		words = append(words, strings.Fields(arg)...)
	}
	for i, word := range words {
		value, ok := strings.CutPrefix(word, name+"=")
		if word == name && i+1 < len(words) {
			value, ok = words[i+1], true
		}
		if value = strings.Trim(value, `'"`); ok && leadingNumber.MatchString(value) {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
