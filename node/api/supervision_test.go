package api

import (
	"net/http"
	"strings"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// supervisedStory returns a service over a story in which the seller answers one claim and
// not the next, with a recall, a correction and a ruling that is not carried out, and
// goods that stay with a carrier.
func supervisedStory(t *testing.T) (*chaintest.Story, *service) {
	t.Helper()
	p := chaintest.Network(func(p *network.Params) {
		p.AfterSales.Day = 3 * 64
		p.AfterSales.RespondDays, p.AfterSales.CarryDays, p.AfterSales.RulingDays = 1, 1, 1
	})
	story := chaintest.NewStory(p, "somewhere")
	file := func(author record.Key, p record.Payload) record.ID {
		frame := story.Frame(story.Tip, author)
		frame.Payload = p
		r := story.Sign(frame)
		story.Tip = story.Extend(story.Tip, r)
		return r.ID()
	}
	story.Sell()
	story.Send()
	story.HandOver()
	story.Deliver()
	now := record.Time(story.Tip.Header.Time)
	file(story.Maker, record.RecallNotice{Time: now, GTIN: chaintest.GTIN})
	file(story.Seller, record.Correction{Time: now, Record: story.Voucher, Cause: record.WrongData, Correct: record.Digest{1}})
	first := file(story.Buyer, record.ClaimOpen{Time: now, Voucher: story.Voucher, Ground: record.Recall, Remedy: record.Repair, Description: record.Digest{3}})
	file(story.Seller, record.ClaimRespond{Time: now, Claim: first, Action: record.Reject, Cause: record.Misuse})
	file(story.Buyer, record.ClaimEscalate{Time: now, Claim: first})
	file(story.Supervisor, record.Ruling{Time: now, Subject: record.OnClaim, ID: first, Outcome: record.Ordered, Remedy: record.Repair, ExecuteDays: 1, Text: record.Digest{5}})
	story.Tip = story.Grow(story.Tip, 10, 0)
	file(story.Seller, record.SettleExecute{Time: now, Claim: first, Remedy: record.Repair, Report: record.Digest{7}})
	file(story.Buyer, record.SettleConfirm{Time: now, Claim: first, Accept: true})
	story.Claim = file(story.Buyer, record.ClaimOpen{Time: now, Voucher: story.Voucher, Ground: record.Recall, Remedy: record.Refund, Description: record.Digest{3}})
	story.Tip = story.Grow(story.Tip, 10, 0)
	return story, newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
}

// Each answer has the number and the way to what is behind it.
func TestSupervision(t *testing.T) {
	story, s := supervisedStory(t)
	seller := "seller=" + story.Seller.String()
	c := readAs[Coverage](s, "/v1/supervision/coverage")
	if !c.Complete || c.Records != c.RecordsChecked || c.Blocks != uint64(story.Tip.Height())+1 || c.Height != story.Tip.Height() || c.Vouchers["active"] != 1 {
		t.Errorf("coverage %+v", c)
	}
	counts := readAs[SupervisionCounts](s, "/v1/supervision/counts?"+seller)
	if counts.Sales != 1 || counts.Claims != 2 || counts.Answers != 1 || counts.Rulings != 1 || counts.Orders != 1 || counts.Defaults != 1 || counts.Remedies != 1 ||
		counts.Corrections != 1 || counts.Reached != 1 || counts.Remedied != 1 {
		t.Errorf("counts %+v", counts)
	}
	for by, name := range map[string]string{"seller": story.Seller.String(), "maker": story.Maker.String(), "product": chaintest.GTIN.String()} {
		overdue := readAs[Page[OverdueCount]](s, "/v1/supervision/overdue?by="+by)
		if len(overdue.Items) != 1 || overdue.Items[0].Count != 1 || overdue.Items[0].Waits[0] != (Waiting{"seller or maker", 1}) || !strings.Contains(overdue.Items[0].Claims, name) {
			t.Fatalf("by %s: %+v", by, overdue)
		}
		claims := readAs[Page[OverdueClaim]](s, overdue.Items[0].Claims)
		if len(claims.Items) != 1 || claims.Items[0].ID != story.Claim.String() || claims.Items[0].Turn.Role != "seller or maker" || claims.Items[0].Over == 0 ||
			claims.Items[0].ID != overdue.Items[0].Worst.ID || claims.Items[0].Days != claims.Items[0].Over/(3*64) {
			t.Errorf("overdue claims by %s: %+v", by, claims)
		}
	}
	times := readAs[ResponseTimes](s, "/v1/supervision/response-times?"+seller)
	if times.Day != 3*64 || times.Answer.Count != 1 || times.Execution.Count != 1 || times.Ruling.Count != 1 || times.Execution.Longest > times.Execution.P50 {
		t.Errorf("times %+v", times)
	}
	slowest := readAs[Page[TimedRecord]](s, times.Execution.Records)
	if len(slowest.Items) != 1 || slowest.Items[0].Seconds != times.Execution.Longest || slowest.Items[0].Event.Type != "SETTLE_EXECUTE" || slowest.Items[0].Case.Seller != story.Seller.String() {
		t.Errorf("slowest %+v", slowest)
	}
	rulings := readAs[Page[RulingLine]](s, "/v1/supervision/rulings?"+seller+"&clock=block")
	defaults := readAs[Page[DefaultLine]](s, "/v1/supervision/defaults?"+seller)
	if len(rulings.Items) != 1 || rulings.Items[0].Claim == nil || len(defaults.Items) != 1 || defaults.Items[0].Ruling != rulings.Items[0].Event.ID || !defaults.Items[0].Late {
		t.Errorf("rulings %+v, defaults %+v", rulings, defaults)
	}
	recalls := readAs[Page[RecallLine]](s, "/v1/supervision/recalls")
	if len(recalls.Items) != 1 || recalls.Items[0].Total != 1 || recalls.Items[0].Reached != 1 || recalls.Items[0].Remedied != 1 {
		t.Fatalf("recalls %+v", recalls)
	}
	if reached := readAs[Page[Voucher]](s, recalls.Items[0].Vouchers); len(reached.Items) != 1 || reached.Items[0].ID != story.Voucher.String() {
		t.Errorf("reached %+v", reached)
	}
	corrections := readAs[Page[CorrectionLine]](s, "/v1/supervision/corrections?since=1&clock=claimed")
	if len(corrections.Items) != 1 || corrections.Items[0].Corrected != story.Voucher.String() || corrections.Items[0].Type != "VOUCHER_ISSUE" {
		t.Errorf("corrections %+v", corrections)
	}
	parcels := readAs[Parcels](s, "/v1/supervision/parcels")
	if parcels.States["delivered"] != 1 || parcels.UnderWay != 0 || parcels.Carried.Count != 2 {
		t.Errorf("parcels %+v", parcels)
	}
	if carried := readAs[Page[TimedRecord]](s, parcels.Carried.Records); len(carried.Items) != 2 || carried.Items[0].Case.Shipment != story.Shipment.String() {
		t.Errorf("carried %+v", carried)
	}
	if gaps := readAs[Page[CustodyGap]](s, "/v1/supervision/custody-gaps"); len(gaps.Items) != 0 {
		t.Errorf("gaps %+v", gaps)
	}
}

// Goods that stay with a carrier are shown with the carrier, the seller and the days.
func TestCustodyGap(t *testing.T) {
	p := chaintest.Network(func(p *network.Params) { p.AfterSales.Day, p.AfterSales.CarryDays = 3*64, 1 })
	story := chaintest.NewStory(p, "somewhere")
	story.Sell()
	story.Send()
	story.HandOver()
	story.Tip = story.Grow(story.Tip, 12, 0)
	s := newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
	carrier := record.PublicOf(network.DevFaucets()[story.SecondCarrier])
	gaps := readAs[Page[CustodyGap]](s, "/v1/supervision/custody-gaps?carrier="+carrier.String())
	if len(gaps.Items) != 1 || gaps.Items[0].ID != story.Shipment.String() || gaps.Items[0].Carrier != carrier || gaps.Items[0].Seller != story.Seller.String() ||
		gaps.Items[0].Over == 0 || gaps.Items[0].Days != gaps.Items[0].Over/(3*64) {
		t.Errorf("gaps %+v", gaps)
	}
}

func TestSupervisionProblems(t *testing.T) {
	story, s := supervisedStory(t)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"rulings?seller=" + story.Buyer.String():                                      {http.StatusNotFound, "no seller"},
		"overdue-claims?maker=" + story.Seller.String():                               {http.StatusNotFound, "no manufacturer"},
		"custody-gaps?carrier=" + story.Buyer.String():                                {http.StatusNotFound, "no carrier"},
		"response-times?gtin=4006381333931":                                           {http.StatusNotFound, "nobody registered"},
		"response-times?gtin=4006381333932":                                           {http.StatusUnprocessableEntity, ""},
		"counts?seller=x":                                                             {http.StatusUnprocessableEntity, ""},
		"counts?seller=" + story.Seller.String() + "&gtin=" + chaintest.GTIN.String(): {http.StatusUnprocessableEntity, "by one party or by a product"},
		"rulings?since=9&until=3":                                                     {http.StatusUnprocessableEntity, "before it begins"},
		"rulings?clock=sun":                                                           {http.StatusUnprocessableEntity, ""},
		"rulings?from=x":                                                              {http.StatusUnprocessableEntity, "from"},
		"defaults?clock=block":                                                        {http.StatusUnprocessableEntity, ""},
		"response-times/patience":                                                     {http.StatusUnprocessableEntity, ""},
		"response-times/answer?carrier=" + story.Seller.String():                      {http.StatusUnprocessableEntity, "answers no claims"},
		"response-times/carry?seller=" + story.Seller.String():                        {http.StatusUnprocessableEntity, "carrier"},
		"overdue?by=buyer":                                                            {http.StatusUnprocessableEntity, ""},
		"recalls/4006381333931/vouchers":                                              {http.StatusNotFound, "nobody registered"},
	} {
		if p := s.rejected(want.status, http.MethodGet, "/v1/supervision/"+path, "", nil); !strings.Contains(p.Detail, want.text) {
			t.Errorf("%s: %q", path, p.Detail)
		}
	}
}
