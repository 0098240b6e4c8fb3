package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/supervision"
)

// TypeCoverage is how many records of a type the chain has, and how many of them were
// checked.
type TypeCoverage struct {
	Type    string `json:"type" example:"CLAIM_OPEN"`
	OnChain uint64 `json:"on_chain"`
	Checked uint64 `json:"checked" doc:"accepted by the rules of this node, and counted by its supervision"`
}

// Coverage is whether every record is supervised.
type Coverage struct {
	Height         uint32            `json:"height" doc:"of the tip of the chain"`
	IndexHeight    uint32            `json:"index_height" doc:"of the last block that the supervision has"`
	Complete       bool              `json:"complete" doc:"everything on the chain is checked, and all numbers agree"`
	Why            []string          `json:"why" doc:"what is missing or does not agree"`
	Blocks         uint64            `json:"blocks" doc:"on the chain, with genesis"`
	BlocksChecked  uint64            `json:"blocks_checked"`
	Records        uint64            `json:"records" doc:"on the chain, with coinbases"`
	RecordsChecked uint64            `json:"records_checked"`
	Types          []TypeCoverage    `json:"types"`
	Vouchers       map[string]uint64 `json:"vouchers" doc:"by state; those that are missing are 0"`
	Claims         map[string]uint64 `json:"claims" doc:"by state"`
	Shipments      map[string]uint64 `json:"shipments" doc:"by state"`
}

// SupervisionCounts are how many events of each kind there are.
type SupervisionCounts struct {
	Sales       uint64 `json:"sales"`
	Evaluations uint64 `json:"evaluations"`
	Claims      uint64 `json:"claims"`
	Answers     uint64 `json:"answers" doc:"of the seller or maker"`
	Escalations uint64 `json:"escalations" doc:"to the supervisors"`
	Rulings     uint64 `json:"rulings" doc:"on claims and shipments"`
	Orders      uint64 `json:"orders" doc:"rulings that order a remedy"`
	Dismissals  uint64 `json:"dismissals" doc:"rulings that dismiss a claim"`
	Remedies    uint64 `json:"remedies" doc:"given"`
	Defaults    uint64 `json:"defaults" doc:"orders that were not carried out in time"`
	Corrections uint64 `json:"corrections"`
	Reached     uint64 `json:"recall_reached" doc:"vouchers whose holders made a claim for a recall"`
	Remedied    uint64 `json:"recall_remedied" doc:"and for which such a claim was settled"`
}

// Waiting is how many overdue claims wait for somebody.
type Waiting struct {
	For   string `json:"for" enum:"seller or maker,seller or servicer,supervisor"`
	Count uint64 `json:"count"`
}

// OverdueCount is how many claims of a seller, a product or a maker are overdue.
type OverdueCount struct {
	Seller *record.Key   `json:"seller,omitempty" doc:"parties are named by the first keys of their accounts"`
	Maker  *record.Key   `json:"maker,omitempty"`
	GTIN   string        `json:"gtin,omitempty"`
	Count  uint64        `json:"count"`
	Waits  []Waiting     `json:"waits" doc:"for whom; the sum is count"`
	Worst  *OverdueClaim `json:"worst,omitempty" doc:"overdue for the longest time; missing: it was just acted on"`
	Claims string        `json:"claims" doc:"path of the claims behind the count"`
}

// OverdueClaim is a claim whose deadline has passed and that waits for somebody.
type OverdueClaim struct {
	Claim
	Over uint64 `json:"over_seconds" doc:"of median time since the deadline"`
	Days uint64 `json:"over_days" doc:"whole days of the network"`
	Turn Turn   `json:"turn" doc:"who must act, and what became possible"`
}

// Times are times of one kind in seconds of median time.
type Times struct {
	Count   uint64 `json:"count"`
	P50     uint32 `json:"p50" doc:"half of the times are at most so long; this and the others are up to 1/32 too high, and never too low"`
	P90     uint32 `json:"p90"`
	P99     uint32 `json:"p99"`
	Longest uint32 `json:"longest" doc:"exact, and of all times whatever the span"`
	Records string `json:"records" doc:"path of the records behind them, the longest time first"`
}

