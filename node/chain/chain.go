package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

const (
	// MaxReorg is how many blocks, each with the work of the tip, a branch may
	// lack behind the chain and still be stored. A branch whose headers have shown
	// as much (see [Chain.AddHeaders]) may be of any length.
	MaxReorg = 288

	// MinKeep is the minimum number of bodies that a pruning node keeps, so that it
	// can follow any branch that it would store. Bitcoin Core has the same
	// (MIN_BLOCKS_TO_KEEP).
	MinKeep = 288
)

// defaultMaxHeld is Options.MaxHeld if that is 0. A reorganisation of a few blocks
// stays below it, and is reported at once.
const defaultMaxHeld = 32 << 20

// ErrStopped means that the store failed, so that the chain could not go on. It is
// wrapped together with the error of the store. Nothing is lost: the next Submit
// tries again, and succeeds once, for instance, the disk has space.
var ErrStopped = errors.New("chain stopped: store failed")

// Options are what a chain needs.
type Options struct {
	Store  *store.Store
	Params *network.Params
	// Verifier checks signatures. If the pool has the same one, the signatures of
	// pooled records are not checked again. Nil: one of its own.
	Verifier *record.Verifier
	// Clock returns the time for the rule that a block may be at most
	// Params.MaxFuture seconds ahead. Nil: time.Now.
	Clock func() time.Time
	Log   *slog.Logger // nil: silent
	// Keep is the number of bodies, with their undo data, that are kept below the
	// tip. 0: all; otherwise at least MinKeep.
	Keep uint32
	// Needed returns the height of the lowest block whose body is needed by one who
	// follows the chain and is behind. Bodies from there on are kept too, but at most 1,000
	// of them. It is called by Open and Submit, with the lock of the chain held. Nil:
	// nobody needs them.
	Needed func() uint32
	// MaxHeld is about how many bytes of encoded blocks a reorganisation holds in
	// memory before it reports a part. 0: 32 MB.
	MaxHeld int
	// OnChange is called after each change of the chain, in order, with the lock
	// of the chain held. It is for the one follower that must keep step: the pool
	// judges its records by the state after each block, so that state must not
	// change again meanwhile. It uses no disk, and takes 5 ms with 100,000 records
	// in the pool and 3,500 in the block. All others use [Chain.Subscribe], and have
	// been notified before. OnChange must not call Submit. Nil: nothing is called.
	OnChange func(Change)
	// Flush writes to disk what OnChange has left to be written: the journal of
	// the pool. Submit calls it before it returns, but without the lock, since a
	// synced write takes 3 to 25 ms. It is called with the lock held only before
	// a block is disconnected, which puts records back into the journal: a late
	// removal must not hit them; and after each part of a change, since what waits
	// to be written is in memory. It must be safe for concurrent use. Nil: nothing
	// is called.
	Flush func()
}

// Change is how the chain changed: the blocks that left it, from the old tip down,
// and the blocks that joined it, up to the new tip. Blocks must not be modified. A
// reorganisation with more than Options.MaxHeld of blocks is reported in several
// parts, each up to a block in between.
type Change struct {
	Disconnected []*block.Block
	Connected    []*block.Block
	Tip          *Tip
	// Depth is how many blocks the whole reorganisation has disconnected so far: more
	// than Disconnected has where it is reported in parts. 0: the chain was extended.
	Depth int
	// Partial means that the chain is on its way to another tip: nothing should be
	// judged by this one, and another Change follows. The last of them is not
	// partial; it may have no blocks. Chain.Tip shows the tip of a partial change
	// only if the store has failed on the way.
	Partial bool
}

// Tip is the last block of the chain, with the conditions for the next block. It is
// never modified.
type Tip struct {
	Hash       pow.Hash
	Height     uint32
	Header     pow.Header
	Work       pow.Work // of the whole chain
	MedianTime uint32   // of the tip and the ten blocks before it; seconds since 1970
	NextBits   pow.Bits // required of the next block
	MinTime    uint32   // minimum time of the next block; seconds since 1970
	Digest     pow.Hash // chained digest of all changes of the state, see rules.Digest
}

