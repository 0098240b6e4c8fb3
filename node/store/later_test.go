package store

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"stele/engine/pow"
)

// Whichever writes fail, all commits that succeeded stay visible, durable or not, a
// failed one leaves no trace, and a crash afterwards undoes at most those that need not
// be durable, the last ones first.
func TestCommitLaterOnFailingDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := vfs.NewCrashableMem()
		disk := newFaultyDisk(mem, syscall.ENOSPC)
		s, err := tryOpen(disk, small)
		if err != nil {
			t.Fatal(err)
		}
		c := newTestChain(1)
		models := []*testChain{c.clone()} // after each commit
		durable := 0
		var failed []*testChain // each with one more commit, since the last that succeeded: a crash may show it
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				disk.fail(rapid.Int64Range(0, 6).Draw(t, "after"), rapid.Int64Range(1, 4).Draw(t, "failures"))
			case 1:
				disk.heal()
			case 2, 3:
				if s.Sync() == nil {
					durable = len(models) - 1
				}
			case 4:
				if compareAgain(c, s) != nil && s.Err() == nil {
					t.Fatalf("the store differs: %v", c.compare(s))
				}
			default:
				before := c.clone()
				commit, b := (*Batch).CommitLater, s.NewBatch()
				isLater := rapid.IntRange(0, 4).Draw(t, "later") > 0
				if !isLater {
					commit = (*Batch).Commit
				}
				if len(c.blocks) > 1 && rapid.IntRange(0, 3).Draw(t, "disconnect") == 0 {
					c.disconnect(b)
				} else {
					c.connect(b, c.next(10, rapid.SampledFrom([]int{5, 200}).Draw(t, "keys")))
				}
				if err := commit(b); err != nil {
					if !errors.Is(err, ErrFull) {
						t.Fatal(err)
					}
					c, failed = before, append(failed, c)
					break
				}
				failed = nil
				models = append(models, c.clone())
				if !isLater {
					durable = len(models) - 1
				}
			}
		}
		unsynced := rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "unsynced")
		crashed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(1, 2))})
		disk.heal()
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := c.compare(s); err != nil {
			t.Fatalf("the store differs in the end: %v", err)
		}
		if err := s.Close(); err != nil && !errors.Is(err, ErrFull) { // a table may have failed
			t.Fatal(err)
		}
		models = append(models, failed...)
		left := crash{mem: crashed, done: durable, begun: len(models) - 1, write: "end"}
		if err := left.survives(crashed, models); err != nil {
			t.Fatal(err)
		}
	})
}

// A synced commit, whoever makes it, makes those before it durable, and Sync alone does
// too.
func TestSyncMakesDurable(t *testing.T) {
	for _, sync := range []func(s *Store) error{
		(*Store).Sync,
		func(s *Store) error {
			b := s.NewBatch()
			b.DeletePool(pow.Hash{1})
			return b.Commit()
		},
	} {
		mem := vfs.NewCrashableMem()
		s := openStore(t, mem, small)
		c := newTestChain(2)
		models := []*testChain{c.clone()}
		after := func() *vfs.MemFS { return mem.CrashClone(vfs.CrashCloneCfg{}) }
		for range 3 {
			b := s.NewBatch()
			c.connect(b, c.next(5, 5))
			if err := b.CommitLater(); err != nil {
				t.Fatal(err)
			}
			models = append(models, c.clone())
		}
		lost := crash{mem: after(), done: 0, begun: 0, write: "before"}
		if err := sync(s); err != nil {
			t.Fatal(err)
		}
		kept := crash{mem: after(), done: 3, begun: 3, write: "after"}
		for _, c := range []crash{lost, kept} {
			if err := c.survives(c.mem, models); err != nil {
				t.Error(err)
			}
		}
	}
}

// What waits to be durable is bounded.
func TestCommitLaterBound(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := openStore(t, mem, Options{})
	durable := func() (count int) {
		again, err := tryOpen(mem.CrashClone(vfs.CrashCloneCfg{}), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if err := again.Pool(func(pow.Hash, []byte) error { count++; return nil }); err != nil {
			t.Fatal(err)
		}
		return count
	}
	for i := range byte(20) {
		b := s.NewBatch()
		b.PutPool(pow.Hash{i}, make([]byte, 1<<20))
		if err := b.CommitLater(); err != nil {
			t.Fatal(err)
		}
		if i == 0 && durable() != 0 {
			t.Error("a batch is durable at once: the test shows nothing")
		}
		if len(s.later.ops) > maxLater || cap(s.later.ops) > 2*maxLater {
			t.Fatalf("%d bytes wait in %d", len(s.later.ops), cap(s.later.ops))
		}
	}
	if n := durable(); n < 16 {
		t.Errorf("%d of 20 MB are durable", n)
	}
}

// While the disk is full, reads fail rather than show an older store.
func TestReadsWithLaterBatches(t *testing.T) {
	disk := newFaultyDisk(vfs.NewMem(), syscall.ENOSPC)
	s := openStore(t, disk, small)
	b := s.NewBatch()
	b.PutPool(pow.Hash{1}, []byte("record"))
	if err := b.CommitLater(); err != nil {
		t.Fatal(err)
	}
	disk.fail(0, never)
	if err := s.Sync(); !errors.Is(err, ErrFull) {
		t.Fatalf("sync: %v", err)
	}
	count := 0
	read := func() error {
		count = 0
		return s.Pool(func(pow.Hash, []byte) error { count++; return nil })
	}
	if err := read(); !errors.Is(err, ErrFull) {
		t.Errorf("read on a full disk: %v, %d records", err, count)
	}
	disk.heal()
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil || count != 1 {
		t.Errorf("read: %v, %d records", err, count)
	}
}
