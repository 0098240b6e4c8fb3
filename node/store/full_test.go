package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/engine/pow"
	"stele/node/ledger/rules"
)

// faultyDisk fails writes from a chosen one on.
type faultyDisk struct {
	vfs.FS
	writes atomic.Int64 // so far
	first  atomic.Int64 // the first that fails
	last   atomic.Int64 // the last that fails
	err    error
	tables atomic.Int64 // if not 0, every second write to a table fails; counts them
}

const never = 1 << 60

func newFaultyDisk(base vfs.FS, err error) *faultyDisk {
	d := &faultyDisk{err: err}
	d.heal()
	d.FS = errorfs.Wrap(base, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case op.Kind.ReadOrWrite() == errorfs.OpIsRead, op.Kind == errorfs.OpLock, op.Kind == errorfs.OpRemove,
			op.Kind == errorfs.OpFilePreallocate, op.Kind == errorfs.OpFileClose:
			return nil // these do not fail for want of space
		}
		if isTable(op.Path) && d.tables.Load() > 0 && d.tables.Add(1)%2 == 1 {
			return d.err
		}
		if n := d.writes.Add(1) - 1; d.first.Load() <= n && n <= d.last.Load() {
			return fmt.Errorf("write %d, %s: %w", n, op.Path, d.err)
		}
		return nil
	}))
	return d
}

// fail makes count writes fail after a number of good ones.
func (d *faultyDisk) fail(after, count int64) {
	d.first.Store(d.writes.Load() + after)
	d.last.Store(d.first.Load() + count - 1)
}

func (d *faultyDisk) heal() { d.first.Store(never) }

// small makes Pebble write tables often.
var small = Options{memTable: 64 << 10}

// retried runs a step until it succeeds: it may fail, if the disk does, and
// then the disk is healed after the second failure.
func retried(d *faultyDisk, step func() error) error {
	var err error
	for n := range 4 {
		if err = step(); err == nil {
			return nil
		}
		if !errors.Is(err, ErrFull) {
			return fmt.Errorf("not for want of space: %w", err)
		}
		if n == 1 {
			d.heal()
		}
	}
	return fmt.Errorf("still: %w", err)
}

// life opens a store on the disk, commits and closes, and checks after each
// failure that it changed nothing.
func life(d *faultyDisk, c *testChain) error {
	var s *Store
	err := retried(d, func() (err error) {
		s, err = tryOpen(d, small)
		return err
	})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	for i := range 12 {
		before := c.clone()
		b := s.NewBatch()
		c.connect(b, c.next(40, 20))
		id := pow.Sum([]byte{byte(i)})
		c.pool[id] = id[:]
		b.PutPool(id, id[:])
		err := retried(d, func() error {
			err := b.Commit()
			if err == nil {
				return nil
			}
			if e := compareAgain(before, s); e != nil {
				return fmt.Errorf("a failed commit changed the store: %w (it was %v)", e, err)
			}
			return err
		})
		if err != nil {
			_ = s.Close()
			return fmt.Errorf("commit %d: %w", i, err)
		}
	}
	if err := compareAgain(c, s); err != nil {
		_ = s.Close()
		return err
	}
	if err := s.Close(); err != nil && !errors.Is(err, ErrFull) {
		return fmt.Errorf("close: %w", err)
	}
	d.heal()
	s, err = tryOpen(d, small)
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	if err := c.compare(s); err != nil {
		_ = s.Close()
		return fmt.Errorf("opened again: %w", err)
	}
	return s.Close()
}

// compareAgain is compare, again if the disk fails under a snapshot.
func compareAgain(c *testChain, s *Store) error {
	err := c.compare(s)
	if errors.Is(err, ErrFull) {
		err = c.compare(s)
	}
	return err
}

// Whichever write fails for lack of space, nothing is lost, a failed commit leaves no
// trace, and the store recovers when there is space.
func TestFullDisk(t *testing.T) {
	disk := newFaultyDisk(vfs.NewMem(), syscall.ENOSPC)
	if err := life(disk, newTestChain(1)); err != nil {
		t.Fatal(err)
	}
	all := disk.writes.Load()
	if all < 200 {
		t.Fatalf("only %d writes", all)
	}
	tries := int64(rounds(80, int(all))) // of all writes
	for i, count := range []int64{1, never} {
		for try := range tries {
			disk := newFaultyDisk(vfs.NewMem(), syscall.ENOSPC)
			n := (2*try + int64(i)) * all / tries / 2
			disk.fail(n, count)
			if err := life(disk, newTestChain(1)); err != nil {
				t.Fatalf("write %d fails, %d of them: %v", n, count, err)
			}
		}
	}
	t.Logf("%d writes", all)
}

