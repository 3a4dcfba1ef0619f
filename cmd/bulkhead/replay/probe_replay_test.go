//go:build replay

package replay

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// webAddress is where the web server listens.
const webAddress = "127.0.0.1:8099"

// The probe asks again so long after an answer, and waits so long for one.
const (
	probeEvery = 150 * time.Millisecond
	probeMost  = 5 * time.Second
)

// probe asks the web server as long as it is not stopped.
type probe struct {
	began time.Time
	quit  chan struct{}
	gone  sync.WaitGroup

	mu  sync.Mutex
	all answers
}

func newProbe(began time.Time) *probe {
	p := &probe{began: began, quit: make(chan struct{})}
	p.gone.Go(func() {
		for {
			select {
			case <-p.quit:
				return
			case <-time.After(probeEvery):
			}
			a := answer{at: time.Since(p.began)}
			a.ok = ask() == nil
			a.took = time.Since(p.began) - a.at
			p.mu.Lock()
			p.all = append(p.all, a)
			p.mu.Unlock()
		}
	})
	return p
}

// ask is one request on a connection of its own, as a load balancer's.
func ask() error {
	c, err := net.DialTimeout("tcp", webAddress, probeMost)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(probeMost)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET /ping HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(text, []byte("HTTP/1.0 200 ")) {
		return fmt.Errorf("%.40q is no answer", text)
	}
	return nil
}

// silent is how long there has been no answer.
func (p *probe) silent() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last time.Duration
	for _, a := range p.all {
		if a.ok {
			last = a.at + a.took
		}
	}
	return time.Since(p.began) - last
}

func (p *probe) stop() answers {
	close(p.quit)
	p.gone.Wait()
	return p.all
}
