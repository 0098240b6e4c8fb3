package store

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
)

// filesOf returns number and bytes of the files of a kind.
func filesOf(t testing.TB, disk vfs.FS, suffix string) (count int, bytes int64) {
	t.Helper()
	names, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, suffix) {
			count++
			bytes += int64(len(read(t, disk, name)))
		}
	}
	return count, bytes
}

// Bodies and undo data are in blob files, and nothing else; small ones are in tables.
func TestBlobFiles(t *testing.T) {
	disk := vfs.NewMem()
	s := openStore(t, disk, small)
	c := newTestChain(1)
	b := s.NewBatch()
	c.connect(b, c.next(minBlob/200, minBlob/40+1))
	c.connect(b, c.next(0, 3)) // its body and its undo data are small
	id := pow.Sum([]byte("large record"))
	c.pool[id] = c.bytes(4 * minBlob)
	b.PutPool(id, c.pool[id])
	commit(t, b)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	count, bytes := filesOf(t, disk, blobSuffix)
	if want := int64(len(c.blocks[0].raw) + len(c.blocks[0].undo)); count != 2 || bytes < want || bytes > want+1000 {
		t.Errorf("%d blob files of %d bytes, want 2 of %d", count, bytes, want)
	}
	if err := c.compare(s); err != nil {
		t.Error(err)
	}
}

// Compactions do not write bodies and undo data again, and when the oldest are pruned,
// their files are removed.
func TestPrunedBlobFiles(t *testing.T) {
	const blocks, keep = 600, 50
	disk := &writtenBytes{FS: vfs.NewMem()}
	s := openStore(t, disk, small)
	c := newTestChain(1)
	var all int64
	for i := range blocks {
		b := s.NewBatch()
		block := c.next(40, 40)
		all += int64(len(block.raw) + len(block.undo))
		c.connect(b, block)
		if i >= keep {
			b.Prune(c.blocks[i-keep].hash)
		}
		commit(t, b)
	}
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	if written := disk.blobs.Load(); written < all*9/10 || written > all*11/10 {
		t.Errorf("%d bytes of bodies and undo data made %d bytes of blob files", all, written)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, left := filesOf(t, disk, blobSuffix)
	if perBlock := all / blocks; left < keep*perBlock*9/10 || left > 3*keep*perBlock {
		t.Errorf("%d bytes of blob files are left for %d blocks of %d", left, keep, perBlock)
	}
}

// writtenBytes counts what is written to the files of Pebble.
type writtenBytes struct {
	vfs.FS
	logs, tables, blobs, rest atomic.Int64
}

// file returns f, whose writes are counted.
func (w *writtenBytes) file(f vfs.File, name string, err error) (vfs.File, error) {
	bytes := &w.rest
	switch path.Ext(name) {
	case ".log":
		bytes = &w.logs
	case ".sst":
		bytes = &w.tables
	case blobSuffix:
		bytes = &w.blobs
	}
	if err != nil {
		return nil, err
	}
	return &countedFile{f, bytes}, nil
}

func (w *writtenBytes) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.Create(name, c)
	return w.file(f, name, err)
}

func (w *writtenBytes) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.ReuseForWrite(old, name, c)
	return w.file(f, name, err)
}

type countedFile struct {
	vfs.File
	bytes *atomic.Int64
}

func (f *countedFile) Write(p []byte) (int, error) {
	f.bytes.Add(int64(len(p)))
	return f.File.Write(p)
}

// A store whose bodies are in tables, as older versions wrote them, can be read and
// continued.
func TestBodiesInTables(t *testing.T) {
	disk := vfs.NewMem()
	s := openStore(t, disk, small)
	c := newTestChain(1)
	add := func() {
		t.Helper()
		for range 20 {
			b := s.NewBatch()
			c.connect(b, c.next(20, 20))
			commit(t, b)
		}
	}
	add()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rewriteInTables(t, disk)
	if count, _ := filesOf(t, disk, blobSuffix); count > 0 {
		t.Fatalf("%d blob files are left", count)
	}
	s = openStore(t, disk, small)
	if err := c.compare(s); err != nil {
		t.Fatal(err)
	}
	add()
	b := s.NewBatch()
	c.disconnect(b)
	commit(t, b)
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	if count, _ := filesOf(t, disk, blobSuffix); count == 0 {
		t.Error("new bodies are not in blob files")
	}
	if err := c.compare(s); err != nil {
		t.Error(err)
	}
}

// rewriteInTables copies a closed store into a database as older versions made it.
func rewriteInTables(t *testing.T, disk *vfs.MemFS) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, silent := disk.PathJoin(testDir, "db"), &logger{log: slog.New(slog.DiscardHandler)}
	old, err := pebble.Open(dir, &pebble.Options{FS: disk, ReadOnly: true, Logger: silent})
	must(err)
	fresh, err := pebble.Open("fresh", &pebble.Options{FS: disk, FormatMajorVersion: format, Logger: silent})
	must(err)
	must(scanRange(old, []byte{0}, []byte{0xff}, func(key, value []byte) error {
		return fresh.Set(key, value, pebble.NoSync)
	}))
	must(errors.Join(fresh.Flush(), fresh.Close(), old.Close()))
	must(disk.RemoveAll(dir))
	must(disk.Rename("fresh", dir))
	for _, seal := range []string{sealFile, oldSealFile} {
		if err := disk.Remove(disk.PathJoin(testDir, seal)); err != nil && !missing(err) {
			t.Fatal(err)
		}
	}
}

// Damage in a blob file is reported with its name, wherever it is, and is final.
func TestDamagedBlobFile(t *testing.T) {
	disk, models := sealedStore(t)
	names, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, name := range names {
		if !isBlob(name) {
			continue
		}
		tested++
		good := read(t, disk, name)
		for _, at := range []int{0, len(good) / 2, len(good) - 60, len(good) - 38, len(good) - 20, len(good) - 1} {
			bad := []byte(string(good))
			bad[at] ^= 1
			write(t, disk, name, bad)
			s, err := tryOpen(disk, Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Scan(context.Background())
			if err == nil { // nothing refers to this value
				err = models[len(models)-1].compare(s)
			}
			var damage *Damage
			if !errors.As(err, &damage) || damage.File != name {
				t.Errorf("byte %d of %d of %s: %v", at, len(good), path.Base(name), err)
			}
			if got := s.Err(); !errors.Is(got, ErrCorrupt) {
				t.Errorf("byte %d of %s: the store is %v", at, path.Base(name), got)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		write(t, disk, name, good)
	}
	if tested < 3 {
		t.Errorf("only %d blob files", tested)
	}
}
