package export

import (
	"errors"
	"fmt"

	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

var sellersTable = &tableOf[credit.Explanation]{
	Table: Table{Name: "sellers", Summary: "Accounts with the role of a seller, and their scores"},
	columns: []column[credit.Explanation]{
		key("seller", "account of the seller", func(e *credit.Explanation) record.Key { k, _ := e.Owner.Seller(); return k }),
		number("score", "parts of 65536; 0 if suspended", func(e *credit.Explanation) uint64 { return uint64(e.Value) }),
		flag("suspended", "a supervisor keeps it from selling", func(e *credit.Explanation) bool { return e.Suspended }),
		flag("newcomer", "it has less than full standing, or few vouchers", func(e *credit.Explanation) bool { return e.Parts.Newcomer() }),
		number("period", "of the block", func(e *credit.Explanation) uint64 { return uint64(e.Period) }),
		number("vouchers", "with evidence in the window", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Vouchers) }),
		number("claims_ended", "in the window", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Ends) }),
		number("claims_settled", "of those", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Settled) }),
		number("standing", "threes of closed periods with evidence", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Standing) }),
		word("decides", "the part that is the least: core, whole, recent or claims", func(e *credit.Explanation) string { return e.Parts.Decides() }).optional(),
		number("core", "parts of 65536, as the next three", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Core) }),
		number("whole", "", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Whole) }),
		number("recent", "", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Recent) }),
		number("claims", "", func(e *credit.Explanation) uint64 { return uint64(e.Parts.Claims) }),
	},
	each: eachSeller,
}

func eachSeller(x *exporter, fn func(*credit.Explanation) error) error {
	if x.src.Credit == nil || x.src.Views == nil {
		return query.ErrNoViews
	}
	if err := x.viewsHaveBlock(); err != nil {
		return err
	}
	err := rules.EachAccount(x.state, func(a *rules.Account) error {
		if !a.Roles.Has(record.Seller) {
			return nil
		}
		e, err := x.src.Credit.Explain(credit.OfSeller(a.ID), x.tip.Height)
		if errors.Is(err, credit.ErrHeight) {
			return errBehind(x.tip.Height)
		}
		if err != nil {
			return err
		}
		return fn(&e)
	})
	if err != nil {
		return err
	}
	return x.viewsHaveBlock() // still
}

// viewsHaveBlock checks that the index follows the chain of the export's block.
func (x *exporter) viewsHaveBlock() error {
	at, ok := x.src.Views.Tip()
	if !ok || at.Height < x.tip.Height {
		return errBehind(x.tip.Height)
	}
	if h, ok := x.src.Chain.Header(at.Hash); !ok || !h.InChain {
		return errBehind(x.tip.Height)
	}
	return nil
}

func errBehind(height uint32) error {
	return fmt.Errorf("%w: the index of scores does not have block %d yet; try again", query.ErrBusy, height)
}
