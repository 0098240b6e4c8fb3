// Package match draws the order in which the sellers of a product are shown to a buyer:
// at random, but by their scores, so that nobody can pay for a place, and again and again
// the same, so that everybody can check it.
//
// [Order] draws from the hash of a block and from a query id that the buyer's client
// chooses. [Answer] is what a platform shows, with all that the draw follows from;
// [Answer.Redraw] draws it again. [FairnessTest] finds out whether a platform chose the
// ids of many answers itself. docs/credit.md explains all three.
package match

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"stele/engine/pow"
	"stele/node/credit"
	"stele/node/credit/lot"
	"stele/node/ledger/record"
)

// The numbers of the draw. docs/credit.md says where they come from.
const (
	Places   = 20  // that are drawn at most
	Epoch    = 144 // blocks of an epoch
	Depth    = 6   // blocks that its last one must have on it or above, itself included
	newEvery = 10  // one place in so many goes to a newcomer
	tag      = "stele/match/v1"
)

// Seller is a candidate of a draw.
type Seller struct {
	Account  record.Key
	Score    uint32 // in parts of [credit.One]
	Newcomer bool
}

// share returns what a seller has of the places: the fourth power of its score, in parts
// of 2^32, at least 1.
func share(score uint32) uint64 {
	square := uint64(score) * uint64(score) >> 16
	return max(1, square*square)
}

// EpochAt returns the height of the block whose hash decides the draws while the tip has
// a height: the last one of the last full epoch that is deep enough. It is false before
// there is one.
func EpochAt(tip uint32) (height uint32, ok bool) {
	if tip+1 < Epoch+Depth-1 {
		return 0, false
	}
	return (tip+1-(Depth-1))/Epoch*Epoch - 1, true
}

// Query is the id of a question, which the buyer's client chooses at random.
type Query [32]byte

// String returns it in hex.
func (q Query) String() string { return hex.EncodeToString(q[:]) }

// MarshalText returns String.
func (q Query) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads 64 hex digits.
func (q *Query) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(q) {
		return errors.New("a query id is 64 hex digits")
	}
	*q = Query(b)
	return nil
}

// newDraw returns the draw of a query: everything that it follows from goes into the seed.
func newDraw(network uint32, block pow.Hash, query Query) *lot.Lot {
	b := append(make([]byte, 0, len(tag)+4+64), tag...)
	b = binary.LittleEndian.AppendUint32(b, network)
	b = append(b, block[:]...)
	return lot.New(append(b, query[:]...))
}

// Order draws the places of sellers, which must be in the order of their accounts. It
// returns their numbers, the first place first, at most [Places]. A place goes to a
// newcomer with a chance of one in ten, all of them alike, and else to anybody by share.
// The network is the id of the network, and the block the hash of the epoch's last block.
func Order(network uint32, block pow.Hash, query Query, sellers []Seller) []int {
	return order(newDraw(network, block, query), sellers)
}

func order(d *lot.Lot, sellers []Seller) (places []int) {
	rest := make([]int, len(sellers))
	for i := range rest {
		rest[i] = i
	}
	for len(rest) > 0 && len(places) < Places {
		at := place(d, sellers, rest)
		places = append(places, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	return places
}

// place draws who of the rest gets the next place.
func place(d *lot.Lot, sellers []Seller, rest []int) int {
	var newcomers []int
	sum := uint64(0)
	for at, i := range rest {
		if sellers[i].Newcomer {
			newcomers = append(newcomers, at)
		}
		sum += share(sellers[i].Score)
	}
	if len(newcomers) > 0 && d.Below(newEvery) == 0 {
		return newcomers[d.Below(uint64(len(newcomers)))]
	}
	r, at := d.Below(sum), 0
	for r >= share(sellers[rest[at]].Score) {
		r -= share(sellers[rest[at]].Score)
		at++
	}
	return at
}

// Candidates returns the candidates of a product from their scores.
func Candidates(offers []credit.Explanation) []Seller {
	sellers := make([]Seller, 0, len(offers))
	for _, o := range offers {
		account, _ := o.Owner.Seller()
		sellers = append(sellers, Seller{account, o.Value, o.Parts.Newcomer()})
	}
	return sellers
}

// Answer is a drawn order, with all that it follows from.
type Answer struct {
	Network uint32
	Product record.GTIN
	Query   Query
	Height  uint32   // of the epoch's last block
	Block   pow.Hash // its hash
	Sellers []Seller // in the order of their accounts
	Order   []record.Key
}

// Fault is what is wrong with an answer.
type Fault struct{ text string }

// Error says what is wrong.
func (f *Fault) Error() string { return f.text }

func fault(format string, args ...any) error { return &Fault{fmt.Sprintf(format, args...)} }

// Draw sets the order.
func (a *Answer) Draw() {
	a.Order = make([]record.Key, 0, min(Places, len(a.Sellers)))
	for _, i := range Order(a.Network, a.Block, a.Query, a.Sellers) {
		a.Order = append(a.Order, a.Sellers[i].Account)
	}
}

// Redraw draws the order again from what the answer says, and returns a [Fault] if it is
// another one. Whether the answer says the truth about block and sellers is a question to
// a node: see [Answer.Compare].
func (a *Answer) Redraw() error {
	for i := 1; i < len(a.Sellers); i++ {
		if bytes.Compare(a.Sellers[i-1].Account[:], a.Sellers[i].Account[:]) >= 0 {
			return fault("the sellers are not in the order of their accounts")
		}
	}
	for _, s := range a.Sellers {
		if s.Score > credit.One {
			return fault("the score of %v is above 1", s.Account)
		}
	}
	drawn := *a
	drawn.Draw()
	for i, want := range drawn.Order {
		if i >= len(a.Order) {
			return fault("the order ends after place %d, but %d sellers are drawn", i, len(drawn.Order))
		}
		if a.Order[i] != want {
			return fault("place %d is %v, but the draw gives it to %v", i+1, a.Order[i], want)
		}
	}
	if len(a.Order) > len(drawn.Order) {
		return fault("the order has %d places, but %d sellers are drawn", len(a.Order), len(drawn.Order))
	}
	return nil
}

// Compare returns a [Fault] if the answer is not what a node gives to the same question.
func (a *Answer) Compare(truth *Answer) error {
	switch {
	case a.Network != truth.Network:
		return fault("it is of network %08x, the node of %08x", a.Network, truth.Network)
	case a.Product != truth.Product || a.Query != truth.Query:
		return fault("it is about another question")
	case a.Height != truth.Height:
		return fault("it was drawn from the block at height %d, not %d", a.Height, truth.Height)
	case a.Block != truth.Block:
		return fault("the block at height %d is %v, not %v", a.Height, truth.Block, a.Block)
	}
	known := map[record.Key]Seller{}
	for _, s := range truth.Sellers {
		known[s.Account] = s
	}
	for _, s := range a.Sellers {
		want, ok := known[s.Account]
		if !ok {
			return fault("%v does not sell the product, or may not", s.Account)
		}
		if s != want {
			return fault("%v has the score %d (newcomer: %t), not %d (%t)", s.Account, want.Score, want.Newcomer, s.Score, s.Newcomer)
		}
		delete(known, s.Account)
	}
	for _, s := range truth.Sellers {
		if _, left := known[s.Account]; left {
			return fault("the seller %v is left out", s.Account)
		}
	}
	return nil
}
