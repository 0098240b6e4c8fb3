package bundle

import (
	"fmt"

	"stele/engine/headerchain"
	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// Fault is the first thing that is wrong with a bundle. errors.Is(err, ErrFault)
// holds.
type Fault struct {
	Where string // "header 17", "record 3"
	Err   error
}

// Error returns where and what.
func (f *Fault) Error() string { return fmt.Sprintf("%s: %v", f.Where, f.Err) }

// Unwrap returns what.
func (f *Fault) Unwrap() []error { return []error{ErrFault, f.Err} }

func fault(where string, n int, format string, args ...any) error {
	return &Fault{fmt.Sprintf("%s %d", where, n), fmt.Errorf(format, args...)}
}

// Report is what a bundle proves.
type Report struct {
	Network string    `json:"network"`
	Kind    Kind      `json:"kind"`
	ID      record.ID `json:"id"`
	// FromGenesis: the headers begin with the network's genesis block.
	FromGenesis bool     `json:"from_genesis"`
	TipHeight   uint32   `json:"tip_height"`
	Tip         pow.Hash `json:"tip"` // of the last header, to compare with other sources
	Work        pow.Work `json:"-"`   // of all headers
	Hashes      string   `json:"work"`
	Events      []Event  `json:"events"` // in the order of the chain
}

// Event is a record of the case.
type Event struct {
	record        *record.Record
	ID            record.ID      `json:"id"`
	Type          string         `json:"type"`
	Signers       []Signer       `json:"signers"`
	Height        uint32         `json:"height"`
	BlockTime     record.Time    `json:"block_time"`             // of the header, as its miner set it
	MedianTime    record.Time    `json:"median_time"`            // median time past: what the rules go by; nobody alone can set it
	ClaimedTime   *record.Time   `json:"claimed_time,omitempty"` // what the author says; nothing proves it
	Confirmations uint32         `json:"confirmations"`          // blocks on it, its own included
	Hashes        string         `json:"work"`                   // expected hashes of these blocks: what it would take to change the record
	Payload       record.Payload `json:"payload"`
}

// Signer is a key that signed a record, with the part that it plays there.
type Signer struct {
	Key  record.Key `json:"key"`
	Part string     `json:"part"`
}

// Record returns the record of an event.
func (e *Event) Record() *record.Record { return e.record }

// Check checks everything that the bundle says: that each record is well formed and
// signed, in its block and about the case, and that the headers are a chain with its
// proof of work. The error is a [*Fault].
func (b *Bundle) Check(p *network.Params) (*Report, error) {
	if b.Network != p.Name {
		return nil, &Fault{"network", fmt.Errorf("the bundle is for %q, not for %q", b.Network, p.Name)}
	}
	rep := &Report{Network: b.Network, Kind: b.Kind, ID: b.ID}
	chain, err := b.checkHeaders(p, rep)
	if err != nil {
		return nil, err
	}
	records, err := b.checkRecords(p)
	if err != nil {
		return nil, err
	}
	if err := b.checkCase(records); err != nil {
		return nil, err
	}
	for i, e := range b.Records {
		at := int(e.Height - b.Start)
		h := chain.headers[at]
		proof := block.Proof{Header: h, Index: e.Index, Count: e.Count, Branch: e.Branch}
		if err := proof.Check(records[i].ID()); err != nil {
			return nil, &Fault{fmt.Sprintf("record %d", i), err}
		}
		if e.Height > 0 && at < min(int(e.Height), headerchain.MedianSpan) {
			return nil, fault("record", i, "the %d headers before its block are missing, which its median time needs", headerchain.MedianSpan)
		}
		rep.Events = append(rep.Events, chain.event(records[i], at, e.Height))
	}
	// Signatures last: they cost the most.
	bad, err := record.NewVerifier(0, 0).Verify(records)
	if bad >= 0 {
		return nil, &Fault{fmt.Sprintf("record %d", bad), err}
	}
	return rep, err
}

// headers are the checked headers with what follows from them.
type headers struct {
	headers []pow.Header
	work    []pow.Work // of each and all after it
}

func (b *Bundle) checkHeaders(p *network.Params, rep *Report) (*headers, error) {
	if len(b.Headers) == 0 {
		return nil, &Fault{"headers", fmt.Errorf("there are none")}
	}
	if uint64(b.Start)+uint64(len(b.Headers)) > 1<<32 {
		return nil, &Fault{"headers", fmt.Errorf("there is no height %d", uint64(b.Start)+uint64(len(b.Headers))-1)}
	}
	raw := make([]byte, 0, len(b.Headers)*pow.HeaderSize)
	for i := range b.Headers {
		raw = append(raw, b.Headers[i][:]...)
	}
	verdicts := make([]pow.Verdict, len(b.Headers))
	pow.Verify(raw, true, verdicts)

	c := &headers{headers: make([]pow.Header, len(b.Headers)), work: make([]pow.Work, len(b.Headers))}
	rules := headerchain.New(p.Pow, int64(b.Start))
	for i := range b.Headers {
		height := int(b.Start) + i
		if verdicts[i] != pow.Valid {
			return nil, fault("header", height, "%v", verdicts[i])
		}
		if err := rules.Append(b.Headers[i][:]); err != nil {
			return nil, &Fault{fmt.Sprintf("header %d", height), err}
		}
		h, err := pow.DecodeHeader(b.Headers[i][:])
		if err != nil {
			return nil, &Fault{fmt.Sprintf("header %d", height), err}
		}
		c.headers[i] = h
	}
	if genesis := p.GenesisHeader(); b.Start == 0 {
		if c.headers[0] != genesis {
			return nil, fault("header", 0, "it is %v, but the genesis block of %s is %v", c.headers[0].Hash(), p.Name, genesis.Hash())
		}
		rep.FromGenesis = true
	}
	var total pow.Work
	for i := len(c.headers) - 1; i >= 0; i-- {
		target, err := c.headers[i].Bits.Target()
		if err != nil {
			return nil, &Fault{fmt.Sprintf("header %d", int(b.Start)+i), err}
		}
		total = total.Add(target.Work())
		c.work[i] = total
	}
	rep.TipHeight = b.Start + uint32(len(b.Headers)-1)
	rep.Tip = c.headers[len(c.headers)-1].Hash()
	rep.Work, rep.Hashes = total, total.String()
	return c, nil
}

func (b *Bundle) checkRecords(p *network.Params) ([]*record.Record, error) {
	if len(b.Records) == 0 {
		return nil, &Fault{"records", ErrNoRecords}
	}
	records := make([]*record.Record, len(b.Records))
	for i, e := range b.Records {
		where := fmt.Sprintf("record %d", i)
		if e.Height < b.Start || uint64(e.Height-b.Start) >= uint64(len(b.Headers)) {
			return nil, fault("record", i, "its block has height %d, the headers are of %d to %d", e.Height, b.Start, int(b.Start)+len(b.Headers)-1)
		}
		if i > 0 {
			last := b.Records[i-1]
			if e.Height < last.Height || e.Height == last.Height && e.Index <= last.Index {
				return nil, fault("record", i, "it does not come after record %d in the chain", i-1)
			}
		}
		r, err := record.Decode(e.Record)
		if err != nil {
			return nil, &Fault{where, err}
		}
		if err := r.Check(p.ID); err != nil {
			return nil, &Fault{where, err}
		}
		records[i] = r
	}
	return records, nil
}

// checkCase checks that the first record opens the case, and that each is about
// it, directly or through another: a shipment of the voucher, an answer to one
// of its claims.
func (b *Bundle) checkCase(records []*record.Record) error {
	about := map[record.ID]bool{b.ID: true}
	if b.Kind == Claim {
		// The voucher under which the claim is made belongs to it.
		for _, r := range records {
			if p, ok := r.Payload.(record.ClaimOpen); ok && r.ID() == b.ID {
				about[p.Voucher] = true
			}
		}
	}
	opened := false
	// A payment names its claim, and the settlement names the payment and the
	// replacement: so repeat until nothing new is found.
	for grown := true; grown; {
		grown = false
		for _, r := range records {
			related := about[r.ID()]
			for _, id := range record.Subjects(r.Payload) {
				related = related || about[id]
			}
			if !related {
				continue
			}
			for _, id := range append(settled(r.Payload), r.ID()) {
				if !about[id] {
					about[id], grown = true, true
				}
			}
		}
	}
	for i, r := range records {
		if !about[r.ID()] {
			return fault("record", i, "%v %v is not about %s %v", r.Type(), r.ID(), b.Kind, b.ID)
		}
		if r.ID() == b.ID {
			opened = true
			if want := map[Kind]record.Type{Voucher: record.TypeVoucherIssue, Claim: record.TypeClaimOpen}[b.Kind]; r.Type() != want {
				return fault("record", i, "a case of kind %q begins with %v, not with %v", b.Kind, want, r.Type())
			}
		}
	}
	if !opened {
		return &Fault{"records", fmt.Errorf("%s %v itself is missing", b.Kind, b.ID)}
	}
	return nil
}

// settled returns the records with which a settlement was done.
func settled(p record.Payload) []record.ID {
	s, ok := p.(record.SettleExecute)
	if !ok {
		return nil
	}
	return []record.ID{s.Payment, s.Replacement}
}

func (c *headers) event(r *record.Record, at int, height uint32) Event {
	e := Event{
		record: r, ID: r.ID(), Type: r.Type().String(), Payload: r.Payload,
		Height:        height,
		BlockTime:     record.Time(c.headers[at].Time),
		Confirmations: uint32(len(c.headers) - at),
		Hashes:        c.work[at].String(),
	}
	var times []uint32
	for i := max(0, at-headerchain.MedianSpan); i < at; i++ {
		times = append(times, c.headers[i].Time)
	}
	e.MedianTime = record.Time(pow.MedianTime(times))
	if t := r.ClaimedTime(); t != 0 {
		e.ClaimedTime = &t
	}
	parts := record.SignerParts(r.Payload)
	for i, k := range r.Signers() {
		e.Signers = append(e.Signers, Signer{k, parts[i]})
	}
	return e
}
