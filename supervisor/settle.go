package supervisor

import (
	"fmt"
	"os"
	"time"
)

// settleIn is what is left to do when the programs are started: whoever has started us
// as a daemon goes on, and the pid can be read.
func (s *server) settleIn() {
	c := s.config
	if err := settleDaemon(c); err != nil {
		s.loop.log.Log(critical, err.Error())
	}
	if c.PidFile != "" {
		remove, err := pidFile(c.PidFile)
		if err != nil {
			s.loop.log.Log(critical, err.Error())
		}
		s.pidFile = remove
	}
	if c.LogStyle == styleSupervisord {
		s.loop.log.Info(fmt.Sprintf("supervisord started with pid %d", os.Getpid()))
	}
}

// knowMost is how long nobody is answered for the sake of ends that may be told late.
const knowMost = time.Second

// knowEnds waits until the ends of what was found dead are told and published: a
// client must not be told of a worker that is no more.
func (s *server) knowEnds() {
	s.host.ends.wait(knowMost)
	published := make(chan struct{})
	s.loop.post(publishRequest{published})
	select {
	case <-published:
	case <-s.loop.done:
	}
}

// publishRequest is answered when what came before it is published.
type publishRequest struct{ published chan struct{} }

func (q publishRequest) do(l *loop) {
	l.publishChanges()
	close(q.published)
}
