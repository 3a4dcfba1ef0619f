package supervisorctl

// Exit codes: those of LSB init scripts, as supervisorctl assigns them.
const (
	exitOK            = 0
	exitGeneric       = 1
	exitInvalidArgs   = 2
	exitUnimplemented = 3 // the server has no supervisor namespace
	exitRefused       = 4 // nobody listens at the address
	exitVersion       = 5 // the server's API is another
	exitNotRunning    = 7 // no socket, or a program that should run and does not
	exitInterrupted   = 130

	exitStatusStopped = 3 // status: one of those shown does not run
	exitStatusUnknown = 4 // status: unknown name, or nobody to ask
)

// judge is what a fault does to the exit code; pardoned is one that is as
// good as success to the verb.
func (c *Controller) judge(fault, pardoned int) {
	switch fault {
	case success, pardoned:
	case spawnError, abnormalTermination, notRunning:
		c.code = exitNotRunning
	default:
		c.code = exitGeneric
	}
}
