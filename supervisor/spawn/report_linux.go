package spawn

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// report is what a child tells its parent, in memory the two share. Unlike
// bytes in a pipe it also says where a child stands that hangs or was killed.
type report struct {
	step     int32 // index of the step it is in; -1: it has not run yet
	errno    int32 // why that step ended the start; 0 none
	warnings int32
	_        int32
	warning  [6]struct{ step, errno int32 }
}

// berth is a report with the stack that a child runs on which shares our memory.
type berth struct {
	report report
	room   [berthSize - unsafe.Sizeof(report{})]byte
}

const (
	berthSize = 4096
	// stackSize is some times what the linker grants functions that may not grow their stack.
	stackSize = berthSize / 2
)

// stack is the lowest address of the stack beside r.
func (r *report) stack() *byte {
	b := (*berth)(unsafe.Pointer(r))
	return &b.room[len(b.room)-stackSize]
}

// reports hands out berths of shared pages. One comes back when its child
// has been waited for or has exec'd: nobody else writes to it then.
var reports struct {
	sync.Mutex
	free []*report
}

func takeReport() (*report, error) {
	reports.Lock()
	defer reports.Unlock()
	if len(reports.free) == 0 {
		page, err := syscall.Mmap(-1, 0, syscall.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_SHARED|syscall.MAP_ANONYMOUS)
		if err != nil {
			return nil, err
		}
		// The page stays mapped for ever, to be used again.
		for ; len(page) >= berthSize; page = page[berthSize:] {
			reports.free = append(reports.free, &(*berth)(unsafe.Pointer(&page[0])).report)
		}
	}
	r := reports.free[len(reports.free)-1]
	reports.free = reports.free[:len(reports.free)-1]
	*r = report{step: -1}
	return r, nil
}

func giveReport(r *report) {
	reports.Lock()
	reports.free = append(reports.free, r)
	reports.Unlock()
}

// at is the step the child is in or ended in, -1 before the first.
func (r *report) at() int { return int(atomic.LoadInt32(&r.step)) }

func (r *report) failure() syscall.Errno { return syscall.Errno(atomic.LoadInt32(&r.errno)) }
