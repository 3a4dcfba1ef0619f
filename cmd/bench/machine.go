package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine says what a bench ran on, in words that name no host and no path.
func machine() (string, error) {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	total, err := field("/proc/meminfo", "MemTotal:")
	if err != nil {
		return "", err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d × %s, %.1f GiB of memory, Linux %s", runtime.NumCPU(), model(string(cpu)), float64(total)/(1<<20), release(unix.ByteSliceToString(name.Release[:]))), nil
}

// model is what the first processor of /proc/cpuinfo is called.
func model(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processors of a model that is not told"
}

// release is a kernel's version; what a builder has put behind it says nothing.
func release(full string) string {
	version, _, _ := strings.Cut(full, "-")
	return version
}

// load is the load average of the last minute: what else the machine did.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
