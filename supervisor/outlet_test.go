package supervisor

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/conf"
)

// What a run prints is captured, stripped, told and logged, and all of it is told
// before the run's end.
func TestOutputIsTold(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		log := filepath.Join(t.TempDir(), "log")
		w.stripANSI = true
		const script = `printf 'a\033[31mb\033[0m\n<!--XSUPERVISOR:BEGIN-->caught<!--XSUPERVISOR:END-->c\n'; echo err >&2`
		r := w.start(shell(t, script, func(p *conf.Program) {
			p.Instances[0].Stdout.Path = log
			p.StdoutCapture = conf.Capture{MaxBytes: 100, Events: true}
			p.StderrCapture = conf.Capture{Events: true} // that nobody logs
		}))
		await[exited](w)
		told := map[string]string{}
		for _, e := range w.kept {
			switch e := e.(type) {
			case output:
				told[e.channel] += string(e.data)
			case captured:
				told["captured from "+e.channel] += string(e.data)
			}
		}
		want := map[string]string{"stdout": "ab\nc\n", "stderr": "err\n", "captured from stdout": "caught"}
		if !maps.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		if text, err := os.ReadFile(log); err != nil || string(text) != "ab\nc\n" {
			t.Errorf("logged %q, %v", text, err)
		}
		w.over(r)
	})
}

// What a listener says is told as it is, and logged as its log wants it.
func TestListenersOutputIsTold(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		log := filepath.Join(t.TempDir(), "log")
		w.stripANSI = true
		r := w.start(shell(t, `printf 'READY\n\033[31mRESULT 2\nOK'`, func(p *conf.Program) {
			p.Instances[0].Stdout.Path = log
			p.Listener = &conf.Listener{}
			p.StdoutCapture = conf.Capture{MaxBytes: 100, Events: true} // mean nothing here
		}))
		await[exited](w)
		heard := ""
		for _, e := range w.kept {
			switch e := e.(type) {
			case output:
				heard += string(e.data)
			case captured:
				t.Errorf("told %+v", e)
			}
		}
		if heard != "READY\n\x1b[31mRESULT 2\nOK" {
			t.Errorf("heard %q", heard)
		}
		if text, err := os.ReadFile(log); err != nil || string(text) != "READY\nRESULT 2\nOK" {
			t.Errorf("logged %q, %v", text, err)
		}
		w.over(r)
	})
}

// Runs of one instance share the log that was made for it.
func TestAutoLog(t *testing.T) {
	inReality(t, func(t *testing.T, w *reality) {
		w.auto = autoLogs{t.TempDir(), "me", newToken()}
		p := shell(t, "echo out; echo err >&2", func(p *conf.Program) {
			p.Instances[0].Stdout.Path, p.Instances[0].Stderr.Path = conf.Auto, conf.Auto
		})
		for range 2 {
			r := w.start(p)
			await[exited](w)
			w.over(r)
		}
		for channel, want := range map[string]string{"stdout": "out\nout\n", "stderr": "err\nerr\n"} {
			path := w.auto.target(&p.Instances[0], channel).Path
			if !strings.HasPrefix(filepath.Base(path), p.Instances[0].Name+"-"+channel+"---me-") {
				t.Errorf("the log of %s is %q", channel, path)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != want {
				t.Errorf("%s: logged %q, %v", channel, text, err)
			}
		}
		if all, err := os.ReadDir(w.auto.dir); err != nil || len(all) != 2 {
			t.Errorf("there are %v, %v", all, err)
		}
	})
}
