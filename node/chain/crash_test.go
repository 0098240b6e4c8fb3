package chain

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
)

// A node that crashes at any moment, also during the recovery from a crash, opens
// again. It has every acknowledged block, its state is that of a node that never
// crashed, and with the rest of the blocks it has the same result.
func TestCrash(t *testing.T) { testCrash(t, rounds(500, 2000), false) }

// The same while the node catches up: it has every block from before the last sync, and
// of those since then, with no gap, as many as the disk has kept.
func TestCrashInCatchUp(t *testing.T) { testCrash(t, rounds(200, 2000), true) }

func testCrash(t *testing.T, crashes int, catchUp bool) {
	rng := rand.New(rand.NewPCG(2, 2))
	b := chaintest.New(chaintest.Network(), 10)
	tree := randomTree(b, rng, 40)
	twins := map[pow.Hash]*chaintest.Block{}
	for _, blk := range b.All() {
		twins[blk.Hash()] = blk
	}

	const perRun = 25
	for done := 0; done < crashes; {
		order := randomOrder(tree, rng)
		for _, c := range runAndCrash(t, b, order, rng, perRun, catchUp) {
			again := recoverFrom(t, c, b, order, twins, rng)
			done++
			if again != nil { // it crashed while it recovered
				recoverFrom(t, *again, b, order, twins, nil)
				done++
			}
		}
	}
}

// crash is what a file system holds after a crash, and how many blocks of the
// order the node had acknowledged before.
type crash struct {
	fs           *vfs.MemFS
	acknowledged int
}

// camera takes pictures of a file system: what a crash at this moment would leave.
type camera struct {
	fs  *vfs.MemFS
	mu  sync.Mutex
	rng *rand.Rand

	every        int // operations between two pictures, on the mean
	most         int // pictures
	acknowledged int
	taken        []crash
}

// MaybeError is called before each operation of the file system.
func (c *camera) MaybeError(errorfs.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.taken) < c.most && c.rng.IntN(c.every) == 0 {
		unsynced := []int{0, 50, 100}[c.rng.IntN(3)]
		clone := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: c.rng})
		c.taken = append(c.taken, crash{clone, c.acknowledged})
	}
	return nil
}

func (c *camera) String() string { return "camera" }

func (c *camera) acknowledge(n int) {
	c.mu.Lock()
	c.acknowledged = n
	c.mu.Unlock()
}

// runAndCrash submits all blocks to a new node in order, and returns what crashes
// during that would leave.
//
// With catchUp the node catches up most of the time: it acknowledges blocks only when
// it stops to.
func runAndCrash(t *testing.T, b *chaintest.Builder, order []*chaintest.Block, rng *rand.Rand, most int, catchUp bool) []crash {
	fs := vfs.NewCrashableMem()
	c := &camera{fs: fs, rng: rng, every: 20, most: most}
	if catchUp {
		c.every = 2 // there are fewer operations
	}
	n, err := open(errorfs.Wrap(fs, c), b)
	if err != nil {
		t.Fatal(err)
	}
	n.CatchUp(catchUp)
	for i, blk := range order {
		if _, err := n.Submit(blk.Block); err != nil {
			t.Fatal(err)
		}
		if catchUp && i%16 != 15 {
			continue
		}
		n.CatchUp(false)
		c.acknowledge(i + 1)
		n.CatchUp(catchUp)
	}
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	return c.taken
}

// recoverFrom opens what a crash has left, checks it, and submits the rest of the
// blocks. With a rng it may return another crash, during the recovery.
func recoverFrom(t *testing.T, c crash, b *chaintest.Builder, order []*chaintest.Block, twins map[pow.Hash]*chaintest.Block, rng *rand.Rand) *crash {
	t.Helper()
	cam := &camera{fs: c.fs, rng: rng, every: 60, most: 1, acknowledged: c.acknowledged}
	var fs vfs.FS = c.fs
	if rng != nil {
		fs = errorfs.Wrap(fs, cam)
	}
	n, err := open(fs, b)
	if err != nil {
		t.Fatalf("after %d blocks: %v", c.acknowledged, err)
	}
	cam.mu.Lock()
	cam.most = 0 // the recovery is over
	cam.mu.Unlock()

	tip := twins[n.Tip().Hash]
	if tip == nil {
		t.Fatalf("after %d blocks: the tip is no block that there was", c.acknowledged)
	}
	n.mustBe(t, tip)
	for _, blk := range order[:c.acknowledged] {
		if tip.Work().Cmp(blk.Work()) < 0 {
			t.Fatalf("after %d blocks: the tip has less work than a block that was acknowledged", c.acknowledged)
		}
		if outcome, err := n.Submit(blk.Block); outcome != Known || err != nil {
			t.Fatalf("after %d blocks: an acknowledged block is lost: %v, %v", c.acknowledged, outcome, err)
		}
		if _, err := n.Block(blk.Hash()); err != nil {
			t.Fatalf("after %d blocks: the body of an acknowledged block is lost: %v", c.acknowledged, err)
		}
	}
	for _, blk := range order[c.acknowledged:] {
		if _, err := n.Submit(blk.Block); err != nil {
			t.Fatal(err)
		}
	}
	end := twins[n.Tip().Hash]
	for _, blk := range order {
		if end.Work().Cmp(blk.Work()) < 0 {
			t.Fatalf("after %d blocks: the chain does not end with the best block", c.acknowledged)
		}
	}
	n.mustBe(t, end)
	n.check(t)
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	if len(cam.taken) == 0 {
		return nil
	}
	return &cam.taken[0]
}

