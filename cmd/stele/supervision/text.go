package supervision

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/node/api"
	"stele/node/ledger/record"
)

// took writes seconds of median time.
func took[N uint32 | uint64](seconds N) string {
	return human.Duration(time.Duration(seconds) * time.Second)
}

// overview shows everything at a glance.
func (q *question) overview() error {
	var o overview
	var err error
	if o.Coverage, err = get[api.Coverage](q, "coverage"); err != nil {
		return err
	}
	if o.Counts, err = get[api.SupervisionCounts](q, "counts"); err != nil {
		return err
	}
	if o.ResponseTimes, err = get[api.ResponseTimes](q, "response-times"); err != nil {
		return err
	}
	if o.Parcels, err = get[api.Parcels](q, "parcels"); err != nil {
		return err
	}
	page, err := get[api.Page[api.OverdueCount]](q, "overdue")
	if err != nil {
		return err
	}
	o.Overdue = page.Items[:min(5, len(page.Items))]
	if q.Bool("json") {
		return cmdline.PrintJSON(q.Context, o)
	}
	return cmdline.PrintText(q.Context, o.text())
}

func (o *overview) text() string {
	var b strings.Builder
	c := &o.Coverage
	fmt.Fprintf(&b, "%s of %s on the chain are checked, up to height %d\n", human.Grouped(c.RecordsChecked), human.Count(c.Records, "record"), c.Height)
	for _, why := range c.Why {
		fmt.Fprintf(&b, "not complete: %s\n", why)
	}
	n := &o.Counts
	fmt.Fprintf(&b, "%s, %s, %s\n", human.Count(n.Sales, "sale"), human.Count(n.Claims, "claim"), human.Count(n.Evaluations, "evaluation"))
	fmt.Fprintf(&b, "%s went to the supervisors; %s, of which %d ordered a remedy; not carried out in time: %d\n",
		human.Count(n.Escalations, "claim"), human.Count(n.Rulings, "ruling"), n.Orders, n.Defaults)
	b.WriteString("\n" + timesText(&o.ResponseTimes))
	if len(o.Overdue) == 0 {
		b.WriteString("\nno claim is overdue\n")
	} else {
		b.WriteString("\nsellers with the most overdue claims\n" + human.Table(func(row func(...any)) {
			for i := range o.Overdue {
				row(overdueRow(&o.Overdue[i])...)
			}
		}))
	}
	p := &o.Parcels
	var states []string
	for _, s := range slices.Sorted(maps.Keys(p.States)) {
		states = append(states, fmt.Sprintf("%d %s", p.States[s], s))
	}
	fmt.Fprintf(&b, "\nparcels: %d under way; not handed over for too long: %d", p.UnderWay, p.Gaps)
	if len(states) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(states, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

func (q *question) times() error {
	t, err := get[api.ResponseTimes](q, "response-times")
	if err != nil {
		return err
	}
	if q.Bool("json") {
		return cmdline.PrintJSON(q.Context, t)
	}
	return cmdline.PrintText(q.Context, timesText(&t))
}

// timesText shows percentiles, in days of the network.
func timesText(t *api.ResponseTimes) string {
	days := func(seconds uint32) string { return fmt.Sprintf("%.1f", float64(seconds)/float64(max(t.Day, 1))) }
	text := human.Table(func(row func(...any)) {
		row("days", "count", "half within", "90 %", "99 %", "longest")
		for _, l := range []struct {
			what string
			of   *api.Times
		}{{"until the answer", &t.Answer}, {"until the remedy", &t.Execution}, {"until the ruling", &t.Ruling}} {
			if l.of.Count == 0 {
				row(l.what, 0, "-", "-", "-", "-")
				continue
			}
			row(l.what, l.of.Count, days(l.of.P50), days(l.of.P90), days(l.of.P99), days(l.of.Longest))
		}
	})
	if t.Day != 24*60*60 {
		text += fmt.Sprintf("a day of this network lasts %s\n", took(t.Day))
	}
	return text
}

// who names a seller, a maker or a product.
func who(c *api.OverdueCount) string {
	switch {
	case c.Seller != nil:
		return c.Seller.String()
	case c.Maker != nil:
		return c.Maker.String()
	}
	return c.GTIN
}

func overdueRow(c *api.OverdueCount) []any {
	var waits []string
	for _, w := range c.Waits {
		waits = append(waits, fmt.Sprintf("%d for the %s", w.Count, w.For))
	}
	worst := "-"
	if c.Worst != nil {
		worst = human.Count(c.Worst.Days, "day") + " over"
	}
	return []any{c.Count, strings.Join(waits, ", "), worst, who(c)}
}

func (q *question) overdue() error {
	return show(q, "overdue", "no claim is overdue", []any{"overdue", "waiting", "worst", q.String("by")}, overdueRow)
}

func (q *question) claims() error {
	return show(q, "overdue-claims", "no claim is overdue", []any{"over", "must act", "state", "claim", "seller"}, func(c *api.OverdueClaim) []any {
		return []any{human.Count(c.Days, "day"), c.Turn.Role, c.State, c.ID, c.Seller}
	})
}

func (q *question) slowest() error {
	return show(q, "response-times/"+q.String("measure"), "there are no such times", []any{"time", "until", "record", "claim or shipment"}, func(t *api.TimedRecord) []any {
		about := t.Case.Claim
		if t.Case.Shipment != "" {
			about = t.Case.Shipment
		}
		return []any{took(t.Seconds), t.Event.Type, t.Event.ID, about}
	})
}

// moment writes a time of a record.
func moment(seconds uint32) string { return record.Time(seconds).String() }

func (q *question) rulings() error {
	return show(q, "rulings", "there are no rulings", []any{"median time", "ruling", "record", "on", "now", "seller"}, func(l *api.RulingLine) []any {
		outcome, state, about := "", "-", l.Case.Shipment
		if p, ok := l.Event.Record.Value.Payload.(record.Ruling); ok {
			outcome = p.Outcome.String()
			if p.Outcome == record.Ordered {
				outcome += " " + p.Remedy.String()
			}
		}
		if l.Claim != nil {
			state, about = l.Claim.State, l.Claim.ID
		}
		return []any{moment(l.Event.MedianTime), outcome, l.Event.ID, about, state, l.Case.Seller}
	})
}

func (q *question) defaults() error {
	return show(q, "defaults", "no order was left undone", []any{"in default since", "claim", "now", "ordered by", "seller"}, func(d *api.DefaultLine) []any {
		state := d.Claim.State
		if d.Late {
			state += ", done late"
		}
		return []any{moment(d.MedianTime), d.Claim.ID, state, d.Ruling, d.Claim.Seller}
	})
}

func (q *question) gaps() error {
	return show(q, "custody-gaps", "all goods under way have changed hands in time", []any{"over", "state", "shipment", "with", "seller"}, func(g *api.CustodyGap) []any {
		return []any{human.Count(g.Days, "day"), g.State, g.ID, g.Custodian, g.Seller}
	})
}

func (q *question) recalls() error {
	return show(q, "recalls", "nothing is recalled", []any{"median time", "product", "item", "vouchers", "reached", "remedied", "refunded or replaced"}, func(r *api.RecallLine) []any {
		item := "all"
		if r.Serial != "" {
			item = string(r.Serial)
		}
		return []any{moment(r.Event.MedianTime), r.GTIN, item, r.Total, r.Reached, r.Remedied, r.Undone}
	})
}

func (q *question) corrections() error {
	return show(q, "corrections", "nothing was corrected", []any{"median time", "cause", "of", "record", "corrected by", "seller"}, func(l *api.CorrectionLine) []any {
		cause := ""
		if p, ok := l.Event.Record.Value.Payload.(record.Correction); ok {
			cause = p.Cause.String()
		}
		return []any{moment(l.Event.MedianTime), cause, l.Type, l.Corrected, l.Event.ID, l.Case.Seller}
	})
}
