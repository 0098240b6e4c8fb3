package traffic_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/template"
	"stele/node/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a chain with a pool, and a miner who is asked for each block.
type bench struct {
	*testing.T
	params *network.Params
	chain  *chain.Chain
	pool   *pool.Pool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, params: chaintest.Network()}
	id := store.Identity{Network: b.params.ID, Genesis: block.Genesis(b.params).Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	b.check(err)
	t.Cleanup(func() { b.check(st.Close()) })
	b.chain, err = chain.Open(t.Context(), chain.Options{
		Store: st, Params: b.params,
		OnChange: func(c chain.Change) { b.check(b.pool.Update(c)) },
	})
	b.check(err)
	b.pool, err = pool.New(pool.Options{Params: b.params, View: b.chain.View, Context: b.chain.NextContext})
	b.check(err)
	return b
}

func (b *bench) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// mine makes the next block of what is in the pool.
func (b *bench) mine() []*record.Record {
	b.Helper()
	t, err := template.Build(b.chain.Tip(), b.pool, b.chain.View(), template.Options{Params: b.params})
	b.check(err)
	header := t.Header(1, t.Version, t.Time)
	chaintest.Mine(&header)
	_, err = b.chain.Submit(t.Block(1, header))
	b.check(err)
	return t.Records
}

func (b *bench) generator(seed uint64) *traffic.Generator {
	b.Helper()
	g, err := traffic.New(traffic.Options{
		Params: b.params, Rate: 1000, Seed: seed, Accounts: network.DevFaucets(), Roots: chaintest.Roots(),
		Chain: b.chain, Pool: b.pool,
	})
	b.check(err)
	return g
}

// The records of a generator are accepted and mined, all types of them. A new
// generator goes on where another one was, also with keys that that one gave to
// its accounts.
func TestGenerator(t *testing.T) {
	b := newBench(t)
	types := map[record.Type]int{}
	mined, sent, rejected := 0, uint64(0), uint64(0)
	for restart := range uint64(4) {
		g := b.generator(restart)
		for range 8 {
			b.check(g.Send(100))
			b.check(g.Send(50))
			for _, r := range b.mine() {
				types[r.Payload.Type()]++
				mined++
			}
		}
		counts := g.Counts()
		sent, rejected = sent+total(counts.Sent), rejected+total(counts.Rejected)
		if len(counts.Passed) > 0 {
			t.Errorf("what should be rejected is not: %v", counts.Passed)
		}
	}
	for _, kind := range []record.Type{record.TypePay, record.TypeRoleGrant, record.TypeRoleRevoke, record.TypeKeyRotate} {
		if types[kind] == 0 {
			t.Errorf("no %v among %d records: %v", kind, mined, types)
		}
	}
	if sent < 4000 || rejected > sent/50 || mined < int(sent)*9/10 {
		t.Errorf("%d accepted, %d rejected, %d mined", sent, rejected, mined)
	}
	rotated := 0
	for _, key := range network.DevFaucets() {
		account, err := rules.GetAccount(b.chain.View(), record.PublicOf(key))
		b.check(err)
		if account.Rotated(account.ID) {
			rotated++
		}
	}
	if rotated == 0 {
		t.Error("no account has another key than at first")
	}
}

// Two generators with the same seed and chain make the same records.
func TestGeneratorSeed(t *testing.T) {
	var digests [3]record.ID
	for i, seed := range []uint64{7, 7, 8} {
		b := newBench(t)
		b.check(b.generator(seed).Send(100))
		for _, r := range b.pool.Best(1000) {
			for j, x := range r.ID() {
				digests[i][j] ^= x
			}
		}
	}
	if digests[0] != digests[1] || digests[0] == digests[2] {
		t.Errorf("digests %v", digests)
	}
}

// Run makes records until its context ends.
func TestRun(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.generator(1).Run(ctx) }()
	for b.pool.Stats().Records < 50 {
		time.Sleep(10 * time.Millisecond)
		if t.Context().Err() != nil {
			t.Fatal("no records come")
		}
	}
	cancel()
	b.check(<-done)
}

func TestBadOptions(t *testing.T) {
	b := newBench(t)
	good := traffic.Options{Params: b.params, Rate: 1, Accounts: network.DevFaucets(), Chain: b.chain, Pool: b.pool}
	for _, spoil := range []func(*traffic.Options){
		func(o *traffic.Options) { o.Rate = 0 },
		func(o *traffic.Options) { o.Rate = math.NaN() },
		func(o *traffic.Options) { o.Accounts = o.Accounts[:1] },
	} {
		o := good
		spoil(&o)
		if g, err := traffic.New(o); err == nil {
			t.Errorf("%+v gave %v", o, g)
		}
	}
}
