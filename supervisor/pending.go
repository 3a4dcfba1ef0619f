package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pending counts what is under way, for those who would wait for it, but not
// for ever.
type pending struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed at zero, while somebody waits
}

func (p *pending) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
}

func (p *pending) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n--
	if p.n == 0 && p.zero != nil {
		close(p.zero)
		p.zero = nil
	}
}

// over returns nil when nothing is under way, or an error when ctx ends before.
func (p *pending) over(ctx context.Context, what string) error {
	end, _ := ctx.Deadline()
	p.wait(time.Until(end))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n > 0 {
		return fmt.Errorf("%s is under way and does not come to its end", what)
	}
	return nil
}

// wait returns when nothing is under way, or after most.
func (p *pending) wait(most time.Duration) {
	p.mu.Lock()
	if p.n == 0 {
		p.mu.Unlock()
		return
	}
	if p.zero == nil {
		p.zero = make(chan struct{})
	}
	zero := p.zero
	p.mu.Unlock()
	select {
	case <-zero:
	case <-time.After(most):
	}
}
