#include "textflag.h"

// func vforkRaw(args *cloneArgs, size uintptr, steps *step, n int, out *report) (r uintptr)
//
// All signals are blocked around the clone, as the runtime does around a fork: no handler
// of Go's may run in the child. The child begins at the top of a stack of its own, with
// our registers but for AX, CX and R11, and never comes back.
TEXT ·vforkRaw(SB), NOSPLIT, $16-48
	MOVQ $-1, AX
	MOVQ AX, set-16(SP)
	MOVQ $2, DI // SIG_SETMASK
	LEAQ set-16(SP), SI
	LEAQ old-8(SP), DX
	MOVQ $8, R10
	MOVQ $14, AX // rt_sigprocmask
	SYSCALL

	MOVQ args+0(FP), DI
	MOVQ size+8(FP), SI
	MOVQ steps+16(FP), R12
	MOVQ n+24(FP), R13
	MOVQ out+32(FP), BX
	MOVQ $435, AX // clone3
	SYSCALL
	CMPQ AX, $0
	JEQ  born

	MOVQ AX, R12
	MOVQ $2, DI
	LEAQ old-8(SP), SI
	MOVQ $0, DX
	MOVQ $8, R10
	MOVQ $14, AX
	SYSCALL
	MOVQ R12, r+40(FP)
	RET

born:
	// child(steps []step, out *report)
	XORL BP, BP
	SUBQ $32, SP
	MOVQ R12, 0(SP)
	MOVQ R13, 8(SP)
	MOVQ R13, 16(SP)
	MOVQ BX, 24(SP)
	CALL ·child(SB)
	INT  $3
