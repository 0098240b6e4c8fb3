package network

import "stele/node/ledger/record"

// AfterSales are the periods, limits and fees of after-sales records. Periods
// are in days of Day seconds, and are measured by the median time past.
type AfterSales struct {
	Day uint32 // seconds; less than 86,400 where whole cases have to pass in minutes

	RespondDays  uint16 // the seller has to answer a claim
	EscalateDays uint16 // the holder can contest a rejection
	ExecuteDays  uint16 // the seller has to give what it authorised
	ConfirmDays  uint16 // the holder can dispute what it was given; silence confirms it
	RulingDays   uint16 // the supervisors have to rule
	ReturnDays   uint16 // after delivery: refund, and no-reason return of a distance sale
	ExchangeDays uint16 // after delivery: exchange
	EvaluateDays uint16 // after delivery: evaluation
	AttemptDays  uint16 // a carrier has to try before it can prove the attempt
	PurgeDays    uint16 // after delivery, until sealed recipient data are deleted
	ShipDays     uint16 // after the sale, in which the seller has to send the goods
	CarryDays    uint16 // without a change of custody, after which goods may be reported lost

	RepairLimit   uint8 // repairs of one fault, after which the goods are exchanged
	EvidenceLimit uint8 // pieces of evidence that an account may add to a claim

	ChallengeBlocks uint32 // a challenge of a delivery is good for so many blocks
	RewardDelay     uint32 // blocks from an evaluation to its reward

	// A seller burns FeePermille thousandths of the price for a voucher, and at
	// least VoucherFee. BurnToPool percent of that go into the reward pool; the
	// rest leaves the supply.
	VoucherFee  record.Amount
	FeePermille uint16
	BurnToPool  uint8
	// MinStipend is what the seller gives the buyer's key at least, for its fees.
	// It pays for a dozen records at the fee that the program proposes: a case
	// that goes through all instances takes its buyer six to nine.
	MinStipend record.Amount
}

// realTime are the numbers of networks whose days are days. Sources: 7 and 15
// days, and two repairs, are articles 9 to 11 of China's Provisions on Liability
// for Repair, Replacement and Return of Some Goods (1995); the ruling's 63 days
// are the 45 working days of article 21 of SAMR Order 20 (2019); the rest is
// custom of returns departments.
var realTime = AfterSales{
	Day:          24 * 60 * 60,
	RespondDays:  10,
	EscalateDays: 30,
	ExecuteDays:  30,
	ConfirmDays:  7,
	RulingDays:   63,
	ReturnDays:   7,
	ExchangeDays: 15,
	EvaluateDays: 180,
	AttemptDays:  14,
	PurgeDays:    30,
	ShipDays:     30,
	CarryDays:    30,

	RepairLimit:   2,
	EvidenceLimit: 64,

	ChallengeBlocks: 144,
	RewardDelay:     2016,

	VoucherFee:  record.Coin / 1000,
	FeePermille: 5,
	BurnToPool:  50,
	MinStipend:  15 * record.Coin / 10_000,
}

// shortTime is realTime with days of two seconds.
var shortTime = func() AfterSales {
	a := realTime
	a.Day = 2
	a.RewardDelay = 20
	return a
}()

// each calls number for every number, in the order of the fields.
func (a *AfterSales) each(number func(uint64)) {
	number(uint64(a.Day))
	for _, n := range []uint16{
		a.RespondDays, a.EscalateDays, a.ExecuteDays, a.ConfirmDays, a.RulingDays,
		a.ReturnDays, a.ExchangeDays, a.EvaluateDays, a.AttemptDays, a.PurgeDays, a.ShipDays, a.CarryDays,
	} {
		number(uint64(n))
	}
	number(uint64(a.RepairLimit))
	number(uint64(a.EvidenceLimit))
	number(uint64(a.ChallengeBlocks))
	number(uint64(a.RewardDelay))
	number(uint64(a.VoucherFee))
	number(uint64(a.FeePermille))
	number(uint64(a.BurnToPool))
	number(uint64(a.MinStipend))
}
