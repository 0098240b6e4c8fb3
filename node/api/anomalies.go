package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/supervision/anomaly"
)

// Anomaly is a pattern in the sales of a seller that an honest market rarely has.
type Anomaly struct {
	ID      string      `json:"id" doc:"stays the same while the figures change"`
	Kind    string      `json:"kind" enum:"burst,buyer-cluster,fee-floor,instant-evaluation,carrier-share"`
	Seller  record.Key  `json:"seller" doc:"first key of its account"`
	With    *record.Key `json:"with,omitempty" doc:"first key of the account in the middle of a cluster, or of the carrier"`
	From    uint32      `json:"from" doc:"height of the first block of the window or period"`
	To      uint32      `json:"to" doc:"height of the last block that counted for it"`
	Counted string      `json:"counted" enum:"sales,evaluations,deliveries,purchases"`
	Count   uint64      `json:"count" doc:"how many fit the pattern"`
	Total   uint64      `json:"total" doc:"out of how many in the period; of a burst: how many the windows before had"`
	Bound   uint64      `json:"bound" doc:"the count from which it is listed"`
	Records []string    `json:"records" doc:"that are counted, the newest first, at most 200"`
	Text    string      `json:"text" doc:"what it shows, and what it does not prove"`
}

type anomaliesInput struct {
	Kind   string `query:"kind" enum:"burst,buyer-cluster,fee-floor,instant-evaluation,carrier-share" doc:"only findings of this kind"`
	Seller string `query:"seller" maxLength:"80" doc:"a key of the seller: only its findings"`
	Since  uint32 `query:"since" doc:"only findings of windows and periods that end at this height or later"`
	Paging
}

func (a *API) registerAnomalies(api huma.API) {
	op := get("list-anomalies", "/v1/supervision/anomalies", "Patterns that an honest market rarely has, the newest windows and periods first")
	op.Description = "No finding proves anything: docs/alerts.md says what each shows. A page may have fewer items than its limit although more follow."
	huma.Register(api, op, a.listAnomalies)
}

func (a *API) listAnomalies(_ context.Context, in *anomaliesInput) (*answer[Page[Anomaly]], error) {
	want := anomaly.Filter{Kind: anomaly.Kind(in.Kind), Since: in.Since}
	if in.Seller != "" {
		owner, err := a.sellerOf(in.Seller)
		if err != nil {
			return nil, err
		}
		seller, _ := owner.Seller()
		want.Owner = &seller
	}
	page, err := a.anomalies.Select(want, in.part())
	return newPage(page, err, newAnomaly)
}

func newAnomaly(f *anomaly.Finding) Anomaly {
	x := Anomaly{
		ID: f.ID(), Kind: string(f.Kind), Seller: f.Owner, From: f.From, To: f.To, Counted: f.Counted,
		Count: f.Count, Total: f.Total, Bound: f.Bound, Records: []string{}, Text: f.Text,
	}
	if f.With != (record.Key{}) {
		x.With = &f.With
	}
	for _, id := range f.Records {
		x.Records = append(x.Records, id.String())
	}
	return x
}
