package alert

import (
	"context"
	"fmt"
	"strings"
	"time"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
)

// maxFacts is how many facts of a source are read in a round, the most urgent first.
const maxFacts = 500

// maxBehind is how many blocks the index may be behind the chain without an alert: it
// follows a moment later.
const maxBehind = 10

// FromChain returns the sources that ask the chain and its index. The alerts are the same
// on every node whose rounds see the same blocks.
func FromChain(q *query.Reader, s *supervision.Reader, a *anomaly.Reader) []Source {
	c := chainFacts{q, s, a}
	return []Source{
		{"overdue claims", []Kind{OverdueRuling, OverdueClaim}, c.overdue},
		{"defaults", []Kind{Default}, c.defaults},
		{"custody gaps", []Kind{CustodyGap}, c.custody},
		{"coverage", []Kind{Coverage}, c.coverage},
		{"recalls", []Kind{Recall}, c.recalls},
		{"anomalies", []Kind{Anomaly}, c.anomalies},
	}
}

type chainFacts struct {
	query       *query.Reader
	supervision *supervision.Reader
	findings    *anomaly.Reader
}

// collect reads the pages of a list up to maxFacts items, and makes facts of them; those
// that have no kind are none.
func collect[T any](ctx context.Context, ask func(query.Range) (query.Page[T], error), fact func(*T) Fact) (r Report, err error) {
	const size = 200
	for in, read := (query.Range{Limit: size}), 0; ; {
		page, err := ask(in)
		if err != nil {
			return r, err
		}
		for i := range page.Items {
			if f := fact(&page.Items[i]); f.Kind != "" {
				r.Facts = append(r.Facts, f)
			}
		}
		if in.From = page.Next; in.From == "" {
			return r, nil
		}
		if read += size; read >= maxFacts {
			r.Partial = true
			return r, nil
		}
		if err := ctx.Err(); err != nil {
			return r, err
		}
	}
}

// overdue reports the claims that wait for somebody whose time is over.
func (c *chainFacts) overdue(ctx context.Context) (Report, error) {
	ask := func(in query.Range) (query.Page[supervision.OverdueClaim], error) {
		return c.supervision.OverdueClaims(query.Of{}, in)
	}
	return collect(ctx, ask, func(o *supervision.OverdueClaim) Fact {
		kind := OverdueClaim
		if o.State == rules.ClaimEscalated {
			kind = OverdueRuling
		}
		return Fact{
			Kind: kind, Subject: o.ID.String(), Records: []record.ID{o.ID},
			Text: fmt.Sprintf("The claim is %v, and waits for the %s since %s. The seller is %v.", o.State, o.Turn.Role, when(o.Deadline.Time), o.Seller),
		}
	})
}

// defaults reports the claims whose order was not carried out in time, and is not yet.
func (c *chainFacts) defaults(ctx context.Context) (Report, error) {
	ask := func(in query.Range) (query.Page[query.Claim], error) {
		return c.query.Claims(query.Of{}, []rules.ClaimState{rules.ClaimDefaulted}, in)
	}
	return collect(ctx, ask, func(x *query.Claim) Fact {
		return Fact{
			Kind: Default, Subject: x.ID.String(), Records: []record.ID{x.ID},
			Text: fmt.Sprintf("A supervisor ordered a remedy for the claim. The seller %v has not given it in time.", x.Seller),
		}
	})
}

// custody reports the goods that should have changed hands.
func (c *chainFacts) custody(ctx context.Context) (Report, error) {
	return collect(ctx, c.supervision.CustodyGaps, func(g *supervision.CustodyGap) Fact {
		return Fact{
			Kind: CustodyGap, Subject: g.ID.String(), Records: []record.ID{g.ID},
			Text: fmt.Sprintf("The shipment is %v. Its goods should have changed hands by %s, and are with %v.", g.State, when(g.LostFrom), g.Custodian()),
		}
	})
}

// coverage reports what is on the chain and not checked.
func (c *chainFacts) coverage(context.Context) (r Report, err error) {
	all, err := c.supervision.Coverage()
	if err != nil || all.Complete() || all.IndexHeight < all.Height && all.IndexHeight+maxBehind >= all.Height {
		return r, err
	}
	r.Facts = []Fact{{
		Kind: Coverage, Subject: "records",
		Text: fmt.Sprintf("Not everything on the chain is covered at height %d: %s.", all.Height, strings.Join(all.Why, "; ")),
	}}
	return r, nil
}

// recalls reports the recalls that have not reached all vouchers.
func (c *chainFacts) recalls(ctx context.Context) (Report, error) {
	return collect(ctx, c.supervision.Recalls, func(x *supervision.Recall) Fact {
		if done := max(x.Reached, x.Undone); done >= x.Total {
			return Fact{}
		}
		return Fact{
			Kind: Recall, Subject: x.ID().String(), Records: []record.ID{x.ID()},
			Text: fmt.Sprintf("The recall of product %v has reached %d of %d vouchers: their holders made a claim for it.", x.GTIN, x.Reached, x.Total),
		}
	})
}

// anomalies reports the findings of the running period and the one before.
func (c *chainFacts) anomalies(ctx context.Context) (Report, error) {
	tip, period := c.query.Tip().Height, c.findings.Params().Period
	want := anomaly.Filter{Since: tip - min(tip, tip%period+1)}
	ask := func(in query.Range) (query.Page[anomaly.Finding], error) { return c.findings.Select(want, in) }
	return collect(ctx, ask, func(x *anomaly.Finding) Fact {
		return Fact{
			Kind: Anomaly, Subject: x.ID(), Records: x.Records,
			Text: fmt.Sprintf("%s of the seller %v: %s", x.Kind, x.Owner, x.Text),
		}
	})
}

// when writes a time of the chain.
func when(seconds uint64) string {
	const last = 1<<32 - 1
	return time.Unix(int64(min(seconds, last)), 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
