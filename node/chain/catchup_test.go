package chain

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain/chaintest"
)

// While a node catches up, its blocks become durable in groups, at the latest when it
// has caught up.
func TestCatchUpSyncs(t *testing.T) { synctest.Test(t, testCatchUpSyncs) }

func testCatchUpSyncs(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 41)
	fs := vfs.NewCrashableMem()
	n, err := open(fs, b)
	if err != nil {
		t.Fatal(err)
	}
	defer n.store.Close()
	durable := func() uint32 {
		t.Helper()
		again, err := open(fs.CrashClone(vfs.CrashCloneCfg{}), b)
		if err != nil {
			t.Fatal(err)
		}
		defer again.store.Close()
		return again.Tip().Height
	}
	blocks := grown(b, b.Genesis, maxUnsynced+10, 0)
	n.give(t, Extended, blocks[0])
	if got := durable(); got != 1 {
		t.Fatalf("height %d is durable, want 1", got)
	}
	n.CatchUp(true)
	n.give(t, Extended, blocks[1:5]...)
	if got := durable(); got != 1 {
		t.Errorf("height %d is durable in the middle of a group, want 1", got)
	}
	time.Sleep(syncEvery)
	n.give(t, Extended, blocks[5])
	if got := durable(); got != 6 {
		t.Errorf("height %d is durable after %v, want 6", got, syncEvery)
	}
	n.give(t, Extended, blocks[6:]...)
	if got := durable(); got <= maxUnsynced {
		t.Errorf("height %d is durable, want more than %d", got, maxUnsynced)
	}
	n.Sync()
	if got := durable(); got != last(blocks).Height() {
		t.Errorf("height %d is durable after a sync, want %d", got, last(blocks).Height())
	}
	n.CatchUp(false)
	if got := durable(); got != last(blocks).Height() {
		t.Errorf("height %d is durable after the catch-up, want %d", got, last(blocks).Height())
	}
	n.mustBe(t, last(blocks))
}
