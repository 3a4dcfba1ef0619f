package conf

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The answers of testdata/ini/dump.py: what supervisord makes of a file.
type theirs struct {
	Error       string
	Groups      []theirGroup
	Servers     []theirServer
	Supervisord theirSupervisord
	Warnings    int
}

type theirGroup struct {
	Name       string
	Priority   int
	Processes  []theirProcess
	Events     []string
	BufferSize int `json:"buffer_size"`
	Socket     *theirSocket
}

type theirSocket struct {
	URL     string
	Backlog *int
	Mode    *int
	Owner   []int
}

type theirLog struct {
	Path     string
	MaxBytes int64
	Backups  int
}

type theirProcess struct {
	Name           string
	Argv           []string
	Directory      string
	Umask, UID     *int
	Priority       int
	AutoStart      bool
	AutoRestart    string
	StartSecs      int
	StartRetries   int
	StopSignal     int
	StopWaitSecs   int
	StopAsGroup    bool
	KillAsGroup    bool
	ExitCodes      []int
	RedirectStderr bool `json:"redirect_stderr"`
	Environment    map[string]string
	ServerURL      *string
	Stdout, Stderr *theirLog
	StdoutCapture  []any `json:"stdout_capture"`
	StderrCapture  []any `json:"stderr_capture"`
}

type theirServer struct {
	File, Host         *string
	Port, Chmod        *int
	Chown              []int
	Username, Password *string
}

type theirSupervisord struct {
	LogFile                     string
	LogFileMaxBytes             int64 `json:"logfile_maxbytes"`
	LogFileBackups              int   `json:"logfile_backups"`
	LogLevel                    int
	PidFile                     string
	Umask                       int
	Directory                   *string
	MinFDs, MinProcs            int
	Identifier, ChildLogDir     string
	ServerURL                   *string
	User                        *string
	NoDaemon, Silent, NoCleanup bool
	StripANSI                   bool `json:"strip_ansi"`
}

var iniEnviron = map[string]string{"TMPX": "/tmp", "NUM": "42", "ONE": "1", "NO": "no", "WORDS": "two words", "HOME": "/root", "PATH": "/usr/bin:/bin"}

// askSupervisord runs supervisord's own code over the files of testdata/ini.
func askSupervisord(t *testing.T, files []string) map[string]theirs {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{"dump.py"}, files...)...)
	cmd.Dir = "testdata/ini"
	cmd.Stderr = os.Stderr
	for key, value := range iniEnviron {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot ask supervisord: %v", err)
	}
	var all map[string]theirs
	if err := json.Unmarshal(out, &all); err != nil || len(all) != len(files) {
		t.Fatalf("%d answers to %d files: %v", len(all), len(files), err)
	}
	return all
}

// iniSamples lists the files below testdata/ini, and is there: their includes
// are relative to them, and supervisord's paths to where it runs.
func iniSamples(t *testing.T, dir string) (files []string, env Env) {
	t.Helper()
	cwd, err := filepath.Abs("testdata/ini")
	if err != nil {
		t.Fatal(err)
	}
	files, err = filepath.Glob("testdata/ini/" + dir + "/*.conf")
	if err != nil || len(files) < 40 {
		t.Fatalf("only %d samples: %v", len(files), err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], "testdata/ini/")
	}
	env, err = HostEnv()
	if err != nil {
		t.Fatal(err)
	}
	env.Environ, env.Home, env.Cwd = iniEnviron, iniEnviron["HOME"], cwd
	return files, env
}

// TestINIIsSupervisords reads every sample and compares with supervisord, field
// by field.
func TestINIIsSupervisords(t *testing.T) {
	files, env := iniSamples(t, "good")
	answers := askSupervisord(t, files)
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c, _, err := ReadINI(filepath.Join(env.Cwd, name), env, Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			want := answers[name]
			if want.Error != "" {
				t.Fatalf("supervisord refuses it: %s", want.Error)
			}
			if diff := cmp.Diff(want.Supervisord, likeSupervisord(c, want)); diff != "" {
				t.Errorf("[supervisord] (-supervisord +bulkhead):\n%s", diff)
			}
			if diff := cmp.Diff(sortedServers(want.Servers), sortedServers(likeServers(c)), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("servers (-supervisord +bulkhead):\n%s", diff)
			}
			if diff := cmp.Diff(normalGroups(want.Groups), likeGroups(c), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("groups (-supervisord +bulkhead):\n%s", diff)
			}
		})
	}
}

// TestINIRefusals: what supervisord refuses is refused, with a line and a hint.
func TestINIRefusals(t *testing.T) {
	files, env := iniSamples(t, "bad")
	answers := askSupervisord(t, files)
	var got strings.Builder
	for _, name := range files {
		if answers[name].Error == "" {
			t.Errorf("%s: supervisord takes it", name)
		}
		_, _, err := ReadINI(filepath.Join("testdata/ini", name), env, Overrides{})
		if err == nil {
			t.Errorf("%s is taken; supervisord says %s", name, answers[name].Error)
			continue
		}
		for _, p := range err.(*Problems).List {
			if p.Hint == "" {
				t.Errorf("%s: no hint: %s", name, p)
			}
		}
		fmt.Fprintln(&got, err)
	}
	golden(t, "testdata/ini/bad.txt", got.String())
}

