package query

import (
	"strconv"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/pool"
)

// Network is what a network is, and how far its chain is in its periods.
type Network struct {
	*network.Params
	Genesis pow.Hash // hash of block 0
	// NextRetarget is the height of the next block whose target may change.
	NextRetarget uint32
	// Subsidy is what the coinbase of the next block may create.
	Subsidy record.Amount
	// NextHalving is the height of the next block with half of that subsidy.
	NextHalving uint32
	// HashRate is an estimate of the hashes per second of all miners: the work of
	// the last RateBlocks blocks over their time. 0: there are too few blocks.
	HashRate   float64
	RateBlocks uint32
}

// rateBlocks is how many blocks the estimate of the hash rate looks back.
const rateBlocks = 60

// Network returns the parameters of the network.
func (r *Reader) Network() Network {
	tip := r.tip()
	next := tip.Height + 1
	n := Network{
		Params:       r.params,
		Genesis:      r.params.GenesisHeader().Hash(),
		NextRetarget: (tip.Height/r.params.Pow.RetargetInterval + 1) * r.params.Pow.RetargetInterval,
		Subsidy:      r.params.SubsidyAt(next),
		NextHalving:  (next/r.params.HalvingInterval + 1) * r.params.HalvingInterval,
		RateBlocks:   min(rateBlocks, tip.Height),
	}
	first, ok := r.chain.HeaderAt(tip.Height - n.RateBlocks)
	if ok && tip.Header.Time > first.Time {
		work := tip.Work.Big()
		hashes, _ := work.Sub(work, first.Work.Big()).Float64()
		n.HashRate = hashes / float64(tip.Header.Time-first.Time)
	}
	return n
}

// Header is a block header and its place. Its MedianTime is that of the block and
// the ten before it; the rules judge the records of a block by that of its
// parent.
type Header struct{ chain.Header }

// Difficulty returns how many times harder the target is than the easiest of
// Bitcoin, as a decimal text; "" if the compact target is none.
func (h Header) Difficulty() string {
	target, err := h.Bits.Target()
	if err != nil {
		return ""
	}
	return target.Difficulty().String()
}

// Tip is the last block of the chain, and what the next one must look like.
type Tip struct {
	Header
	NextBits pow.Bits // that the next block must have
	MinTime  uint32   // earliest time of the next block
	Digest   pow.Hash // chained digest of all changes of the state
}

// Tip returns the tip of the chain.
func (r *Reader) Tip() Tip {
	t := r.tip()
	return Tip{
		Header: Header{chain.Header{
			Header: t.Header, Hash: t.Hash, Height: t.Height, Work: t.Work, InChain: true, MedianTime: t.MedianTime,
		}},
		NextBits: t.NextBits, MinTime: t.MinTime, Digest: t.Digest,
	}
}

// Header returns the header that a height or a hash of 64 hex digits names.
// Errors: [ErrNotFound], [ErrInvalid].
func (r *Reader) Header(name string) (Header, error) {
	if len(name) == 2*len(pow.Hash{}) {
		hash, err := pow.ParseHash(name)
		if err != nil {
			return Header{}, fail(ErrInvalid, "the hash is not hexadecimal")
		}
		h, ok := r.chain.Header(hash)
		if !ok || !r.reaches(h.Height) {
			return Header{}, fail(ErrNotFound, "no header with this hash is known")
		}
		return Header{h}, nil
	}
	height, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return Header{}, fail(ErrInvalid, "a block is named by its height, or by its hash of 64 hex digits")
	}
	h, ok := r.chain.HeaderAt(uint32(height))
	if !ok || !r.reaches(h.Height) {
		return Header{}, fail(ErrNotFound, "there is no block at height %d: the last one is at height %d", height, r.Height())
	}
	return Header{h}, nil
}

