package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packages are as `apt-cache pkgnames` lists them: in no order.
var packages = []string{
	"linux-image-6.1.0-9-cloud-amd64-unsigned",
	"linux-image-6.12.117+deb12-cloud-amd64-unsigned",
	"linux-image-cloud-amd64",
	"linux-image-6.1.0-56-cloud-amd64-unsigned",
	"linux-image-6.12.9+deb12-cloud-amd64-unsigned",
	"linux-image-6.1.0-56-cloud-amd64-dbg",
	"linux-image-6.12.117+deb12-amd64-unsigned",
	"linux-image-6.12.117+deb12-rt-amd64-unsigned",
	"linux-image-6.12.200+deb12-cloud-arm64-unsigned",
	"lock", "fetch-123",
}

func TestNewestFirst(t *testing.T) {
	for wanted, want := range map[string][]string{
		"": {
			"linux-image-6.12.117+deb12-cloud-amd64-unsigned",
			"linux-image-6.12.9+deb12-cloud-amd64-unsigned",
			"linux-image-6.1.0-56-cloud-amd64-unsigned",
			"linux-image-6.1.0-9-cloud-amd64-unsigned",
		},
		"6.1": {
			"linux-image-6.1.0-56-cloud-amd64-unsigned",
			"linux-image-6.1.0-9-cloud-amd64-unsigned",
		},
		"6.12": {
			"linux-image-6.12.117+deb12-cloud-amd64-unsigned",
			"linux-image-6.12.9+deb12-cloud-amd64-unsigned",
		},
		"6.12.9": {"linux-image-6.12.9+deb12-cloud-amd64-unsigned"},
		"7":      nil,
	} {
		if diff := cmp.Diff(want, newestFirst(packages, wanted)); diff != "" {
			t.Errorf("newestFirst(%q) (-want +got):\n%s", wanted, diff)
		}
	}
}

// touch makes empty files below dir.
func touch(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCachedKernel(t *testing.T) {
	const (
		old    = "linux-image-6.1.0-56-cloud-amd64-unsigned"
		merged = "linux-image-6.12.9+deb13-cloud-amd64-unsigned"
		broken = "linux-image-6.12.117+deb12-cloud-amd64-unsigned"
	)
	cache := t.TempDir()
	if k, ok := cachedKernel(cache, ""); ok {
		t.Errorf("an empty cache has %v", k)
	}
	touch(t, cache, "lock",
		old+"/boot/vmlinuz-6.1.0-56-cloud-amd64",
		old+"/lib/modules/6.1.0-56-cloud-amd64/kernel/fs/fuse/virtiofs.ko",
		old+"/lib/modules/6.1.0-56-cloud-amd64/kernel/fs/fuse/fuse.ko",
		merged+"/boot/vmlinuz-6.12.9+deb13-cloud-amd64",
		merged+"/usr/lib/modules/6.12.9+deb13-cloud-amd64/kernel/mm/zsmalloc.ko.xz",
		broken+"/boot/config") // unpacked without an image
	k, ok := cachedKernel(cache, "")
	if !ok || k.version != "6.12.9+deb13-cloud-amd64" {
		t.Errorf("the newest whole kernel is %v, %v", k, ok)
	}
	if got, want := k.find(swapModules), []string{filepath.Join(cache, merged, "usr/lib/modules/6.12.9+deb13-cloud-amd64/kernel/mm/zsmalloc.ko.xz")}; !cmp.Equal(got, want) {
		t.Errorf("its swap modules are %q, want %q", got, want)
	}
	k, ok = cachedKernel(cache, "6.1")
	if !ok || k.image != filepath.Join(cache, old, "boot/vmlinuz-6.1.0-56-cloud-amd64") {
		t.Errorf("kernel 6.1 is %v, %v", k, ok)
	}
	if got := k.find(rootModules); len(got) != 2 || filepath.Base(got[0]) != "fuse.ko" || filepath.Base(got[1]) != "virtiofs.ko" {
		t.Errorf("its root modules are %q, want fuse.ko before virtiofs.ko", got)
	}
}
