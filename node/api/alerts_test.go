package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/alert"
	"stele/node/chain/chaintest"
	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/views"
)

// supervised is a service with supervision, and the story on its chain.
type supervised struct {
	*service
	*chaintest.Story
	views  *views.Views
	alerts *alert.Book
}

// supervise serves a story on a network whose periods are a few blocks long.
func supervise(t *testing.T, tell func(*chaintest.Story)) *supervised {
	t.Helper()
	p := chaintest.Network(func(p *network.Params) {
		a := &p.AfterSales
		a.Day, a.RespondDays, a.ExecuteDays, a.ConfirmDays = 3*64, 1, 4, 1
		a.ReturnDays, a.EvaluateDays = 1000, 1000
	})
	s := &supervised{Story: chaintest.NewStory(p, "somewhere")}
	tell(s.Story)
	s.service = newServiceOf(t, s.Builder, s.Tip, func(o *Options) {
		scores, counts, patterns := credit.NewIndex(p), supervision.NewIndex(p), anomaly.NewIndex(p)
		var err error
		s.views, err = views.Open("views", views.Options{Chain: o.Chain, FS: vfs.NewMem(), Tables: []views.Table{scores, counts, patterns}})
		if err != nil {
			t.Fatal(err)
		}
		q := query.New(query.Options{Params: p, Chain: o.Chain, Pool: o.Pool, Views: s.views})
		o.Views, o.Credit, o.Anomalies = s.views, credit.NewReader(s.views, scores), anomaly.NewReader(s.views, patterns)
		o.Alerts = alert.NewBook(alert.Options{
			Sources: alert.FromChain(q, supervision.NewReader(q, s.views, counts), o.Anomalies),
			Tip:     func() alert.At { return alert.At{Height: o.Chain.Tip().Height} },
		})
		s.alerts = o.Alerts
	}).listen()
	t.Cleanup(func() { s.check(s.views.Close()) })
	s.follow()
	return s
}

// follow brings views and alerts to the tip of the story.
func (s *supervised) follow() {
	s.Helper()
	for _, b := range s.Tip.Chain()[s.chain.Tip().Height+1:] {
		s.submit(b)
	}
	s.check(s.views.Update(s.Context()))
	s.alerts.Round(s.Context())
}

// kinds returns the kinds of the alerts in some states.
func (s *supervised) kinds(states string) (kinds []string) {
	s.Helper()
	for _, a := range readAs[Page[Alert]](s.service, "/v1/supervision/alerts?state="+states).Items {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}

// sales puts so many sales of the seller into a block.
func sales(s *chaintest.Story, count int) {
	p := &s.Params.AfterSales
	frame := s.Frame(s.Tip, s.Seller)
	var all []*record.Record
	for i := range count {
		frame.Payload = record.VoucherIssue{
			Time: record.Time(s.Tip.Header.Time), GTIN: chaintest.GTIN, Serial: record.Serial(fmt.Sprint("N", i)), Buyer: record.PublicOf(s.NewKey()),
			Price: record.Coin, Quantity: 1, WarrantyDays: 365, Terms: record.Digest{1}, Burn: record.Coin / 200, Stipend: p.MinStipend,
		}
		all = append(all, s.Sign(frame))
		frame.Seq++
	}
	s.Tip = s.Extend(s.Tip, all...)
}

// A claim that nobody answers and a burst of sales make alerts; somebody acknowledges
// one, and the answer of the seller resolves it.
func TestAlerts(t *testing.T) {
	s := supervise(t, func(s *chaintest.Story) {
		for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver, s.Complain} {
			step()
		}
		s.Tip = s.Grow(s.Tip, 10, 0)
		sales(s, 20)
	})
	d := describe(t, s.api)
	if got := strings.Join(s.kinds("open"), " "); !strings.Contains(got, "overdue-claim") || !strings.Contains(got, "anomaly") || len(strings.Fields(got)) != 2 {
		t.Fatalf("alerts %q", got)
	}
	var late Alert
	for _, a := range readAs[Page[Alert]](s.service, "/v1/supervision/alerts").Items {
		if a.Kind == "overdue-claim" {
			late = a
		}
	}
	if late.Subject != s.Claim.String() || len(late.Records) != 1 || late.Openings != 1 || late.Opened.Height != s.Tip.Height() || !strings.Contains(late.Text, "waits for the seller or maker since") {
		t.Errorf("%+v", late)
	}
	at := "/v1/supervision/alerts/" + late.ID
	body := []byte(`{"by":"duty officer 7"}`)
	d.check("/v1/supervision/alerts/{id}/acknowledge", request("POST", at+"/acknowledge", "application/json", body))
	if a := readAs[Alert](s.service, at); a.State != "acknowledged" || a.By != "duty officer 7" || a.Acknowledged == nil {
		t.Errorf("%+v", a)
	}
	for path, status := range map[string]int{at: 422, "/v1/supervision/alerts/0123456789abcdef": 404} {
		text := `{"by":" "}`
		if status == 404 {
			text = `{"by":"me"}`
		}
		s.rejected(status, http.MethodPost, path+"/acknowledge", "application/json", []byte(text))
	}
	s.rejected(http.StatusNotFound, http.MethodGet, "/v1/supervision/alerts/0123456789abcdef", "", nil)
	s.rejected(http.StatusUnprocessableEntity, http.MethodGet, "/v1/supervision/alerts?state=gone", "", nil)
	s.Refund()
	s.follow()
	if got := s.kinds("resolved"); len(got) != 1 || got[0] != "overdue-claim" {
		t.Errorf("resolved %q", got)
	}
	s.rejected(http.StatusConflict, http.MethodPost, at+"/acknowledge", "application/json", body)
	d.check("/v1/supervision/alerts/{id}", request("GET", at, "", nil))
	d.check("/v1/supervision/alerts", request("GET", "/v1/supervision/alerts?state=resolved,open", "", nil))
}

