package api

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// The lists of a story, by party, product and state.
func TestLedgerLists(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Run()
	s := newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
	voucher, claim := story.Voucher.String(), story.Claim.String()
	seller, buyer, maker := story.Seller.String(), story.Buyer.String(), story.Maker.String()
	gtin := chaintest.GTIN.String()
	for path, want := range map[string]int{
		"/v1/products":                           1,
		"/v1/products?maker=" + maker:            1,
		"/v1/products?maker=" + seller:           0,
		"/v1/vouchers":                           1,
		"/v1/vouchers?state=refunded":            1,
		"/v1/vouchers?state=active":              0,
		"/v1/vouchers?seller=" + seller:          1,
		"/v1/vouchers?gtin=" + gtin:              1,
		"/v1/vouchers?seller=" + maker:           0,
		"/v1/vouchers/" + voucher + "/claims":    1,
		"/v1/claims":                             0,
		"/v1/claims?status=closed":               1,
		"/v1/claims?status=all&holder=" + buyer:  1,
		"/v1/claims?status=all&maker=" + maker:   1,
		"/v1/claims?status=all&gtin=" + gtin:     1,
		"/v1/claims?state=closed-settled":        1,
		"/v1/claims?state=open":                  0,
		"/v1/claims?status=overdue":              0,
		"/v1/claims?order=deadline":              0,
		"/v1/shipments":                          1,
		"/v1/shipments?state=delivered":          1,
		"/v1/shipments?state=lost":               0,
		"/v1/vouchers/" + voucher + "/shipments": 1,
		"/v1/evaluations":                        1,
		"/v1/evaluations?seller=" + seller:       1,
		"/v1/evaluations?gtin=" + gtin:           1,
		"/v1/rulings":                            0,
		"/v1/recalls":                            0,
		"/v1/suspensions":                        0,
		"/v1/accounts?role=carrier":              2,
		"/v1/accounts?role=seller":               1,
		"/v1/accounts?suspended=true":            0,
	} {
		page := readAs[Page[map[string]any]](s, path)
		if len(page.Items) != want || page.Items == nil || page.Next != "" {
			t.Errorf("%s: %d items, want %d", path, len(page.Items), want)
		}
	}
	for path, status := range map[string]int{
		"/v1/claims?seller=" + seller + "&maker=" + maker: http.StatusUnprocessableEntity,
		"/v1/claims?state=lost":                           http.StatusUnprocessableEntity,
		"/v1/claims?status=closed&order=deadline":         http.StatusUnprocessableEntity,
		"/v1/claims?order=deadline&from=1.2":              http.StatusUnprocessableEntity,
		"/v1/vouchers?state=open":                         http.StatusUnprocessableEntity,
		"/v1/accounts":                                    http.StatusUnprocessableEntity,
		"/v1/products/04006381333931":                     http.StatusNotFound,
		"/v1/claims/" + voucher + "/turn":                 http.StatusNotFound,
		"/v1/vouchers/" + claim + "/entitlements":         http.StatusNotFound,
		"/v1/vouchers/" + voucher + "/actions":            http.StatusUnprocessableEntity,
		"/v1/blocks?limit=1000":                           http.StatusUnprocessableEntity,
	} {
		s.rejected(status, http.MethodGet, path, "", nil)
	}
	if e := readAs[Page[Evaluated]](s, "/v1/evaluations").Items[0]; e.Voucher != voucher || e.Product != 2 || e.Buyer != story.Buyer {
		t.Errorf("evaluation %+v", e)
	}
	payments := readAs[Page[Payment]](s, "/v1/accounts/"+buyer+"/payments").Items
	if len(payments) != 1 || payments[0].ID != story.Payment.String() || payments[0].Amount != 100*record.Coin || payments[0].From != seller {
		t.Errorf("payments %+v", payments)
	}
	totals := readAs[Totals](s, "/v1/totals")
	if totals.Claims["closed-settled"] != 1 || totals.Vouchers["refunded"] != 1 || totals.Shipments["delivered"] != 1 ||
		totals.Records["CLAIM_OPEN"] != 1 || totals.Overdue != 0 || totals.Height != story.Tip.Height() {
		t.Errorf("totals %+v", totals)
	}
	if part := readAs[Totals](s, "/v1/totals?seller="+maker); len(part.Claims) != 0 || part.Records != nil {
		t.Errorf("totals of another seller %+v", part)
	}
}