// ResponseTimes are how long answers, remedies and rulings took.
type ResponseTimes struct {
	Day       uint32 `json:"day" doc:"seconds of a day of the network"`
	Answer    Times  `json:"answer" doc:"from the claim to the answer of the seller or maker"`
	Execution Times  `json:"execution" doc:"from the agreement or the order to the remedy, with the way of goods that come back"`
	Ruling    Times  `json:"ruling" doc:"from the escalation to the ruling"`
}

// CaseOf is what a record is about.
type CaseOf struct {
	Voucher  string `json:"voucher,omitempty"`
	Claim    string `json:"claim,omitempty"`
	Shipment string `json:"shipment,omitempty"`
	Seller   string `json:"seller,omitempty" doc:"parties are named by the first keys of their accounts"`
	Maker    string `json:"maker,omitempty"`
	GTIN     string `json:"gtin,omitempty"`
}

// TimedRecord is a time, with the record that ended it.
type TimedRecord struct {
	Seconds uint32 `json:"seconds"`
	Event   Event  `json:"event" doc:"that ended the time"`
	Case    CaseOf `json:"case"`
}

// RulingLine is a ruling with what it is about.
type RulingLine struct {
	Event Event  `json:"event"`
	Case  CaseOf `json:"case"`
	Claim *Claim `json:"claim,omitempty" doc:"as it is now; missing: the ruling is on a shipment"`
}

// DefaultLine is an order that was not carried out in time.
type DefaultLine struct {
	Height     uint32 `json:"height" doc:"of the block with which the time was over"`
	MedianTime uint32 `json:"median_time" doc:"by which that was so"`
	Deadline   uint64 `json:"deadline" doc:"last second of the period of the order"`
	Ruling     string `json:"ruling" doc:"id of the record that ordered"`
	Late       bool   `json:"late" doc:"the remedy was given after all"`
	Claim      Claim  `json:"claim" doc:"as it is now"`
}

// CustodyGap is a shipment whose goods have not changed hands for too long.
type CustodyGap struct {
	Shipment
	Over   uint64 `json:"over_seconds" doc:"of median time since lost_from"`
	Days   uint64 `json:"over_days" doc:"whole days of the network"`
	Seller string `json:"seller,omitempty" doc:"of the goods"`
	GTIN   string `json:"gtin,omitempty"`
}

// Parcels are the shipments, and the times that carriers had goods.
type Parcels struct {
	States   map[string]uint64 `json:"states" doc:"shipments by state; those that are missing are 0"`
	UnderWay uint64            `json:"under_way" doc:"created, in transit or attempted: nobody has confirmed their delivery"`
	Gaps     uint64            `json:"gaps" doc:"under way, and not handed over for longer than the network's carry period; GET /v1/supervision/custody-gaps has them"`
	Carried  Times             `json:"carried" doc:"times that a carrier had goods until it handed them over or delivered them"`
}

// RecallLine is a recall, and how far it has come.
type RecallLine struct {
	Event    Event         `json:"event"`
	GTIN     string        `json:"gtin"`
	Serial   record.Serial `json:"serial,omitempty" doc:"missing: all items"`
	Total    uint64        `json:"total" doc:"vouchers of the product, or the present one of the item, that are not void"`
	Reached  uint64        `json:"reached" doc:"whose holders made a claim for a recall"`
	Remedied uint64        `json:"remedied" doc:"and for which such a claim was settled"`
	Undone   uint64        `json:"undone" doc:"refunded or replaced, for whatever reason: nothing is left to recall"`
	Vouchers string        `json:"vouchers" doc:"path of the vouchers of the product that were reached"`
}

