package supervisor

// reclaim takes page cache back from every run. The kernel does it in the caller's
// time, so that it is done beside the loop, and not twice at once.
func (h *host) reclaim() {
	if !h.reclaiming.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer h.reclaiming.Store(false)
		for _, p := range h.all() {
			_ = p.comp.ReclaimCache() // it may be gone, or the kernel may not know how: then its own reclaim must do
		}
	}()
}
