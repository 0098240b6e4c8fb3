package template

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
)

const (
	// Version is the version of a header before it is rolled: no signal, in the
	// form of BIP 9.
	Version = 0x20000000
	// VersionMask has the bits of the version that a miner may change (BIP 320).
	VersionMask = 0x1fffe000

	// ExtranonceSize is the length of the extranonce in bytes.
	ExtranonceSize = 8
	// MaxTag is the maximum length of a tag in bytes.
	MaxTag = record.MaxExtra - ExtranonceSize
)

// Defaults of [Options].
const (
	DefaultMaxBytes   = 1_000_000
	DefaultMaxRecords = 4000
)

// FirstRecords is a good MaxRecords for the first template on a new tip: such a
// template takes a fraction of the time of a full one and has the records that pay
// best.
const FirstRecords = 500

// headSize is the number of bytes before the records of an encoded block.
const headSize = pow.HeaderSize + 4

// Options are the parameters of [Build].
type Options struct {
	Params *network.Params
	Payout record.Key // which the coinbase pays
	Tag    []byte     // of the miner, in the coinbase; at most MaxTag bytes

	MaxBytes   int // of the encoded block; 0: DefaultMaxBytes. The bound of the network holds too.
	MaxRecords int // without the coinbase; 0: DefaultMaxRecords

	Now func() time.Time // nil: time.Now
}

// Template is a block without a proof of work. It is immutable. Safe for
// concurrent use.
type Template struct {
	Height uint32
	Prev   pow.Hash // the tip that the block extends
	Bits   pow.Bits
	Target pow.Target // of Bits

	Version     uint32 // of the header
	VersionMask uint32 // bits of Version that may be rolled
	Time        uint32 // of Build in Unix seconds, or MinTime if that is later
	MinTime     uint32 // earliest time that the header may have, in Unix seconds

	Records []*record.Record // without the coinbase
	Fees    record.Amount    // of Records; the miner gets one half
	Value   record.Amount    // of the coinbase

	// The body of the coinbase is Prefix, the extranonce as 8 bytes in little-endian
	// order, and Suffix. Its hash is the id of the coinbase.
	Prefix, Suffix []byte
	// Branch is the Merkle branch from the id of the coinbase, which is record 0, to
	// the Merkle root.
	Branch []pow.Hash

	coinbase record.Record // without its payload
	reward   record.Coinbase
}

