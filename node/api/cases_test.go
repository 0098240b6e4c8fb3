package api

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/bundle"
	"stele/node/ledger/record"
)

// A case in the answers of the API, before and after the claim is settled.
func TestCases(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	s := newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
	at := story.Tip
	catchUp := func() {
		t.Helper()
		for _, b := range story.Tip.Chain()[at.Height()+1:] {
			s.submit(b)
		}
		at = story.Tip
		s.check(s.options.Views.Update(t.Context()))
	}
	p := &story.Params.AfterSales
	item := "/v1/items/" + chaintest.GTIN.String() + "/" + url.PathEscape(string(chaintest.Serial))

	var unsold Item
	s.get("/v1/items/"+chaintest.GTIN.String()+"/Z9", &unsold)
	if unsold.Voucher != nil || unsold.Product == nil || unsold.Product.Maker != story.Maker || unsold.Product.WarrantyDays != 365 {
		t.Errorf("item that was never sold: %+v", unsold)
	}

	story.Sell()
	story.Send()
	story.HandOver()
	catchUp()
	var voucher Voucher
	s.get("/v1/vouchers/"+story.Voucher.String(), &voucher)
	if voucher.State != "issued" || voucher.Seller != story.Seller || voucher.Holder != story.Buyer || voucher.Price != 100*record.Coin ||
		voucher.WarrantyEnd != 0 || voucher.Shipment != story.Shipment.String() || voucher.Evaluation != nil || voucher.Serial != chaintest.Serial {
		t.Errorf("voucher %+v", voucher)
	}
	var shipment Shipment
	s.get("/v1/shipments/"+story.Shipment.String(), &shipment)
	if shipment.State != "in-transit" || shipment.Leg != "outbound" || shipment.Sender != story.Seller || shipment.Custodian != shipment.Carrier ||
		shipment.AttemptFrom != uint64(shipment.Since)+uint64(p.AttemptDays)*uint64(p.Day) || shipment.Exception != "" ||
		shipment.LostFrom != uint64(shipment.Since)+uint64(p.CarryDays)*uint64(p.Day) {
		t.Errorf("shipment %+v", shipment)
	}

	story.Deliver()
	story.Complain()
	catchUp()
	var claim Claim
	s.get("/v1/claims/"+story.Claim.String(), &claim)
	end := uint64(claim.Since) + uint64(p.RespondDays)*uint64(p.Day)
	if claim.State != "open" || claim.Closed || claim.Seller != story.Seller || claim.Holder != story.Buyer || claim.Asked != "refund" ||
		claim.Ground != "fault" || claim.Deadline == nil || *claim.Deadline != (Deadline{"respond", end, false}) {
		t.Errorf("claim %+v, deadline %+v", claim, claim.Deadline)
	}
	for _, path := range []string{"/v1/claims", "/v1/claims?seller=" + story.Seller.String(), "/v1/parties/" + story.Buyer.String() + "/claims"} {
		var page Page[Claim]
		s.get(path, &page)
		if len(page.Items) != 1 || page.Items[0].ID != claim.ID || page.Next != "" {
			t.Errorf("%s: %+v", path, page)
		}
	}
	var none Page[Claim]
	s.get("/v1/claims?seller="+story.Maker.String(), &none)
	if len(none.Items) != 0 {
		t.Errorf("claims of another seller: %+v", none)
	}

	story.Refund()
	story.Evaluate()
	catchUp()
	if claim = readAs[Claim](s, "/v1/claims/"+story.Claim.String()); claim.State != "closed-settled" || !claim.Closed || claim.Deadline != nil ||
		claim.Settlement != story.Payment.String() || claim.Refund != 100*record.Coin {
		t.Errorf("claim %+v", claim)
	}
	if page := readAs[Page[Claim]](s, "/v1/claims"); len(page.Items) != 0 {
		t.Errorf("open claims: %+v", page)
	}
	if page := readAs[Page[Claim]](s, "/v1/parties/"+story.Seller.String()+"/claims"); len(page.Items) != 1 || page.Items[0].ID != claim.ID {
		t.Errorf("claims of the seller: %+v", page)
	}
	voucher = readAs[Voucher](s, "/v1/vouchers/"+story.Voucher.String())
	if e := voucher.Evaluation; voucher.State != "refunded" || voucher.ClaimLive || voucher.Claim != claim.ID || e == nil || e.Product != 2 || e.Reward != voucher.Burn/2 {
		t.Errorf("voucher %+v, evaluation %+v", voucher, voucher.Evaluation)
	}
	if sold := readAs[Item](s, item); sold.Voucher == nil || sold.Voucher.ID != voucher.ID || sold.Recalled || sold.Serial != chaintest.Serial {
		t.Errorf("item %+v", sold)
	}
	if page := readAs[Page[Claim]](s, "/v1/parties/"+story.Maker.String()+"/claims"); len(page.Items) != 1 || page.Items[0].ID != claim.ID {
		t.Errorf("claims of the maker, who may answer them: %+v", page)
	}
	for path, want := range map[string]int{
		"/v1/parties/" + story.Buyer.String() + "/vouchers":                1,
		"/v1/parties/" + story.Seller.String() + "/vouchers":               0,
		"/v1/parties/" + story.Seller.String() + "/vouchers?relation=sold": 1,
	} {
		if page := readAs[Page[Voucher]](s, path); len(page.Items) != want {
			t.Errorf("%s: %+v", path, page)
		}
	}
	if page := readAs[Page[Shipment]](s, "/v1/parties/"+story.Seller.String()+"/shipments"); len(page.Items) != 1 || page.Items[0].State != "delivered" {
		t.Errorf("shipments of the seller: %+v", page)
	}

	// The history of the voucher is the story.
	var want []string
	for _, r := range story.Records {
		if r.Type() > record.TypeProductRegister || r.Type() == record.TypePay {
			want = append(want, r.ID().String())
		}
	}
	for _, path := range []string{"/v1/vouchers/" + story.Voucher.String() + "/history", item + "/history"} {
		var ids []string
		for _, e := range readAs[Page[Event]](s, path).Items {
			ids = append(ids, e.ID)
			if e.ClaimedTime == 0 != (e.Type == "PAY") || e.MedianTime == 0 || e.BlockTime <= e.MedianTime || len(e.Signers) == 0 {
				t.Errorf("%s: %+v", path, e)
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", path, ids, want)
		}
	}
	product := readAs[Page[Event]](s, "/v1/products/"+chaintest.GTIN.String()+"/history")
	if len(product.Items) != 1 || product.Items[0].Type != "PRODUCT_REGISTER" {
		t.Errorf("product: %+v", product)
	}

	// The evidence can be checked without the node.
	answer, text := s.do(http.MethodGet, "/v1/bundles/claim/"+story.Claim.String()+"?all_headers=true", "", nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	b := readBundle(t, text)
	if report, err := b.Check(story.Params); err != nil || !report.FromGenesis || report.Kind != bundle.Claim {
		t.Errorf("%+v, %v", report, err)
	}
}

// A claim that nobody answers shows that its time has run out, and one that is
// silently settled is not among the open ones, though no record has closed it.
func TestLapsedClaim(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	for _, step := range []func(){story.Sell, story.Send, story.HandOver, story.Deliver, story.Complain} {
		step()
	}
	unanswered := story.Tip
	story.Refund()
	s := newServiceOf(t, story.Builder, unanswered, withViews(t)).listen()
	p := &story.Params.AfterSales
	wait := func(days uint16) {
		t.Helper()
		tip := s.tip
		end := tip.Node().MedianTime() + uint32(days)*p.Day
		for tip.Node().MedianTime() <= end {
			d := story.Draft(tip)
			d.Header.Time = max(d.Header.Time, end+1)
			tip = story.Add(tip, d.Seal())
			s.submit(tip)
		}
		s.tip = tip
		s.check(s.options.Views.Update(t.Context()))
	}
	wait(p.RespondDays + 1)
	claim := readAs[Claim](s, "/v1/claims/"+story.Claim.String())
	if claim.State != "open" || claim.Deadline == nil || !claim.Deadline.Passed {
		t.Errorf("claim %+v, deadline %+v", claim, claim.Deadline)
	}

	// Another branch, on which there is an offer that nobody answers: it counts as
	// a rejection, and then as the end.
	offer := story.Frame(unanswered, story.Seller)
	offer.Payload = record.ClaimRespond{Time: record.Time(unanswered.Header.Time), Claim: story.Claim, Action: record.Offer, Remedy: record.Repair}
	s = newServiceOf(t, story.Builder, story.Extend(unanswered, story.Sign(offer)), withViews(t)).listen()
	wait(p.RespondDays + 1)
	page := readAs[Page[Claim]](s, "/v1/claims")
	if len(page.Items) != 1 || page.Items[0].State != "rejected" || page.Items[0].Deadline == nil || page.Items[0].Deadline.Period != "escalate" {
		t.Errorf("open claims: %+v", page)
	}
	wait(p.EscalateDays + 1)
	if page := readAs[Page[Claim]](s, "/v1/claims"); len(page.Items) != 0 {
		t.Errorf("open claims: %+v", page)
	}

	// Another branch, on which it was executed and not confirmed.
	executed := story.Tip.Parent
	s = newServiceOf(t, story.Builder, executed, withViews(t)).listen()
	if page := readAs[Page[Claim]](s, "/v1/claims"); len(page.Items) != 1 || page.Items[0].State != "executed" {
		t.Errorf("open claims: %+v", page)
	}
	wait(p.ConfirmDays + 1)
	if page := readAs[Page[Claim]](s, "/v1/claims?limit=1"); len(page.Items) != 0 {
		t.Errorf("open claims: %+v", page)
	}
	if claim := readAs[Claim](s, "/v1/claims/"+story.Claim.String()); claim.State != "closed-settled" {
		t.Errorf("claim %+v", claim)
	}
	if voucher := readAs[Voucher](s, "/v1/vouchers/"+story.Voucher.String()); voucher.State != "refunded" || voucher.ClaimLive {
		t.Errorf("voucher %+v", voucher)
	}
}
