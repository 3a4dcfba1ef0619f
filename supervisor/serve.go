package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"bulkhead/cgroup"
	"bulkhead/conf"
	"bulkhead/supervisor/control"
	"bulkhead/supervisor/history"
	"bulkhead/supervisor/logs"
	"bulkhead/supervisor/spawn"
	"bulkhead/supervisor/state"
)

// Options are what serve is called with.
type Options struct {
	Config  *conf.Config
	Read    func() (*conf.Config, error) // reads the config file again, for reread and update
	Version string
	Told    []string  // what was done before, for the log
	Warned  []string  // what was found in the config, likewise
	Stop    bool      // stop what an earlier supervisor has left running, and end
	Out     io.Writer // what logs to "-" are written to; nil is standard output
}

// ownOOMScore keeps the supervisor alive when the host runs out of memory:
// whoever else dies, it can start again.
const ownOOMScore = -900

// Serve runs the supervisor until it has been told to end and every instance is
// stopped, or to leave everything running. It takes over what an earlier one has
// left. It returns an error when it could not start; once running it does not
// end by itself. A second supervisor on the same socket, state directory or
// cgroup tree is refused.
func Serve(ctx context.Context, o Options) error {
	defer hearAll()()
	if o.Stop {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel() // told to end before it begins: it takes over, and stops
	}
	s, err := newServer(o)
	for range takeoverTries {
		if err == nil || s.handed == nil {
			break
		}
		// The image before has given way and is no more: what runs is taken over
		// by what it wrote down, as after its death.
		fmt.Fprintf(os.Stderr, "bulkhead: the upgrade is not complete, trying again: %v\n", err)
		time.Sleep(takeoverAgain)
		handed := s.handed
		if s, err = newServer(o); err != nil {
			s.handed = handed
		}
	}
	if errors.Is(err, errNothingLeft) {
		return nil
	}
	if err != nil {
		return err
	}
	s.live(ctx)
	if given := s.loop.givenUp; os.Getpid() == 1 && len(given) > 0 {
		return &GivenUpError{given}
	}
	return nil
}

// GivenUpError is the orderly end of a supervisor that is PID 1 of a container while
// programs were FATAL: whoever runs the container learns it from the exit code.
type GivenUpError struct{ Names []string }

func (e *GivenUpError) Error() string {
	return "ended with programs that were given up (FATAL): " + strings.Join(e.Names, ", ")
}

// errNothingLeft is that there is nothing to stop: the supervisor before has ended in order.
var errNothingLeft = errors.New("nothing is left running")

// live runs it and then gives everything back. Nothing of that is deferred: a
// supervisor that panics leaves all as it is for the next, as one that is killed.
func (s *server) live(ctx context.Context) {
	s.run(ctx)
	s.close()
}

// A successor that cannot take over whole, for want of descriptors say, is not to
// end: nobody would be there.
const (
	takeoverTries = 10
	takeoverAgain = 300 * time.Millisecond
)

// server is a supervisor with all its edges, not yet or no longer running.
type server struct {
	config   conf.Supervisor // as it was at the start
	daemon   *daemon
	loop     *loop
	host     *host
	notify   *notifier
	ctl      *control.Server
	store    *state.Store
	calm     *calm
	lock     *state.Lock
	listener net.Listener
	doors    []control.Door // beside listener
	handed   *handover      // nil: there was no image before this one
	pidFile  func()         // removes it; nil: there is none
	stored   map[string]int // sockets that systemd has kept for us
	over     bool           // everything was stopped
	fleeting error          // why our memory is not locked
	undo     []func()       // in reverse order, at the end
}

