package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel is one unpacked Debian kernel package.
type kernel struct {
	version string // 6.12.117+deb12-cloud-amd64
	image   string // path of vmlinuz
	modules string // its module tree
}

// kernelPackage matches Debian's cloud kernels: small, and with virtiofs and
// virtio-pci built in, so that no initrd is needed.
var kernelPackage = regexp.MustCompile(`^linux-image-(\d[^ ]*-cloud-amd64)-unsigned$`)

// findKernel takes the newest kernel of the wanted version from the cache, or
// fetches one with apt. Nothing is installed.
func findKernel(ctx context.Context, cache, wanted string) (kernel, error) {
	unlock, err := lockCache(cache)
	if err != nil {
		return kernel{}, err
	}
	defer unlock()
	if k, ok := cachedKernel(cache, wanted); ok {
		return k, nil
	}
	names := newestFirst(searchKernels(ctx), wanted)
	var problems []error
	if len(names) > 0 {
		if k, err := fetchFirst(ctx, cache, names); err == nil {
			return k, nil
		}
	}
	// No package known, or lists so old that the mirror has none of them.
	if err := apt(ctx, cache, "apt-get", "update", "-q"); err != nil {
		problems = append(problems, err)
	}
	names = newestFirst(searchKernels(ctx), wanted)
	if len(names) == 0 {
		problems = append(problems, errors.New("apt knows no package of that name"))
	} else {
		k, err := fetchFirst(ctx, cache, names)
		if err == nil {
			return k, nil
		}
		problems = append(problems, err)
	}
	return kernel{}, fmt.Errorf("cannot get a kernel linux-image-%s*-cloud-amd64-unsigned: %v", wanted, errors.Join(problems...))
}

// lockCache keeps two guests from unpacking the same kernel at once.
func lockCache(cache string) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the kernel cache: %v", err)
	}
	f, err := os.Create(filepath.Join(cache, "lock"))
	if err != nil {
		return nil, fmt.Errorf("cannot lock the kernel cache: %v", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("cannot lock the kernel cache: %v", err)
	}
	return func() { _ = f.Close() }, nil
}

// cachedKernel looks among the unpacked packages.
func cachedKernel(cache, wanted string) (kernel, bool) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return kernel{}, false
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, name := range newestFirst(names, wanted) {
		if k, err := kernelIn(filepath.Join(cache, name), name); err == nil {
			return k, true
		}
	}
	return kernel{}, false
}

func kernelIn(dir, name string) (kernel, error) {
	version := kernelPackage.FindStringSubmatch(name)[1]
	k := kernel{version: version, image: filepath.Join(dir, "boot", "vmlinuz-"+version)}
	k.modules = filepath.Join(dir, "lib", "modules", version)
	if _, err := os.Stat(k.modules); err != nil { // merged /usr, from Debian 13 on
		k.modules = filepath.Join(dir, "usr", k.modules[len(dir):])
	}
	_, err := os.Stat(k.image)
	return k, err
}

// newestFirst picks the kernel packages whose version starts with the wanted
// numbers, highest version first.
func newestFirst(names []string, wanted string) []string {
	var picked []string
	for _, n := range names {
		m := kernelPackage.FindStringSubmatch(n)
		if m != nil && startsWith(numbers(m[1]), numbers(wanted)) {
			picked = append(picked, n)
		}
	}
	slices.SortFunc(picked, func(a, b string) int { return slices.Compare(numbers(b), numbers(a)) })
	return picked
}

func startsWith(version, prefix []int) bool {
	return len(version) >= len(prefix) && slices.Equal(version[:len(prefix)], prefix)
}

// numbers are the decimal numbers of a version, in order.
func numbers(s string) []int {
	var found []int
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(word); err == nil {
			found = append(found, n)
		}
	}
	return found
}

func searchKernels(ctx context.Context) []string {
	out, err := exec.CommandContext(ctx, "apt-cache", "pkgnames", "linux-image-").Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// fetchFirst unpacks the first package that can be had.
func fetchFirst(ctx context.Context, cache string, names []string) (kernel, error) {
	var problems []error
	for _, name := range names[:min(3, len(names))] {
		k, err := fetchKernel(ctx, cache, name)
		if err == nil {
			return k, nil
		}
		problems = append(problems, err)
	}
	return kernel{}, errors.Join(problems...)
}

// fetchKernel downloads and unpacks one package beside its final place, and
// moves it there when it is whole.
func fetchKernel(ctx context.Context, cache, name string) (kernel, error) {
	fmt.Fprintf(os.Stderr, "guest: fetching %s\n", name)
	tmp, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return kernel{}, fmt.Errorf("cannot fetch %s: %v", name, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	// As root apt would change to a user that cannot write to our directory.
	if err := apt(ctx, tmp, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name); err != nil {
		return kernel{}, err
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return kernel{}, fmt.Errorf("cannot fetch %s: apt left %d packages", name, len(debs))
	}
	whole := filepath.Join(tmp, "tree")
	if err := apt(ctx, tmp, "dpkg", "-x", debs[0], whole); err != nil {
		return kernel{}, err
	}
	if _, err := kernelIn(whole, name); err != nil {
		return kernel{}, fmt.Errorf("cannot use %s: %v", name, err)
	}
	final := filepath.Join(cache, name)
	if err := os.Rename(whole, final); err != nil {
		return kernel{}, fmt.Errorf("cannot keep %s: %v", name, err)
	}
	return kernelIn(final, name)
}

// apt runs one package tool in dir; what it printed goes into the error.
func apt(ctx context.Context, dir, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot run %s %s: %v: %s", tool, args[0], err, tail(out, 400))
	}
	return nil
}

// tail is the end of a text, for messages.
func tail(b []byte, n int) string {
	s := strings.TrimSpace(string(b))
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return s
}
