package supervision

import (
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/views"
)

// TypeCoverage is how many records of a type the chain has, and how many of them this
// node has checked and counted.
type TypeCoverage struct {
	Type             record.Type
	OnChain, Checked uint64
}

// Coverage is whether every record is supervised. On the chain is what the blocks up to the
// tip have. Checked is what this node's own rules have accepted and its supervision has
// counted.
//
// A block gets on the chain of a node in one way only: its own rules accept each of its
// records. So what can be missing are blocks that the index has not read yet, and numbers
// that do not agree: Why says so.
type Coverage struct {
	Height      uint32 // of the tip
	IndexHeight uint32 // of the last block that supervision has

	Blocks, BlocksChecked   uint64 // genesis is one
	Records, RecordsChecked uint64 // with coinbases
	Types                   []TypeCoverage

	// Things by the state of the ledger: each was made by one record, so the sums are
	// the numbers of records of VOUCHER_ISSUE, CLAIM_OPEN and SHIPMENT_CREATE.
	Vouchers  map[rules.VoucherState]uint64
	Claims    map[rules.ClaimState]uint64
	Shipments map[rules.ShipmentState]uint64

	Why []string // what is missing or does not agree; empty: everything is covered
}

// Complete reports whether everything is covered.
func (c *Coverage) Complete() bool { return len(c.Why) == 0 }

// maxMoves is how often the coverage is read, if a block comes meanwhile.
const maxMoves = 5

// Coverage returns the coverage of the whole chain at the tip. Error: [query.ErrTooFast] if
// blocks come faster than it can be read.
func (r *Reader) Coverage() (Coverage, error) {
	if err := r.now(); err != nil {
		return Coverage{}, err
	}
	for range maxMoves {
		tip := r.query.Tip()
		before, _ := r.views.Tip()
		c, err := r.coverage(tip.Height)
		if err != nil {
			return c, err
		}
		if after, _ := r.views.Tip(); after == before && r.query.Tip().Hash == tip.Hash {
			c.compare()
			return c, nil
		}
	}
	return Coverage{}, query.Errorf(query.ErrTooFast, "blocks come faster than the coverage can be read; try again later")
}

// coverage reads all numbers, one after the other.
func (r *Reader) coverage(height uint32) (c Coverage, err error) {
	totals, err := r.query.Totals(query.Of{})
	if err != nil {
		return c, err
	}
	c = Coverage{
		Height: height, IndexHeight: totals.Height, Blocks: uint64(height) + 1, BlocksChecked: uint64(totals.Height) + 1,
		Vouchers: totals.Vouchers, Claims: totals.Claims, Shipments: totals.Shipments,
	}
	onChain := totals.Records
	for behind := totals.Height + 1; behind <= height; behind++ {
		b, err := r.query.Block(strconv.FormatUint(uint64(behind), 10))
		if err != nil {
			return c, err
		}
		for t, n := range b.Types {
			onChain[t] += uint64(n)
		}
	}
	err = r.ask(func(_ pebble.Reader, v *views.Versions, at heights) error {
		for _, t := range record.Types() {
			n, err := counter(v, counterName(records, t, views.All()), at)
			if err != nil {
				return err
			}
			if n > 0 || onChain[t] > 0 {
				c.Types = append(c.Types, TypeCoverage{t, onChain[t], n})
			}
			c.Records += onChain[t]
			c.RecordsChecked += n
		}
		return nil
	})
	return c, err
}

// compare notes what is missing or does not agree.
func (c *Coverage) compare() {
	why := func(format string, args ...any) { c.Why = append(c.Why, fmt.Sprintf(format, args...)) }
	if c.IndexHeight < c.Height {
		why("the index has the blocks up to height %d of %d, and reads the others now", c.IndexHeight, c.Height)
	}
	checked := map[record.Type]uint64{}
	for _, t := range c.Types {
		checked[t.Type] = t.Checked
		if t.Checked != t.OnChain && c.IndexHeight == c.Height {
			why("%d records of type %v were checked, the chain has %d", t.Checked, t.Type, t.OnChain)
		}
	}
	for _, made := range []struct {
		what string
		sum  uint64
		by   record.Type
	}{
		{"vouchers", sum(c.Vouchers), record.TypeVoucherIssue},
		{"claims", sum(c.Claims), record.TypeClaimOpen},
		{"shipments", sum(c.Shipments), record.TypeShipmentCreate},
	} {
		if made.sum != checked[made.by] {
			why("the ledger has %d %s in all states, but %d records of type %v made some", made.sum, made.what, checked[made.by], made.by)
		}
	}
}

func sum[S comparable](counts map[S]uint64) (n uint64) {
	for _, of := range counts {
		n += of
	}
	return n
}
