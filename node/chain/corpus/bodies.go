package corpus

import (
	"bytes"
	"encoding/binary"
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// bodies adds bodies that do not belong to their header. Each time the true body is
// accepted afterwards, since such a body is no verdict about the hash.
func (g *generator) bodies() {
	records := []*record.Record{g.pay(0), g.pay(1)}
	good := g.draft(records...).Seal()
	twin := block.New(good.Header, append(slices.Clone(good.Records), good.Records[1], good.Records[2]))
	odd := block.New(good.Header, append(slices.Clone(good.Records), good.Records[2]))
	g.reject("record of an odd number repeated (CVE-2012-2459)", reject.MerkleTwin, odd)
	g.reject("records repeated, another root", reject.BadMerkleRoot, twin)
	g.reject("record left out", reject.BadMerkleRoot, block.New(good.Header, good.Records[:2]))
	g.reject("records in another order", reject.BadMerkleRoot, block.New(good.Header, []*record.Record{good.Records[0], good.Records[2], good.Records[1]}))
	g.reject("no record, another root", reject.BadMerkleRoot, block.New(good.Header, nil))
	forged := slices.Clone(good.Records)
	forged[1] = flipSignature(forged[1])
	g.reject("signature changed after mining", reject.BadWitnessRoot, block.New(good.Header, forged))
	forged = slices.Clone(good.Records)
	forged[0] = withSignatures(forged[0], record.Signature{1})
	g.reject("coinbase with a signature", reject.SignatureCount, block.New(good.Header, forged))
	g.accept("the true body after all of these", Extended, g.tip, good)

	h := good.Header
	h.MerkleRoot = pow.Sum([]byte("other"))
	h.Prev = g.tip.Hash()
	h.Time = g.tip.Header.Time + 60
	h.Bits = g.tip.Node().NextBits()
	g.reject("Merkle root of nothing", reject.BadMerkleRoot, seal(h, g.draft().Seal().Records...))

	d := g.draft(g.pay(0))
	d.Reward.Witness = pow.Sum([]byte("other"))
	g.reject("witness root of nothing", reject.BadWitnessRoot, d.SealAs(d.Reward))
	d = g.draft(g.pay(0))
	g.reject("witness root zero with records", reject.BadWitnessRoot, d.SealAs(d.Reward))

	d = g.draft()
	h = d.Header
	g.reject("no records", reject.NoCoinbase, seal(h))
	pay := g.pay(0)
	h.MerkleRoot = pay.ID()
	g.reject("a payment in place of the coinbase", reject.NoCoinbase, seal(h, pay))

	bad := g.draft()
	bad.Reward.Value++
	invalid := bad.Seal()
	g.reject("claims too much", reject.CoinbaseValue, invalid)
	g.reject("claims too much, again", reject.InvalidBlock, invalid)
	child := g.draft()
	child.Header.Prev = invalid.Hash()
	g.reject("child of an invalid block", reject.InvalidParent, child.Seal())
}

// flipSignature returns the record with a bit of its first signature changed.
func flipSignature(r *record.Record) *record.Record {
	s := r.Signatures[0]
	s[0] ^= 1
	return withSignatures(r, s)
}

// withSignatures returns the record with these signatures.
func withSignatures(r *record.Record, s ...record.Signature) *record.Record {
	return record.New(record.Record{
		Network: r.Network, Version: r.Version, Seq: r.Seq, ValidUntil: r.ValidUntil,
		Fee: r.Fee, Key: r.Key, Payload: r.Payload, Signatures: s,
	})
}

// coinbases adds coinbases that are invalid by themselves or at their place.
func (g *generator) coinbases() {
	height := g.tip.Height() + 1

	d := g.draft()
	d.Coinbase.Seq, d.Coinbase.ValidUntil, d.Reward.Height = uint64(height+1), height+1, height+1
	g.reject("coinbase of the next height", reject.CoinbaseHeight, d.Seal())
	old := g.tip.Parent.Records[0]
	d = g.draft()
	h := d.Header
	h.MerkleRoot = old.ID()
	g.reject("coinbase of an earlier block", reject.CoinbaseHeight, seal(h, old))

	d = g.draft()
	d.Coinbase.Seq++
	g.reject("coinbase, sequence number is not the height", reject.BadCoinbase, d.Seal())
	d = g.draft()
	d.Coinbase.ValidUntil++
	g.reject("coinbase, valid until another height", reject.BadCoinbase, d.Seal())
	d = g.draft()
	d.Coinbase.Fee = 1
	g.reject("coinbase with a fee", reject.BadCoinbase, d.Seal())
	d = g.draft()
	d.Coinbase.Network++
	g.reject("coinbase of another network", reject.WrongNetwork, d.Seal())

	d = g.draft(g.pay(0))
	d.Reward.Value++
	g.reject("coinbase claims more than subsidy and fees", reject.CoinbaseValue, d.Seal())
	d = g.draft(g.pay(0))
	d.Reward.Value += d.Records[0].Fee / 2
	g.reject("coinbase claims the burned half of the fees", reject.CoinbaseValue, d.Seal())
	d = g.draft(g.pay(0))
	d.Reward.Value--
	g.accept("coinbase claims less than it may", Extended, g.tip, d.Seal())
	d = g.draft()
	d.Reward.Value = 0
	g.accept("coinbase claims nothing", Extended, g.tip, d.Seal())
	d = g.draft()
	d.Reward.Extra = bytes.Repeat([]byte{0xab}, 96)
	g.accept("coinbase with 96 extra bytes", Extended, g.tip, d.Seal())

	second := g.draft().Seal().Records[0]
	g.reject("second coinbase", reject.MisplacedCoinbase, g.draft(second).Seal())
	g.reject("second coinbase after a payment", reject.MisplacedCoinbase, g.draft(g.pay(0), second).Seal())
}

// encodings adds bytes that are no block, and the limit of size.
func (g *generator) encodings() {
	raw := g.draft(g.pay(0)).Seal().Encode()
	count := func(n uint32) []byte {
		b := bytes.Clone(raw)
		binary.LittleEndian.PutUint32(b[pow.HeaderSize:], n)
		return b
	}
	g.rejectBytes("no bytes", reject.BadBlockEncoding, []byte{})
	g.rejectBytes("a header alone", reject.BadBlockEncoding, raw[:pow.HeaderSize])
	g.rejectBytes("a byte too few", reject.BadRecordEncoding, raw[:len(raw)-1])
	g.rejectBytes("a byte too many", reject.BadBlockEncoding, append(bytes.Clone(raw), 0))
	g.rejectBytes("a record less than counted", reject.BadRecordEncoding, count(3))
	g.rejectBytes("a record more than counted", reject.BadBlockEncoding, count(1))
	g.rejectBytes("four billion records", reject.BadBlockEncoding, count(1<<32-1))

	g.reject("block a byte too large", reject.BlockTooLarge, g.sized(maxBlockSize+1))
	g.accept("block as large as can be", Extended, g.tip, g.sized(maxBlockSize))
}

// sized returns a block of exactly that size.
func (g *generator) sized(size int) *block.Block {
	var records []*record.Record
	r := g.frame()
	for {
		signed := g.Sign(r)
		d := g.draft(append(slices.Clone(records), signed)...)
		if d.Seal().Size() > size {
			break
		}
		records = append(records, signed)
		r.Seq++
	}
	d := g.draft(records...)
	b := d.Seal()
	for b.Size() != size {
		if len(d.Reward.Extra) == 96 {
			panic("corpus: no block of that size")
		}
		d.Reward.Extra = append(d.Reward.Extra, 0)
		b = d.Seal()
	}
	return b
}
