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