// CorrectionLine is a correction with what it is about.
type CorrectionLine struct {
	Event     Event  `json:"event"`
	Case      CaseOf `json:"case"`
	Corrected string `json:"corrected" doc:"id of the record that is corrected"`
	Type      string `json:"type" doc:"of that record" example:"VOUCHER_ISSUE"`
}

// MarketFilter are the parameters that narrow a question down to a seller, a maker or a
// product.
type MarketFilter struct {
	Seller string `query:"seller" maxLength:"80" doc:"a key of the seller"`
	Maker  string `query:"maker" maxLength:"80" doc:"a key of the maker"`
	GTIN   string `query:"gtin" maxLength:"14" doc:"number of the product"`
}

// SpanFilter are the parameters of a span of time.
type SpanFilter struct {
	Clock string `query:"clock" enum:"median,block,claimed" default:"median" doc:"time that since and until mean: the median time that the rules go by, what the miner says, or what the author says"`
	Since uint64 `query:"since" doc:"first second, since 1970"`
	Until uint64 `query:"until" doc:"last second, since 1970; 0: now"`
}

// MedianFilter are the parameters of a span of median time.
type MedianFilter struct {
	Since uint64 `query:"since" doc:"first second of median time, since 1970"`
	Until uint64 `query:"until" doc:"last second of median time, since 1970; 0: now"`
}

type (
	countsInput struct {
		MarketFilter
		MedianFilter
	}
	overdueInput struct {
		By string `query:"by" enum:"seller,product,maker" default:"seller" doc:"whose claims are counted together"`
		Paging
	}
	overdueClaimsInput struct {
		MarketFilter
		Paging
	}
	slowestInput struct {
		Measure string `path:"measure" enum:"answer,execution,ruling,carry"`
		MarketFilter
		Carrier string `query:"carrier" maxLength:"80" doc:"a key of the carrier, for carry"`
		MedianFilter
		Paging
	}
	marketListInput struct {
		MarketFilter
		SpanFilter
		Paging
	}
	defaultsInput struct {
		MarketFilter
		MedianFilter
		Paging
	}
	gapsInput struct {
		Carrier string `query:"carrier" maxLength:"80" doc:"a key of the carrier that has the goods, or is to get them"`
		Paging
	}
	recallsInput struct {
		SpanFilter
		Paging
	}
	reachedInput struct {
		GTIN string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		MedianFilter
		Paging
	}
)

// path returns the path of a list that is narrowed down as a question was.
func (f *MarketFilter) path(list string, more url.Values) string {
	for name, value := range map[string]string{"seller": f.Seller, "maker": f.Maker, "gtin": f.GTIN} {
		if value != "" {
			more.Set(name, value)
		}
	}
	if len(more) == 0 {
		return list
	}
	return list + "?" + more.Encode()
}

// ask returns the filter that was asked for.
func (f *MarketFilter) ask() (query.Of, error) {
	return (&filter{seller: f.Seller, maker: f.Maker, gtin: f.GTIN}).of()
}

