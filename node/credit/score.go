package credit

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Bucket adds up the vouchers of a seller or product whose evidence counts in one
// period.
type Bucket struct {
	Vouchers uint32 // with evidence
	Ends     uint32 // of claims under them
	Settled  uint32 // ends that are a settlement
	Weight   uint64 // sum of their weights
	Outcome  uint64 // sum of weight times outcome
}

// PeriodBucket is the bucket of a period.
type PeriodBucket struct {
	Period uint32
	Bucket
}

// Market holds the two numbers that a period takes from all sellers with full
// standing, as they were at the end of the period before.
type Market struct {
	Prior uint32 // lower quartile of their means: what a seller begins each period with
	Low   uint32 // lower quartile of their cores: the score of who has no evidence
}

// startMarket holds as long as there are too few sellers.
var startMarket = Market{startPrior, startLow}

// Parts are what a score follows from. Means and bounds are in parts of [One].
type Parts struct {
	Value    uint32 // the score
	Vouchers uint32 // with evidence in the window
	Ends     uint32 // of claims
	Settled  uint32
	Standing uint32 // threes of closed periods with evidence, at most Full

	// The rest is 0 if there is no voucher with evidence.
	Usual     uint64 // weight of a usual voucher
	Core      uint32 // mean of the worse two fifths of the periods
	Running   uint32 // mean of the running period, if InRunning
	InRunning bool   // it has evidence
	Whole     uint32 // mean of all money alike
	Recent    uint32 // upper bound from the last four periods
	Claims    uint32 // upper bound of how claims end
	Satisfied uint32 // the least of core, whole, recent and claims
}

// Newcomer reports whether a seller is new: it has less than full standing, or few
// vouchers with evidence.
func (p *Parts) Newcomer() bool { return p.Standing < Full || p.Vouchers < MinNewcomer }

// Decides names the part that is the least: core, whole, recent or claims. It is ""
// if there is no evidence.
func (p *Parts) Decides() string {
	switch {
	case p.Vouchers == 0:
		return ""
	case p.Satisfied == p.Core:
		return "core"
	case p.Satisfied == p.Whole:
		return "whole"
	case p.Satisfied == p.Recent:
		return "recent"
	}
	return "claims"
}

// means has the mean of each closed period, and of the running one if that counts
// with them.
type means struct {
	of [Window]uint32
	n  int
}

func (m *means) add(mean uint32) { m.of[m.n], m.n = mean, m.n+1 }

// Score computes a score in the period now. The buckets are in the order of their
// periods; those outside the window do not count. None is empty.
func (p Params) Score(now uint32, m Market, buckets []PeriodBucket) Parts {
	parts, _ := p.score(now, m, buckets)
	return parts
}

// score returns with the parts the means that the worse two fifths are taken of.
func (p Params) score(now uint32, m Market, buckets []PeriodBucket) (Parts, means) {
	live := inWindow(now, buckets)
	var all, last Bucket
	standing := uint32(0)
	for i, b := range live {
		all.add(b.Bucket, 1)
		if b.Period+Recent > now {
			last.add(b.Bucket, 1)
		}
		if b.Period < now && (i == 0 || live[i-1].Period/three != b.Period/three) {
			standing++
		}
	}
	parts := Parts{Value: m.Low, Vouchers: all.Vouchers, Ends: all.Ends, Settled: all.Settled, Standing: min(standing, Full)}
	if len(live) == 0 {
		return parts, means{}
	}
	closed := live
	if live[len(live)-1].Period == now {
		closed = live[:len(live)-1]
		parts.InRunning = true
	}
	parts.Usual = p.usual(closed, live)
	past := parts.judge(m, closed, live)
	parts.Whole = blend(parts.Usual, m.Prior, all)
	parts.Recent = upper(last.Weight*One/parts.Usual, last.Outcome/parts.Usual)
	parts.Claims = upper(uint64(all.Ends)*One, uint64(all.Settled)*One)
	parts.Satisfied = min(parts.Core, parts.Whole, parts.Recent, parts.Claims)
	parts.Value = parts.Satisfied
	if parts.Satisfied > m.Low { // who is new is trusted by and by
		have, all := parts.Standing*parts.Standing, uint32(Full*Full)
		parts.Value = (parts.Satisfied*have + m.Low*(all-have)) / all
	}
	return parts, past
}

