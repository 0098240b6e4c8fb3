package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/minio/sha256-simd"

	"stele/bench"
	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/template"
	"stele/node/traffic"
)

const (
	// Before the blocks that are measured come setupBlocks with setupRecords each, so
	// that roles are granted and sales are open.
	setupBlocks  = 40
	setupRecords = 100
	trafficSeed  = 1

	// A node has connected the last knownBlocks of these itself, so that it knows the
	// keys of those who sign often, and has their accounts in its cache.
	knownBlocks = 10

	verifierRecords = 1 << 16 // that a node remembers
)

// benchChain is a chain of the development network whose records the generator of
// package traffic has made from a seed. It is the same for every call of makeChain.
type benchChain struct {
	params   *network.Params
	before   vfs.FS           // the store of a node that has the first setup blocks
	known    []*block.Block   // the last setup blocks
	measured [][]byte         // encoded blocks
	records  []*record.Record // of these, without coinbases
	end      time.Time        // after the last block
}

// storeDir is the folder of the store in the file systems in memory.
const storeDir = "store"

// makeChain makes the chain. It has bench.BlockCount blocks to measure, with
// bench.BlockRecords records each.
func makeChain(ctx context.Context) (*benchChain, error) {
	m, err := newChainMaker(ctx)
	if err != nil {
		return nil, fmt.Errorf("make a chain: %w", err)
	}
	defer m.store.Close() // it is in memory
	if err := m.makeBlocks(ctx); err != nil {
		return nil, fmt.Errorf("make a chain: %w", err)
	}
	return m.made, nil
}

// chainMaker is a node in memory, with a clock that goes on by a block's time with each
// block, so that all that happens follows from the seed.
type chainMaker struct {
	made    *benchChain
	now     time.Time
	store   *store.Store
	chain   *chain.Chain
	pool    *pool.Pool
	traffic *traffic.Generator
	poolErr error

	verifier *record.Verifier
}

// makeBlocks makes all blocks.
func (m *chainMaker) makeBlocks(ctx context.Context) error {
	var setup []*block.Block
	for range setupBlocks {
		b, err := m.next(setupRecords)
		if err != nil {
			return err
		}
		setup = append(setup, b)
	}
	first := setup[:setupBlocks-knownBlocks]
	m.made.known = setup[len(first):]
	for range bench.BlockCount {
		b, err := m.next(bench.BlockRecords)
		if err != nil {
			return err
		}
		m.made.measured = append(m.made.measured, b.Encode())
		m.made.records = append(m.made.records, b.Records[1:]...)
	}
	m.made.end = m.now
	n, err := m.made.open(ctx, vfs.NewMem(), m.verifier)
	if err != nil {
		return err
	}
	m.made.before = n.fs
	return errors.Join(n.connect(first), n.store.Close())
}

// benchNode is a node with a store in memory.
type benchNode struct {
	fs    vfs.FS
	store *store.Store
	chain *chain.Chain
}

// open opens a node with the files of fs.
func (c *benchChain) open(ctx context.Context, fs vfs.FS, v *record.Verifier) (*benchNode, error) {
	id := store.Identity{Network: c.params.ID, Genesis: block.Genesis(c.params).Hash()}
	s, err := store.Open(storeDir, id, store.Options{FS: fs})
	if err != nil {
		return nil, err
	}
	ch, err := chain.Open(ctx, chain.Options{Store: s, Params: c.params, Verifier: v, Clock: func() time.Time { return c.end }})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &benchNode{fs, s, ch}, nil
}

// connect connects blocks.
func (n *benchNode) connect(blocks []*block.Block) error {
	for _, b := range blocks {
		if _, err := n.chain.Submit(b); err != nil {
			return err
		}
	}
	return nil
}

// openBefore opens a new node that has the blocks before those that are measured.
func (c *benchChain) openBefore(ctx context.Context, v *record.Verifier) (*benchNode, error) {
	fs := vfs.NewMem()
	if _, err := vfs.Clone(c.before, fs, storeDir, storeDir); err != nil {
		return nil, err
	}
	n, err := c.open(ctx, fs, v)
	if err != nil {
		return nil, err
	}
	if err := n.connect(c.known); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	return n, nil
}

