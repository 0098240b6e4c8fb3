package blobkeeper

import (
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// rival is a seller that names others' blobs in shipments of its own.
type rival struct {
	*chaintest.Story
	key, carrier record.Key
	sold         record.ID
	pending      []*record.Record // of the next block
}

// newRival returns a rival with a sale, and the block with it.
func newRival(s *chaintest.Story, on *chaintest.Block) (*rival, *chaintest.Block) {
	r := &rival{Story: s, key: record.PublicOf(network.DevFaucets()[7]), carrier: record.PublicOf(network.DevFaucets()[8])}
	on = s.Extend(on, s.Grant(on, record.Seller, r.key))
	on = s.Extend(on, s.Grant(on, record.Carrier, r.carrier))
	p := &s.Params.AfterSales
	sale := r.say(on, record.VoucherIssue{
		Time: record.Time(on.Header.Time), GTIN: chaintest.GTIN, Serial: "RIVAL", Buyer: record.PublicOf(s.NewKey()), Price: 1, Quantity: 1,
		WarrantyDays: 365, Terms: record.Digest{1}, Burn: p.VoucherFee, Stipend: p.MinStipend,
	})
	r.sold = sale.ID()
	return r, r.mine(on)
}

// say signs the rival's next record for the block after on.
func (r *rival) say(on *chaintest.Block, p record.Payload) *record.Record {
	frame := r.Frame(on, r.key)
	frame.Seq += uint64(len(r.pending))
	frame.Payload = p
	signed := r.Sign(frame)
	r.pending = append(r.pending, signed)
	return signed
}

func (r *rival) mine(on *chaintest.Block) *chaintest.Block {
	on = r.Extend(on, r.pending...)
	r.pending = nil
	return on
}

// name names a blob in a shipment that does not move.
func (r *rival) name(on *chaintest.Block, blob []byte) record.ID {
	return r.say(on, record.ShipmentCreate{
		Time: record.Time(on.Header.Time), Voucher: r.sold, Leg: record.Outbound, Carrier: r.carrier, BlobHash: recipient.BlobHash(blob),
	}).ID()
}

// A shipment that names the blob of another one does not delay its purge.
func TestNamingDelaysNoPurge(t *testing.T) {
	p := newPost(t)
	s := p.story
	s.Sell()
	s.Send()
	s.HandOver()
	s.Deliver()
	_, err := p.Put(s.SecondBlob)
	p.check(err)
	delivered := s.Tip
	r, tip := newRival(s, s.Tip)
	r.name(tip, s.SecondBlob)
	p.follow(r.mine(tip))
	p.sweep(0)
	day := time.Duration(s.Params.AfterSales.Day) * time.Second
	p.now = time.Unix(int64(delivered.Header.Time), 0).Add(day * time.Duration(s.Params.AfterSales.PurgeDays+1))
	p.sweep(1)
}

// Records that name a blob before its shipment does, however many they are, do
// not lock the carrier out.
func TestNamingLocksNobodyOut(t *testing.T) {
	p := newPost(t)
	s := p.story
	s.Sell()
	r, tip := newRival(s, s.Tip)
	s.Send()
	_, err := p.Put(s.FirstBlob)
	p.check(err)
	shipped := s.Records[len(s.Records)-1]
	for range maxNaming + 1 { // before the shipment is in a block
		at := record.Time(tip.Header.Time)
		r.say(tip, record.DeliveryException{Time: at, Shipment: r.name(tip, s.FirstBlob), Kind: record.Damaged})
	}
	tip = r.mine(tip)
	p.follow(s.Extend(tip, shipped))
	p.check(p.ask(network.DevFaucets()[s.FirstCarrier], s.FirstBlob))
}

// The first shipment in the chain decides when a blob is purged, also if it saw
// the hash in the pool: docs/node.md says so.
func TestFirstNamingDecides(t *testing.T) {
	p := newPost(t)
	s := p.story
	s.Sell()
	r, tip := newRival(s, s.Tip)
	s.Send()
	_, err := p.Put(s.FirstBlob)
	p.check(err)
	shipped := s.Records[len(s.Records)-1]
	r.say(tip, record.DeliveryException{Time: record.Time(tip.Header.Time), Shipment: r.name(tip, s.FirstBlob), Kind: record.Damaged})
	failed := time.Unix(int64(tip.Header.Time), 0)
	tip = r.mine(tip)
	p.follow(s.Extend(tip, shipped))
	p.now = failed
	p.sweep(0)
	day := time.Duration(s.Params.AfterSales.Day) * time.Second
	p.now = failed.Add(day * time.Duration(s.Params.AfterSales.PurgeDays+1))
	p.sweep(1) // though the other shipment is under way
}