// Headers returns at most limit headers of the chain from a height up.
func (r *Reader) Headers(from uint32, limit int) []Header {
	headers := []Header{}
	for height := from; len(headers) < limit; height++ {
		h, ok := r.chain.HeaderAt(height)
		if !ok || !r.reaches(height) {
			break
		}
		headers = append(headers, Header{h})
	}
	return headers
}

// HeadersDown returns at most limit headers of the chain from a height down, or
// from the tip if the chain is not that high.
func (r *Reader) HeadersDown(from uint32, limit int) []Header {
	headers := []Header{}
	for height := int64(min(from, r.tip().Height)); height >= 0 && len(headers) < limit; height-- {
		if h, ok := r.chain.HeaderAt(uint32(height)); ok {
			headers = append(headers, Header{h})
		}
	}
	return headers
}

// Branches returns the branches that leave the chain after a block at height from or
// higher, as this node knows them now: see [chain.Chain.Branches].
func (r *Reader) Branches(from uint32, limit int) []chain.Branch {
	return r.chain.Branches(from, limit)
}

// Block is a block with what its records add up to.
type Block struct {
	Header
	Size    int                 // of the encoded block in bytes
	Payee   record.Key          // whom the coinbase pays; zero in the genesis block
	Reward  record.Amount       // that the coinbase claims
	Fees    record.Amount       // of all records; half of them is burned
	Types   map[record.Type]int // how many records of each type
	Records []*record.Record    // all; the first is the coinbase
}

// Block returns the block that a height or a hash names, from whatever branch.
// Errors: those of [Reader.Header], and [store.ErrPruned].
func (r *Reader) Block(name string) (*Block, error) {
	h, err := r.Header(name)
	if err != nil {
		return nil, err
	}
	b, err := r.chain.Block(h.Hash)
	if err != nil {
		return nil, err
	}
	return newBlock(h, b), nil
}

func newBlock(h Header, b *block.Block) *Block {
	res := &Block{Header: h, Size: b.Size(), Types: map[record.Type]int{}, Records: b.Records}
	for _, rec := range b.Records {
		res.Types[rec.Type()]++
		res.Fees += rec.Fee
	}
	if coinbase, ok := b.Records[0].Payload.(record.Coinbase); ok {
		res.Payee, res.Reward = b.Records[0].Key, coinbase.Value
	}
	return res
}

// Pool is how full the pool is, and the records that pay best.
type Pool struct {
	pool.Stats
	Best []*record.Record // the best fee rate first
}

// Pool returns the pool with at most limit records.
func (r *Reader) Pool(limit int) Pool {
	return Pool{Stats: r.pool.Stats(), Best: r.pool.Best(limit)}
}

// ComingBlock is a block that the pool would fill, if no other records came.
type ComingBlock struct {
	Records int
	Size    int           // bytes of the records
	Fees    record.Amount // of the records
	MaxRate pool.Rate     // of the records, as MinRate
	MinRate pool.Rate
}

// maxComing is how many pooled records ComingBlocks looks at.
const maxComing = 50_000

// ComingBlocks returns at most limit blocks that the pool would fill, the next
// one first: records by fee rate, those of an account in order. It is an
// estimate: what does not apply when a block is made, and what does not fit into
// its last bytes, is left out then.
func (r *Reader) ComingBlocks(limit int) []ComingBlock {
	coming := []ComingBlock{}
	var last *ComingBlock
	for _, rec := range r.pool.Best(maxComing) {
		size, rate := rec.Size(), pool.RateOf(rec)
		if last == nil || last.Size+size > r.params.MaxBlockSize {
			if len(coming) == limit {
				break
			}
			coming = append(coming, ComingBlock{MaxRate: rate, MinRate: rate})
			last = &coming[len(coming)-1]
		}
		last.Records++
		last.Size += size
		last.Fees += rec.Fee
		last.MaxRate, last.MinRate = max(last.MaxRate, rate), min(last.MinRate, rate)
	}
	return coming
}
