package programs

// Passed lists the states of supervisord's that an instance went through on its way
// from one state to the next, that one included: what runs again at once after its end
// was EXITED in between, what is given up was in BACKOFF. Two runs that overlap are
// one RUNNING instance. nil means that nothing of it shows.
func Passed(old, next State) []Public {
	var out []Public
	at := old.Public()
	enter := func(p Public) {
		if p != at {
			out, at = append(out, p), p
		}
	}
	to := next.Public()
	if ended := next.Last; ended != old.Last && ended.Run == old.Cur.N && !(at == RUNNING && to == RUNNING && old.Side.Live()) {
		switch {
		case to == EXITED: // that is all of it
		case ended.Asked == AskedGiveWay, ended.Asked == AskedSacrifice:
			enter(STOPPING)
			enter(STOPPED)
		case (to == BACKOFF || to == FATAL) && !ended.Up:
			enter(BACKOFF)
		case to == STOPPED, ended.Asked == AskedStop, ended.Asked == AskedRestart, ended.Asked == AskedRecycle, ended.Asked == AskedUnhealthy && to != BACKOFF:
			enter(STOPPING)
			enter(STOPPED)
		case ended.Up:
			enter(EXITED)
		default:
			enter(BACKOFF)
		}
	}
	switch { // another run, that was begun beside the one that ended, or one that is held back
	case (to == STOPPING || to == RUNNING) && (at == STOPPED || at == EXITED || at == BACKOFF),
		to == BACKOFF && (at == STOPPED || at == EXITED || at == FATAL) && next.WaitsForMemory():
		enter(STARTING)
	}
	enter(to)
	return out
}
