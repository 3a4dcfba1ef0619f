package programs

// What an instance does for the host, when that is short of memory.

// held: who is not to be started waits without a deadline; nobody is ended.
func (t *step) held(on bool) {
	t.s.Held = on
	if !on && t.s.waitsForMemory() {
		t.begin()
	}
}

// waitsForMemory reports whether nothing but the shortage keeps it down.
func (s State) waitsForMemory() bool { return !s.Cur.Live() && s.Rest == Waiting && s.Again == 0 }

// WaitsForMemory is why a wanted instance is not there.
func (s State) WaitsForMemory() bool { return s.Held && s.waitsForMemory() }

// beginUnlessHeld starts what was not there before. The next run of what was, as
// after a recycle or a crash, is begun all the same: it takes nothing more.
func (t *step) beginUnlessHeld() {
	if t.s.Held {
		t.wait(0)
		return
	}
	t.begin()
}

// giveWay ends what there is of the instance; it is wanted all the same.
func (t *step) giveWay(asked Asked, now bool) {
	if !t.s.Want || !t.s.Cur.Live() {
		return
	}
	t.s.Due, t.s.Slot = NoWhy, false
	for _, r := range []*Run{&t.s.Cur, &t.s.Side} {
		if r.Asked == AskedNothing || now {
			t.end(r, asked, Host, now)
		}
	}
}
