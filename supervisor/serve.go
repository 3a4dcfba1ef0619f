package supervisor

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"go.uber.org/zap"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/spawn"
)

// Options are what serve is called with.
type Options struct {
	Config  *conf.Config
	Read    func() (*conf.Config, error) // reads the config file again, for reread and update
	Version string
	Out     io.Writer // what logs to "-" are written to; nil is standard output
}

// ownOOMScore keeps the supervisor alive when the host runs out of memory:
// whoever else dies, it can start again.
const ownOOMScore = -900

// Serve runs the supervisor until it has been told to end and every instance is
// stopped. It returns an error when it could not start; once running it does
// not end by itself. A second supervisor on the same socket or the same cgroup
// tree is refused.
func Serve(ctx context.Context, o Options) error {
	caught, letGo := catchSignals()
	defer letGo()
	s, err := newServer(o)
	if err != nil {
		return err
	}
	defer s.close()
	s.run(ctx, caught)
	return nil
}

// server is a supervisor with all its edges, not yet or no longer running.
type server struct {
	daemon *daemon
	loop   *loop
	host   *host
	notify *notifier
	ctl    *control.Server
	calm   *calm
	undo   []func()
	listen func(ctx context.Context) error
}

func newServer(o Options) (s *server, err error) {
	s = &server{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := spawn.Prepare(); err != nil {
		return s, err
	}
	c := o.Config
	listener, err := control.Listen(c.Supervisor.Socket, c.Supervisor.SocketMode, c.Supervisor.SocketUID, c.Supervisor.SocketGID)
	if err != nil {
		return s, err
	}
	s.undo = append(s.undo, func() { listener.Close() })
	if o.Out == nil {
		o.Out = os.Stdout
	}
	set := logs.NewSet(o.Out)
	log, endLog, err := newLogger(c.Supervisor, set)
	if err != nil {
		return s, err
	}
	s.undo = append(s.undo, endLog)
	tree, err := cgroup.Open(treeOf(c.Supervisor))
	if errors.Is(err, cgroup.ErrInUse) {
		return s, fmt.Errorf("cannot start: %w; stop it first, or give this one another place", err)
	}
	if err != nil {
		return s, err
	}
	s.undo = append(s.undo, tree.Close, tree.Retire)
	clearTree(log, tree)
	if err := s.build(o, tree, set, log); err != nil {
		return s, err
	}
	s.listen = func(ctx context.Context) error { return s.ctl.Serve(ctx, listener) }
	return s, nil
}

// treeOf names the cgroup tree: bulkhead, or for a supervisor with a socket of
// its own a name that goes with it, so that several live on one host.
func treeOf(c conf.Supervisor) cgroup.Options {
	o := cgroup.Options{Mode: string(c.Cgroup), Name: "bulkhead"}
	if !strings.HasSuffix(c.Socket, "/bulkhead/bulkhead.sock") {
		sum := fnv.New32a()
		sum.Write([]byte(c.Socket))
		o.Name = fmt.Sprintf("bulkhead-%08x", sum.Sum32())
	}
	return o
}

// Enforcement says who would hold the limits of a config here, and why not the
// kernel. Nothing is touched.
func Enforcement(c conf.Supervisor) (enforced, why string) {
	mode, why := cgroup.Foresee(treeOf(c))
	return enforcedBy(mode), why
}

// build makes the edges and the loop between them.
func (s *server) build(o Options, tree *cgroup.Tree, set *logs.Set, log *zap.Logger) error {
	poll, err := newPoller()
	if err != nil {
		return err
	}
	s.host = newHost(o.Config, tree, poll, set)
	journal := newJournal()
	s.calm = newCalm()
	s.loop = newLoop(o.Config, s.host, log, journal)
	s.loop.publish.stir = s.calm.stir
	s.host.post = s.loop.post
	s.loop.define()
	set.OnTrouble = func(path string, lost int64, err error) { s.loop.post(logTrouble{path, lost, err}) }
	s.notify, err = listenNotify(s.host, o.Config.Supervisor.Socket)
	if err != nil {
		return err
	}
	s.undo = append(s.undo, s.notify.close)
	s.host.notifyPath = s.notify.path
	s.daemon = &daemon{loop: s.loop, journal: journal, logs: set, read: o.Read, info: control.Info{
		Version: o.Version, PID: os.Getpid(), Config: o.Config.Path, State: "RUNNING",
		Enforced: enforcedBy(tree.Mode()), Why: tree.Why(),
	}}
	s.ctl = control.NewServer(s.daemon, zap.NewStdLog(log))
	s.greet(log, tree)
	return nil
}

// greet says once, plainly, what this supervisor is and what it cannot do.
func (s *server) greet(log *zap.Logger, tree *cgroup.Tree) {
	log.Info("bulkhead "+s.daemon.info.Version, zap.Int("pid", s.daemon.info.PID), zap.String("config", s.daemon.info.Config),
		zap.String("cgroup", tree.Path()), zap.Strings("controllers", tree.Controllers()))
	if why := tree.Why(); why != "" {
		log.Warn(why)
	}
	if err := protectSelf(); err != nil {
		log.Debug("no protection against the host's OOM killer", zap.Error(err))
	}
}

// clearTree stops what an earlier supervisor left behind: it would run twice.
func clearTree(log *zap.Logger, tree *cgroup.Tree) {
	living, err := tree.Sweep()
	if err != nil {
		log.Warn("cannot clear the cgroup tree", zap.Error(err))
	}
	for _, e := range living {
		log.Warn("stopping what an earlier supervisor left running", zap.String("cgroup", e.Path))
		if err := endEntry(tree, e); err != nil {
			log.Error("cannot stop what an earlier supervisor left running", zap.String("cgroup", e.Path), zap.Error(err))
		}
	}
}

func endEntry(tree *cgroup.Tree, e cgroup.Entry) error {
	run, err := tree.OpenEntry(e)
	if err != nil {
		return err
	}
	defer run.Close()
	if err := run.Kill(); err != nil {
		return err
	}
	return removeBusy(run)
}

// protectSelf makes the supervisor the last that the host's OOM killer takes,
// where it may (CAP_SYS_RESOURCE). Children get their own score at birth.
func protectSelf() error {
	return os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(ownOOMScore)), 0)
}

// run serves until the loop is done, then ends the edges in reverse order.
func (s *server) run(ctx context.Context, caught <-chan os.Signal) {
	debug.SetGCPercent(50) // memory is what we are here to save; the loop makes little garbage
	edges, end := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(s.host.poll.run)
	wg.Go(func() { s.host.sampler(edges) })
	wg.Go(func() { signals(edges, s.daemon, caught) })
	wg.Go(func() { reapOrphans(edges) })
	wg.Go(func() { s.notify.serve() })
	wg.Go(func() { s.loop.takeTime(edges) })
	wg.Go(func() { s.loop.pet(edges) })
	defer s.calm.stop()
	wg.Go(func() {
		if err := s.listen(edges); err != nil {
			s.loop.post(trouble{what: "the control socket failed", err: err})
		}
	})
	s.loop.run(ctx)
	s.host.settle()
	end()
	s.notify.close()
	s.host.poll.stop()
	wg.Wait()
}

func (s *server) close() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
}