func newServer(o Options) (s *server, err error) {
	s = &server{config: o.Config.Supervisor}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.stored = storedFDs()
	if err := spawn.Prepare(); err != nil { // which also keeps what was inherited from the children
		return s, err
	}
	var loaded state.Loaded
	if s.handed, loaded, err = inherited(); err != nil {
		return s, err
	}
	s.stayResident()
	if err := s.claim(o.Config.Supervisor); err != nil {
		return s, err
	}
	p, err := s.load(o.Config, loaded)
	if err != nil {
		return s, err
	}
	if o.Stop && !p.running {
		return s, errNothingLeft
	}
	e, err := s.edges(o)
	if err != nil {
		return s, err
	}
	p.problems = append(p.problems, e.streams.Problems()...)
	if p.inCgroups() && e.tree.Mode() == cgroup.None && o.Config.Supervisor.Cgroup != conf.CgroupOff {
		return s, fmt.Errorf("cannot start: programs run in a cgroup tree that cannot be opened: %s", e.tree.Why())
	}
	return s, s.build(o, e, p)
}

// claim takes what only one supervisor can have: the socket and the state directory.
func (s *server) claim(c conf.Supervisor) (err error) {
	if s.handed != nil {
		s.lock, err = state.InheritLock(c.StateDir, s.handed.StateLock)
	} else {
		s.lock, err = state.TakeLock(c.StateDir)
	}
	if err != nil {
		return err
	}
	s.undo = append(s.undo, s.lock.Release)
	if s.listener, err = s.socket(c); err != nil {
		return err
	}
	s.undo = append(s.undo, func() {
		if !s.left() {
			s.listener.Close()
		}
	})
	return s.openDoors()
}

// The names under which systemd keeps our sockets.
const (
	storedControl = "control"
	storedNotify  = "notify"
)

// socket goes on with the control socket of the image before, or with the one that
// systemd has kept, or makes one. Somebody may have removed its path meanwhile.
func (s *server) socket(c conf.Supervisor) (net.Listener, error) {
	fd, kept := s.stored[storedControl]
	if s.handed != nil {
		fd, kept = s.handed.Listener, true
	}
	if kept {
		l, err := control.Inherit(fd, c.Socket)
		if err == nil || s.handed != nil && !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
	}
	return control.Listen(c.Socket, c.SocketMode, c.SocketUID, c.SocketGID)
}

// told is socket for the notify socket.
func (s *server) told(c conf.Supervisor) (*notifier, error) {
	fd, kept := s.stored[storedNotify]
	if s.handed != nil {
		fd, kept = s.handed.Notify, true
	}
	if kept {
		return inheritNotify(s.host, fd, notifyPath(c.Socket))
	}
	return listenNotify(s.host, c.Socket)
}

// keepSockets has systemd keep the sockets, should we end without wanting to.
func (s *server) keepSockets() error {
	listener, err := control.ListenerFile(s.listener)
	if err != nil {
		return err
	}
	defer listener.Close()
	notify, err := control.Duplicate(s.notify.conn, s.notify.path)
	if err != nil {
		return err
	}
	defer notify.Close()
	return storeFDs(map[string]int{storedControl: descriptor(listener), storedNotify: descriptor(notify)})
}

// load reads what an earlier supervisor has left to know: in our hands, or on disk.
func (s *server) load(c *conf.Config, loaded state.Loaded) (past, error) {
	boot, err := state.BootID()
	if err != nil {
		return past{}, err
	}
	if s.handed == nil {
		if loaded, err = state.Load(c.Supervisor.StateDir); err != nil {
			return past{}, err
		}
	}
	p := readPast(loaded, boot, c)
	if s.handed != nil {
		p.running, p.lost, p.events = true, s.handed.Lost, s.handed.Events
	}
	return p, nil
}

// edges are what the supervisor has of the outside.
type edges struct {
	tree    *cgroup.Tree
	set     *logs.Set
	streams *logs.Streams
	log     *zap.Logger
}

func (s *server) edges(o Options) (e edges, err error) {
	c := o.Config.Supervisor
	if e.streams, err = logs.OpenStreams(c.RuntimeDir()); err != nil { // before any log is opened
		return e, err
	}
	s.undo = append(s.undo, func() { _ = e.streams.Close() }) // refused while pumps run: the end of the process closes it
	if o.Out == nil {
		o.Out = os.Stdout
	}
	e.set = logs.NewSet(o.Out)
	var endLog func()
	if e.log, endLog, err = newLogger(c, e.set); err != nil {
		return e, err
	}
	s.undo = append(s.undo, endLog)
	where := treeOf(c)
	if s.handed != nil && s.handed.TreeLock > 0 {
		where.Lock, where.Home = s.handed.TreeLock, s.handed.TreeHome
	}
	e.tree, err = cgroup.Open(where)
	if errors.Is(err, cgroup.ErrInUse) {
		return e, fmt.Errorf("cannot start: %w; stop it first, or give this one another place", err)
	}
	if err != nil {
		return e, err
	}
	s.undo = append(s.undo, e.tree.Close, func() { s.retire(e) })
	return e, nil
}

