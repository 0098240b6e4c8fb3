package supervision

import (
	"errors"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// story is a case in blocks, with a node that follows it.
type story struct {
	*chaintest.Story
	*node
}

// begin begins a story on a network whose periods are a few blocks long.
func begin(t *testing.T) *story {
	t.Helper()
	p := chaintest.Network(func(p *network.Params) {
		a := &p.AfterSales
		a.Day = 3 * 64
		for _, days := range []*uint16{&a.RespondDays, &a.EscalateDays, &a.ExecuteDays, &a.ConfirmDays, &a.RulingDays, &a.AttemptDays, &a.ShipDays, &a.CarryDays} {
			*days = 1
		}
		a.ReturnDays, a.EvaluateDays, a.ExecuteDays = 1000, 1000, 4
	})
	s := &story{Story: chaintest.NewStory(p, "1 Test Street")}
	s.node = open(t, p, s.Genesis, s.Now())
	return s
}

// file puts a record into a block of its own.
func (s *story) file(author record.Key, p record.Payload) record.ID {
	frame := s.Frame(s.Tip, author)
	frame.Payload = p
	r := s.Sign(frame)
	s.Tip = s.Extend(s.Tip, r)
	return r.ID()
}

func (s *story) wait(blocks int) { s.Tip = s.Grow(s.Tip, blocks, 0) }

// follow brings the node to the end of the story.
func (s *story) follow() {
	s.Helper()
	s.clock = s.Now()
	s.moveTo(s.Tip)
}

func (s *story) now() record.Time { return record.Time(s.Tip.Header.Time) }

// all returns the first page of a list.
func all[T any](s *story, read func(query.Range) (query.Page[T], error)) []T {
	s.Helper()
	page, err := read(query.Range{Limit: 100})
	s.check(err)
	return page.Items
}

// deliver sells goods and brings them to the buyer.
func (s *story) deliver() {
	s.Sell()
	s.Send()
	s.HandOver()
	s.Deliver()
}

// A recall reaches a voucher when its holder makes a claim for it, and is over for it when
// the claim is settled, by silence too.
func TestRecalls(t *testing.T) {
	s := begin(t)
	s.deliver()
	s.file(s.Maker, record.RecallNotice{Time: s.now(), GTIN: chaintest.GTIN, Serial: chaintest.Serial})
	s.file(s.Supervisor, record.RecallNotice{Time: s.now(), GTIN: chaintest.GTIN})
	s.file(s.Maker, record.RecallNotice{Time: s.now(), GTIN: chaintest.GTIN, Serial: "unsold"})
	want := func(total, reached, remedied, undone uint64) {
		t.Helper()
		s.follow()
		recalls := all(s, s.Recalls)
		if len(recalls) != 3 {
			t.Fatalf("%d recalls", len(recalls))
		}
		for _, r := range recalls[:2] {
			if r.Total != total || r.Reached != reached || r.Remedied != remedied || r.Undone != undone || r.GTIN != chaintest.GTIN {
				t.Errorf("recall of %q: %d, reached %d, remedied %d, undone %d", r.Serial, r.Total, r.Reached, r.Remedied, r.Undone)
			}
		}
		if r := recalls[2]; r.Total != 0 || r.Reached != 0 {
			t.Errorf("recall of an item that nobody bought: %+v", r)
		}
		vouchers := all(s, func(in query.Range) (query.Page[query.Voucher], error) { return s.ReachedBy(chaintest.GTIN, in) })
		if uint64(len(vouchers)) != reached || reached > 0 && vouchers[0].ID != s.Voucher {
			t.Errorf("reached: %v", vouchers)
		}
	}
	want(1, 0, 0, 0)
	claim := s.file(s.Buyer, record.ClaimOpen{Time: s.now(), Voucher: s.Voucher, Ground: record.Recall, Remedy: record.Repair, Description: record.Digest{3}})
	want(1, 1, 0, 0)
	s.file(s.Seller, record.ClaimRespond{Time: s.now(), Claim: claim, Action: record.Authorise, Remedy: record.Repair})
	s.file(s.Seller, record.SettleExecute{Time: s.now(), Claim: claim, Remedy: record.Repair, Report: record.Digest{7}})
	want(1, 1, 0, 0)
	s.wait(10)
	want(1, 1, 1, 0)
	s.sameAsScratch()
}

// An order that is not carried out in time is a default, which opens the ruling; what is
// done later does not undo it.
func TestDefaults(t *testing.T) {
	s := begin(t)
	s.deliver()
	claim := s.file(s.Buyer, record.ClaimOpen{Time: s.now(), Voucher: s.Voucher, Ground: record.Fault, Remedy: record.Repair, Description: record.Digest{3}})
	s.file(s.Seller, record.ClaimRespond{Time: s.now(), Claim: claim, Action: record.Reject, Cause: record.Misuse})
	s.file(s.Buyer, record.ClaimEscalate{Time: s.now(), Claim: claim})
	ruling := s.file(s.Supervisor, record.Ruling{Time: s.now(), Subject: record.OnClaim, ID: claim, Outcome: record.Ordered, Remedy: record.Repair, ExecuteDays: 1, Text: record.Digest{5}})
	ordered := s.Tip
	s.follow()
	of := query.Of{Seller: &s.Seller}
	list := func() []Default {
		return all(s, func(in query.Range) (query.Page[Default], error) { return s.Defaults(of, in) })
	}
	if d := list(); len(d) != 0 {
		t.Errorf("defaults before the end of the period: %+v", d)
	}
	s.wait(10)
	s.follow()
	d := list()
	if len(d) != 1 || d[0].Ruling != ruling || d[0].Claim.ID != claim || d[0].Claim.State != rules.ClaimDefaulted || d[0].Late() ||
		d[0].Deadline != uint64(ordered.Parent.Node().MedianTime())+3*64 || uint64(d[0].MedianTime) <= d[0].Deadline {
		t.Fatalf("defaults: %+v", d)
	}
	if parent := s.Tip.Chain()[d[0].Height-1]; parent.Node().MedianTime() != d[0].MedianTime || uint64(parent.Parent.Node().MedianTime()) > d[0].Deadline {
		t.Errorf("the default is of the block %d", d[0].Height)
	}
	s.file(s.Seller, record.SettleExecute{Time: s.now(), Claim: claim, Remedy: record.Repair, Report: record.Digest{7}})
	s.follow()
	if d := list(); len(d) != 1 || !d[0].Late() {
		t.Errorf("defaults after the remedy: %+v", d)
	}
	ruled := all(s, func(in query.Range) (query.Page[Ruled], error) { return s.Rulings(of, in) })
	if len(ruled) != 1 || ruled[0].ID() != ruling || ruled[0].Claim == nil || ruled[0].Claim.ID != claim || ruled[0].Seller != s.Seller || ruled[0].GTIN != chaintest.GTIN {
		t.Errorf("rulings: %+v", ruled)
	}
	within, err := s.Within(Span{To: uint64(d[0].MedianTime) - 1})
	s.check(err)
	if page, err := within.Defaults(of, query.Range{Limit: 9}); err != nil || len(page.Items) != 0 {
		t.Errorf("defaults before the period was over: %v, %v", page, err)
	}
	s.sameAsScratch()
}

// Goods that do not change hands for longer than the carry period are a gap until they do.
func TestCustodyGaps(t *testing.T) {
	s := begin(t)
	s.Sell()
	s.Send()
	s.HandOver()
	s.follow()
	if gaps := all(s, s.CustodyGaps); len(gaps) != 0 {
		t.Errorf("gaps at first: %+v", gaps)
	}
	s.wait(12)
	s.follow()
	carrier := record.PublicOf(network.DevFaucets()[s.SecondCarrier])
	for _, of := range []query.Of{{}, {Carrier: &carrier}} {
		gaps := all(s, func(in query.Range) (query.Page[CustodyGap], error) { return s.CustodyGapsOf(of, in) })
		if len(gaps) != 1 || gaps[0].ID != s.Shipment || gaps[0].Carrier != carrier || gaps[0].Voucher != s.Voucher || gaps[0].Sale.Seller != s.Seller ||
			gaps[0].Over != uint64(s.Tip.Node().MedianTime())-gaps[0].LostFrom || gaps[0].Over == 0 {
			t.Errorf("gaps: %+v", gaps)
		}
	}
	other := record.PublicOf(network.DevFaucets()[s.FirstCarrier])
	if gaps := all(s, func(in query.Range) (query.Page[CustodyGap], error) {
		return s.CustodyGapsOf(query.Of{Carrier: &other}, in)
	}); len(gaps) != 0 {
		t.Errorf("gaps of the carrier before: %+v", gaps)
	}
	p, err := s.Parcels()
	s.check(err)
	if p.Gaps != 1 || p.UnderWay() != 1 || p.States[rules.ShipmentInTransit] != 1 || p.Carried.Count != 1 {
		t.Errorf("parcels: %+v", p)
	}
	s.Deliver()
	s.follow()
	if p, err = s.Parcels(); err != nil || p.Gaps != 0 || p.UnderWay() != 0 || p.Carried.Count != 2 || len(all(s, s.CustodyGaps)) != 0 {
		t.Errorf("parcels after the delivery: %+v, %v", p, err)
	}
}

// A span has exactly what its clock says, and a question that has no span says so.
func TestSpans(t *testing.T) {
	s := begin(t)
	s.deliver()
	var medians, times, claimed []uint64
	for i := range 4 {
		said := s.now() - record.Time(1000*i)
		s.file(s.Seller, record.Correction{Time: said, Record: s.Voucher, Cause: record.WrongData, Correct: record.Digest{1}})
		medians = append(medians, uint64(s.Tip.Parent.Node().MedianTime()))
		times = append(times, uint64(s.Tip.Header.Time))
		claimed = append(claimed, uint64(said))
		s.wait(3)
	}
	s.follow()
	in := func(span Span) int {
		t.Helper()
		r, err := s.Within(span)
		s.check(err)
		got := len(pages(s.node, 1, r.Corrections))
		if span.By == MedianTime {
			counts, err := r.Counts(query.Of{Seller: &s.Seller})
			s.check(err)
			if counts[Corrections] != uint64(got) {
				t.Errorf("%+v: %d corrections counted, %d listed", span, counts[Corrections], got)
			}
		}
		return got
	}
	for clock, at := range map[Clock][]uint64{MedianTime: medians, BlockTime: times, ClaimedTime: claimed} {
		for i, from := range at {
			for j, to := range at {
				want := 0
				for _, x := range at {
					if x >= from && x <= to {
						want++
					}
				}
				if from > to {
					if _, err := s.Within(Span{clock, from, to}); !errors.Is(err, query.ErrInvalid) {
						t.Errorf("a span that ends before it begins: %v", err)
					}
				} else if got := in(Span{clock, from, to}); got != want {
					t.Errorf("clock %d, from %d to %d: %d, want %d", clock, i, j, got, want)
				}
			}
		}
		if got := in(Span{By: clock, From: at[0] + 1<<30}); got != 0 {
			t.Errorf("clock %d: %d in the future", clock, got)
		}
		if got := in(Span{By: clock, To: 1}); got != 0 {
			t.Errorf("clock %d: %d in 1970", clock, got)
		}
	}
}

// A question that has no answer says why.
func TestErrors(t *testing.T) {
	s := begin(t)
	s.deliver()
	s.follow()
	stranger, gtin := record.PublicOf(s.NewKey()), record.GTIN(4006381333931)
	one := query.Range{Limit: 1}
	span, err := s.Within(Span{From: 1})
	s.check(err)
	claimed, err := s.Within(Span{By: ClaimedTime, From: 1})
	s.check(err)
	for i, c := range []struct {
		ask  func() error
		want error
	}{
		{func() error { _, err := s.Rulings(query.Of{Seller: &stranger}, one); return err }, query.ErrNotFound},
		{func() error { _, err := s.OverdueClaims(query.Of{Maker: &stranger}, one); return err }, query.ErrNotFound},
		{func() error { _, err := s.CustodyGapsOf(query.Of{Carrier: &stranger}, one); return err }, query.ErrNotFound},
		{func() error { _, err := s.ResponseTimes(query.Of{Product: &gtin}); return err }, query.ErrNotFound},
		{func() error { _, err := s.Counts(query.Of{Holder: &s.Buyer}); return err }, query.ErrInvalid},
		{func() error { _, err := s.Counts(query.Of{Seller: &s.Seller, Maker: &s.Maker}); return err }, query.ErrInvalid},
		{func() error { _, err := s.CustodyGapsOf(query.Of{Seller: &s.Seller}, one); return err }, query.ErrInvalid},
		{func() error { _, err := s.Times(Answer, query.Of{Carrier: &stranger}); return err }, query.ErrInvalid},
		{func() error { _, err := s.Times(Carry, query.Of{Seller: &s.Seller}); return err }, query.ErrInvalid},
		{func() error { _, err := span.Coverage(); return err }, query.ErrInvalid},
		{func() error { _, err := span.Overdue(BySeller, one); return err }, query.ErrInvalid},
		{func() error { _, err := span.CustodyGaps(one); return err }, query.ErrInvalid},
		{func() error { _, err := claimed.Counts(query.Of{}); return err }, query.ErrInvalid},
		{func() error { _, err := claimed.Defaults(query.Of{}, one); return err }, query.ErrInvalid},
		{func() error { _, err := claimed.Slowest(Answer, query.Of{}, one); return err }, query.ErrInvalid},
		{func() error { _, err := s.Rulings(query.Of{}, query.Range{From: "x", Limit: 1}); return err }, query.ErrInvalid},
		{func() error { _, err := s.Overdue(ByProduct, query.Range{From: "1.x", Limit: 1}); return err }, query.ErrInvalid},
		{func() error { _, err := s.Slowest(Answer, query.Of{}, query.Range{From: "1.2", Limit: 1}); return err }, query.ErrInvalid},
		{func() error { _, err := s.CustodyGaps(query.Range{From: "9", Limit: 1}); return err }, query.ErrInvalid},
		{func() error { _, err := s.Counts(query.Of{Seller: &s.Seller}); return err }, nil},
		{func() error { _, err := s.Counts(query.Of{Maker: &s.Maker}); return err }, nil},
	} {
		if err := c.ask(); !errors.Is(err, c.want) {
			t.Errorf("question %d: %v, want %v", i, err, c.want)
		}
	}
}