// What a party may do, and whose turn it is, while a claim waits for its answer.
func TestActionsOfClaim(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	for _, step := range []func(){story.Sell, story.Send, story.HandOver, story.Deliver, story.Complain} {
		step()
	}
	s := newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
	turn := readAs[Turn](s, "/v1/claims/"+story.Claim.String()+"/turn")
	claim := readAs[Claim](s, "/v1/claims/"+story.Claim.String())
	if turn.Role != "seller or maker" || !slices.Equal(turn.Accounts, []record.Key{story.Seller, story.Maker}) ||
		turn.Period != "respond" || turn.Until != claim.Deadline.Time || turn.Then != "CLAIM_ESCALATE" || turn.ThenBy != "holder" || turn.Silence != "" {
		t.Errorf("turn %+v", turn)
	}
	find := func(path, kind, choice string) Action {
		t.Helper()
		actions := readAs[Actions](s, path)
		if actions.Height != story.Tip.Height()+1 || actions.MedianTime != story.Tip.Node().MedianTime() {
			t.Errorf("%+v", actions)
		}
		i := slices.IndexFunc(actions.Items, func(a Action) bool { return a.Type == kind && a.Choice == choice })
		if i < 0 {
			t.Fatalf("%s has no %s %s", path, kind, choice)
		}
		return actions.Items[i]
	}
	if a := find("/v1/claims/"+story.Claim.String()+"/actions?key="+story.Seller.String(), "CLAIM_RESPOND", "authorise"); !a.Allowed || a.Reason != "" {
		t.Errorf("seller: %+v", a)
	}
	if a := find("/v1/claims/"+story.Claim.String()+"/actions?key="+story.Buyer.String(), "CLAIM_RESPOND", "authorise"); a.Allowed || a.Reason != reject.ResponseByOther {
		t.Errorf("buyer: %+v", a)
	}
	escalate := find("/v1/claims/"+story.Claim.String()+"/actions?key="+story.Buyer.String(), "CLAIM_ESCALATE", "")
	if escalate.Allowed || escalate.From != claim.Deadline.Time+1 || escalate.Hint == "" {
		t.Errorf("escalate: %+v", escalate)
	}
	if a := find("/v1/vouchers/"+story.Voucher.String()+"/entitlements", "CLAIM_OPEN", "fault refund"); a.Allowed || a.Reason == "" {
		t.Errorf("a second claim: %+v", a)
	}
	live := readAs[Page[Claim]](s, "/v1/claims?order=deadline").Items
	if len(live) != 1 || live[0].ID != claim.ID || live[0].GTIN != chaintest.GTIN.String() || live[0].Serial != chaintest.Serial {
		t.Errorf("claims by deadline: %+v", live)
	}
}