// admit applies the records that are measured to the state, as the pool does, which
// brings what they need of it into the cache. A few are only valid once the block before
// them has ended, and are left out.
func (c *benchChain) admit(n *benchNode) error {
	state, next := rules.NewState(n.chain.View()), n.chain.NextContext()
	for _, r := range c.records {
		err := rules.Apply(state, next, r)
		if _, rejected := reject.Of(err); err != nil && !rejected {
			return err
		}
	}
	return nil
}

func newChainMaker(ctx context.Context) (*chainMaker, error) {
	params := network.Dev
	m := &chainMaker{made: &benchChain{params: params}, now: time.Unix(int64(params.GenesisTime), 0)}
	clock := func() time.Time { return m.now }
	m.verifier = record.NewVerifier(verifierRecords, 0)
	var err error
	id := store.Identity{Network: params.ID, Genesis: block.Genesis(params).Hash()}
	if m.store, err = store.Open(storeDir, id, store.Options{FS: vfs.NewMem()}); err != nil {
		return nil, err
	}
	if m.chain, err = chain.Open(ctx, chain.Options{
		Store: m.store, Params: params, Verifier: m.verifier, Clock: clock,
		OnChange: func(c chain.Change) { m.poolErr = m.pool.Update(c) },
	}); err != nil {
		return nil, err
	}
	if m.pool, err = pool.New(pool.Options{
		Params: params, View: m.chain.View, Context: m.chain.NextContext, Verifier: m.verifier, MaxPerAccount: bench.BlockRecords,
	}); err != nil {
		return nil, err
	}
	m.traffic, err = traffic.New(traffic.Options{
		Params: params, Rate: 1, Seed: trafficSeed, Accounts: network.DevFaucets(), Roots: network.DevRoots(),
		Chain: m.chain, Pool: m.pool, Now: clock, Seal: standInSeal,
	})
	return m, err
}

// standInSeal stands in for [recipient.Seal], which draws from the operating system. It
// has the size of a sealed secret. Nobody can open it, but only its hash is on the chain.
func standInSeal(_ recipient.PublicKey, s recipient.Secret) ([]byte, error) {
	commitment := s.Commitment()
	digest := sha256.Sum256(commitment[:])
	return append(digest[:], make([]byte, 272)...), nil
}

// next lets the users of the network make records, and returns the next block, which has
// so many of them.
func (m *chainMaker) next(records int) (*block.Block, error) {
	m.now = m.now.Add(time.Duration(m.made.params.Pow.TargetSpacing) * time.Second)
	t, err := m.template(records)
	// Some records are rejected, because those of other users come first.
	for tries := 0; err == nil && len(t.Records) < records && tries < 10; tries++ {
		t, err = m.template(records - len(t.Records))
	}
	if err != nil {
		return nil, err
	}
	if len(t.Records) != records {
		return nil, fmt.Errorf("block %d has %d records, must have %d", t.Height, len(t.Records), records)
	}
	b, err := solve(t)
	if err != nil {
		return nil, err
	}
	if _, err := m.chain.Submit(b); err != nil {
		return nil, err
	}
	return b, m.poolErr
}

// template lets the users make more records, and returns a template of all.
func (m *chainMaker) template(more int) (*template.Template, error) {
	if err := m.traffic.Send(more); err != nil {
		return nil, err
	}
	return template.Build(m.chain.Tip(), m.pool, m.chain.View(), template.Options{
		Params: m.made.params, Now: func() time.Time { return m.now },
	})
}

// solve returns the block with the lowest nonce that solves it.
func solve(t *template.Template) (*block.Block, error) {
	header := t.Header(0, t.Version, t.Time)
	encoded := header.Encode()
	const step = 1 << 12
	for first := uint64(0); first < pow.NonceSpace; first += step {
		found := false
		pow.Search(&encoded, t.Target, pow.Range{First: uint32(first), Count: step}, func(nonce uint32) {
			if !found {
				found, header.Nonce = true, nonce
			}
		})
		if found {
			return t.Block(0, header), nil
		}
	}
	return nil, fmt.Errorf("no nonce solves block %d", t.Height)
}