func likeSupervisord(c *Config, want theirs) theirSupervisord {
	s := c.Supervisor
	out := theirSupervisord{
		LogFile: s.LogFile, LogFileMaxBytes: int64(s.LogFileMaxBytes), LogFileBackups: s.LogFileBackups,
		LogLevel: map[string]int{"error": 40, "warn": 30, "info": 20, "debug": 10}[s.LogLevel],
		PidFile:  s.PidFile, Umask: s.Umask, MinFDs: s.MinFDs, MinProcs: s.MinProcs, Identifier: s.Identifier, ChildLogDir: s.ChildLogDir,
		NoDaemon: s.Foreground, Silent: s.Silent, NoCleanup: s.KeepLogs, StripANSI: s.StripANSI,
	}
	if s.Directory != "" {
		out.Directory = &s.Directory
	}
	if s.ServerURL != "" {
		out.ServerURL = &s.ServerURL
	}
	if s.User != nil {
		out.User = &s.User.Name
	}
	return out
}

func likeServers(c *Config) []theirServer {
	s := c.Supervisor
	var all []theirServer
	if strings.HasPrefix(s.ServerURL, "unix://") {
		all = append(all, likeServer(Server{"unix", s.Socket, s.SocketMode, s.SocketUID, s.SocketGID, s.Auth}))
	}
	for _, server := range s.Servers {
		all = append(all, likeServer(server))
	}
	return all
}

func likeServer(s Server) theirServer {
	var out theirServer
	if s.Auth != (Auth{}) {
		out.Username, out.Password = &s.Auth.Username, &s.Auth.Password
	}
	if s.Network == "unix" {
		out.File, out.Chmod, out.Chown = &s.Address, ptr(int(s.Mode)), []int{s.UID, s.GID}
		return out
	}
	host, port, _ := inetAddress(s.Address)
	out.Host, out.Port = &host, &port
	return out
}

func sortedServers(all []theirServer) []theirServer {
	sort.Slice(all, func(i, j int) bool { return fmt.Sprint(all[i].address()) < fmt.Sprint(all[j].address()) })
	return all
}

func (s theirServer) address() string {
	if s.File != nil {
		return *s.File
	}
	return fmt.Sprint(*s.Host, *s.Port)
}

// normalGroups drops what has no meaning: order within a group, an empty list.
func normalGroups(all []theirGroup) []theirGroup {
	for i, g := range all {
		sort.Slice(g.Processes, func(i, j int) bool { return g.Processes[i].Name < g.Processes[j].Name })
		for j := range g.Processes {
			if p := &g.Processes[j]; len(p.ExitCodes) == 0 {
				p.ExitCodes = nil
			}
		}
		if len(g.Processes) == 0 { // a group without a process is none of ours
			all[i].Name = ""
		}
	}
	return slices.DeleteFunc(all, func(g theirGroup) bool { return g.Name == "" })
}

func likeGroups(c *Config) []theirGroup {
	var all []theirGroup
	for _, name := range c.GroupNames() {
		g := theirGroup{Name: name}
		for _, p := range c.Programs {
			if p.GroupName != name {
				continue
			}
			g.Priority = p.GroupPriority
			if p.Listener != nil {
				g.Events, g.BufferSize = slices.Sorted(slices.Values(p.Listener.Events)), p.Listener.BufferSize
			}
			if p.Fcgi != nil {
				g.Socket = likeSocket(p.Fcgi)
			}
			for _, in := range p.Instances {
				g.Processes = append(g.Processes, likeProcess(c, p, in))
			}
		}
		all = append(all, g)
	}
	return normalGroups(all)
}

func likeSocket(f *Fcgi) *theirSocket {
	s := &theirSocket{URL: f.Network + "://" + f.Address}
	if f.Backlog != 0 {
		s.Backlog = &f.Backlog
	}
	if f.Network == "unix" {
		s.Mode = ptr(int(f.Mode))
		if f.UID >= 0 {
			s.Owner = []int{f.UID, f.GID}
		}
	}
	return s
}

func likeProcess(c *Config, p Program, in Instance) theirProcess {
	out := theirProcess{
		Name: in.Name, Argv: in.Argv, Priority: p.Priority, Directory: in.Directory,
		AutoStart: p.AutoStart, AutoRestart: string(p.AutoRestart), StartSecs: int(p.StartSecs / time.Second), StartRetries: p.StartRetries,
		StopSignal: int(p.StopSignal), StopWaitSecs: int(p.StopWait / time.Second), StopAsGroup: p.StopAsGroup, KillAsGroup: p.KillAsGroup,
		ExitCodes: p.ExitCodes, RedirectStderr: in.RedirectStderr, Environment: in.Environment,
		Stdout: likeLog(in.Stdout), Stderr: likeLog(in.Stderr), StdoutCapture: likeCapture(p.StdoutCapture), StderrCapture: likeCapture(p.StderrCapture),
	}
	if p.Umask >= 0 {
		out.Umask = &p.Umask
	}
	if p.User != nil {
		out.UID = ptr(int(p.User.UID))
	}
	if p.ServerURL != c.Supervisor.ServerURL {
		out.ServerURL = &p.ServerURL
	}
	return out
}

func likeLog(l LogTarget) *theirLog {
	if l.Path == "" {
		return nil
	}
	return &theirLog{l.Path, int64(l.MaxBytes), l.Backups}
}

func likeCapture(c Capture) []any { return []any{float64(c.MaxBytes), c.Events, c.Syslog} }
