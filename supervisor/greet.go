package supervisor

import (
	"os"
	"strconv"

	"go.uber.org/zap"

	"bulkhead/cgroup"
	"bulkhead/supervisor/hear"
)

// greet says once, plainly, what this supervisor is and what it cannot do.
func (s *server) greet(log *zap.Logger, tree *cgroup.Tree) {
	log.Info("bulkhead "+s.daemon.info.Version, zap.Int("pid", s.daemon.info.PID), zap.String("config", s.daemon.info.Config),
		zap.String("cgroup", tree.Path()), zap.Strings("controllers", tree.Controllers()))
	if why := tree.Why(); why != "" {
		log.Warn(why)
	}
	if err := s.keepSockets(); err != nil {
		log.Warn("systemd does not keep our sockets: clients are refused while we are restarted", zap.Error(err))
	}
	if s.fleeting != nil {
		log.Warn("under a shortage of memory the supervisor may be slow: " + s.fleeting.Error() + "; give it CAP_IPC_LOCK, or LimitMEMLOCK=infinity in its unit")
	}
	if hear.Unheld != nil {
		log.Warn("a stop that comes in the moment of an upgrade may be lost: the supervisor could not execute itself again", zap.Error(hear.Unheld))
	}
	if err := protectSelf(); err != nil {
		log.Debug("no protection against the host's OOM killer", zap.Error(err))
	}
}

// protectSelf makes the supervisor the last that the host's OOM killer takes,
// where it may (CAP_SYS_RESOURCE). Children get their own score at birth.
func protectSelf() error {
	return os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(ownOOMScore)), 0)
}