// Build makes a template on tip, with the records of the pool that pay best for
// their size. View is the state after tip. Errors: those of the view, and one for
// an option that is wrong.
func Build(tip *chain.Tip, p *pool.Pool, view rules.View, o Options) (*Template, error) {
	if len(o.Tag) > MaxTag {
		return nil, fmt.Errorf("tag of %d bytes: must be at most %d", len(o.Tag), MaxTag)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxRecords == 0 {
		o.MaxRecords = DefaultMaxRecords
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	target, err := tip.NextBits.Target()
	if err != nil {
		return nil, err
	}
	height := tip.Height + 1
	t := &Template{
		Height:      height,
		Prev:        tip.Hash,
		Bits:        tip.NextBits,
		Target:      target,
		Version:     Version,
		VersionMask: VersionMask,
		Time:        max(uint32(o.Now().Unix()), tip.MinTime),
		MinTime:     tip.MinTime,
		coinbase: record.Record{
			Network:    o.Params.ID,
			Version:    1,
			Seq:        uint64(height),
			ValidUntil: height,
			Key:        o.Payout,
		},
		reward: record.Coinbase{
			Height: height,
			Extra:  append(make([]byte, ExtranonceSize), o.Tag...),
		},
	}

	c := rules.Context{Params: o.Params, Height: height, MedianTime: tip.MedianTime}
	state := rules.NewState(view)
	if err := rules.Begin(state, c); err != nil {
		return nil, err
	}
	room := min(o.MaxBytes, o.Params.MaxBlockSize) - headSize - t.Coinbase(0).Size()
	t.Records, t.Fees, err = p.Select(state, c, pool.Limits{Bytes: room, Records: o.MaxRecords})
	if err != nil {
		return nil, err
	}
	t.Value = rules.Reward(o.Params, height, t.Fees)
	t.cut()
	// This fails only by a fault of the program, which would waste all work.
	if err := rules.End(state, c, t.Coinbase(0), t.Fees); err != nil {
		return nil, fmt.Errorf("template for height %d: %w", height, err)
	}
	return t, nil
}

// cut finishes the coinbase and prepares its parts and the Merkle branch. Two
// Merkle trees take most of the time, so they are made at the same time.
func (t *Template) cut() {
	var branch sync.WaitGroup
	branch.Go(func() {
		ids := make([]pow.Hash, 1+len(t.Records))
		for i, r := range t.Records {
			ids[1+i] = r.ID()
		}
		t.Branch = pow.MerkleBranch(ids, 0) // which does not read the id of the coinbase
	})
	t.reward.Value = t.Value
	t.reward.Witness = block.WitnessRoot(append([]*record.Record{nil}, t.Records...))
	t.cutCoinbase()
	branch.Wait()
}

// cutCoinbase cuts the coinbase around the extranonce.
func (t *Template) cutCoinbase() {
	body := t.Coinbase(0).Body()
	at := len(body) - len(t.reward.Extra)
	t.Prefix, t.Suffix = body[:at:at], body[at+ExtranonceSize:]
}

// PaidTo returns the template with a coinbase that pays key. It is cheap: records
// and branch stay the same.
func (t *Template) PaidTo(key record.Key) *Template {
	paid := *t
	paid.coinbase.Key = key
	paid.cutCoinbase()
	return &paid
}

// Marked returns the template with a mark at the end of its coinbase, so that its
// headers differ from those of another mark. A tag that leaves no room is cut.
func (t *Template) Marked(mark []byte) *Template {
	marked := *t
	extra := t.reward.Extra[:min(len(t.reward.Extra), record.MaxExtra-len(mark))]
	marked.reward.Extra = append(slices.Clone(extra), mark...)
	marked.cutCoinbase()
	return &marked
}

// Payout returns the key that the coinbase pays.
func (t *Template) Payout() record.Key { return t.coinbase.Key }

// Coinbase returns the coinbase with an extranonce.
func (t *Template) Coinbase(extranonce uint64) *record.Record {
	r, reward := t.coinbase, t.reward
	reward.Extra = slices.Clone(reward.Extra)
	binary.LittleEndian.PutUint64(reward.Extra, extranonce)
	r.Payload = reward
	return record.New(r)
}

// MerkleRoot returns the Merkle root with an extranonce.
func (t *Template) MerkleRoot(extranonce uint64) pow.Hash {
	body := make([]byte, 0, len(t.Prefix)+ExtranonceSize+len(t.Suffix))
	body = append(body, t.Prefix...)
	body = binary.LittleEndian.AppendUint64(body, extranonce)
	body = append(body, t.Suffix...)
	return pow.RootFromBranch(pow.Sum(body), t.Branch, 0)
}

// Header returns the header with nonce 0. Version may differ from t.Version in the
// bits of VersionMask; time, in Unix seconds, must not be before MinTime.
func (t *Template) Header(extranonce uint64, version, time uint32) pow.Header {
	return pow.Header{
		Version:    version,
		Prev:       t.Prev,
		MerkleRoot: t.MerkleRoot(extranonce),
		Time:       time,
		Bits:       t.Bits,
	}
}

// Block returns the block with a header, which must be one that Header returns for
// the extranonce, with any nonce.
func (t *Template) Block(extranonce uint64, header pow.Header) *block.Block {
	return block.New(header, append([]*record.Record{t.Coinbase(extranonce)}, t.Records...))
}
