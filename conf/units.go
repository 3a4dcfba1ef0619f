package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// String writes b exactly in the largest unit that allows it (256M, 1900M,
// 4097), or rounded down to a tenth where that would be many digits (15.2G).
// Unlimited is "max".
func (b Bytes) String() string {
	units := []struct {
		name string
		size Bytes
	}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}}
	switch {
	case b == Unlimited:
		return "max"
	case b < 0 && b > math.MinInt64:
		return "-" + (-b).String()
	}
	for _, u := range units {
		if b%u.size == 0 && b != 0 && b/u.size < 10000 {
			return fmt.Sprintf("%d%s", b/u.size, u.name)
		}
	}
	for _, u := range units[:4] {
		if b >= u.size {
			return fmt.Sprintf("%d.%d%s", b/u.size, b%u.size*10/u.size, u.name)
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// short writes a duration as one would: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// size is an amount of memory or disk as it is written: bytes, a share of the
// host's memory, or none.
type size struct {
	bytes   Bytes
	percent float64 // above 0: of the host's memory
}

const sizeHint = "write 256M, 1G or 50%"

func parseSize(s string) (size, *fault) {
	text := strings.TrimSpace(s)
	if text == "max" || text == "unlimited" {
		return size{bytes: Unlimited}, nil
	}
	unit := strings.TrimLeft(text, "0123456789.")
	digits := strings.TrimSuffix(text, unit)
	unit = strings.TrimSpace(unit)
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return size{}, faultf(sizeHint, "cannot use %q as a size: it does not start with a number", s)
	}
	if unit == "%" {
		if number <= 0 || number > 100 {
			return size{}, faultf(sizeHint, "cannot use %q as a size: a percentage is above 0 and at most 100", s)
		}
		return size{percent: number}, nil
	}
	factor, ok := map[string]float64{
		"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40,
	}[strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(unit), "B"), "I")]
	if !ok {
		return size{}, faultf(sizeHint, "cannot use %q as a size: unknown unit %q", s, unit)
	}
	if whole, err := strconv.ParseInt(digits, 10, 64); err == nil && factor == 1 && Bytes(whole) < Unlimited {
		return size{bytes: Bytes(whole)}, nil // beyond 2^53, where a float is not exact
	}
	if number*factor >= math.MaxInt64 {
		return size{}, faultf(`write "max" for no limit`, "cannot use %q as a size: too large", s)
	}
	return size{bytes: Bytes(number * factor)}, nil
}

const spanHint = `write a Go duration such as "90s", "1h30m", or whole seconds`

func parseSpan(s string) (time.Duration, *fault) {
	text := strings.TrimSpace(s)
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return secondsSpan(seconds)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, faultf(spanHint, "cannot use %q as a duration", s)
	}
	if d < 0 {
		return 0, faultf(spanHint, "cannot use %q as a duration: it is negative", s)
	}
	return d, nil
}

func secondsSpan(seconds int64) (time.Duration, *fault) {
	if seconds < 0 || seconds > int64(math.MaxInt64/time.Second) {
		return 0, faultf(spanHint, "cannot use %d as a duration: not between 0 and 292 years of seconds", seconds)
	}
	return time.Duration(seconds) * time.Second, nil
}

const cpusHint = `write a number of CPUs such as 1.5, or "150%"`

// parseCPUs reads cpu_max: "150%" or "1.5"; "max" is 0, none. The kernel takes
// no quota below 1 ms (kernel/sched/core.c: min_cfs_quota_period), which of
// the usual period of 100 ms is 1%.
func parseCPUs(s string) (float64, *fault) {
	text := strings.TrimSpace(s)
	if text == "max" || text == "unlimited" {
		return 0, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil {
		return 0, faultf(cpusHint, "cannot use %q as CPU time", s)
	}
	if percent {
		n /= 100
	}
	return checkCPUs(n)
}

func checkCPUs(n float64) (float64, *fault) {
	if !(n >= 0.01 && n <= 1e6) { // also false for NaN
		return 0, faultf(cpusHint, "cannot use %v CPUs as CPU time: not between 0.01 (1%%) and 1000000", n)
	}
	return n, nil
}

const shareHint = `write "10%"`

// parseShare reads a percentage from 0% to 100% as 0 to 1.
func parseShare(s string) (float64, *fault) {
	digits, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if !ok || err != nil {
		return 0, faultf(shareHint, "cannot use %q as a percentage", s)
	}
	if !(n >= 0 && n <= 100) {
		return 0, faultf(shareHint, "cannot use %q as a percentage: not between 0%% and 100%%", s)
	}
	return n / 100, nil
}

const signalHint = "write TERM, INT, QUIT, HUP, USR1, USR2, CONT or another name of kill -l"

// maxSignal is the kernel's SIGRTMAX (_NSIG, arch/*/include/uapi/asm/signal.h).
const maxSignal = 64

// otherSignals are further names of signals, and the C library's first and last
// that are for programs.
var otherSignals = map[string]syscall.Signal{
	"CLD": unix.SIGCHLD, "POLL": unix.SIGIO, "IOT": unix.SIGABRT, "IO": unix.SIGIO, "RTMIN": 34, "RTMAX": maxSignal,
}

// parseSignal reads a name with or without SIG, in any case, or a number.
func parseSignal(s string) (syscall.Signal, *fault) {
	name := strings.ToUpper(strings.TrimSpace(s))
	if n, err := strconv.Atoi(name); err == nil {
		return checkSignal(int64(n))
	}
	name = strings.TrimPrefix(name, "SIG")
	sig := unix.SignalNum("SIG" + name)
	if sig == 0 {
		sig = otherSignals[name]
	}
	if sig == 0 {
		return 0, faultf(signalHint, "cannot use %q as a signal: there is none of that name", s)
	}
	return sig, nil
}

func checkSignal(n int64) (syscall.Signal, *fault) {
	if n < 1 || n > maxSignal {
		return 0, faultf(signalHint, "cannot use %d as a signal: not between 1 and %d", n, maxSignal)
	}
	return syscall.Signal(n), nil
}

// parseOctal reads a umask or a file mode. A TOML number is refused elsewhere:
// umask = 22 would mean decimal 22, which is octal 026.
func parseOctal(s string) (uint32, *fault) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(s), "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return 0, faultf(`write it in octal, as a string: "022"`, "cannot use %q as file permissions", s)
	}
	return uint32(n), nil
}