// A crash during a reorganisation leaves a shorter chain than before. The next start
// finishes the reorganisation, at whatever block it was.
func TestCrashInReorganisation(t *testing.T) { testCrashInReorganisation(t, 6, 13) }

// The commits of a long one are synced at its end.
func TestCrashInLongReorganisation(t *testing.T) { testCrashInReorganisation(t, 60, 5) }

// testCrashInReorganisation wants a number of crashes in a reorganisation of a depth.
func testCrashInReorganisation(t *testing.T, depth, crashes int) {
	b := chaintest.New(chaintest.Network(), 11)
	first, second := grown(b, b.Genesis, depth, 2), grown(b, b.Genesis, depth+1, 2)
	fs := vfs.NewCrashableMem()
	c := &camera{fs: fs, rng: rand.New(rand.NewPCG(3, 3)), every: 1, acknowledged: 2 * depth}
	n, err := open(errorfs.Wrap(fs, c), b)
	if err != nil {
		t.Fatal(err)
	}
	n.give(t, Extended, first...)
	n.give(t, SideBranch, second[:depth]...)
	c.mu.Lock()
	c.most = 1000
	c.mu.Unlock()
	n.give(t, Reorganized, last(second))
	c.mu.Lock()
	c.most = 0
	taken := slices.Clone(c.taken)
	c.mu.Unlock()
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	if len(taken) < crashes {
		t.Fatalf("only %d pictures", len(taken))
	}
	for _, picture := range taken {
		n, err := open(picture.fs, b)
		if err != nil {
			t.Fatal(err)
		}
		if n.Tip().Height == last(second).Height() {
			n.mustBe(t, last(second))
		} else {
			n.mustBe(t, last(first)) // the last block had not reached the disk
			n.give(t, Reorganized, last(second))
		}
		n.check(t)
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A crash at any step of Submit leaves the state before the block, or that after it if it
// is good. A block whose signatures turn out to be bad when its changes are in the batch
// already leaves the state before it.
func TestCrashInConnect(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 12)
	tip := b.Extend(b.Genesis, b.Records(b.Genesis, 10)...)
	records := b.Records(tip, 300)
	good := b.Extend(tip, records...)
	bad := slices.Clone(records)
	bad[len(bad)-1] = spoilt(bad[len(bad)-1])

	fs := vfs.NewCrashableMem()
	c := &camera{fs: fs, rng: rand.New(rand.NewPCG(4, 4)), every: 1}
	n, err := open(errorfs.Wrap(fs, c), b)
	if err != nil {
		t.Fatal(err)
	}
	n.give(t, Extended, tip)
	c.mu.Lock()
	c.most = 1000
	c.mu.Unlock()
	n.reject(t, reject.BadSignature, b.Draft(tip, bad...).Seal())
	c.mu.Lock()
	before := len(c.taken)
	c.mu.Unlock()
	n.give(t, Extended, good)
	c.mu.Lock()
	c.most = 0
	taken := slices.Clone(c.taken)
	c.mu.Unlock()
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	if before == 0 || len(taken) == before {
		t.Fatalf("%d pictures, %d of them before the good block", len(taken), before)
	}
	for i, picture := range taken {
		n, err := open(picture.fs, b)
		if err != nil {
			t.Fatal(err)
		}
		if i >= before && n.Tip().Hash == good.Hash() {
			n.mustBe(t, good)
		} else {
			n.mustBe(t, tip)
			n.give(t, Extended, good)
		}
		n.check(t)
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
