package store

import (
	"errors"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	sha256simd "github.com/minio/sha256-simd"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardFS stands between one open Pebble and the disk.
//
// At the first write that fails it freezes: nothing more reaches the disk, so that the
// files stay as a crash at this moment would leave them. It reports success to Pebble,
// which cannot handle such errors: it panics, ends the process, or retries for ever.
// After that, nothing that Pebble returns may be trusted; it is only closed.
//
// It also records how much of each write-ahead log is durable, and the SHA-256 of the
// tables that were written.
type guardFS struct {
	vfs.FS
	shared *shared
	failed func(error) // called once, by the goroutine that saw the failure

	writes  sync.RWMutex // read-locked during each write
	mu      sync.Mutex
	err     error            // of the write that failed
	logLost bool             // a write to a log did not reach the disk
	logs    map[string]int64 // durable bytes of the logs, by base name
	tables  map[string]bool  // paths of tables that are being written
}

// shared is what one database of a store leaves to the next.
type shared struct {
	mu     sync.Mutex
	limits map[string]int64      // bytes up to which a log is read, by base name
	sums   map[string]fileDigest // tables, by base name
}

func newGuardFS(base vfs.FS, s *shared, failed func(error)) *guardFS {
	return &guardFS{FS: base, shared: s, failed: failed, logs: map[string]int64{}, tables: map[string]bool{}}
}

// Unwrap implements vfs.FS.
func (g *guardFS) Unwrap() vfs.FS { return g.FS }

// freeze stops all later writes. The next database reads the logs only as far as they
// are durable.
func (g *guardFS) freeze(err error) {
	g.mu.Lock()
	first := g.err == nil
	if first {
		g.err = err
		g.shared.mu.Lock()
		for name, size := range g.logs {
			g.shared.limits[name] = size
		}
		g.shared.mu.Unlock()
	}
	g.mu.Unlock()
	if first {
		g.failed(err)
	}
}

// finished notes that a table is complete.
func (g *guardFS) finished(name string, d fileDigest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tables, name)
	g.shared.mu.Lock()
	defer g.shared.mu.Unlock()
	g.shared.sums[g.PathBase(name)] = d
}

// durable notes how many bytes of a log are on disk. That can be after the freeze, if
// the sync had begun before.
func (g *guardFS) durable(name string, size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name = g.PathBase(name)
	if _, ok := g.logs[name]; !ok {
		return
	}
	g.logs[name] = size
	if g.err != nil {
		g.shared.mu.Lock()
		g.shared.limits[name] = size
		g.shared.mu.Unlock()
	}
}

// durableLogs returns how many bytes of each log are durable.
func (g *guardFS) durableLogs() map[string]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.logs)
}

// limitLogs makes the next database read the logs of a frozen one only as far as they
// were durable before a commit, so that the failed commit does not come back.
func (g *guardFS) limitLogs(before map[string]int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shared.mu.Lock()
	defer g.shared.mu.Unlock()
	for name := range g.logs {
		g.shared.limits[name] = before[name]
	}
}

// state returns the error that froze the disk, and whether a write to a log
// was lost by that.
func (g *guardFS) state() (err error, logLost bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err, g.logLost
}

// do performs a write to the named file, unless frozen, and freezes if it fails. It
// reports whether the write succeeded.
func (g *guardFS) do(name string, write func() error) bool {
	err := ErrReadOnly // any error will do
	g.writes.RLock()
	frozen, _ := g.state()
	if frozen == nil {
		err = write()
	}
	g.writes.RUnlock()
	if err == nil {
		return true
	}
	if strings.HasSuffix(name, ".log") {
		g.mu.Lock()
		g.logLost = true
		g.mu.Unlock()
	}
	if frozen == nil {
		g.freeze(err)
	}
	return false
}

// settle waits, after a freeze, for the writes that had begun, and removes incomplete
// tables. Nothing refers to them, and each attempt to recover would leave more.
func (g *guardFS) settle() {
	g.writes.Lock()
	defer g.writes.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range g.tables {
		_ = g.FS.Remove(name)
	}
	clear(g.tables)
}

