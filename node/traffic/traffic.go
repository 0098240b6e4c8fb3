package traffic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/pool"
)

// Options say what a generator makes, and what it works with.
type Options struct {
	Params *network.Params
	Rate   float64 // records per second; must be more than 0
	Seed   uint64  // of what it chooses

	Accounts []record.PrivateKey // the first keys of accounts that have a balance, at least two
	Roots    []record.PrivateKey // keys that together grant roles; without them there are only payments

	Chain   *chain.Chain
	Pool    *pool.Pool
	Custody Custody      // of recipients' sealed data; nil: the generator keeps some of them
	Log     *slog.Logger // nil: silent

	// Judged is called with records that were sent, when, and the verdicts of the pool. It
	// must not block. Nil: nobody needs to know.
	Judged func(came time.Time, records []*record.Record, verdicts []error)

	Now  func() time.Time                                            // that records claim; nil: time.Now
	Seal func(recipient.PublicKey, recipient.Secret) ([]byte, error) // nil: recipient.Seal
}

// Custody keeps sealed data, hands them to their carriers, and has the keys that
// they are sealed to, as a blobkeeper.Keeper does.
type Custody interface {
	Put(blob []byte) (blobs.Hash, error)
	Get(request *blobs.Request) ([]byte, error)
	Publish(recipient.Notice) error
	Notice(carrier record.Key) (recipient.Notice, error)
}

// Generator makes records. Not safe for concurrent use, except for Counts.
type Generator struct {
	o        Options
	random   *rand.Rand
	payments payments
	players  players // none without roots
	height   uint32  // of the tip at the last refresh
	began    bool
	counts   counts
}

const (
	tick     = 50 * time.Millisecond
	maxOwed  = time.Second // of records that are made later, after a delay
	maxBatch = 4096        // records that are handed to Add at once
	validFor = 200         // blocks
	payEvery = 4           // records, if there are players
)

// New returns a generator.
func New(o Options) (*Generator, error) {
	if !(o.Rate > 0) {
		return nil, fmt.Errorf("traffic: invalid rate %v: must be more than 0", o.Rate)
	}
	if len(o.Accounts) < 2 {
		return nil, errors.New("traffic: too few accounts: must be two or more")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Seal == nil {
		o.Seal = recipient.Seal
	}
	if o.Custody == nil {
		o.Custody = newMemory()
	}
	g := &Generator{o: o, random: rand.New(rand.NewPCG(o.Seed, 0))}
	g.payments = newPayments(o)
	if len(o.Roots) > 0 {
		g.players = newPlayers(o.Accounts[0])
	}
	return g, nil
}

// Run makes records at the rate of the options until ctx ends, and then returns nil.
// If the admission is slower, so is the generator.
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
		owed += g.o.Rate * min(now.Sub(last), maxOwed).Seconds()
		last = now
		for n := int(owed); n > 0 && ctx.Err() == nil; n = int(owed) {
			n = min(n, maxBatch)
			owed -= float64(n)
			if err := g.Send(n); err != nil {
				return err
			}
		}
	}
}

// Send makes n records, or fewer if too few accounts can sign now, and hands
// them to the admission. An account whose record is rejected rests until the
// next block. Beyond the n, it sends the records that dishonest parties try and
// the rules reject. The error is that of the state.
func (g *Generator) Send(n int) error {
	if err := g.refresh(); err != nil {
		return err
	}
	var batch []*draft
	tries := 0
	for range n {
		d, err := g.next()
		if err != nil {
			return err
		}
		if d == nil {
			break
		}
		batch = append(batch, d)
		if d.sc != nil && g.random.IntN(tryEvery) == 0 {
			tries++
		}
	}
	if err := g.submit(batch); err != nil {
		return err
	}
	for range tries { // one by one: a rejected record leaves no gap behind it
		d, err := g.try()
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if err := g.submit([]*draft{d}); err != nil {
			return err
		}
	}
	return nil
}

// next returns the next record to be made, or nil if nobody has anything to
// sign now.
func (g *Generator) next() (*draft, error) {
	if len(g.o.Roots) > 0 && g.random.IntN(payEvery) != 0 {
		if d, err := g.nextAction(); d != nil || err != nil {
			return d, err
		}
	}
	return g.pay()
}

// refresh lets all accounts work again after a new block, with the keys that
// they have now, and queues what the players do.
func (g *Generator) refresh() error {
	height := g.o.Chain.Tip().Height
	if g.began && height == g.height {
		return nil
	}
	view := g.o.Chain.View()
	for _, a := range g.payments.authors {
		err := a.refresh(view)
		if err != nil {
			g.o.Log.Debug("traffic: account skipped", "err", err)
		}
		a.resting = err != nil
	}
	if len(g.o.Roots) > 0 {
		if err := g.queueActions(); err != nil {
			return err
		}
	}
	g.began, g.height = true, height
	return nil
}

// draft is a record before it is signed.
type draft struct {
	author  *author
	payload record.Payload
	with    []record.PrivateKey // of the co-signers
	fee     record.Amount

	sc     *saleCase       // that it belongs to; nil: none
	sent   func(record.ID) // called when the record is admitted; may be nil
	try    string          // what a dishonest party tries; "": an honest record
	replay bool            // by a dishonest party, with the sequence number of its first record
}

// submit signs drafts and hands them to the admission.
func (g *Generator) submit(drafts []*draft) error {
	var batch []*record.Record
	var of []*draft
	for _, d := range drafts {
		if d.try != "" {
			d.author.asked = false
		}
		r, err := g.sign(d)
		if err != nil {
			return err
		}
		batch, of = append(batch, r), append(of, d)
	}
	if len(batch) == 0 {
		return nil
	}
	came := time.Now()
	verdicts := g.o.Pool.Add(batch...)
	if g.o.Judged != nil {
		g.o.Judged(came, batch, verdicts)
	}
	for i, err := range verdicts {
		d := of[i]
		d.author.asked = false
		reason, rejected := reject.Of(err)
		switch {
		case err == nil:
			if d.sent != nil {
				d.sent(batch[i].ID())
			}
			if d.try != "" {
				g.o.Log.Error("traffic: pool accepted an invalid record", "try", d.try, "type", d.payload.Type())
			}
		case !rejected:
			return err
		case d.try == "":
			d.author.resting = true
			g.o.Log.Debug("traffic: record rejected", "type", d.payload.Type(), "err", err)
		}
		g.counts.add(d, reason)
	}
	return nil
}

// sign makes the next record of an account.
func (g *Generator) sign(d *draft) (*record.Record, error) {
	a := d.author
	if !a.asked {
		seq, err := g.o.Pool.NextSeq(record.PublicOf(a.key))
		if err != nil {
			return nil, err
		}
		a.asked, a.seq = true, seq
	}
	seq := a.seq
	if d.replay {
		seq = 0
	}
	a.seq++
	r := record.New(record.Record{
		Network:    g.o.Params.ID,
		Version:    d.payload.Type().Version(),
		Seq:        seq,
		ValidUntil: g.height + validFor,
		Fee:        d.fee,
		Key:        record.PublicOf(a.key),
		Payload:    d.payload,
	})
	return record.Sign(r, append([]record.PrivateKey{a.key}, d.with...)...)
}

// view returns the state after the tip, and the context of the next block.
func (g *Generator) view() (rules.View, rules.Context) {
	return g.o.Chain.View(), g.o.Chain.NextContext()
}

// now returns the time that records claim.
func (g *Generator) now() record.Time { return record.Time(g.o.Now().Unix()) }
