package api

import (
	"net/http"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/views"
)

// withViews gives the API views of its chain.
func withViews(t *testing.T) func(*Options) {
	return func(o *Options) {
		index, supervised, patterns := credit.NewIndex(o.Params), supervision.NewIndex(o.Params), anomaly.NewIndex(o.Params)
		v, err := views.Open("views", views.Options{Chain: o.Chain, FS: vfs.NewMem(), Tables: []views.Table{index, supervised, patterns}})
		if err == nil {
			t.Cleanup(func() {
				if err := v.Close(); err != nil {
					t.Error(err)
				}
			})
			err = v.Update(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Views, o.Credit, o.Anomalies = v, credit.NewReader(v, index), anomaly.NewReader(v, patterns)
		o.Supervision = supervision.NewReader(query.New(query.Options{Params: o.Params, Chain: o.Chain, Pool: o.Pool, Views: v}), v, supervised)
	}
}

// The history of a party has all the roles that it granted, page by page, with
// their times.
func TestPartyHistory(t *testing.T) {
	s := serve(t, withViews(t))
	author := s.builder.Funded(s.builder.Genesis, 0)
	var want []record.ID
	var times [][2]uint32
	for _, b := range s.tip.Chain()[1:] {
		for _, r := range b.Records {
			kind := r.Type()
			if kind != record.TypeRoleGrant && kind != record.TypeKeyRotate {
				continue
			}
			account, err := s.options.Views.Account(r.Key)
			s.check(err)
			if account == author {
				want = append(want, r.ID())
				times = append(times, [2]uint32{b.Header.Time, b.Parent.Node().MedianTime()})
			}
		}
	}
	grant := s.builder.Extend(s.tip, s.builder.Grant(s.tip, record.Carrier, record.PublicOf(s.builder.NewKey())))
	s.submit(grant)
	s.check(s.options.Views.Update(t.Context()))
	want = append(want, grant.Records[1].ID())
	times = append(times, [2]uint32{grant.Header.Time, grant.Parent.Node().MedianTime()})

	var got []Event
	path := "/v1/parties/" + author.String() + "/history?limit=1"
	for from := ""; ; {
		var page Page[Event]
		s.get(path+from, &page)
		if len(page.Items) > 1 {
			t.Fatalf("%d items on a page of 1", len(page.Items))
		}
		got = append(got, page.Items...)
		if page.Next == "" {
			break
		}
		from = "&from=" + page.Next
	}
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, e := range got {
		if e.ID != want[i].String() || e.BlockTime != times[i][0] || e.MedianTime != times[i][1] || e.ClaimedTime != 0 || len(e.Signers) == 0 ||
			e.Record.Value.ID() != want[i] || e.Confirmations != s.chain.Tip().Height-e.Height+1 {
			t.Errorf("event %d is %+v, want %v at %v", i, e, want[i], times[i])
		}
	}
	last := got[len(got)-1]
	if last.Type != "ROLE_GRANT" || last.Signers[0].Part != "author" || last.Signers[1].Part != "root" || last.Confirmations != 1 {
		t.Errorf("last event %+v", last)
	}
}

// What cannot be asked, or is not there.
func TestHistoryErrors(t *testing.T) {
	s := serve(t, withViews(t))
	id, key := s.tip.Records[0].ID().String(), s.builder.Payout.String()
	for path, status := range map[string]int{
		"/v1/vouchers/" + id + "/history":             http.StatusNotFound,
		"/v1/claims/" + id + "/history":               http.StatusNotFound,
		"/v1/shipments/" + id + "/history":            http.StatusNotFound,
		"/v1/vouchers/" + id:                          http.StatusNotFound,
		"/v1/claims/" + id:                            http.StatusNotFound,
		"/v1/shipments/" + id:                         http.StatusNotFound,
		"/v1/items/04006381333931/A1":                 http.StatusNotFound,
		"/v1/items/1/A1":                              http.StatusUnprocessableEntity,
		"/v1/claims?seller=x":                         http.StatusUnprocessableEntity,
		"/v1/claims?from=x":                           http.StatusUnprocessableEntity,
		"/v1/parties/x/claims":                        http.StatusUnprocessableEntity,
		"/v1/parties/x/shipments":                     http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/vouchers?relation=x": http.StatusUnprocessableEntity,
		"/v1/vouchers/zz/history":                     http.StatusUnprocessableEntity,
		"/v1/items/123/A1/history":                    http.StatusUnprocessableEntity,
		"/v1/products/04006381333932/history":         http.StatusUnprocessableEntity,
		"/v1/parties/" + key[1:] + "/history":         http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/history?from=x":      http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/history?from=1":      http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/history?from=1.2.3":  http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/history?from=01.2":   http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/history?limit=0":     http.StatusUnprocessableEntity,
		"/v1/parties/" + key + "/history?limit=10000": http.StatusUnprocessableEntity,
		"/v1/bundles/voucher/" + id:                   http.StatusNotFound,
		"/v1/bundles/claim/" + id:                     http.StatusNotFound,
		"/v1/bundles/parcel/" + id:                    http.StatusUnprocessableEntity,
	} {
		s.rejected(status, http.MethodGet, path, "", nil)
	}
	for _, path := range []string{
		"/v1/claims", "/v1/claims?seller=" + key, "/v1/parties/" + key + "/vouchers", "/v1/parties/" + key + "/vouchers?relation=sold",
		"/v1/parties/" + key + "/claims", "/v1/parties/" + key + "/shipments", "/v1/items/04006381333931/A%2F1/history", "/v1/products/4006381333931/history", "/v1/parties/" + key + "/history",
	} {
		var page Page[Event]
		s.get(path, &page)
		if page.Items == nil || len(page.Items) != 0 || page.Next != "" {
			t.Errorf("%s: %+v", path, page)
		}
	}
}