// missing reports whether an error says that a file does not exist, which is not a
// failure of the disk.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Create opens a new file for writing. A marker names another file, which must not be
// lost in a crash that keeps the marker; Pebble 2.1.7 does not ensure that itself
// (cockroachdb/pebble#5915).
func (g *guardFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") {
		g.do(name, func() error { return syncFolder(g.FS, g.PathDir(name)) })
	}
	return g.create(name, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

func (g *guardFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create(newname, func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, c) })
}

func (g *guardFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return g.create(name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, o...) })
}

// create opens a file for writing. If frozen, it returns a file that discards all writes.
func (g *guardFS) create(name string, open func() (vfs.File, error)) (vfs.File, error) {
	f := &guardFile{g: g, name: name}
	g.do(name, func() (err error) {
		f.File, err = open()
		return err
	})
	switch {
	case strings.HasSuffix(name, ".log"):
		g.mu.Lock()
		if g.err == nil {
			g.logs[g.PathBase(name)] = 0
			g.shared.mu.Lock()
			delete(g.shared.limits, g.PathBase(name))
			g.shared.mu.Unlock()
		}
		g.mu.Unlock()
	case isTable(name):
		f.sum = sha256simd.New()
		if f.File != nil {
			g.mu.Lock()
			g.tables[name] = true
			g.mu.Unlock()
		}
	}
	return f, nil
}

func (g *guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, g: g, name: name}, nil
}

// Open opens a file for reading. The error is a [*Damage] if the end of a blob file is
// damaged.
func (g *guardFS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := g.FS.Open(name, o...)
	if err != nil {
		return nil, err
	}
	if isBlob(name) {
		if err := checkBlob(f); err != nil {
			damage := &Damage{Height: NoHeight, Field: "file", File: databaseFile(name), Detail: oneLine(err.Error())}
			return nil, errors.Join(damage, f.Close())
		}
	}
	g.shared.mu.Lock()
	limit, limited := g.shared.limits[g.PathBase(name)]
	g.shared.mu.Unlock()
	if limited {
		return &limitedFile{File: f, limit: limit}, nil
	}
	return f, nil
}

func (g *guardFS) Link(oldname, newname string) error {
	g.do(newname, func() error { return g.FS.Link(oldname, newname) })
	return nil
}

func (g *guardFS) Rename(oldname, newname string) error {
	g.do(newname, func() error { return g.FS.Rename(oldname, newname) })
	return nil
}

func (g *guardFS) Remove(name string) (err error) {
	g.do(name, func() error {
		if err = g.FS.Remove(name); missing(err) {
			return nil
		}
		return err
	})
	if missing(err) {
		return err
	}
	g.shared.mu.Lock()
	delete(g.shared.sums, g.PathBase(name))
	g.shared.mu.Unlock()
	return nil
}

func (g *guardFS) RemoveAll(name string) error {
	g.do(name, func() error { return g.FS.RemoveAll(name) })
	return nil
}

func (g *guardFS) MkdirAll(dir string, perm os.FileMode) error {
	g.do(dir, func() error { return g.FS.MkdirAll(dir, perm) })
	return nil
}