// A recall is an alert until the holder has made a claim for it, and a default until the
// remedy is given.
func TestAlertsOfRecallAndDefault(t *testing.T) {
	s := supervise(t, func(s *chaintest.Story) {
		for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver} {
			step()
		}
	})
	file := func(author record.Key, p record.Payload) {
		frame := s.Frame(s.Tip, author)
		frame.Payload = p
		s.Tip = s.Extend(s.Tip, s.Sign(frame))
	}
	now := func() record.Time { return record.Time(s.Tip.Header.Time) }
	file(s.Maker, record.RecallNotice{Time: now(), GTIN: chaintest.GTIN})
	s.follow()
	if got := fmt.Sprint(s.kinds("open")); got != "[recall]" {
		t.Fatalf("alerts %s", got)
	}
	frame := s.Frame(s.Tip, s.Buyer)
	frame.Payload = record.ClaimOpen{Time: now(), Voucher: s.Voucher, Ground: record.Recall, Remedy: record.Refund, Description: record.Digest{3}}
	claim := s.Sign(frame)
	s.Tip = s.Extend(s.Tip, claim)
	s.follow()
	if got := fmt.Sprint(s.kinds("open"), s.kinds("resolved")); got != "[] [recall]" {
		t.Fatalf("alerts %s", got)
	}
	file(s.Seller, record.ClaimRespond{Time: now(), Claim: claim.ID(), Action: record.Reject, Cause: 1})
	file(s.Buyer, record.ClaimEscalate{Time: now(), Claim: claim.ID()})
	file(s.Supervisor, record.Ruling{Time: now(), Subject: record.OnClaim, ID: claim.ID(), Outcome: record.Ordered, Remedy: record.Refund, Refund: record.Coin, ExecuteDays: 1})
	s.Tip = s.Grow(s.Tip, 10, 0)
	s.follow()
	if got := fmt.Sprint(s.kinds("open")); got != "[default]" {
		t.Fatalf("alerts %s", got)
	}
}

// Findings come with the records behind them, and are narrowed down.
func TestAnomalies(t *testing.T) {
	s := supervise(t, func(s *chaintest.Story) {
		s.Sell()
		sales(s, 20)
	})
	d := describe(t, s.api)
	page := readAs[Page[Anomaly]](s.service, "/v1/supervision/anomalies")
	if len(page.Items) != 1 {
		t.Fatalf("%+v", page)
	}
	x := page.Items[0]
	if x.Kind != "burst" || x.Counted != "sales" || x.Seller != s.Seller || x.With != nil || x.Count < 20 || len(x.Records) != int(x.Count) || !strings.Contains(x.Text, "does not prove") {
		t.Errorf("%+v", x)
	}
	for query, want := range map[string]int{"kind=burst": 1, "kind=fee-floor": 0, "seller=" + s.Seller.String(): 1, "seller=" + s.Maker.String(): 0, "since=9999": 0} {
		if page := readAs[Page[Anomaly]](s.service, "/v1/supervision/anomalies?"+query); len(page.Items) != want {
			t.Errorf("%s: %d findings, want %d", query, len(page.Items), want)
		}
	}
	for _, query := range []string{"kind=bursts", "seller=x", "from=zz", "from=00"} {
		s.rejected(http.StatusUnprocessableEntity, http.MethodGet, "/v1/supervision/anomalies?"+query, "", nil)
	}
	d.check("/v1/supervision/anomalies", request("GET", "/v1/supervision/anomalies", "", nil))
}

// The audits of the last period, and of one seller.
func TestAudits(t *testing.T) {
	s := supervise(t, func(s *chaintest.Story) {
		s.Run()
		s.Tip = s.Grow(s.Tip, 30, 0)
	})
	d := describe(t, s.api)
	const period = 20 // blocks
	voucher := uint32(0)
	for at, b := range s.Tip.Chain() {
		for _, r := range b.Records {
			if r.Type() == record.TypeEvaluate || r.Type() == record.TypeSettleConfirm {
				voucher = uint32(at) / period
			}
		}
	}
	path := fmt.Sprintf("/v1/supervision/audits?period=%d", voucher)
	page := readAs[CreditAudits](s.service, path)
	if len(page.Items) != 1 || page.Period != voucher || page.End != (voucher+1)*period-1 || page.Height != page.End+6 || page.Block != s.Tip.Chain()[page.Height].Hash().String() || page.Network != s.Params.ID {
		t.Fatalf("%+v", page)
	}
	a := page.Items[0]
	if a.Seller != s.Seller || a.Voucher != s.Voucher.String() || a.Vouchers != 1 || a.Drawn >= a.Weight {
		t.Errorf("%+v", a)
	}
	if one := readAs[CreditAudits](s.service, path+"&seller="+s.Seller.String()); len(one.Items) != 1 || one.Items[0] != a {
		t.Errorf("%+v", one)
	}
	if last := readAs[CreditAudits](s.service, "/v1/supervision/audits"); last.Period != (s.Tip.Height()-5)/period-1 {
		t.Errorf("the last period is %d", last.Period)
	}
	s.rejected(http.StatusNotFound, http.MethodGet, "/v1/supervision/audits?period=999", "", nil)
	for _, query := range []string{"period=x", "seller=x", "from=x"} {
		s.rejected(http.StatusUnprocessableEntity, http.MethodGet, "/v1/supervision/audits?"+query, "", nil)
	}
	d.check("/v1/supervision/audits", request("GET", path, "", nil))
}