// Chain is the chain of one node. Safe for concurrent use.
type Chain struct {
	store    *store.Store
	params   *network.Params
	verifier *record.Verifier
	clock    func() time.Time
	log      *slog.Logger
	keep     uint32
	needed   func() uint32
	onChange func(Change)
	flush    func()

	published   atomic.Pointer[published]
	subscribers subscribers

	recentMu sync.Mutex
	recent   *bounded.Map[pow.Hash, *block.Block] // that were connected last, for subscribers

	pasts pasts

	// treeMu guards the tree. Only with mu held too do nodes get bodies or become
	// invalid: so who holds mu may read that without treeMu.
	treeMu   sync.RWMutex
	tree     *headertree.Tree
	bodiless map[*headertree.Node]claim // of AddHeaders; in memory only
	least    pow.Work                   // no branch of bodiless has shown less; 0: unknown
	swept    time.Time                  // the last sweep

	deep       atomic.Pointer[deepReorg] // the last one; nil: there was none
	catchingUp atomic.Bool

	pruned     atomic.Uint32            // no body below this height, but that of genesis; written with mu held
	unfollowed atomic.Pointer[pow.Work] // the most work of a branch below pruned; nil: there was none

	mu            sync.Mutex                        // guards what follows, and makes the holder the only writer
	storeTip      *headertree.Node                  // which need not be published yet
	digest        pow.Hash                          // of storeTip
	state         rules.State                       // of the block that is being applied, reset for each
	settledTip    *headertree.Node                  // of the last change that was not partial
	reportedTip   *headertree.Node                  // up to which changes were reported to onChange
	partial       bool                              // whether the last of them was
	blocks        map[*headertree.Node]*block.Block // decoded since the last of them
	held          int                               // bytes of these, encoded
	maxHeld       int                               // from which on a part is reported
	bodies        map[uint32][]*headertree.Node     // with stored bodies, by height; if bodies are pruned
	onLongWay     bool                              // whether a reorganisation of longWay blocks is under way
	unsynced      int                               // commits since the last sync
	unsyncedSince time.Time                         // the first of them
	cheap         cheapBlocks                       // off the chain
	stopped       atomic.Pointer[error]             // why the chain stopped, nil if it has not; written with mu held
}

// maxRecent is how many blocks that were connected last are kept decoded, so that
// subscribers which keep pace need not read them from the store.
const maxRecent = 4

// Open reads the chain of a store, writes the genesis block into an empty one,
// checks that the last blocks are consistent, and finishes a reorganisation that a
// crash interrupted. Errors: those of the store, among them store.ErrCorrupt with
// what is inconsistent.
func Open(ctx context.Context, o Options) (*Chain, error) {
	if o.Keep != 0 && o.Keep < MinKeep {
		return nil, fmt.Errorf("invalid number of blocks to keep %d: must be 0 or at least %d", o.Keep, MinKeep)
	}
	c := &Chain{
		store:    o.Store,
		params:   o.Params,
		verifier: o.Verifier,
		clock:    o.Clock,
		log:      o.Log,
		keep:     o.Keep,
		needed:   o.Needed,
		maxHeld:  o.MaxHeld,
		flush:    func() {}, // until the chain is open
		recent:   bounded.NewMap[pow.Hash, *block.Block](maxRecent),
		blocks:   map[*headertree.Node]*block.Block{},
		bodies:   map[uint32][]*headertree.Node{},
		bodiless: map[*headertree.Node]claim{},
	}
	if c.maxHeld == 0 {
		c.maxHeld = defaultMaxHeld
	}
	if c.verifier == nil {
		c.verifier = newVerifier()
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	c.onChange = o.OnChange
	if o.Flush != nil {
		c.flush = o.Flush
	}
	return c, nil
}

// Tip returns the tip of the chain.
func (c *Chain) Tip() *Tip { return c.published.Load().tip }

// View returns the state after the tip, at the time of each Get.
func (c *Chain) View() rules.View { return c.store.View() }

// NextContext returns the context of the next block: a record must be valid in it to
// be mined on the tip.
func (c *Chain) NextContext() rules.Context {
	tip := c.Tip()
	return rules.Context{Params: c.params, Height: tip.Height + 1, MedianTime: tip.MedianTime}
}

// Err returns why the chain has stopped (see [ErrStopped]), or nil. It does not
// wait for a block that is being connected.
func (c *Chain) Err() error {
	if err := c.stopped.Load(); err != nil {
		return *err
	}
	return nil
}

// newTip returns the Tip of a node.
func newTip(n *headertree.Node, digest pow.Hash) *Tip {
	return &Tip{
		Hash:       n.Hash,
		Height:     n.Height,
		Header:     n.Header,
		Work:       n.Work,
		MedianTime: n.MedianTime(),
		NextBits:   n.NextBits(),
		MinTime:    n.MinTime(),
		Digest:     digest,
	}
}

// get returns the node of a block, or nil.
func (c *Chain) get(hash pow.Hash) *headertree.Node {
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	return c.tree.Get(hash)
}

// add puts the header of a block into the tree, where it stays, since it is in the store
// too, and calls note with the lock of the tree held.
func (c *Chain) add(b *block.Block, note func(*headertree.Node)) (*headertree.Node, error) {
	c.treeMu.Lock()
	defer c.treeMu.Unlock()
	n, err := c.tree.Add(b.Header, b.Hash())
	if err != nil {
		return nil, err
	}
	delete(c.bodiless, n)
	note(n)
	return n, nil
}

// addBody notes that a block is in the store.
func (c *Chain) addBody(b *block.Block) (*headertree.Node, error) {
	n, err := c.add(b, c.tree.SetBody)
	if err != nil {
		return nil, err
	}
	c.noteBody(n)
	return n, nil
}

// noteBody notes that the body of n may have to be pruned.
func (c *Chain) noteBody(n *headertree.Node) {
	if c.keep > 0 && n.Parent != nil {
		c.bodies[n.Height] = append(c.bodies[n.Height], n)
	}
}
