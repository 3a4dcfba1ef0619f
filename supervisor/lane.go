package supervisor

import "sync"

// lane does things one after the other, in the order they were given, on a
// goroutine that lives only while there is something to do. What may block (a
// limit that makes the kernel reclaim, a directory that is busy) goes into its
// run's lane and holds up nothing else.
type lane struct {
	mu    sync.Mutex
	todo  []func()
	going bool
}

func (l *lane) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todo = append(l.todo, f)
	if !l.going {
		l.going = true
		go l.run()
	}
}

func (l *lane) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.going
}

func (l *lane) run() {
	for {
		l.mu.Lock()
		if len(l.todo) == 0 {
			l.going, l.todo = false, nil
			l.mu.Unlock()
			return
		}
		f := l.todo[0]
		l.todo = l.todo[1:]
		l.mu.Unlock()
		f()
	}
}
