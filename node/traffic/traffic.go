package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"stele/node/chain"
	"stele/node/ledger"
	"stele/node/network"
	"stele/node/pool"
	"stele/node/record"
)

// Options say what a generator makes, and whom it asks.
type Options struct {
	Params *network.Params
	Rate   float64 // records per second; more than 0
	Seed   uint64  // of what it chooses

	Accounts []record.PrivateKey // the first keys of accounts that have a balance, at least two
	Roots    []record.PrivateKey // keys that together grant roles; without them it grants none

	Chain *chain.Chain
	Pool  *pool.Pool
	Log   *slog.Logger // nil: silent
}

// Generator makes records. Its methods must not be called at the same time.
type Generator struct {
	o       Options
	random  *rand.Rand
	authors []*author
	parties []record.Key // accounts that are paid and given roles, and sign nothing
	roots   []record.Key // as many as it takes, in the order of a payload
	height  uint32       // at which the authors were refreshed
	began   bool
}

const (
	tick        = 50 * time.Millisecond
	mostOwed    = time.Second // of records that are made later, after a delay
	mostBatch   = 4096        // records that are handed to Add at once
	parties     = 500
	validFor    = 200                  // blocks
	baseFee     = record.Coin / 10_000 // to ten times as much
	roleEvery   = 50                   // records
	rotateEvery = 500                  // records
)

// New returns a generator.
func New(o Options) (*Generator, error) {
	if !(o.Rate > 0) {
		return nil, fmt.Errorf("traffic: the rate must be more than 0, it is %v", o.Rate)
	}
	if len(o.Accounts) < 2 {
		return nil, errors.New("traffic: it takes two accounts or more")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Generator{o: o, random: rand.New(rand.NewPCG(o.Seed, 0))}
	for i, key := range o.Accounts {
		g.authors = append(g.authors, &author{first: key, key: key, rotates: i%4 == 3})
	}
	for i := range parties {
		g.parties = append(g.parties, record.PublicOf(laterKey(o.Accounts[0], mostKeys+i)))
	}
	for _, key := range o.Roots[:min(len(o.Roots), o.Params.RootThreshold)] {
		g.roots = append(g.roots, record.PublicOf(key))
	}
	slices.SortFunc(g.roots, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
	return g, nil
}

// Run makes records at the rate asked for until ctx ends, and then returns nil.
// Where the admission is slower than that, so is the generator.
func (g *Generator) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last, owed := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		owed += g.o.Rate * min(now.Sub(last), mostOwed).Seconds()
		last = now
		for n := int(owed); n > 0 && ctx.Err() == nil; n = int(owed) {
			n = min(n, mostBatch)
			owed -= float64(n)
			if err := g.Send(n); err != nil {
				return err
			}
		}
	}
}

// Send makes n records, or fewer if too few accounts can sign now, and hands
// them to the admission. An account of which a record is refused rests until
// the next block. The error is that of the state.
func (g *Generator) Send(n int) error {
	if err := g.refresh(); err != nil {
		return err
	}
	var batch []*record.Record
	var of []*author
	for range n {
		a := g.pick()
		if a == nil {
			break
		}
		r, err := g.make(a)
		if err != nil {
			return err
		}
		batch, of = append(batch, r), append(of, a)
	}
	if len(batch) == 0 {
		return nil
	}
	for i, err := range g.o.Pool.Add(batch...) {
		of[i].asked = false
		if err != nil {
			of[i].resting = true
			g.o.Log.Debug("traffic: record refused", "type", batch[i].Payload.Type(), "error", err)
		}
	}
	return nil
}

// refresh lets all accounts work again after a new block, with the keys that
// they have now.
func (g *Generator) refresh() error {
	height := g.o.Chain.Tip().Height
	if g.began && height == g.height {
		return nil
	}
	g.began, g.height = true, height
	view := g.o.Chain.View()
	for _, a := range g.authors {
		err := a.refresh(view)
		if err != nil {
			g.o.Log.Debug("traffic: account left out", "error", err)
		}
		a.resting = err != nil
	}
	return nil
}

// pick returns an account that can sign, or nil.
func (g *Generator) pick() *author {
	first := g.random.IntN(len(g.authors))
	for i := range g.authors {
		if a := g.authors[(first+i)%len(g.authors)]; !a.resting {
			return a
		}
	}
	return nil
}

// make makes the next record of an account.
func (g *Generator) make(a *author) (*record.Record, error) {
	if !a.asked {
		seq, err := g.o.Pool.NextSeq(record.PublicOf(a.key))
		if err != nil {
			return nil, err
		}
		a.asked, a.seq = true, seq
	}
	r := record.Record{
		Network:    g.o.Params.ID,
		Version:    1,
		Seq:        a.seq,
		ValidUntil: g.height + validFor,
		Fee:        baseFee + record.Amount(g.random.Uint64N(9*uint64(baseFee))),
		Key:        record.PublicOf(a.key),
	}
	keys := []record.PrivateKey{a.key}
	switch {
	case a.rotates && g.random.IntN(rotateEvery/4) == 0 && a.keys+1 < mostKeys:
		next := laterKey(a.first, a.keys+1)
		r.Payload = record.KeyRotate{New: record.PublicOf(next)}
		keys = append(keys, next)
		a.resting = true // the old key signs nothing more, the new one nothing yet
	case g.random.IntN(roleEvery) == 0 && len(g.roots) > 0:
		payload, err := g.role()
		if err != nil {
			return nil, err
		}
		r.Payload = payload
		keys = append(keys, g.o.Roots...)
	default:
		r.Payload = record.Pay{To: g.payee(a), Amount: 1 + record.Amount(g.random.Uint64N(uint64(record.Coin)))}
	}
	a.seq++
	return record.Sign(record.New(r), keys...)
}

// payee returns a key to pay to: mostly that of another account, so that the
// money goes round. It is none of an account that rotates its keys: a payment to
// a key that is then given up is invalid, and so are those behind it.
func (g *Generator) payee(from *author) record.Key {
	to := g.authors[g.random.IntN(len(g.authors))]
	if to == from || to.rotates || g.random.IntN(4) == 0 {
		return g.parties[g.random.IntN(len(g.parties))]
	}
	return record.PublicOf(to.key)
}

// role grants a role to somebody, or takes it away from who has it.
func (g *Generator) role() (record.Payload, error) {
	key := g.parties[g.random.IntN(len(g.parties))]
	role := record.Supervisor + record.Role(g.random.IntN(int(record.Servicer)))
	account, err := ledger.GetAccount(g.o.Chain.View(), key)
	if err != nil {
		return nil, err
	}
	if account.Roles.Has(role) {
		return record.RoleRevoke{Role: role, Key: key, Approvers: g.roots}, nil
	}
	return record.RoleGrant{Role: role, Key: key, Approvers: g.roots}, nil
}
