package chaintest

import (
	"encoding/binary"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Draft is a block before it is finished. As [Builder.Draft] returns it, it is
// valid if its records are; a test may change its fields.
type Draft struct {
	Header   pow.Header      // MerkleRoot and Nonce are set by Seal
	Coinbase record.Record   // its frame; the payload is Reward
	Reward   record.Coinbase // its Witness is set by Seal
	Records  []*record.Record
}

// Draft returns a draft on parent that holds the records.
func (b *Builder) Draft(parent *Block, records ...*record.Record) *Draft {
	var fees record.Amount
	for _, r := range records {
		fees += r.Fee
	}
	height := parent.Height() + 1
	b.made++
	return &Draft{
		Header: pow.Header{
			Version: 0x20000000,
			Prev:    parent.Hash(),
			Time:    max(parent.Header.Time+step, parent.node.MinTime()),
			Bits:    parent.node.NextBits(),
		},
		Coinbase: record.Record{
			Network:    b.Params.ID,
			Version:    1,
			Seq:        uint64(height),
			ValidUntil: height,
			Key:        b.Payout,
		},
		Reward: record.Coinbase{
			Height: height,
			Value:  rules.Reward(b.Params, height, fees),
			Extra:  binary.LittleEndian.AppendUint64(nil, b.made),
		},
		Records: records,
	}
}

// Seal makes a block of the draft: it sets the witness root, the Merkle root and
// a nonce.
func (d *Draft) Seal() *block.Block {
	d.Reward.Witness = block.WitnessRoot(append([]*record.Record{nil}, d.Records...))
	return d.SealAs(d.Reward)
}

// SealAs is as Seal, with another coinbase payload and its witness root as it
// is.
func (d *Draft) SealAs(coinbase record.Payload) *block.Block {
	frame := d.Coinbase
	frame.Payload = coinbase
	records := append([]*record.Record{record.New(frame)}, d.Records...)
	ids := make([]pow.Hash, len(records))
	for i, r := range records {
		ids[i] = r.ID()
	}
	d.Header.MerkleRoot, _ = pow.MerkleRoot(ids)
	Mine(&d.Header)
	return &block.Block{Header: d.Header, Records: records}
}
