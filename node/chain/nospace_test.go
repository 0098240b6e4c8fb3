package chain

import (
	"errors"
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

// A disk that is full at any write of a reorganisation stops the chain with a
// clear error. With space it goes on, and comes to the same end.
func TestFullDisk(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 15)
	first, second := grown(b, b.Genesis, 4, 2), grown(b, b.Genesis, 5, 2)
	failures := 0
	for writes := range int64(100) {
		d := &disk{}
		d.writes.Store(endless)
		n, err := open(errorfs.Wrap(vfs.NewMem(), d), b)
		if err != nil {
			t.Fatal(err)
		}
		n.give(t, Extended, first...)
		n.give(t, SideBranch, second[:4]...)
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
			t.Fatal("the tip is another than the one that was told")
		}

		d.writes.Store(endless)
		outcome, err := n.Submit(second[4].Block)
		if err != nil || outcome != Known && outcome != Reorganized {
			t.Fatalf("after %d writes, with space: %v, %v", writes, outcome, err)
		}
		n.mustBe(t, second[4])
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