// Blocks, records and the pool, in numbers.
func TestNumbers(t *testing.T) {
	s := serve(t, withViews(t))
	network := readAs[Network](s, "/v1/network")
	p := s.builder.Params
	if network.Name != p.Name || network.BlockSeconds != p.Pow.TargetSpacing || network.RetargetInterval != p.Pow.RetargetInterval ||
		network.DaySeconds != p.AfterSales.Day || network.Periods.Respond != p.AfterSales.RespondDays || network.Fees.Voucher != p.AfterSales.VoucherFee ||
		network.Genesis != s.builder.Genesis.Hash().String() {
		t.Errorf("network %+v", network)
	}
	lines := readAs[[]BlockLine](s, "/v1/blocks?limit=3")
	if len(lines) != 3 || lines[0].Height != 12 || lines[2].Height != 10 || lines[0].Payee != s.builder.Payout.String() {
		t.Errorf("blocks %+v", lines)
	}
	headers := readAs[[]Header](s, "/v1/headers?order=down&limit=2")
	if len(headers) != 2 || headers[0].Height != 12 || headers[1].Height != 11 || headers[1].MedianTime != s.tip.Parent.Node().MedianTime() {
		t.Errorf("headers %+v", headers)
	}
	b := readAs[Block](s, "/v1/blocks/12")
	if b.Fees != lines[0].Fees || b.Reward != lines[0].Reward || b.Types["COINBASE"] != 1 {
		t.Errorf("block %+v", b)
	}
	records := readAs[[]BlockRecord](s, "/v1/blocks/12/records?from=1&limit=2")
	if len(records) != 2 || records[1].Index != 2 || records[1].ID != s.tip.Records[2].ID().String() || records[1].Size != s.tip.Records[2].Size() ||
		records[1].Author != s.tip.Records[2].Key.String() {
		t.Errorf("records %+v", records)
	}

	r := s.tip.Records[1]
	got := readAs[Record](s, "/v1/records/"+r.ID().String())
	if got.Size != r.Size() || got.FeeRate != uint64(r.Fee)*1000/uint64(r.Size()) || got.BlockTime != s.tip.Header.Time ||
		got.MedianTime != s.tip.Parent.Node().MedianTime() || got.Type != r.Type().String() || len(got.Signers) != len(r.Signers()) {
		t.Errorf("record %+v", got)
	}
	answer, err := s.client.Get("http://" + s.addr + "/v1/records/" + r.ID().String() + "/raw")
	s.check(err)
	raw, err := io.ReadAll(answer.Body)
	s.check(err)
	s.check(answer.Body.Close())
	if answer.Header.Get("Content-Type") != octets || !bytes.Equal(raw, r.Encode()) {
		t.Errorf("raw record: %s, %x", answer.Header.Get("Content-Type"), raw)
	}

	pay := s.builder.Pay(s.tip, s.builder.Funded(s.tip, 0), s.builder.Funded(s.tip, 1), 5)
	s.do(http.MethodPost, "/v1/records", octets, pay.Encode())
	if waiting := readAs[[]PooledRecord](s, "/v1/pool/records"); len(waiting) != 1 || waiting[0].ID != pay.ID().String() || waiting[0].Fee != pay.Fee {
		t.Errorf("pool %+v", waiting)
	}
	if coming := readAs[[]ComingBlock](s, "/v1/pool/blocks"); len(coming) != 1 || coming[0].Records != 1 || coming[0].Size != pay.Size() {
		t.Errorf("coming blocks %+v", coming)
	}
	bad := slices.Clone(s.builder.Pay(s.tip, s.builder.Funded(s.tip, 2), s.builder.Funded(s.tip, 1), 5).Encode())
	bad[len(bad)-1] ^= 1
	s.rejected(http.StatusUnprocessableEntity, http.MethodPost, "/v1/records", octets, bad)
	s.rejected(http.StatusUnprocessableEntity, http.MethodPost, "/v1/records", octets, bad[:50])
	s.pool.Add(s.builder.Pay(s.tip, s.builder.Funded(s.tip, 2), s.builder.Funded(s.tip, 1), 0)) // as from the traffic
	totals := readAs[Totals](s, "/v1/totals")
	if len(totals.Rejections) != 3 || totals.Rejections[string(reject.BadRecordEncoding)] != 1 || totals.Rejections[string(reject.AmountOutOfRange)] != 1 {
		t.Errorf("rejections %v", totals.Rejections)
	}
	if totals.Rejections[string(reject.BadSignature)] != 1 || totals.Pool.Accepted != 1 {
		t.Errorf("totals %+v", totals)
	}
	if miners := readAs[Miners](s, "/v1/miners"); miners.Miners == nil || len(miners.Miners) != 0 {
		t.Errorf("miners without a Stratum server: %+v", miners)
	}
}