// judge computes Core and Running from the closed periods and the running one, and
// returns the means that Core is taken of.
func (p *Parts) judge(m Market, closed, live []PeriodBucket) (past means) {
	for _, b := range closed {
		past.add(blend(p.Usual, m.Prior, b.Bucket))
	}
	if past.n > 0 {
		p.Core = lowest(past.of[:past.n])
	}
	if !p.InRunning {
		return past
	}
	running := live[len(live)-1].Bucket
	if past.n == 0 {
		p.Running = blend(p.Usual, m.Prior, running)
		p.Core = p.Running
		return past
	}
	p.Running = blend(p.Usual, p.Core, running)
	if p.Running < p.Core { // what gets worse counts at once, the rest when the period is over
		past.add(p.Running)
		p.Core = lowest(past.of[:past.n])
	}
	return past
}

// inWindow returns the buckets of the window that ends with the period now.
func inWindow(now uint32, buckets []PeriodBucket) []PeriodBucket {
	for len(buckets) > 0 && buckets[0].Period+Window <= now {
		buckets = buckets[1:]
	}
	for len(buckets) > 0 && buckets[len(buckets)-1].Period > now {
		buckets = buckets[:len(buckets)-1]
	}
	return buckets
}

// usual returns the lower median of the mean weights of the closed periods, or of the
// running one if there are none.
func (p Params) usual(closed, live []PeriodBucket) uint64 {
	if len(closed) == 0 {
		closed = live
	}
	var of [Window]uint64
	for i, b := range closed {
		of[i] = b.Weight / uint64(b.Vouchers)
	}
	sorted := of[:len(closed)]
	slices.Sort(sorted)
	return max(sorted[(len(sorted)-1)/2], uint64(p.VoucherFee))
}

// blend returns the mean outcome of a bucket and of a few invented sales of the usual
// weight, whose outcome is the prior.
func blend(usual uint64, prior uint32, b Bucket) uint32 {
	a := Invented * usual
	return uint32((a*uint64(prior) + b.Outcome) / (a + b.Weight))
}

// lowest returns the mean of the worse two fifths of some means: five fifths of each
// are laid in a row, the least first, and two fifths of the row count.
func lowest(means []uint32) uint32 {
	var sorted [Window]uint32
	n := copy(sorted[:], means)
	slices.Sort(sorted[:n])
	left, sum := taken*n, uint64(0)
	for _, mean := range sorted[:n] {
		take := min(unit, left)
		sum += uint64(take) * uint64(mean)
		left -= take
	}
	return uint32(sum / uint64(taken*n))
}

// Fifths returns how many fifths of each of some means, 0 to 5, are among the worse two fifths
// of all.
func Fifths(means []uint32) []int {
	order := make([]int, len(means))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(means[a], means[b]) })
	count, left := make([]int, len(means)), taken*len(means)
	for _, i := range order {
		count[i] = min(unit, left)
		left -= count[i]
	}
	return count
}

// upper returns Wilson's upper bound with z = 1 of the mean of n observations that sum
// up to s, and of two good ones more. Both are in parts of One, and n is below 2^46.
func upper(n, s uint64) uint32 {
	n, s = n+free*One, s+free*One
	hi, lo := bits.Mul64(s, n-s)
	spread, _ := bits.Div64(hi, lo, n) // at most n/4
	return uint32((s + One/2 + sqrt(spread*One+One*One/4)) * One / (n + One))
}

// sqrt returns the square root of n, rounded down.
func sqrt(n uint64) uint64 {
	r := min(uint64(math.Sqrt(float64(n))), math.MaxUint32) // at most one off
	for r*r > n {
		r--
	}
	for r < math.MaxUint32 && (r+1)*(r+1) <= n {
		r++
	}
	return r
}

// MarketOf returns the two numbers that follow from the parts of all sellers at the
// end of a period.
func MarketOf(sellers []Parts) Market {
	var wholes, cores []uint32
	for i := range sellers {
		if sellers[i].Standing == Full {
			wholes, cores = append(wholes, sellers[i].Whole), append(cores, sellers[i].Core)
		}
	}
	if len(wholes) < established {
		return startMarket
	}
	slices.Sort(wholes)
	slices.Sort(cores)
	at := (len(wholes) - 1) / 4
	return Market{wholes[at], cores[at]}
}

// add adds a bucket, or takes it out if sign is -1.
func (b *Bucket) add(o Bucket, sign int) {
	b.Vouchers += uint32(sign) * o.Vouchers
	b.Ends += uint32(sign) * o.Ends
	b.Settled += uint32(sign) * o.Settled
	b.Weight += uint64(sign) * o.Weight
	b.Outcome += uint64(sign) * o.Outcome
}
