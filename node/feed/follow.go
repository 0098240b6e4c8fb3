package feed

import (
	"context"
	"fmt"
	"slices"

	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/views"
)

// kindJump is in the log where the feed has gone over many blocks without reporting them.
// Readers that come there find the way themselves.
const kindJump Kind = "jump"

// visible returns the last block that may be reported: that of the views, so that they
// have what is reported. False while they are elsewhere than the chain.
func (f *Feed) visible() (chain.Header, bool) {
	hash := f.o.Chain.Tip().Hash
	if v := f.o.Views; v != nil && v.Err() == nil {
		tip, ok := v.Tip()
		if !ok {
			return chain.Header{}, false
		}
		hash = tip.Hash
	}
	h, ok := f.o.Chain.Header(hash)
	return h, ok && h.InChain
}

// follow reports the way from the last reported block to the one that is visible.
func (f *Feed) follow(ctx context.Context) {
	for ctx.Err() == nil {
		to, ok := f.visible()
		if !ok {
			return
		}
		h, known := f.o.Chain.Header(f.at.block)
		if !known || h.InChain && to.Height > h.Height+maxStep {
			f.jump(to)
			continue
		}
		s, ok := f.next(h, to)
		if !ok {
			return
		}
		events, err := f.build(s, f.run, f.at.seq)
		if err != nil {
			f.log.Warn("block not reported", "height", h.Height, "err", err)
			f.jump(to)
			continue
		}
		f.at = events[len(events)-1].place
		f.add(events...)
	}
}

// next returns the next block on the way from one that was reported to a block of the
// chain; false if there is none, or if the chain changes just now.
func (f *Feed) next(from, to chain.Header) (side, bool) {
	switch {
	case !from.InChain:
		return side{from.Hash, true}, true
	case from.Height >= to.Height:
		return side{}, false
	}
	h, ok := f.o.Chain.HeaderAt(from.Height + 1)
	return side{h.Hash, false}, ok && h.Prev == from.Hash
}

// jump goes to a block without reporting the way.
func (f *Feed) jump(to chain.Header) {
	f.at.block, f.at.leaving, f.at.done = to.Hash, false, whole
	f.add(&Event{Kind: kindJump, place: f.number()})
}

// build returns the events of a block that joins or leaves the chain, with numbers after
// seq; with none if run is 0. Errors: those of chain.Chain.Block.
func (f *Feed) build(s side, run, seq uint64) ([]*Event, error) {
	b, err := f.o.Chain.Block(s.block)
	if err != nil {
		return nil, err
	}
	h, ok := f.o.Chain.Header(s.block)
	if !ok {
		return nil, fmt.Errorf("block %v: header not known", s.block)
	}
	subjects := f.subjects(b, h.Height)
	n := len(b.Records)
	events := make([]*Event, 0, n+1)
	add := func(kind Kind, about *about, payload any) {
		at := place{run: run, block: s.block, leaving: s.leaving, done: uint32(len(events) + 1)}
		if run != 0 {
			at.seq = seq + uint64(len(events)) + 1
		}
		if len(events) == n {
			at.leaving, at.done = false, whole
			if s.leaving {
				at.block = h.Prev
			}
		}
		e := newEvent(kind, at.String(), payload)
		e.place, e.about = at, about
		events = append(events, e)
	}
	if s.leaving {
		add(KindBlockDisconnected, nil, BlockDisconnected{h.Height, h.Hash.String()})
		for i := n - 1; i >= 0; i-- {
			add(KindRecordDisconnected, subjects[i].about, RecordDisconnected{b.Records[i].ID().String(), h.Height})
		}
		return events, nil
	}
	add(KindBlock, nil, newBlock(b, h))
	for i, r := range b.Records {
		add(KindRecord, subjects[i].about, newRecord(r, uint32(i), h, subjects[i]))
	}
	return events, nil
}

func newBlock(b *block.Block, h chain.Header) Block {
	x := Block{
		Height: h.Height, Hash: h.Hash.String(), Time: h.Time, MedianTime: h.MedianTime,
		Records: len(b.Records), Size: b.Size(),
	}
	for _, r := range b.Records {
		x.Fees += r.Fee
	}
	if payee := b.Records[0].Key; payee != (record.Key{}) {
		x.Payee = payee.String()
	}
	return x
}

func newRecord(r *record.Record, index uint32, h chain.Header, s subject) Record {
	x := Record{
		ID: r.ID().String(), Type: r.Type().String(), Height: h.Height, Index: index, Block: h.Hash.String(), BlockTime: h.Time,
		Voucher: idText(s.about.subject.Voucher), Claim: idText(s.about.subject.Claim), Shipment: idText(s.about.subject.Shipment),
		Parties: s.about.parties, Serial: s.serial,
	}
	if s.gtin != 0 {
		x.GTIN = s.gtin.String()
	}
	return x
}

func idText(id record.ID) string {
	if id == (record.ID{}) {
		return ""
	}
	return id.String()
}

// subject is what a record is about, and its item.
type subject struct {
	about  *about
	gtin   record.GTIN
	serial record.Serial
}

// subjects returns what each record of a block is about. Who holds a voucher or has made
// a claim is a party too, as of now.
func (f *Feed) subjects(b *block.Block, height uint32) []subject {
	all := make([]subject, len(b.Records))
	for i, r := range b.Records {
		all[i].about = &about{typ: r.Type(), isUnknown: true}
	}
	if f.o.Views == nil {
		return all
	}
	known, err := f.o.Views.AboutBlock(b, height)
	if err != nil {
		f.log.Debug("records reported without what they are about", "height", height, "err", err)
		return all
	}
	state, next := f.o.Chain.View(), f.o.Chain.NextContext()
	for i, a := range known {
		s := &all[i]
		s.gtin, s.serial = a.GTIN, a.Serial
		s.about.subject, s.about.isUnknown = a.Subject, false
		s.about.parties = withHolders(state, next, a)
	}
	return all
}

// withHolders returns the parties of a record with the holders of its voucher and claim.
// If the state changes meanwhile, they may be missing.
func withHolders(state rules.View, next rules.Context, a views.About) []record.Key {
	parties := a.Parties
	add := func(k record.Key) {
		if k != (record.Key{}) && !slices.Contains(parties, k) {
			parties = append(parties, k)
		}
	}
	if a.Voucher != (record.ID{}) {
		if v, err := rules.GetVoucher(state, next, a.Voucher); err == nil && v != nil {
			add(v.Holder)
		}
	}
	if a.Claim != (record.ID{}) {
		if c, err := rules.GetClaim(state, next, a.Claim); err == nil && c != nil {
			add(c.Holder)
		}
	}
	return parties
}