// left reports that everything runs on for a successor. Then the sockets stay
// where they are: systemd may keep them open, and clients find them again.
func (s *server) left() bool { return s.loop != nil && s.loop.left }

// retire removes the cgroup tree, unless programs live on in it.
func (s *server) retire(e edges) {
	if s.left() {
		return
	}
	if s.host != nil {
		s.host.abandon()
	}
	if err := e.tree.Retire(); err != nil {
		e.log.Warn("the cgroup tree stays", zap.Error(err))
	}
}

func treeOf(c conf.Supervisor) cgroup.Options {
	return cgroup.Options{Mode: string(c.Cgroup), Name: c.Place()}
}

// Enforcement says who would hold the limits of a config here, and why not the
// kernel. Nothing is touched.
func Enforcement(c conf.Supervisor) (enforced, why string) {
	mode, why := cgroup.Foresee(treeOf(c))
	return enforcedBy(mode), why
}

// build makes the edges and the loop between them.
func (s *server) build(o Options, e edges, p past) error {
	poll, err := newPoller()
	if err != nil {
		return err
	}
	timer, err := newKernelTimer()
	if err != nil {
		return err
	}
	s.host = newHost(o.Config, e.tree, poll, timer, e.set, e.streams)
	if s.host.killer, err = newKiller(); err != nil {
		return err
	}
	journal := newJournal()
	journal.serial, journal.kept = p.serial(), p.events
	s.calm = newCalm(s.drill)
	s.loop = newLoop(p.inForce(o.Config), s.host, e.log, journal)
	s.loop.before = sinceBoot()
	s.loop.publish.stir = s.calm.stir
	s.loop.systemd = systemdTeller(e.log)
	c := o.Config.Supervisor
	s.loop.self = supervisorRecord{Version: o.Version, PID: os.Getpid(), Digest: digest(o.Config.Files),
		Socket: c.Socket, StateDir: c.StateDir, Cgroup: string(c.Cgroup)}
	s.loop.self.Token = p.token()
	auto := autoLogs{c.ChildLogDir, c.Identifier, s.loop.self.Token}
	s.loop.auto, s.host.auto = auto, auto
	if !p.running && !c.KeepLogs && c.ChildLogDir != "" {
		if err := auto.sweep(); err != nil {
			e.log.Warn(err.Error())
		}
	}
	s.host.post = s.loop.post
	e.set.OnTrouble = func(path string, lost int64, err error) { s.loop.post(logTrouble{path, lost, err}) }
	s.store = state.Open(c.StateDir, p.boot, p.loaded, func(err error) { s.loop.post(stateTrouble{err}) })
	s.undo = append(s.undo, func() { _ = s.store.Close() }) // what could not be written was told
	s.loop.memory = s.store
	written := history.Open(c.StateDir, func(err error) { s.loop.post(historyTrouble{err}) })
	s.undo = append(s.undo, func() { _ = written.Close() }) // a disk that does not answer was told
	s.host.history = newHistorian(written, p.boot, s.loop.publish.peek)
	s.host.keep = newKeeper(s.host, c)
	s.undo = append(s.undo, func() { s.host.keep.end(s.over) })
	s.loop.oom.recall(p)
	maps.Copy(s.loop.needs, p.needs)
	s.loop.alerts = newAlerts(o.Config, o.Version, p.unsent, s.loop.post)
	s.undo = append(s.undo, func() { s.loop.alerts.Close(0) })
	s.loop.memory.Delete(keyUnsent)
	s.loop.define()
	s.loop.recallRelieved(p)
	s.loop.takeover = func(l *loop) {
		l.resume(p, o.Config)
		l.tellNeeds(o.Config)
	}
	if s.notify, err = s.told(c); err != nil {
		return err
	}
	s.undo = append(s.undo, func() {
		if !s.left() {
			s.notify.close()
		}
	})
	s.host.notifyPath = s.notify.path
	exe, err := ownBinary()
	if err != nil {
		return err
	}
	s.daemon = &daemon{loop: s.loop, journal: journal, logs: e.set, store: s.store, read: o.Read, exe: exe, replace: s.replace, leave: s.leave, flush: make(chan chan struct{}), info: control.Info{
		Version: o.Version, PID: os.Getpid(), Config: o.Config.Path, State: "RUNNING",
		Enforced: enforcedBy(e.tree.Mode()), Why: e.tree.Why(),
	}, identifier: c.Identifier}
	s.daemon.lastRead.Store(o.Config)
	s.ctl = control.NewServer(s.daemon, zap.NewStdLog(e.log))
	s.mount()
	for _, d := range s.doors {
		if err := s.ctl.Open(d); err != nil {
			return err
		}
	}
	if c.LogStyle == styleSupervisord {
		greetAsSupervisord(e.log, o.Config, o.Told, o.Warned)
	}
	s.greet(e.log, e.tree)
	return nil
}

