package credit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stele/cmd/stele/internal/human"
	"stele/node/api"
)

// text returns a score in words and numbers.
func (e *explained) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "score %s of %s after the block at height %d, in period %d\n", thousandths(e.Exact), subject(&e.CreditScore), e.Height, e.Period)
	if e.Suspended {
		b.WriteString("A supervisor has suspended the seller: its score is 0.\n")
	}
	if e.Revoked {
		b.WriteString("The seller has lost its role: it is in no draw.\n")
	}
	if e.Parts.Vouchers == 0 {
		fmt.Fprintf(&b, "There is no evidence in the last %d periods: the score is the market's low, %s.\n", e.Params.Window, thousandths(e.Low))
		return b.String()
	}
	b.WriteString("\n" + e.periods() + "\n" + e.parts())
	for _, period := range slices.Sorted(maps.Keys(e.Evidence)) {
		fmt.Fprintf(&b, "\nperiod %d\n%s", period, evidenceText(e.Evidence[period]))
	}
	return b.String()
}

// periods shows a line for each period.
func (e *explained) periods() string {
	return human.Table(func(row func(...any)) {
		row("period", "vouchers", "weight", "outcome", "with the prior", "among the worse", "claims settled")
		for _, l := range e.Lines {
			worse := fmt.Sprintf("%d/5", l.Fifths)
			if l.Running {
				worse += ", running"
			}
			row(l.Period, l.Vouchers, l.Weight, thousandths(l.Said), thousandths(l.Mean), worse, fmt.Sprintf("%d of %d", l.Settled, l.Ends))
		}
	})
}

// parts shows what the score is computed of.
func (e *explained) parts() string {
	p := &e.Parts
	return human.Table(func(row func(...any)) {
		row("prior", thousandths(e.Prior), fmt.Sprintf("four invented sales of the usual weight (%v) have it in each period", p.Usual))
		row("core", thousandths(p.Core), "mean of the worse two fifths of the periods"+e.decides("core"))
		if p.Running != nil {
			row("running", thousandths(*p.Running), "mean of the running period; it is core if no period is closed, and counts with them if it is below core")
		}
		row("whole", thousandths(p.Whole), "mean of all money alike"+e.decides("whole"))
		row("recent", thousandths(p.Recent), "upper bound of the last four periods"+e.decides("recent"))
		row("claims", thousandths(p.Claims), fmt.Sprintf("upper bound of %d claims that were settled, of %d", p.Settled, p.Ends)+e.decides("claims"))
		row("low", thousandths(e.Low), "lower quartile of the market, the score without evidence")
		row("standing", fmt.Sprintf("%d of 7", p.Standing), "threes of periods with evidence")
		row("score", thousandths(e.Exact), e.sentence())
	})
}

func (e *explained) decides(part string) string {
	if e.Parts.Decides == part {
		return "; it decides"
	}
	return ""
}

// sentence says how the parts give the score.
func (e *explained) sentence() string {
	p := &e.Parts
	have := p.Standing * p.Standing
	switch {
	case e.Suspended:
		return "the seller is suspended"
	case p.Satisfied <= e.Low:
		return fmt.Sprintf("the least of core, whole, recent and claims, %s", p.Decides)
	}
	return fmt.Sprintf("%d/49 of %s, and %d/49 of low", have, p.Decides, 49-have)
}

// evidenceText lists vouchers.
func evidenceText(list []api.CreditEvidence) string {
	return human.Table(func(row func(...any)) {
		row("voucher", "weight", "outcome", "because of")
		for _, v := range list {
			var because []string
			if v.Scores > 0 {
				because = append(because, fmt.Sprintf("scores of %d of 15", v.Scores))
			}
			for _, end := range slices.Sorted(maps.Keys(v.Ends)) {
				because = append(because, fmt.Sprintf("%d claims %s", v.Ends[end], end))
			}
			if v.Because == "worse" {
				because = append(because, "counts here because it got worse")
			}
			row(v.Voucher, v.Weight, thousandths(v.Outcome), strings.Join(because, ", "))
		}
	})
}
