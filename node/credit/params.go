package credit

import (
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// One stands for 1: all scores, outcomes and means are integers of 1/65536. Every
// division rounds down.
const One = 1 << 16

// The numbers of the method. docs/credit.md says where they come from.
const (
	Window      = 26         // periods that count, the running one included
	Full        = 7          // threes of periods with evidence that give full standing
	MinNewcomer = 20         // vouchers with evidence below which a seller is a newcomer, whatever its standing
	Recent      = 4          // periods, the running one included, that show whether a seller gets worse
	three       = 3          // periods
	Invented    = 4          // sales of the usual weight and of the prior quality that each period begins with
	free        = 2          // good observations for free in an upper bound
	maxWeight   = 64         // times the least fee of a voucher
	startPrior  = 45875      // 0.70
	startLow    = 36044      // 0.55; both hold until there are enough sellers with full standing
	established = 20         // sellers
	unit, taken = 5, 2       // the worse two fifths of the periods decide
	longPeriod  = 2016       // blocks, on networks whose blocks take ten minutes
	shortPeriod = 20         // on others
	never       = 1<<32 - 1  // no period
	none        = ^uint32(0) // no outcome
)

// Params are the numbers in which networks differ.
type Params struct {
	Period      uint32        // blocks of a period
	VoucherFee  record.Amount // the least that a seller burns for a voucher
	FeePermille uint16        // of the price that it burns at least
}

// ParamsOf returns the numbers of a network.
func ParamsOf(p *network.Params) Params {
	params := Params{Period: longPeriod, VoucherFee: p.AfterSales.VoucherFee, FeePermille: p.AfterSales.FeePermille}
	if p.ID != network.Main.ID && p.ID != network.Test.ID {
		params.Period = shortPeriod
	}
	return params
}

// PeriodOf returns the number of the period that a height is in.
func (p Params) PeriodOf(height uint32) uint32 { return height / p.Period }

// Weight returns the weight of a voucher with a price: the least that its seller has
// to burn for it, up to 64 times the least fee. Burning more buys nothing.
func (p Params) Weight(price record.Amount) uint64 {
	a := network.AfterSales{VoucherFee: p.VoucherFee, FeePermille: p.FeePermille}
	return uint64(min(rules.MinBurn(&a, price), maxWeight*p.VoucherFee))
}
