//go:build replay

package replay

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// redis is a connection to the run's Redis server; not for two goroutines at once.
type redis struct {
	socket string
	conn   net.Conn
	in     *bufio.Reader
}

// do gives one command and returns the first line of the answer. After an error it connects anew.
func (r *redis) do(words ...string) (string, error) {
	line, err := r.try(words)
	if err != nil {
		r.close()
		return "", err
	}
	if strings.HasPrefix(line, "-") {
		return "", fmt.Errorf("redis: %s", line[1:])
	}
	return line, nil
}

func (r *redis) try(words []string) (string, error) {
	if r.conn == nil {
		c, err := net.DialTimeout("unix", r.socket, 5*time.Second)
		if err != nil {
			return "", err
		}
		r.conn, r.in = c, bufio.NewReader(c)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if err := r.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := r.conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	line, err := r.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (r *redis) close() {
	if r.conn != nil {
		r.conn.Close()
		r.conn = nil
	}
}

// script is the file that starts the Redis server. It saves whenever something was written
// and 20 seconds have passed, for which it forks.
func redisScript(r *run) string {
	path := filepath.Join(r.dir, "redis.sh")
	text := fmt.Sprintf(`echo "up redis $$ $(date +%%s%%3N)" >> %s
exec redis-server --port 0 --unixsocket %s --dir %s --save "20 1" --appendonly no --enable-debug-command local --loglevel notice --logfile %s
`, r.ledger, r.redis, r.dir, filepath.Join(r.dir, "redis.log"))
	r.write(path, text)
	return "sh " + path
}

// pageSize is of each of the values that fill Redis.
const pageSize = 8000

// fill has Redis hold so many MB.
func (r *redis) fill(mb int) error {
	_, err := r.do("DEBUG", "POPULATE", fmt.Sprint(mb<<20/pageSize), "page", fmt.Sprint(pageSize))
	return err
}

// pusher pushes jobs, so many a second, and writes to a part of Redis' other data, as
// a running application does.
type pusher struct {
	redis  redis
	rng    *rand.Rand
	rate   int
	filled int // MB
	quit   chan struct{}
	gone   sync.WaitGroup

	mu     sync.Mutex
	pushed []string
	tries  int // that failed; they were made again
}

func (r *run) push(rate, filled int) *pusher {
	p := &pusher{redis: redis{socket: r.redis}, rng: r.rng, rate: rate, filled: filled, quit: make(chan struct{})}
	p.gone.Go(p.work)
	return p
}

func (p *pusher) work() {
	defer p.redis.close()
	tick := time.NewTicker(time.Second / time.Duration(p.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-p.quit:
			return
		case <-tick.C:
		}
		if n%p.rate == 0 { // it may fail: nobody waits for it
			_, _ = p.redis.do("EVAL", "for i=0,99 do redis.call('SETRANGE', 'page:'..(ARGV[1]+i), 0, ARGV[2]) end", "0", fmt.Sprint(p.rng.IntN(p.filled<<20/pageSize-100)), fmt.Sprint(n))
		}
		id, job := fmt.Sprintf("job%d", n), fmt.Sprintf("job%d %d", n, 400+p.rng.IntN(1600))
		if !p.pushOne(job) {
			return
		}
		p.mu.Lock()
		p.pushed = append(p.pushed, id)
		p.mu.Unlock()
	}
}

// pushOne tries until Redis has taken it, as a user does who is told that something went wrong.
func (p *pusher) pushOne(job string) bool {
	for {
		if _, err := p.redis.do("RPUSH", "jobs", job); err == nil {
			return true
		}
		p.mu.Lock()
		p.tries++
		p.mu.Unlock()
		select {
		case <-p.quit:
			return false
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// stop ends it and waits until the workers have finished what was pushed, or for so long
// that they finish nothing more.
func (p *pusher) stop(r *run) []string {
	close(p.quit)
	p.gone.Wait()
	const patience = 15 * time.Second
	least, since := -1, time.Now()
	for {
		l := r.readLedger()
		lost, _ := l.jobs(p.pushed)
		if lost == 0 {
			return p.pushed
		}
		if lost != least {
			least, since = lost, time.Now()
		}
		if time.Since(since) > patience || r.down() {
			return p.pushed
		}
		r.wait(time.Second)
	}
}

// readLedger is the ledger as it is now.
func (r *run) readLedger() ledger {
	text, err := os.ReadFile(r.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := parseLedger(string(text))
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}
