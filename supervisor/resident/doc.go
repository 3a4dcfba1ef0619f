// Package resident keeps this process in memory: what it needs to act is there while
// the host has no memory, and what it does not need is given back.
//
// It owns the lock on all of the process's memory ([Lock]), the limit of locked memory
// ([Raise], [Born]), the size of pages ([SmallPages], [SmallHeap]), and which pages of the program file are needed ([Learn]). It
// never decides when, never logs, and knows no other package of bulkhead.
//
// # Locked on fault
//
// A Go program maps a gigabyte of address space and uses some megabytes of it, so nothing
// may be locked before it is used: MCL_ONFAULT (Linux 4.4). VmLck of /proc/PID/status counts the
// address space; what is in memory and locked is "Locked" of /proc/PID/smaps_rollup.
//
// Locks end with an exec and are not inherited over a fork, MCL_FUTURE neither (mm_init of
// kernel/fork.c, VM_INIT_DEF_MASK): children pay nothing.
//
// # The program file
//
// Under pressure the pages of program files go first: they can be read again, which is what
// thrashing is. Locked whole, code and constants are 16 MB. On a fault the kernel maps 64 KiB around it
// (do_fault_around of mm/memory.c), so that what is used in an hour would be 9 MB. [Learn]
// finds out page by page: 4 MB.
package resident
