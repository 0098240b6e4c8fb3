package chain

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/node/chain/chaintest"
	"stele/node/store"
)

// disk lets a number of writes pass and has no space for any after that.
type disk struct{ writes atomic.Int64 }

const endless = 1 << 62

func (d *disk) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && d.writes.Add(-1) < 0 {
		return syscall.ENOSPC
	}
	return nil
}

func (d *disk) String() string { return "disk" }

// A disk that is full at any write of a reorganisation stops the chain with a clear
// error. With space it resumes, and the result is the same. A change is partial until
// the chain has reached its end, whether it is reported in parts or not.
func TestFullDisk(t *testing.T) {
	for _, held := range []int{0, 1} {
		testFullDisk(t, func(o *Options) { o.MaxHeld = held })
	}
}

func testFullDisk(t *testing.T, held option) {
	b := chaintest.New(chaintest.Network(), 15)
	first, second := grown(b, b.Genesis, 4, 2), grown(b, b.Genesis, 5, 2)
	failures := 0
	for writes := range int64(100) {
		d := &disk{}
		d.writes.Store(endless)
		n, err := open(errorfs.Wrap(vfs.NewMem(), d), b, held)
		if err != nil {
			t.Fatal(err)
		}
		n.give(t, Extended, first...)
		n.give(t, SideBranch, second[:4]...)
		before, changes := n.Tip(), n.Subscribe()
		d.writes.Store(writes)
		_, err = n.Submit(second[4].Block)
		if err == nil {
			n.mustBe(t, second[4])
			d.writes.Store(endless)
			if err := n.store.Close(); err != nil {
				t.Fatal(err)
			}
			break
		}
		failures++
		if !errors.Is(err, ErrStopped) || !errors.Is(err, store.ErrFull) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		if n.Err() == nil {
			t.Fatal("the chain does not say that it has stopped")
		}
		if _, err := n.BlockAt(n.Tip().Height); err != nil {
			t.Fatalf("after %d writes nothing can be read: %v", writes, err)
		}
		if _, err := n.Submit(second[4].Block); !errors.Is(err, ErrStopped) {
			t.Fatalf("after %d writes, the disk still full: %v", writes, err)
		}
		if change := n.seen; len(change) > 0 && change[len(change)-1].Tip != n.Tip() {
			t.Fatal("the tip is not the reported one")
		}
		event, ok := changes.Poll()
		if n.Tip() != before && (!ok || event.Tip != n.Tip() || event.Partial != (n.storeTip != n.tree.Best())) {
			t.Fatalf("after %d writes subscribers get %+v", writes, event)
		}
		if change := n.seen[len(n.seen)-1]; change.Partial != (n.storeTip != n.tree.Best()) {
			t.Fatalf("after %d writes: partial: %v, at height %d", writes, change.Partial, n.Tip().Height)
		}

		d.writes.Store(endless)
		outcome, err := n.Submit(second[4].Block)
		if err != nil || outcome != Known && outcome != Reorganized {
			t.Fatalf("after %d writes, with space: %v, %v", writes, outcome, err)
		}
		n.mustBe(t, second[4])
		if change := n.seen[len(n.seen)-1]; change.Partial || change.Tip != n.Tip() || change.Depth != 4 {
			t.Fatalf("after %d writes, with space: the last change is partial: %v, and has the depth %d", writes, change.Partial, change.Depth)
		}
		if event, ok := changes.Poll(); !ok || event.Partial || event.Tip != n.Tip() || event.IsBehind() {
			t.Fatalf("after %d writes, with space, subscribers get %+v", writes, event)
		}
		if err := n.Err(); err != nil {
			t.Fatal(err)
		}
		n.give(t, Extended, b.Extend(second[4]))
		n.check(t)
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if failures < 5 {
		t.Errorf("the disk was full at %d writes only", failures)
	}
}

// However often a block is submitted, the log says once that the chain has stopped, and
// once that it has resumed. A block that is rejected before anything is written does
// not count as a sign of space.
func TestFullDiskIsLoggedOnce(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 16)
	d := &disk{}
	d.writes.Store(endless)
	var log bytes.Buffer
	n, err := open(errorfs.Wrap(vfs.NewMem(), d), b, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if err != nil {
		t.Fatal(err)
	}
	blocks := grown(b, b.Genesis, 2, 1)
	n.give(t, Extended, blocks[0])
	for round := range 2 {
		d.writes.Store(0)
		for range 5 {
			if _, err := n.Submit(b.Extend(blocks[1]).Block); err == nil {
				t.Fatal("a block without a known parent was taken")
			}
			if _, err := n.Submit(blocks[0].Block); err != nil && !errors.Is(err, ErrStopped) {
				t.Fatal(err)
			}
			if _, err := n.Submit(b.Extend(blocks[0]).Block); !errors.Is(err, ErrStopped) {
				t.Fatalf("the disk is full: %v", err)
			}
			if n.Err() == nil {
				t.Fatal("the chain does not say that it has stopped")
			}
		}
		d.writes.Store(endless)
		if round == 0 {
			n.give(t, SideBranch, b.Extend(b.Genesis))
		} else {
			n.give(t, Extended, blocks[1])
		}
		if err := n.Err(); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"chain stopped", "chain resumed"} {
			if got := strings.Count(log.String(), text); got != round+1 {
				t.Errorf("round %d: %q is logged %d times", round, text, got)
			}
		}
	}
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// While a node catches up, and in a long reorganisation, commits wait to be synced: a
// disk that is full at any write loses none of those that the chain has built on.
func TestFullDiskInCatchUp(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 17)
	first, second := grown(b, b.Genesis, 20, 5), grown(b, b.Genesis, 21, 5)
	failures := 0
	for writes := int64(0); ; writes++ {
		d := &disk{}
		d.writes.Store(endless)
		n, err := open(errorfs.Wrap(vfs.NewMem(), d), b)
		if err != nil {
			t.Fatal(err)
		}
		n.CatchUp(writes%2 == 0)
		d.writes.Store(writes)
		healthy := true
		for _, blk := range slices.Concat(first, second) {
			_, err := n.Submit(blk.Block)
			for try := 0; err != nil; try++ {
				if !errors.Is(err, ErrStopped) || !errors.Is(err, store.ErrFull) || try == 3 {
					t.Fatalf("after %d writes, height %d: %v", writes, blk.Height(), err)
				}
				healthy = false
				if try == 1 {
					d.writes.Store(endless)
				}
				_, err = n.Submit(blk.Block)
			}
		}
		n.CatchUp(false)
		full := d.writes.Swap(endless) < 0 // what waits could not be synced
		n.give(t, Extended, b.Extend(last(second)))
		if change := final(n.seen); change.Partial || change.Tip != n.Tip() {
			t.Fatalf("after %d writes the last change is %+v", writes, change)
		}
		n.check(t)
		if err := n.store.Close(); err != nil && !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
		again, err := open(n.fs, b)
		if err != nil {
			t.Fatal(err)
		}
		if again.Tip().Height != 22 {
			t.Fatalf("after %d writes the chain has the height %d", writes, again.Tip().Height)
		}
		if err := again.store.Close(); err != nil {
			t.Fatal(err)
		}
		if healthy && !full {
			break
		}
		failures++
	}
	if failures < 5 {
		t.Errorf("the disk was full at %d writes only", failures)
	}
}