func (a *API) registerSupervision(api huma.API) {
	const short = " A page may have fewer items than its limit, or none, although more follow: continue as long as there is next."
	const one = "At most one of seller, maker and gtin narrows it down."
	op := func(id, path, summary, description string) huma.Operation {
		op := get(id, "/v1/supervision/"+path, summary)
		op.Errors = append(op.Errors, http.StatusNotFound, http.StatusGone)
		op.Description = description
		return op
	}
	huma.Register(api, op("supervise-coverage", "coverage", "Whether every record of the chain is checked", "Everything that supervision counts against what the chain has, by type and by state."), a.coverage)
	huma.Register(api, op("supervise-counts", "counts", "How many events of each kind there are", one), a.supervisionCounts)
	huma.Register(api, op("supervise-overdue", "overdue", "Sellers, products or makers with overdue claims, those with the most first", "As of the tip."), a.overdue)
	huma.Register(api, op("supervise-overdue-claims", "overdue-claims", "Overdue claims, with who must act, the longest overdue first", one+" As of the tip."+short), a.overdueClaims)
	huma.Register(api, op("supervise-response-times", "response-times", "How long answers, remedies and rulings took", one), a.responseTimes)
	huma.Register(api, op("supervise-slowest", "response-times/{measure}", "The records behind response times, the slowest first", one+short), a.slowest)
	huma.Register(api, op("supervise-rulings", "rulings", "Rulings of supervisors, with the claims as they are now", one+short), a.rulingLines)
	huma.Register(api, op("supervise-defaults", "defaults", "Orders that were not carried out in time", one), a.defaultLines)
	huma.Register(api, op("supervise-parcels", "parcels", "Shipments by state, and how long carriers have goods", ""), a.parcels)
	huma.Register(api, op("supervise-custody-gaps", "custody-gaps", "Goods that have not changed hands for too long, the longest first", "As of the tip."+short), a.custodyGaps)
	huma.Register(api, op("supervise-recalls", "recalls", "Recalls, and how many vouchers they have reached", short), a.recallLines)
	huma.Register(api, op("supervise-reached", "recalls/{gtin}/vouchers", "Vouchers of a product whose holders made a claim for a recall", ""), a.reached)
	huma.Register(api, op("supervise-corrections", "corrections", "Corrections, with what they correct", one+short), a.correctionLines)
}

// within returns the supervision of a span.
func (f *SpanFilter) within(r *supervision.Reader) (*supervision.Reader, error) {
	clock := map[string]supervision.Clock{"block": supervision.BlockTime, "claimed": supervision.ClaimedTime}[f.Clock]
	return within(r, supervision.Span{By: clock, From: f.Since, To: f.Until})
}

func (f *MedianFilter) within(r *supervision.Reader) (*supervision.Reader, error) {
	return within(r, supervision.Span{From: f.Since, To: f.Until})
}

func within(r *supervision.Reader, s supervision.Span) (*supervision.Reader, error) {
	if s.From == 0 && s.To == 0 {
		s = supervision.Span{}
	}
	in, err := r.Within(s)
	if err != nil {
		return nil, queryProblem(err)
	}
	return in, nil
}

func (a *API) coverage(context.Context, *struct{}) (*answer[Coverage], error) {
	c, err := a.supervision.Coverage()
	if err != nil {
		return nil, queryProblem(err)
	}
	res := Coverage{
		Height: c.Height, IndexHeight: c.IndexHeight, Complete: c.Complete(), Why: append([]string{}, c.Why...),
		Blocks: c.Blocks, BlocksChecked: c.BlocksChecked, Records: c.Records, RecordsChecked: c.RecordsChecked, Types: []TypeCoverage{},
		Vouchers: byWord(c.Vouchers), Claims: byWord(c.Claims), Shipments: byWord(c.Shipments),
	}
	for _, t := range c.Types {
		res.Types = append(res.Types, TypeCoverage{t.Type.String(), t.OnChain, t.Checked})
	}
	return &answer[Coverage]{res}, nil
}

func (a *API) supervisionCounts(_ context.Context, in *countsInput) (*answer[SupervisionCounts], error) {
	of, err := in.ask()
	if err != nil {
		return nil, err
	}
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	c, err := r.Counts(of)
	if err != nil {
		return nil, queryProblem(err)
	}
	return &answer[SupervisionCounts]{SupervisionCounts{
		Sales: c[supervision.Sales], Evaluations: c[supervision.Evaluations], Claims: c[supervision.Claims], Answers: c[supervision.Answers],
		Escalations: c[supervision.Escalations], Rulings: c[supervision.Rulings], Orders: c[supervision.Orders], Dismissals: c[supervision.Dismissals],
		Remedies: c[supervision.Remedies], Defaults: c[supervision.Defaults], Corrections: c[supervision.Corrections],
		Reached: c[supervision.Reached], Remedied: c[supervision.Remedied],
	}}, nil
}

