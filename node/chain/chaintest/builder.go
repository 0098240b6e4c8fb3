package chaintest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Builder makes blocks on any block that it made before.
type Builder struct {
	Params  *network.Params
	Genesis *Block
	Rand    *rand.Rand
	Payout  record.Key // whom coinbases pay

	tree    *headertree.Tree
	secrets map[record.Key]record.PrivateKey
	funded  []record.Key // those with a balance in genesis
	all     []*Block
	made    uint64 // extranonce of the next coinbase
	latest  uint32 // time of the latest block
}

// New returns a builder for a network whose allocations go to
// network.DevFaucets, as that of [Network].
func New(p *network.Params, seed uint64) *Builder {
	b := &Builder{
		Params:  p,
		Rand:    rand.New(rand.NewPCG(seed, 0)),
		tree:    headertree.New(p.Pow, p.GenesisHeader()),
		secrets: map[record.Key]record.PrivateKey{},
		latest:  p.GenesisTime,
	}
	for _, key := range slices.Concat(network.DevFaucets(), network.DevRoots()) {
		b.secrets[record.PublicOf(key)] = key
	}
	for _, a := range p.Alloc {
		b.funded = append(b.funded, a.Key)
	}
	b.Payout = record.PublicOf(b.NewKey())

	genesis := block.Genesis(p)
	b.Genesis = &Block{Block: genesis, node: b.tree.Get(genesis.Hash()), state: state{}}
	for _, c := range rules.Genesis(p) {
		b.Genesis.state[string(c.Key)] = c.New
	}
	changes, err := b.Genesis.apply(b.Genesis.state, p)
	if err != nil {
		panic(err)
	}
	b.Genesis.state.change(changes)
	b.all = []*Block{b.Genesis}
	return b
}

// All returns the blocks that were made so far, parents before children.
func (b *Builder) All() []*Block { return slices.Clone(b.all) }

// NewKey returns a new secret key. The builder can sign with it from now on.
func (b *Builder) NewKey() record.PrivateKey {
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], b.Rand.Uint64())
	}
	key := record.KeyFromSeed(seed)
	b.secrets[record.PublicOf(key)] = key
	return key
}

// Now returns a time shortly after that of the latest block: that of the clock of a
// node that gets the blocks.
func (b *Builder) Now() time.Time { return time.Unix(int64(b.latest)+1, 0) }

// Block is a valid block and the state after it. It is never modified.
type Block struct {
	*block.Block
	Parent *Block // nil for genesis

	node  *headertree.Node
	state state
}

// Height returns the height of the block.
func (b *Block) Height() uint32 { return b.node.Height }

// Work returns the work of the chain up to the block.
func (b *Block) Work() pow.Work { return b.node.Work }

// Node returns the block's place in the tree of headers.
func (b *Block) Node() *headertree.Node { return b.node }

// View returns the state after the block.
func (b *Block) View() rules.View { return b.state }

// StateHash returns the hash of the state after the block.
func (b *Block) StateHash() pow.Hash {
	return rules.StateHash(func(yield func(key, value []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(b.state)) {
			if !yield([]byte(key), b.state[key]) {
				return
			}
		}
	})
}

// Chain returns the blocks from genesis to the block.
func (b *Block) Chain() []*Block {
	var all []*Block
	for ; b != nil; b = b.Parent {
		all = append(all, b)
	}
	slices.Reverse(all)
	return all
}

// apply returns what the block changes of the state before it.
func (b *Block) apply(before state, p *network.Params) ([]rules.Change, error) {
	s := rules.NewState(before)
	ctx := rules.Context{Params: p, Height: b.node.Height}
	if b.node.Parent != nil {
		ctx.MedianTime = b.node.Parent.MedianTime()
	}
	err := rules.ApplyBlock(s, ctx, b.Records)
	return s.Changes(), err
}

// state is a whole state in memory.
type state map[string][]byte

func (s state) Get(key []byte) ([]byte, error) { return s[string(key)], nil }

func (s state) change(changes []rules.Change) {
	for _, c := range changes {
		if c.New == nil {
			delete(s, string(c.Key))
		} else {
			s[string(c.Key)] = c.New
		}
	}
}

// Extend returns a new valid block on parent that holds the records.
func (b *Builder) Extend(parent *Block, records ...*record.Record) *Block {
	return b.Add(parent, b.Draft(parent, records...).Seal())
}

// Grow returns the last of n new blocks on parent, each with a number of random
// records.
func (b *Builder) Grow(parent *Block, n, records int) *Block {
	for range n {
		parent = b.Extend(parent, b.Records(parent, records)...)
	}
	return parent
}

// Add adds a finished block, which must be valid on parent, so that others can be
// built on it.
func (b *Builder) Add(parent *Block, finished *block.Block) *Block {
	if err := finished.Check(b.Params); err != nil {
		panic(fmt.Errorf("chaintest: height %d: %w", parent.Height()+1, err))
	}
	n, err := b.tree.Add(finished.Header, finished.Hash())
	if err != nil {
		panic(fmt.Errorf("chaintest: height %d: %w", parent.Height()+1, err))
	}
	added := &Block{Block: finished, Parent: parent, node: n, state: maps.Clone(parent.state)}
	changes, err := added.apply(parent.state, b.Params)
	if err != nil {
		panic(fmt.Errorf("chaintest: height %d: %w", n.Height, err))
	}
	added.state.change(changes)
	b.latest = max(b.latest, finished.Header.Time)
	b.all = append(b.all, added)
	return added
}

// String returns the heights and hashes from genesis on, for messages.
func (b *Block) String() string {
	var s strings.Builder
	for _, n := range b.Chain() {
		fmt.Fprintf(&s, "%d:%.8s ", n.Height(), n.Hash().String()[56:])
	}
	return strings.TrimSpace(s.String())
}
