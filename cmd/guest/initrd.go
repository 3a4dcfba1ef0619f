package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// earlyVerb makes this program /init of an initial ram disk: it loads what
// the kernel needs to reach the shared root, and becomes process 1 there.
const earlyVerb = "early"

// rootModules let a kernel mount virtiofs over PCI, in the order of their
// dependencies. Debian's 6.12 has them built in, its 6.1 has not.
var rootModules = []string{
	"drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko",
	"drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci_legacy_dev.ko", "drivers/virtio/virtio_pci.ko",
	"fs/fuse/fuse.ko", "fs/fuse/virtiofs.ko",
}

// find returns the files of the wanted modules, compressed or not, without
// those that the kernel does not have as modules.
func (k kernel) find(modules []string) []string {
	var found []string
	for _, name := range modules {
		matches, _ := filepath.Glob(filepath.Join(k.modules, "kernel", name) + "*")
		found = append(found, matches...)
	}
	return found
}

// buildInitrd packs this program and the modules into an archive, uncompressed.
func buildInitrd(self string, modules []string) ([]byte, error) {
	var a archive
	a.dir("root")
	a.dir("modules")
	if err := a.file("init", self, 0o755); err != nil {
		return nil, err
	}
	for i, m := range modules { // numbered, as the order counts
		if err := a.file(fmt.Sprintf("modules/%02d-%s", i, filepath.Base(m)), m, 0o644); err != nil {
			return nil, err
		}
	}
	return a.end(), nil
}

// archive is a cpio archive as the kernel unpacks them ("newc"; kernel
// Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	buf    bytes.Buffer
	inodes int
}

func (a *archive) dir(name string) { a.entry(name, unix.S_IFDIR|0o755, nil) }

func (a *archive) file(name, path string, mode uint32) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot pack the initial ram disk: %v", err)
	}
	a.entry(name, unix.S_IFREG|mode, content)
	return nil
}

func (a *archive) end() []byte {
	a.entry("TRAILER!!!", 0, nil)
	return a.buf.Bytes()
}

func (a *archive) entry(name string, mode uint32, content []byte) {
	a.inodes++
	fmt.Fprintf(&a.buf, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.inodes, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	a.buf.Write(content)
	a.pad()
}

// pad aligns to four bytes.
func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// early never returns: the machine dies without an answer when it fails.
func early(self, planPath string) {
	err := enterRoot()
	if err == nil {
		err = syscall.Exec(self, []string{self, insideVerb, planPath}, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "guest: cannot enter the shared root: %v\n", err)
	os.Exit(1)
}

// enterRoot mounts the shared root and makes it this process's.
func enterRoot() error {
	modules, _ := filepath.Glob("/modules/*") // sorted
	for _, m := range modules {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	err := unix.Mount(rootTag, "/root", "virtiofs", unix.MS_RDONLY, "")
	for wait := 0; errors.Is(err, unix.EINVAL) && wait < 100; wait++ { // the device is still being found
		time.Sleep(100 * time.Millisecond)
		err = unix.Mount(rootTag, "/root", "virtiofs", unix.MS_RDONLY, "")
	}
	if err != nil {
		return fmt.Errorf("cannot mount %s: %v", rootTag, err)
	}
	if err := unix.Chdir("/root"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}