func (a *API) overdue(_ context.Context, in *overdueInput) (*answer[Page[OverdueCount]], error) {
	by := map[string]supervision.Group{"seller": supervision.BySeller, "product": supervision.ByProduct, "maker": supervision.ByMaker}[in.By]
	page, err := a.supervision.Overdue(by, in.part())
	return newPage(page, err, func(c *supervision.OverdueCount) OverdueCount {
		res := OverdueCount{Count: c.Count, Waits: []Waiting{}}
		var behind MarketFilter
		switch by {
		case supervision.BySeller:
			res.Seller, behind.Seller = &c.Account, c.Account.String()
		case supervision.ByMaker:
			res.Maker, behind.Maker = &c.Account, c.Account.String()
		default:
			res.GTIN = c.Product.String()
			behind.GTIN = res.GTIN
		}
		for _, w := range c.Waits {
			res.Waits = append(res.Waits, Waiting(w))
		}
		if c.Worst != nil {
			worst := a.newOverdueClaim(c.Worst)
			res.Worst = &worst
		}
		res.Claims = behind.path("/v1/supervision/overdue-claims", url.Values{})
		return res
	})
}

func (a *API) newOverdueClaim(c *supervision.OverdueClaim) OverdueClaim {
	return OverdueClaim{newClaim(&c.Claim), c.Over, c.Over / uint64(a.params.AfterSales.Day), newTurn(&c.Turn)}
}

func (a *API) overdueClaims(_ context.Context, in *overdueClaimsInput) (*answer[Page[OverdueClaim]], error) {
	of, err := in.ask()
	if err != nil {
		return nil, err
	}
	page, err := a.supervision.OverdueClaims(of, in.part())
	return newPage(page, err, a.newOverdueClaim)
}

func newTimes(t *supervision.Times, records string) Times {
	return Times{t.Count, t.P50, t.P90, t.P99, t.Longest, records}
}

func (a *API) responseTimes(_ context.Context, in *countsInput) (*answer[ResponseTimes], error) {
	of, err := in.ask()
	if err != nil {
		return nil, err
	}
	r, err := in.MedianFilter.within(a.supervision)
	if err != nil {
		return nil, err
	}
	p, err := r.ResponseTimes(of)
	if err != nil {
		return nil, queryProblem(err)
	}
	records := func(m supervision.Measure) string {
		return in.path("/v1/supervision/response-times/"+m.String(), in.values())
	}
	return &answer[ResponseTimes]{ResponseTimes{
		Day:    a.params.AfterSales.Day,
		Answer: newTimes(&p.Answer, records(supervision.Answer)), Execution: newTimes(&p.Execution, records(supervision.Execution)),
		Ruling: newTimes(&p.Ruling, records(supervision.Ruling)),
	}}, nil
}

// values returns the span as parameters of another question.
func (f *MedianFilter) values() url.Values {
	v := url.Values{}
	if f.Since != 0 {
		v.Set("since", strconv.FormatUint(f.Since, 10))
	}
	if f.Until != 0 {
		v.Set("until", strconv.FormatUint(f.Until, 10))
	}
	return v
}

func newCaseOf(c *supervision.Case) CaseOf {
	res := CaseOf{
		Voucher: idText(c.Voucher), Claim: idText(c.Claim), Shipment: idText(c.Shipment), Seller: keyText(c.Seller), Maker: keyText(c.Maker),
	}
	if c.GTIN != 0 {
		res.GTIN = c.GTIN.String()
	}
	return res
}

func (a *API) slowest(_ context.Context, in *slowestInput) (*answer[Page[TimedRecord]], error) {
	of, err := (&filter{seller: in.Seller, maker: in.Maker, gtin: in.GTIN, carrier: in.Carrier}).of()
	if err != nil {
		return nil, err
	}
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	m, ok := supervision.MeasureOf(in.Measure)
	if !ok {
		return nil, newProblem(http.StatusUnprocessableEntity, "no measure has this name")
	}
	page, err := r.Slowest(m, of, in.part())
	return newPage(page, err, func(t *supervision.Timed) TimedRecord {
		return TimedRecord{t.Seconds, newEvent(&t.Event), newCaseOf(&t.Case)}
	})
}

