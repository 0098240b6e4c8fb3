package corpus

import (
	"fmt"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Kind says what the bytes of a case are.
type Kind uint8

const (
	Block  Kind = iota + 1 // an encoded block
	Record                 // an encoded record
)

// Outcome is what becomes of an accepted case. The words are those of
// chain.Outcome.
type Outcome string

const (
	Rejected    Outcome = "" // with the reason of the case
	Extended    Outcome = "extended"
	Reorganized Outcome = "reorganized"
	SideBranch  Outcome = "side branch"
	Known       Outcome = "known"
	Valid       Outcome = "valid" // a record that the next block may hold
)

// Case is an input and its verdict.
type Case struct {
	Name    string // unique
	Kind    Kind
	Bytes   []byte
	Outcome Outcome
	Reason  reject.Reason // if rejected
}

// Corpus is a list of cases, to be judged in order.
type Corpus struct {
	Params *network.Params
	Now    time.Time // what the node's clock shows
	Cases  []Case
	Tip    *chaintest.Block // the tip after all cases
}

// maxBlockSize is small, so that a block that is too large is no burden.
const maxBlockSize = 20_150

// Build returns the corpus.
func Build() *Corpus { return build(nil) }

// watcher is called with each record of the after-sales scenarios, before its block
// is made: with the tip, and the reason why it is rejected, or "".
type watcher func(name string, p *network.Params, tip *chaintest.Block, r *record.Record, reason reject.Reason)

func build(watch watcher) *Corpus {
	p := chaintest.Network(func(p *network.Params) {
		p.Name = "corpus"
		p.ID = 0x70726f63
		p.MaxBlockSize = maxBlockSize
		p.AfterSales.Day = day
		p.AfterSales.EvidenceLimit = 3
		p.AfterSales.ChallengeBlocks = 12
		p.AfterSales.RewardDelay = 20
	})
	b := chaintest.New(p, 1)
	g := &generator{
		Builder: b,
		corpus:  &Corpus{Params: p, Now: b.Now().Add(20 * 365 * day * time.Second)},
		tip:     b.Genesis,
		names:   map[string]bool{},
		watch:   watch,
	}
	g.first()
	g.headers()
	g.bodies()
	g.coinbases()
	g.encodings()
	g.ledger()
	g.roles()
	g.rotations()
	g.branches()
	g.aftersales()
	g.behind()
	g.corpus.Tip = g.tip
	return g.corpus
}

// generator writes the cases.
type generator struct {
	*chaintest.Builder
	corpus *Corpus
	tip    *chaintest.Block // after the cases so far
	names  map[string]bool
	watch  watcher // may be nil
}

func (g *generator) add(c Case) {
	if g.names[c.Name] {
		panic("corpus: two cases are called " + c.Name)
	}
	g.names[c.Name] = true
	g.corpus.Cases = append(g.corpus.Cases, c)
}

// reject adds a block that is rejected.
func (g *generator) reject(name string, reason reject.Reason, b *block.Block) {
	g.add(Case{Name: name, Kind: Block, Bytes: b.Encode(), Reason: reason})
}

// rejectBytes adds bytes that are no block.
func (g *generator) rejectBytes(name string, reason reject.Reason, raw []byte) {
	g.add(Case{Name: name, Kind: Block, Bytes: raw, Reason: reason})
}

// accept adds a block that is accepted. If it is the new tip, the next cases
// build on it.
func (g *generator) accept(name string, outcome Outcome, parent *chaintest.Block, b *block.Block) *chaintest.Block {
	g.add(Case{Name: name, Kind: Block, Bytes: b.Encode(), Outcome: outcome})
	added := g.Add(parent, b)
	if outcome == Extended || outcome == Reorganized {
		g.tip = added
	}
	return added
}

// extend adds a block on the tip that is accepted.
func (g *generator) extend(name string, records ...*record.Record) *chaintest.Block {
	return g.accept(name, Extended, g.tip, g.draft(records...).Seal())
}

// draft returns a draft on the tip.
func (g *generator) draft(records ...*record.Record) *chaintest.Draft {
	return g.Draft(g.tip, records...)
}

// pay returns a payment of the i-th funded account that the next block may
// hold.
func (g *generator) pay(i int) *record.Record {
	return g.Pay(g.tip, g.Funded(g.tip, i), g.Funded(g.tip, i+1), record.Coin)
}

// frame returns a payment of the first funded account, not yet made, to be
// changed.
func (g *generator) frame() record.Record {
	r := g.Frame(g.tip, g.Funded(g.tip, 0))
	r.Payload = record.Pay{To: g.Funded(g.tip, 1), Amount: record.Coin}
	return r
}

// rejectRecord adds a record that is rejected, alone and in a block.
func (g *generator) rejectRecord(name string, reason reject.Reason, r *record.Record) {
	g.rejectRecordBytes(name, reason, r.Encode())
	g.reject(name+", in a block", reason, g.draft(r).Seal())
}

// rejectRecordBytes adds bytes that are no record, alone and in a block.
func (g *generator) rejectRecordBytes(name string, reason reject.Reason, raw []byte) {
	g.add(Case{Name: name, Kind: Record, Bytes: raw, Reason: reason})
}

// acceptRecord adds a record that is accepted, alone and in a block.
func (g *generator) acceptRecord(name string, r *record.Record) {
	g.add(Case{Name: name, Kind: Record, Bytes: r.Encode(), Outcome: Valid})
	g.extend(name+", in a block", r)
}

// first makes a chain that is long enough to have a mature coinbase.
func (g *generator) first() {
	for i := range 8 {
		g.extend(fmt.Sprintf("first blocks, %d", i+1))
	}
}

// seal mines a header and returns its block with these records, without setting
// any root.
func seal(h pow.Header, records ...*record.Record) *block.Block {
	chaintest.Mine(&h)
	return block.New(h, records)
}