// run serves until the loop is done, then ends the edges in reverse order.
func (s *server) run(ctx context.Context) {
	debug.SetGCPercent(50) // memory is what we are here to save; the loop makes little garbage
	edges, end := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if s.over { // not after a panic: the edges would take their sockets away
			end()
		}
	}()
	s.markHistory(history.Start)
	var wg sync.WaitGroup
	wg.Go(s.host.poll.run)
	wg.Go(s.host.killer.run)
	wg.Go(func() { s.host.sampler(edges) })
	wg.Go(func() { signals(edges, s.daemon) })
	wg.Go(func() { reapOrphans(edges) })
	wg.Go(func() {
		<-s.loop.begun // whose words are whose is known only then; until then they wait in the socket
		s.notify.serve()
	})
	wg.Go(func() {
		<-s.loop.begun // whose cgroups are whose is known only then
		s.host.watchKernelLog(edges)
	})
	wg.Go(func() { s.loop.takeTime(edges) })
	wg.Go(func() { s.loop.pet(edges) })
	wg.Go(func() { inhibitShutdown(edges, func() { s.loop.post(forewarning{}) }, s.loop.log) })
	defer s.calm.stop()
	wg.Go(func() {
		if err := s.serve(edges); err != nil {
			s.loop.post(trouble{what: "the control socket failed", err: err})
		}
	})
	endHost := s.host.watchHost()
	s.loop.run(ctx)
	if s.loop.left {
		s.markHistory(history.Leave)
		s.loop.rememberSelf(false)
		return // the edges are at rest, and end with the process
	}
	s.host.settle()
	s.over = true
	s.markHistory(history.Stop)
	if left := s.loop.alerts.Close(alertMost); len(left) > 0 {
		s.store.Put(keyUnsent, left)
	}
	s.loop.rememberSelf(true)
	end()
	endHost()
	s.notify.close()
	s.host.poll.stop()
	s.host.killer.stop()
	wg.Wait()
	s.daemon.upgrading.Lock() // a rehearsal is killed with edges, and does not outlive us
	if s.pidFile != nil {
		s.pidFile()
	}
}

// serve answers clients from the moment on when there is something true to say.
func (s *server) serve(ctx context.Context) error {
	select {
	case <-s.loop.begun:
	case <-ctx.Done():
		return nil
	}
	s.knowEnds()
	s.settleIn()
	if why := s.host.tree.Unprotected(); why != "" {
		s.loop.log.Warn(why)
	}
	if s.handed != nil {
		if err := s.ctl.Carry(s.handed.Conns); err != nil {
			s.loop.post(trouble{what: "a client was lost in the upgrade", err: err})
		}
	}
	return s.ctl.Serve(ctx, s.listener)
}

func (s *server) close() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
}
