package logs

// Outlet says what becomes of a stream's output. The zero Outlet throws it away.
type Outlet struct {
	Sink   *Sink   // the log; nil: none. It stays the caller's, to be closed after Done
	Tap    Tap     // sees all that is read, before anything is taken out
	Filter *Filter // takes out what is not logged; nil: nothing
	// Lines sends every line that is logged to syslog too; nil: not.
	Lines *Lines
	// OnOutput is given what is logged, as it is logged, and OnCaptured each capture.
	// They run on the pump's goroutine, must not block, and must not keep a chunk of OnOutput.
	// Both are told before the books note that output is done: after a kill in
	// between, a successor tells of it once more.
	OnOutput   func(chunk []byte)
	OnCaptured func(data []byte)
}

// plain says that output goes to the log as it is and to nobody else.
func (o *Outlet) plain() bool {
	return o.Filter == nil && o.Lines == nil && o.OnOutput == nil
}

// put lets what is staged first, data, go where it goes. What a filter leaves
// undecided stays staged.
func (p *Pump) put(data []byte, how insist) {
	o := &p.out
	if o.plain() {
		p.log(data)
		return
	}
	d := decided{out: data, used: len(data), same: true}
	if o.Filter != nil {
		d = o.Filter.decide(data, how)
	}
	if o.OnOutput != nil && len(d.out) > 0 {
		o.OnOutput(d.out)
	}
	if o.Lines != nil {
		o.Lines.put(d.out)
		if how == finally {
			o.Lines.flush()
		}
	}
	if o.OnCaptured != nil {
		for _, c := range d.captured {
			o.OnCaptured(c)
		}
	}
	switch {
	case d.same:
		p.log(data[:d.used])
		return
	case len(d.out) > 0 && o.Sink != nil:
		_, _ = o.Sink.f.write(d.out, nil)
	}
	p.stage.done(d.used)
}

// log writes staged output as it is.
func (p *Pump) log(data []byte) {
	switch {
	case len(data) == 0:
	case p.out.Sink == nil:
		p.stage.done(len(data))
	default:
		_, _ = p.out.Sink.f.write(data, &p.stage)
	}
}
