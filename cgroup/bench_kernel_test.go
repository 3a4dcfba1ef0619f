//go:build kernel

package cgroup

import "testing"

func BenchmarkKernelNewRun(b *testing.B) {
	p := program(b, realTree(b), "queue")
	run := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		run++
		r, err := p.NewRun("queue_03", run, Limits{
			MemoryHigh: 192 * mib, MemoryMax: 256 * mib, MemorySwapMax: 0, CPUWeight: 50, PidsMax: 64,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := r.Remove(); err != nil {
			b.Fatal(err)
		}
		r.Close()
		b.StartTimer()
	}
}

func BenchmarkKernelRemove(b *testing.B) {
	p := program(b, realTree(b), "queue")
	run := uint64(0)
	for b.Loop() {
		b.StopTimer()
		run++
		r := newRun(b, p, "queue_03", run, Limits{MemorySwapMax: 0})
		b.StartTimer()
		if err := r.Remove(); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

func BenchmarkKernelRead(b *testing.B) {
	p := program(b, realTree(b), "queue")
	r := newRun(b, p, "queue_03", 1, Limits{MemorySwapMax: 0})
	b.ReportAllocs()
	for b.Loop() {
		read(b, r)
	}
}

func BenchmarkKernelSetHigh(b *testing.B) {
	p := program(b, realTree(b), "queue")
	r := newRun(b, p, "queue_03", 1, Limits{MemorySwapMax: 0})
	for b.Loop() {
		if err := r.SetHigh(Unlimited); err != nil {
			b.Fatal(err)
		}
	}
}
