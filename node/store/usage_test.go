package store

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestUsage(t *testing.T) {
	disk := vfs.NewMem()
	disk.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	s := openStore(t, disk, Options{memTable: 64 << 10})
	before, err := s.Usage()
	if err != nil || before.Free != 1<<40 {
		t.Fatalf("%+v, %v", before, err)
	}
	c := newTestChain(1)
	for range 40 {
		b := s.NewBatch()
		c.connect(b, c.next(100, 200))
		commit(t, b)
	}
	after, err := s.Usage()
	if err != nil || after.Bytes <= before.Bytes || after.Flushes <= before.Flushes {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Usage(); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
}

// Memtables leave the cache its memory: what was read once is not read from disk again.
func TestCacheBesideMemtables(t *testing.T) {
	s := openStore(t, vfs.NewMem(), Options{memTable: 1 << 20, CacheBytes: 2 << 20})
	c := newTestChain(1)
	for range 80 {
		b := s.NewBatch()
		c.connect(b, c.next(100, 100))
		commit(t, b)
	}
	misses := func() uint64 {
		t.Helper()
		for _, b := range c.blocks[:20] {
			if _, err := s.Digest(b.hash); err != nil {
				t.Fatal(err)
			}
		}
		u, err := s.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if u.Flushes == 0 {
			t.Fatal("no table was written")
		}
		return u.CacheMisses
	}
	var again uint64
	for range 20 { // a compaction can come between two passes
		before := misses()
		if again = misses() - before; again == 0 {
			return
		}
	}
	t.Errorf("%d blocks of files were read again", again)
}
