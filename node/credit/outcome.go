package credit

import (
	"encoding/binary"

	"stele/node/ledger/fields"
	"stele/node/ledger/record"
)

// End is how a claim ended, as far as it says something about the seller.
type End uint8

// The ends, the worse the higher. Claims that are live, withdrawn, rejected or
// dismissed have none, and neither have those for a recall or without a reason.
const (
	NoEnd      End = iota
	Settled        // the remedy was given and not disputed
	Unresolved     // no supervisor ruled in time
	Ordered        // a supervisor ordered a remedy
	Defaulted      // which was not given in time
)

var endWords = fields.Words{"settled", "unresolved", "ordered", "defaulted"}

// String returns the word for it.
func (e End) String() string { return endWords.Name(uint8(e)) }

// MarshalText returns String.
func (e End) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// harms has what each end takes off the best outcome.
var harms = [...]uint32{NoEnd: 0, Settled: One / 8, Unresolved: One / 4, Ordered: One / 2, Defaulted: One}

// Harm returns what the end takes off the best outcome, in parts of [One].
func (e End) Harm() uint32 { return harms[e] }

// voucher is what the index knows of a sale, besides what the views do: the seller and
// the product.
type voucher struct {
	Weight uint64
	Scores uint8                 // sum of the three of its evaluation, 3 to 15; 0: none
	Off    bool                  // void, or refunded without a reason: nothing was at stake
	Ends   [Defaulted + 1]uint16 // how many of its claims ended so; NoEnd is not counted
	Claim  record.ID             // the last one; zero: none

	Home  uint32 // the period in which it counts; never: in none
	Moved bool   // its outcome got worse later, which moved its home
}

// outcome returns what the evaluation and the claims say, in parts of One: the lower of
// both. It is none if they say nothing: then the voucher is no evidence.
func (v *voucher) outcome() uint32 {
	harm := uint32(0)
	for end, n := range v.Ends {
		if n > 0 {
			harm = max(harm, harms[end])
		}
	}
	switch {
	case v.Off || v.Scores == 0 && harm == 0:
		return none
	case v.Scores == 0:
		return One - harm
	}
	return min((uint32(v.Scores)-3)*One/12, One-harm)
}

// change changes a voucher in the period now, and decides where it counts. What gets worse
// counts now; what gets better stays where it is, so that praise cannot be moved to a
// better time.
func (v *voucher) change(now uint32, change func(*voucher)) {
	before := v.outcome()
	change(v)
	outcome := v.outcome()
	switch {
	case outcome == none:
	case v.Home == never:
		v.Home = now
	case before != none && outcome < before:
		v.Home, v.Moved = now, true
	}
}

// share returns what the voucher adds to the bucket of its home.
func (v *voucher) share() Bucket {
	outcome := v.outcome()
	if v.Home == never || outcome == none {
		return Bucket{}
	}
	b := Bucket{Vouchers: 1, Settled: uint32(v.Ends[Settled]), Weight: v.Weight, Outcome: v.Weight * uint64(outcome)}
	for _, n := range v.Ends {
		b.Ends += uint32(n)
	}
	return b
}

// Owner is who or what has a score: a seller or a product.
type Owner struct {
	kind byte
	name [32]byte
}

const (
	sellerOwner  = 's'
	productOwner = 'g'
)

// OfSeller is the score of a seller, named by the first key of its account.
func OfSeller(account record.Key) Owner { return Owner{sellerOwner, account} }

// OfProduct is the score of a product.
func OfProduct(gtin record.GTIN) Owner {
	o := Owner{kind: productOwner}
	binary.BigEndian.PutUint64(o.name[:], uint64(gtin))
	return o
}

// Seller returns the seller's account, and false if the owner is a product.
func (o Owner) Seller() (record.Key, bool) { return o.name, o.kind == sellerOwner }

// Product returns the number of the product, 0 if the owner is a seller.
func (o Owner) Product() (gtin record.GTIN) {
	if o.kind == productOwner {
		gtin = record.GTIN(binary.BigEndian.Uint64(o.name[:]))
	}
	return gtin
}