func (a *API) rulingLines(_ context.Context, in *marketListInput) (*answer[Page[RulingLine]], error) {
	of, err := in.ask()
	if err != nil {
		return nil, err
	}
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	page, err := r.Rulings(of, in.part())
	return newPage(page, err, func(l *supervision.Ruled) RulingLine {
		res := RulingLine{Event: newEvent(&l.Event), Case: newCaseOf(&l.Case)}
		if l.Claim != nil {
			claim := newClaim(l.Claim)
			res.Claim = &claim
		}
		return res
	})
}

func (a *API) defaultLines(_ context.Context, in *defaultsInput) (*answer[Page[DefaultLine]], error) {
	of, err := in.ask()
	if err != nil {
		return nil, err
	}
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	page, err := r.Defaults(of, in.part())
	return newPage(page, err, func(d *supervision.Default) DefaultLine {
		return DefaultLine{d.Height, d.MedianTime, d.Deadline, d.Ruling.String(), d.Late(), newClaim(&d.Claim)}
	})
}

func (a *API) parcels(_ context.Context, in *MedianFilter) (*answer[Parcels], error) {
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	p, err := r.Parcels()
	if err != nil {
		return nil, queryProblem(err)
	}
	records := (&MarketFilter{}).path("/v1/supervision/response-times/carry", in.values())
	return &answer[Parcels]{Parcels{byWord(p.States), p.UnderWay(), p.Gaps, newTimes(&p.Carried, records)}}, nil
}

func (a *API) custodyGaps(_ context.Context, in *gapsInput) (*answer[Page[CustodyGap]], error) {
	of, err := (&filter{carrier: in.Carrier}).of()
	if err != nil {
		return nil, err
	}
	page, err := a.supervision.CustodyGapsOf(of, in.part())
	return newPage(page, err, func(g *supervision.CustodyGap) CustodyGap {
		return CustodyGap{newShipment(&g.Shipment), g.Over, g.Over / uint64(a.params.AfterSales.Day), keyText(g.Sale.Seller), g.Sale.GTIN.String()}
	})
}

func (a *API) recallLines(_ context.Context, in *recallsInput) (*answer[Page[RecallLine]], error) {
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	page, err := r.Recalls(in.part())
	return newPage(page, err, func(l *supervision.Recall) RecallLine {
		return RecallLine{
			Event: newEvent(&l.Event), GTIN: l.GTIN.String(), Serial: l.Serial, Total: l.Total, Reached: l.Reached, Remedied: l.Remedied, Undone: l.Undone,
			Vouchers: "/v1/supervision/recalls/" + l.GTIN.String() + "/vouchers",
		}
	})
}

func (a *API) reached(_ context.Context, in *reachedInput) (*answer[Page[Voucher]], error) {
	gtin, err := parseGTIN(in.GTIN)
	if err != nil {
		return nil, err
	}
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	page, err := r.ReachedBy(gtin, in.part())
	return newPage(page, err, newVoucher)
}

func (a *API) correctionLines(_ context.Context, in *marketListInput) (*answer[Page[CorrectionLine]], error) {
	of, err := in.ask()
	if err != nil {
		return nil, err
	}
	r, err := in.within(a.supervision)
	if err != nil {
		return nil, err
	}
	page, err := r.CorrectionsOf(of, in.part())
	return newPage(page, err, func(c *supervision.Corrected) CorrectionLine {
		line := CorrectionLine{Event: newEvent(&c.Event), Case: newCaseOf(&c.Case), Type: c.Of.String()}
		if p, ok := c.Payload.(record.Correction); ok {
			line.Corrected = p.Record.String()
		}
		return line
	})
}
