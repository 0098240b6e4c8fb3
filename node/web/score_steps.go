package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stele/node/credit"
)

// scoreStep is a step from the sums of the periods to a score: what it gives, and how, so that
// a reader with pencil and paper gets the same. All divisions of Calc round down.
type scoreStep struct {
	Name  string   // "usual", "closed", "running", "core", "whole", "recent", "claims", "least", "standing", "score", "shown"
	Value uint64   // a part of [credit.One], but for usual, standing and shown
	Calc  []string // "name = expression = value": the last one has Value; none: it is that of a step before
	Mean  bool     // Value is a part of One
}

// spaced writes an integer with narrow spaces between each three digits.
func spaced[N ~uint32 | ~uint64 | ~int](n N) string {
	return strings.ReplaceAll(grouped(strconv.FormatUint(uint64(n), 10)), ",", "\u202f")
}

// blended writes the mean of sums and of the sales that were never made.
func blended(a uint64, prior uint32, outcome, weight, mean uint64) string {
	return fmt.Sprintf("(%s × %s + %s) / (%s + %s) = %s", spaced(a), spaced(prior), spaced(outcome), spaced(a), spaced(weight), spaced(mean))
}

// stepsOf returns the steps of a score with evidence, in order.
func stepsOf(e *credit.Explanation, fee uint64) []scoreStep {
	p, closed := &e.Parts, e.Lines
	var running *credit.Line
	if p.InRunning {
		running, closed = &e.Lines[len(e.Lines)-1], e.Lines[:len(e.Lines)-1]
	}
	a := credit.Invented * p.Usual
	steps := []scoreStep{usualStep(e, closed, fee)}
	start := e.Market.Prior // of the running period
	if len(closed) > 0 {
		s := worseStep("closed", meansOf(closed))
		steps, start = append(steps, s), uint32(s.Value)
	}
	if running != nil {
		steps = append(steps, scoreStep{"running", uint64(p.Running), []string{blended(a, start, running.Outcome, running.Weight, uint64(p.Running))}, true})
	}
	if running != nil && len(closed) > 0 && p.Running < start {
		steps = append(steps, worseStep("core", append(meansOf(closed), p.Running)))
	} else {
		steps = append(steps, scoreStep{"core", uint64(p.Core), nil, true})
	}
	return append(append(steps, moneySteps(e, a)...), lastSteps(e)...)
}

// usualStep is the weight of a usual voucher, and that of the sales that were never made.
func usualStep(e *credit.Explanation, closed []credit.Line, fee uint64) scoreStep {
	if len(closed) == 0 {
		closed = e.Lines
	}
	var of []uint64
	for _, l := range closed {
		of = append(of, l.Weight/uint64(l.Vouchers))
	}
	slices.Sort(of)
	var texts []string
	for _, w := range of {
		texts = append(texts, spaced(w))
	}
	u := e.Parts.Usual
	return scoreStep{"usual", u, []string{
		fmt.Sprintf("a = %d × %s = %s", credit.Invented, spaced(u), spaced(credit.Invented*u)),
		fmt.Sprintf("max(%s; middle(%s)) = %s", spaced(fee), strings.Join(texts, "; "), spaced(u)),
	}, false}
}

func meansOf(lines []credit.Line) (means []uint32) {
	for _, l := range lines {
		means = append(means, l.Mean)
	}
	return means
}

// worseStep is the mean of the worse two fifths of some means.
func worseStep(name string, means []uint32) scoreStep {
	slices.Sort(means)
	var terms []string
	sum, units := uint64(0), 0
	for i, n := range credit.Fifths(means) {
		if n > 0 {
			terms = append(terms, fmt.Sprintf("%d × %s", n, spaced(means[i])))
			sum, units = sum+uint64(n)*uint64(means[i]), units+n
		}
	}
	value := sum / uint64(units)
	return scoreStep{name, value, []string{fmt.Sprintf("(%s) / %d = %s", strings.Join(terms, " + "), units, spaced(value))}, true}
}

// moneySteps are those that take several periods together.
func moneySteps(e *credit.Explanation, a uint64) []scoreStep {
	var all, last credit.Bucket
	for _, l := range e.Lines {
		all.Weight, all.Outcome = all.Weight+l.Weight, all.Outcome+l.Outcome
		if l.Period+credit.Recent > e.Period {
			last.Weight, last.Outcome = last.Weight+l.Weight, last.Outcome+l.Outcome
		}
	}
	p := &e.Parts
	return []scoreStep{
		{"whole", uint64(p.Whole), []string{blended(a, e.Market.Prior, all.Outcome, all.Weight, uint64(p.Whole))}, true},
		boundStep("recent", p.Recent, fmt.Sprintf("%s × %s / %s", spaced(last.Weight), spaced(uint64(credit.One)), spaced(p.Usual)), last.Weight*credit.One/p.Usual,
			fmt.Sprintf("%s / %s", spaced(last.Outcome), spaced(p.Usual)), last.Outcome/p.Usual),
		boundStep("claims", p.Claims, fmt.Sprintf("%s × %s", spaced(p.Ends), spaced(uint64(credit.One))), uint64(p.Ends)*credit.One,
			fmt.Sprintf("%s × %s", spaced(p.Settled), spaced(uint64(credit.One))), uint64(p.Settled)*credit.One),
	}
}

// boundStep is an upper bound of the mean of n observations with the sum s.
func boundStep(name string, value uint32, nText string, n uint64, sText string, s uint64) scoreStep {
	const free, one = 2 * credit.One, credit.One
	n, s = n+free, s+free
	f := spaced[uint64]
	return scoreStep{name, uint64(value), []string{
		fmt.Sprintf("n = %s + %s = %s", nText, f(free), f(n)),
		fmt.Sprintf("s = %s + %s = %s", sText, f(free), f(s)),
		fmt.Sprintf("(%s + %s + √(%s × (%s − %s) / %s × %s + %s)) × %s / (%s + %s) = %s",
			f(s), f(one/2), f(s), f(n), f(s), f(n), f(one), f(one*one/4), f(one), f(n), f(one), spaced(value)),
	}, true}
}

// lastSteps are those from the parts to what is shown.
func lastSteps(e *credit.Explanation) []scoreStep {
	p, low := &e.Parts, e.Market.Low
	const full = credit.Full * credit.Full
	have := p.Standing * p.Standing
	threes := map[uint32]bool{}
	for _, l := range e.Lines {
		if !l.Running {
			threes[l.Period/3] = true
		}
	}
	score := scoreStep{"score", uint64(p.Value), nil, true}
	if p.Satisfied > low {
		score.Calc = []string{fmt.Sprintf("(%s × %d + %s × %d) / %d = %s", spaced(p.Satisfied), have, spaced(low), full-have, full, spaced(p.Value))}
	}
	steps := []scoreStep{
		{"least", uint64(p.Satisfied), []string{fmt.Sprintf("min(%s; %s; %s; %s) = %s", spaced(p.Core), spaced(p.Whole), spaced(p.Recent), spaced(p.Claims), spaced(p.Satisfied))}, true},
		{"standing", uint64(p.Standing), []string{fmt.Sprintf("min(%d; %d) = %d", credit.Full, len(threes), p.Standing)}, false},
		score,
	}
	if e.Suspended {
		return append(steps, scoreStep{"suspended", 0, nil, true})
	}
	shown := uint64(thousandths(e.Value))
	return append(steps, scoreStep{"shown", shown, []string{fmt.Sprintf("%s × %s / %s = %s", spaced(e.Value), spaced(uint64(1000)), spaced(uint64(credit.One)), spaced(shown))}, false})
}