// Lock does nothing: the store has a lock of its own, which it keeps while it opens the
// database again.
func (g *guardFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// guardFile is a file or folder that is open for writing.
type guardFile struct {
	vfs.File // nil if it was made after the freeze
	g        *guardFS
	name     string    // path
	size     int64     // bytes written
	sum      hash.Hash // of a table, else nil

	wanted    int64 // bytes that Pebble wants to have space for
	allocated int64 // bytes that have it
}

// minAllocate is how much space a log gets at first, in bytes.
const minAllocate = 4 << 20

func (f *guardFile) do(write func() error) bool {
	return f.g.do(f.name, func() error {
		if f.File == nil {
			return os.ErrInvalid // unreachable: without a file it is frozen
		}
		return write()
	})
}

func (f *guardFile) Write(p []byte) (int, error) {
	f.allocate(f.size + int64(len(p)))
	f.do(func() error {
		if f.sum != nil {
			f.sum.Write(p)
		}
		n, err := f.File.Write(p)
		f.size += int64(n)
		return err
	})
	return len(p), nil
}

func (f *guardFile) WriteAt(p []byte, off int64) (int, error) {
	f.sum = nil // the order is lost
	f.do(func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
	return len(p), nil
}

// Preallocate notes that there should be space on the disk for the bytes up to off +
// length. The file gets it step by step: Pebble wants 35 MB for each log, and the seven
// logs of a new store hold little.
func (f *guardFile) Preallocate(off, length int64) error {
	f.wanted = off + length
	f.allocate(f.size + 1)
	return nil
}

// allocate gets the space for the bytes up to end, or twice what the file has, as far as
// Pebble wants it. The space is no more than a hint, so its failure does not count.
func (f *guardFile) allocate(end int64) {
	if end <= f.allocated {
		return
	}
	end = min(max(end, 2*f.allocated, minAllocate), f.wanted)
	if f.File == nil || end <= f.allocated {
		return
	}
	_ = f.File.Preallocate(f.allocated, end-f.allocated)
	f.allocated = end
}

func (f *guardFile) Sync() error     { return f.sync(func() error { return f.File.Sync() }) }
func (f *guardFile) SyncData() error { return f.sync(func() error { return f.File.SyncData() }) }

func (f *guardFile) sync(sync func() error) error {
	size := f.size
	if f.do(sync) {
		f.g.durable(f.name, size)
	}
	return nil
}

func (f *guardFile) SyncTo(length int64) (full bool, err error) {
	f.do(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, nil
}

func (f *guardFile) Close() error {
	if f.File == nil {
		return nil
	}
	err := f.File.Close()
	if f.do(func() error { return err }) && f.sum != nil {
		d := fileDigest{size: f.size}
		f.sum.Sum(d.sum[:0])
		f.g.finished(f.name, d)
	}
	return nil
}

func (f *guardFile) Read(p []byte) (int, error) {
	if f.File == nil {
		return 0, io.EOF
	}
	return f.File.Read(p)
}

func (f *guardFile) ReadAt(p []byte, off int64) (int, error) {
	if f.File == nil {
		return 0, io.EOF
	}
	return f.File.ReadAt(p, off)
}

func (f *guardFile) Prefetch(off, length int64) error {
	if f.File == nil {
		return nil
	}
	return f.File.Prefetch(off, length)
}

func (f *guardFile) Fd() uintptr {
	if f.File == nil {
		return vfs.InvalidFd
	}
	return f.File.Fd()
}

func (f *guardFile) Stat() (vfs.FileInfo, error) {
	if f.File == nil {
		return noFile(f.name), nil
	}
	return f.File.Stat()
}

// noFile is the FileInfo of a file that is not on disk.
type noFile string

func (n noFile) Name() string         { return string(n) }
func (noFile) Size() int64            { return 0 }
func (noFile) Mode() os.FileMode      { return 0o600 }
func (noFile) ModTime() time.Time     { return time.Time{} }
func (noFile) IsDir() bool            { return false }
func (noFile) Sys() any               { return nil }
func (noFile) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

// limitedFile is a log of which only the first bytes are read.
type limitedFile struct {
	vfs.File
	limit, pos int64
}

func (f *limitedFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *limitedFile) ReadAt(p []byte, off int64) (int, error) {
	left := f.limit - off
	if left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) <= left {
		return f.File.ReadAt(p, off)
	}
	n, err := f.File.ReadAt(p[:left], off)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

func (f *limitedFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil || info.Size() <= f.limit {
		return info, err
	}
	return limitedInfo{info, f.limit}, nil
}

type limitedInfo struct {
	vfs.FileInfo
	size int64
}

func (i limitedInfo) Size() int64 { return i.size }
