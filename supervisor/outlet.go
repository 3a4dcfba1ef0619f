package supervisor

import (
	"bytes"
	"fmt"
	"sync"

	"bulkhead/conf"
	"bulkhead/supervisor/logs"
)

// outlet says where a stream of the run goes.
func (p *process) outlet(channel string, sink *logs.Sink, tap logs.Tap) logs.Outlet {
	rules := p.prog.Load()
	out := logs.Outlet{Sink: sink, Tap: tap}
	wish := rules.StdoutCapture
	if channel == "stderr" {
		wish = rules.StderrCapture
	} else if rules.Listener != nil {
		wish = conf.Capture{} // its output is the protocol
		out.Tap = func(chunk []byte) (count uint64, state []byte) {
			p.host.post(output{p.ref, channel, bytes.Clone(chunk)})
			return 0, nil
		}
	}
	if p.host.stripANSI || wish.MaxBytes > 0 {
		out.Filter = &logs.Filter{StripANSI: p.host.stripANSI, Capture: int64(wish.MaxBytes)}
	}
	if wish.MaxBytes > 0 {
		out.OnCaptured = func(data []byte) { p.host.post(captured{p.ref, channel, data}) }
	}
	if wish.Events {
		out.OnOutput = func(chunk []byte) { p.host.post(output{p.ref, channel, bytes.Clone(chunk)}) }
	}
	if wish.Syslog {
		out.Lines = p.host.syslog.get().Lines(p.inst.Name)
	}
	return out
}

// hostSyslog is the connection to syslog that all runs share, made for the first
// that wants it.
type hostSyslog struct {
	post func(event any)

	mu  sync.Mutex
	log *logs.Syslog
}

func (s *hostSyslog) get() *logs.Syslog {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log == nil {
		s.log = logs.NewSyslog(syslogTag)
		s.log.OnTrouble = func(lost int64, err error) {
			if err != nil {
				s.post(trouble{what: "output for syslog is lost", err: err})
				return
			}
			s.post(trouble{what: "output goes to syslog again", err: fmt.Errorf("%d lines were lost", lost)})
		}
	}
	return s.log
}

// close sends what is left. Nothing may come afterwards.
func (s *hostSyslog) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log == nil {
		return
	}
	if err := s.log.Close(); err != nil {
		s.post(trouble{what: "output for syslog is lost", err: err})
	}
	s.log = nil
}

// syslogTag is under which name we write to syslog.
const syslogTag = "bulkhead"
