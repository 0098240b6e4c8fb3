package template

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"stele/engine"
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
	// MaxTag is the greatest length of a tag in bytes.
	MaxTag = record.MaxExtra - ExtranonceSize
)

// What Options have where they are zero.
const (
	DefaultMaxBytes   = 1_000_000
	DefaultMaxRecords = 4000
)

// FirstRecords is a good MaxRecords for the first template on a new tip: such a
// template is made in a fraction of the time of a full one, and it has the
// records that pay best.
const FirstRecords = 500

// headSize is the length of what an encoded block has before its records.
const headSize = pow.HeaderSize + 4

// Options say what a block shall hold.
type Options struct {
	Params *network.Params
	Payout record.Key // whom the coinbase pays
	Tag    []byte     // of the miner, in the coinbase; at most MaxTag bytes

	MaxBytes   int // of the encoded block; 0: DefaultMaxBytes. Never more than the network allows.
	MaxRecords int // beside the coinbase; 0: DefaultMaxRecords

	Now func() time.Time // nil: time.Now
}

// Template is a block without a proof of work. It is not changed once it is
// made.
type Template struct {
	Height uint32
	Prev   pow.Hash // the tip that it is for
	Bits   pow.Bits
	Target pow.Target // of Bits

	Version     uint32 // of the header
	VersionMask uint32 // bits of it that may be changed
	Time        uint32 // at which it was made, or MinTime if that is later
	MinTime     uint32 // earliest time that the header may have

	Records []*record.Record // beside the coinbase
	Fees    record.Amount    // of these records; the miner gets one half
	Value   record.Amount    // of the coinbase

	// The body of the coinbase is Prefix, the extranonce as a little-endian
	// number, and Suffix. Its hash is its id.
	Prefix, Suffix []byte
	// Branch leads from the id of the coinbase to the Merkle root, as record 0.
	Branch []pow.Hash

	coinbase record.Record // its frame
	reward   record.Coinbase
}

// Build makes a template on tip. View is the state after tip. It takes from the
// pool what pays best for its size. The error is that of the view, or tells
// which option is wrong.
func Build(tip *chain.Tip, p *pool.Pool, view rules.View, o Options) (*Template, error) {
	if len(o.Tag) > MaxTag {
		return nil, fmt.Errorf("the tag has %d bytes, at most %d are allowed", len(o.Tag), MaxTag)
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
	// Only a fault of the program can make this fail. It would waste all work.
	if err := rules.End(state, c, t.Coinbase(0), t.Fees); err != nil {
		return nil, fmt.Errorf("template for height %d: %w", height, err)
	}
	return t, nil
}

// cut finishes the coinbase and prepares its parts and the Merkle branch. Most
// of the time goes into two Merkle trees, so they are made at the same time.
func (t *Template) cut() {
	var branch sync.WaitGroup
	branch.Go(func() {
		ids := make([]pow.Hash, 1+len(t.Records))
		for i, r := range t.Records {
			ids[1+i] = r.ID()
		}
		t.Branch = pow.MerkleBranch(ids, 0) // which has no use for the id of the coinbase
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

// PaidTo returns the template with a coinbase that pays key. It costs little:
// records and branch are the same.
func (t *Template) PaidTo(key record.Key) *Template {
	paid := *t
	paid.coinbase.Key = key
	paid.cutCoinbase()
	return &paid
}

// Marked returns the template with a mark at the end of its coinbase, so that its
// headers are not those of one with another mark. A tag that leaves no room is cut.
func (t *Template) Marked(mark []byte) *Template {
	marked := *t
	extra := t.reward.Extra[:min(len(t.reward.Extra), record.MaxExtra-len(mark))]
	marked.reward.Extra = append(slices.Clone(extra), mark...)
	marked.cutCoinbase()
	return &marked
}

// Payout returns whom the coinbase pays.
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

// Header returns the header, with nonce 0. Version may differ from t.Version in
// the bits of VersionMask, and time must not be before MinTime.
func (t *Template) Header(extranonce uint64, version, time uint32) pow.Header {
	return pow.Header{
		Version:    version,
		Prev:       t.Prev,
		MerkleRoot: t.MerkleRoot(extranonce),
		Time:       time,
		Bits:       t.Bits,
	}
}

// Job returns what the engine needs to search all versions and nonces of a
// header.
func (t *Template) Job(extranonce uint64, version, time uint32) engine.Job {
	return engine.Job{
		Header:      t.Header(extranonce, version, time).Encode(),
		Target:      t.Target,
		VersionMask: t.VersionMask,
	}
}

// Block returns the block with a header, which must be one of the template
// with that extranonce.
func (t *Template) Block(extranonce uint64, header pow.Header) *block.Block {
	return block.New(header, append([]*record.Record{t.Coinbase(extranonce)}, t.Records...))
}