// Another failure of the disk is ErrDisk.
func TestFailingDisk(t *testing.T) {
	disk := newFaultyDisk(vfs.NewMem(), syscall.EIO)
	s := openStore(t, disk, small)
	disk.fail(0, 1)
	b := s.NewBatch()
	b.PutPool(pow.Hash{1}, []byte("record"))
	if err := b.Commit(); !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.EIO) {
		t.Errorf("commit: %v", err)
	}
	if err := s.Err(); !errors.Is(err, ErrDisk) {
		t.Errorf("state of the store: %v", err)
	}
	commit(t, b)
	if err := s.Err(); err != nil {
		t.Errorf("state of the store: %v", err)
	}
}

// However many attempts to recover fail, they leave no files behind.
func TestFullDiskTables(t *testing.T) {
	mem := vfs.NewMem()
	disk := newFaultyDisk(mem, syscall.ENOSPC)
	s := openStore(t, disk, Options{}) // the first table is written when it is opened again
	c := newTestChain(1)
	b := s.NewBatch()
	c.connect(b, c.next(100, 10))
	commit(t, b)
	tables := func() (n int) {
		names, err := storeFiles(mem, testDir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if isTable(name) {
				n++
			}
		}
		return n
	}
	disk.fail(0, 1)
	b = s.NewBatch()
	c.connect(b, c.next(1, 1))
	if err := b.Commit(); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	before := tables()
	disk.tables.Store(1) // a table is made, but it cannot be written
	for range 20 {
		if err := b.Commit(); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	if n := tables(); n > before+1 {
		t.Errorf("%d tables, %d before", n, before)
	}
	disk.tables.Store(0)
	commit(t, b)
	if err := c.compare(s); err != nil {
		t.Error(err)
	}

	// With hardly any space there is no attempt.
	disk.fail(0, 1)
	b = s.NewBatch()
	c.connect(b, c.next(1, 1))
	if err := b.Commit(); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000, TotalBytes: 1 << 30})
	writes := disk.writes.Load()
	if err := b.Commit(); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if disk.writes.Load() != writes {
		t.Error("it wrote")
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30, TotalBytes: 1 << 30})
	commit(t, b)
}

// A store that cannot write is closed without a seal.
func TestCloseFull(t *testing.T) {
	mem := vfs.NewMem()
	disk := newFaultyDisk(mem, syscall.ENOSPC)
	s := openStore(t, disk, Options{})
	disk.fail(0, never)
	if err := s.Close(); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "seal") {
		t.Errorf("close: %v", err)
	}
	if state, damage, err := VerifySeal(t.Context(), testDir, mem); state != Unsealed || len(damage) > 0 || err != nil {
		t.Errorf("seal: %v, %v, %v", state, damage, err)
	}
}

// Readers see the last commit that succeeded, or one that is under way, but
// never a failed one that is over, nor an older one.
func TestReadersWhileDiskFails(t *testing.T) {
	disk := newFaultyDisk(vfs.NewMem(), syscall.ENOSPC)
	s := openStore(t, disk, small)
	keys := [][]byte{[]byte("a"), []byte("b"), []byte("c")}
	view := s.View()
	read := func(key []byte) (int64, error) {
		value, err := view.Get(key)
		if err != nil || value == nil {
			return 0, err
		}
		var n int64
		_, err = fmt.Sscan(string(value), &n)
		return n, err
	}

	var begun, acknowledged atomic.Int64
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			for n := i; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				low := acknowledged.Load()
				got, err := read(keys[n%len(keys)])
				if high := begun.Load(); err != nil || got < low || got > high {
					t.Errorf("read %d, %v, want %d to %d", got, err, low, high)
					return
				}
				if n%50 == 0 {
					snapshot := s.Snapshot()
					a, errA := snapshot.Get(keys[0])
					c, errC := snapshot.Get(keys[2])
					if errA != nil || errC != nil {
						if !errors.Is(errors.Join(errA, errC), ErrFull) {
							t.Errorf("snapshot: %v, %v", errA, errC)
						}
					} else if string(a) != string(c) {
						t.Errorf("snapshot: %s and %s", a, c)
					}
					snapshot.Close()
				}
			}
		})
	}
	failures := 0
	for n := int64(1); n <= 300; n++ {
		if n%20 == 0 {
			disk.fail(n%7, 1)
		}
		b := s.NewBatch()
		changes := []rules.Change{{Key: []byte(fmt.Sprint("filler ", n)), New: make([]byte, 2000)}}
		for _, key := range keys {
			changes = append(changes, rules.Change{Key: key, New: fmt.Append(nil, n)})
		}
		b.SetState(changes)
		begun.Store(n)
		if err := b.Commit(); err == nil {
			acknowledged.Store(n)
		} else {
			failures++
		}
		for _, key := range keys {
			if got, err := read(key); err != nil || got != acknowledged.Load() {
				t.Fatalf("after commit %d: %d, %v, want %d", n, got, err, acknowledged.Load())
			}
		}
	}
	disk.heal()
	close(done)
	readers.Wait()
	if failures == 0 {
		t.Error("no commit failed")
	}
}
