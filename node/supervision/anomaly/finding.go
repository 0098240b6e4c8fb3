package anomaly

import (
	"fmt"

	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// Kind is a kind of pattern. The words are stable.
type Kind string

// The kinds.
const (
	// Burst: far more sales or evaluations in a window than the seller usually has.
	Burst Kind = "burst"
	// BuyerCluster: many purchases from one seller by one account, or by accounts that
	// one account paid or was paid by.
	BuyerCluster Kind = "buyer-cluster"
	// FeeFloor: most sales of the period are of the cheapest kind, unlike earlier ones.
	FeeFloor Kind = "fee-floor"
	// InstantEvaluation: most evaluations come with the delivery, or one block after it.
	InstantEvaluation Kind = "instant-evaluation"
	// CarrierShare: a carrier that delivers for one seller, and a seller whose goods it
	// delivers, and hardly anybody else.
	CarrierShare Kind = "carrier-share"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{Burst, BuyerCluster, FeeFloor, InstantEvaluation, CarrierShare}
}

// counted is what is counted for a finding. The letters are part of the format.
type counted byte

const (
	sales       counted = 's' // of a seller, by window
	evaluations counted = 'e' // of a seller, by window
	floorSales  counted = 'f' // of a seller at the least fee, by period
	instants    counted = 'i' // evaluations of a seller right after the delivery, by period
	deliveries  counted = 'd' // of a seller's goods, by period
	carried     counted = 'D' // by a carrier, by period
	pair        counted = 'p' // of a seller's goods by a carrier, by period
	cluster     counted = 'h' // purchases from a seller around an account, by period
	around      counted = 'H' // purchases from all sellers around an account, by period
)

// kind returns the kind of finding that a count leads to; "" if none.
func (c counted) kind() Kind {
	switch c {
	case sales, evaluations:
		return Burst
	case floorSales:
		return FeeFloor
	case instants:
		return InstantEvaluation
	case pair:
		return CarrierShare
	case cluster:
		return BuyerCluster
	}
	return ""
}

// windowed reports whether windows are counted, not periods.
func (c counted) windowed() bool { return c == sales || c == evaluations }

// paired reports whether two accounts are counted together.
func (c counted) paired() bool { return c == pair || c == cluster }

// MaxRecords is how many records a finding lists at most.
const MaxRecords = 200

// Finding is a pattern that the chain has.
type Finding struct {
	Kind    Kind
	Owner   record.Key // first key of the seller's account
	With    record.Key // first key of the account in the middle of a cluster, or of the carrier; else zero
	Counted string     // what is counted: "sales", "evaluations", "deliveries" or "purchases"

	From uint32 // height of the first block of the window or period
	To   uint32 // height of the last block that counted for it
	Measure

	// Records are those that are counted, the newest first, at most [MaxRecords].
	Records []record.ID
	Text    string // what it shows, and what it does not prove

	of  subject
	end uint32 // height of the last block of the window or period
}

// ID names the finding. It stays the same while its figures change.
func (f *Finding) ID() string {
	id := fmt.Sprintf("%s/%s/%d/%s", f.Kind, f.Counted, f.From, f.Owner)
	if f.With != (record.Key{}) {
		id += "/" + f.With.String()
	}
	return id
}

// Params are the numbers of a network.
type Params struct {
	Window uint32 // blocks in which bursts are counted
	Period uint32 // blocks of a period of the scores, in which everything else is counted; a multiple of Window
	credit credit.Params
}

// ParamsOf returns the numbers of a network: the periods of the scores, and windows that
// are a fourteenth of them, a day on the main network; a quarter where periods are short.
func ParamsOf(p *network.Params) Params {
	c := credit.ParamsOf(p)
	const parts, few = 14, 4
	if c.Period%parts == 0 {
		return Params{c.Period / parts, c.Period, c}
	}
	return Params{c.Period / few, c.Period, c}
}

// span returns the number of the window or period that a height is in.
func (p Params) span(c counted, height uint32) uint32 {
	if c.windowed() {
		return height / p.Window
	}
	return height / p.Period
}

// begin returns the height of the first block of a window or period.
func (p Params) begin(c counted, span uint32) uint32 {
	if c.windowed() {
		return span * p.Window
	}
	return span * p.Period
}

// isFloor reports whether a price is so low that the seller burns the least fee.
func (p Params) isFloor(price record.Amount) bool {
	return p.credit.Weight(price) == uint64(p.credit.VoucherFee)
}
