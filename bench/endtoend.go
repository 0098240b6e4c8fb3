package bench

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"stele/engine/pow"
	"stele/internal/poisson"
)

// EndToEnd is what a whole miner does with a pool on loopback, next to what the same
// devices do without engine, miner and pool. Rates are in hashes per second. Everything
// in it but Incomplete and Phases follows from these two; [Check] recomputes it.
type EndToEnd struct {
	// Incomplete is why the measurement ended early; "" if it did not. What was
	// measured until then is kept.
	Incomplete string  `json:"incomplete,omitempty"`
	Phases     []Phase `json:"phases"` // in the order in which they were measured

	Bare      Stats        `json:"bare"`                   // of the phases without a miner
	Mining    Stats        `json:"mining"`                 // of the mining phases, from counted hashes
	Kept      *Ratio       `json:"kept,omitempty"`         // of mining to bare, round by round
	Shares    *ShareRate   `json:"shares,omitempty"`       // of the phases with many shares
	Switching *JobSwitches `json:"job_switches,omitempty"` // of the phases with many jobs
	// Balance has the work of each device in the mining phases. DevicePart.Alone is
	// relative to its rate in the bare phases.
	Balance []DevicePart `json:"balance"`
	Flags   []Flag       `json:"flags"`
}

// Flags of [EndToEnd], beside [FlagDisturbed] and [FlagFewQuiet], which are about its
// mining phases.
const (
	// FlagIncomplete: the measurement ended early.
	FlagIncomplete Flag = "incomplete"
	// FlagSharesDisagree: the accepted shares do not fit the counted hashes; by chance
	// that happens once in 10,000 runs.
	FlagSharesDisagree Flag = "shares-disagree"
	// FlagRejected: shares were rejected for another reason than that their job was
	// out of date, or were lost.
	FlagRejected Flag = "rejected"
)

// PhaseKind is what the devices do in a phase.
type PhaseKind string

// The kinds of phases. Each round has one of each.
const (
	PhaseBare      PhaseKind = "bare"      // the devices search, without engine, miner and pool
	PhaseMining    PhaseKind = "mining"    // the miner mines one job of the pool, with about ten shares per second
	PhaseShares    PhaseKind = "shares"    // the same with so many shares that they show the rate
	PhaseSwitching PhaseKind = "switching" // the pool sends new jobs all the time
)

// PhaseKinds returns all kinds of phases.
func PhaseKinds() []PhaseKind {
	return []PhaseKind{PhaseBare, PhaseMining, PhaseShares, PhaseSwitching}
}

// Phase is a stretch of time in which the devices do one thing.
type Phase struct {
	Round   int       `json:"round"` // from 0
	Kind    PhaseKind `json:"kind"`
	Seconds float64   `json:"seconds"`
	// CPU is the processor time of the program as a part of the time that the threads of
	// the CPU device could have used. Other programs reduce it. 0 if not known, or if the
	// CPU is not among the devices.
	CPU float64 `json:"cpu,omitempty"`
	// Devices has the hashes of each device, by its ID.
	Devices map[string]uint64 `json:"devices"`
	// Idle has the seconds in which each device had no piece of work; nil in a bare
	// phase.
	Idle map[string]float64 `json:"idle,omitempty"`

	Difficulty float64  `json:"difficulty,omitempty"` // of a share
	Accepted   uint64   `json:"accepted,omitempty"`   // shares, each checked by the pool
	Stale      uint64   `json:"stale,omitempty"`      // shares of jobs that were out of date
	Rejected   uint64   `json:"rejected,omitempty"`   // other shares that were not accepted
	Switches   []Switch `json:"switches,omitempty"`   // of a switching phase
}

// Quiet reports whether no disturbance of the phase was detected.
func (p *Phase) Quiet() bool { return p.CPU == 0 || p.CPU >= minQuietCPU }

// Switch is a change from one job to the next.
type Switch struct {
	// Seconds is the time from the pool's write of the job until every device searches
	// it.
	Seconds float64 `json:"seconds"`
	// StaleHashes is the number of hashes on older jobs that devices reported for the
	// time after that write.
	StaleHashes uint64 `json:"stale_hashes"`
}

// ShareRate is the hash rate that accepted shares show, with the bounds of its 95 %
// interval (Poisson).
type ShareRate struct {
	Accepted uint64  `json:"accepted"`
	Stale    uint64  `json:"stale"`
	Rejected uint64  `json:"rejected"` // for other reasons
	Rate     float64 `json:"rate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Counted  float64 `json:"counted"` // the rate of the same phases, from counted hashes
	// ToCounted is Rate divided by Counted, with bounds from the interval of Rate.
	ToCounted     float64 `json:"to_counted"`
	ToCountedLow  float64 `json:"to_counted_low"`
	ToCountedHigh float64 `json:"to_counted_high"`
}

// JobSwitches describes the changes of jobs. Each quantile is a time that was measured, in
// seconds.
type JobSwitches struct {
	Count       int     `json:"count"`
	P50         float64 `json:"p50_seconds"`
	P99         float64 `json:"p99_seconds"` // the longest if there are fewer than 100
	Max         float64 `json:"max_seconds"`
	StaleHashes float64 `json:"stale_hashes"`   // mean of a switch
	StaleShares uint64  `json:"stale_shares"`   // of all switches
	Kept        *Ratio  `json:"kept,omitempty"` // of the rate to that of mining, round by round
}

// disagreement is the probability below which shares and counted hashes disagree.
const disagreement = 1e-4

// hashes returns the hashes of all devices.
func (p *Phase) hashes() (n uint64) {
	for _, items := range p.Devices {
		n += items
	}
	return n
}

// rate returns the hashes per second of one device, or of all for "".
func (p *Phase) rate(device string) float64 {
	if device != "" {
		return float64(p.Devices[device]) / p.Seconds
	}
	return float64(p.hashes()) / p.Seconds
}

// of returns the phases of a kind.
func (e *EndToEnd) of(kind PhaseKind) (phases []*Phase) {
	for i := range e.Phases {
		if e.Phases[i].Kind == kind {
			phases = append(phases, &e.Phases[i])
		}
	}
	return phases
}

// rates describes the rates of the phases of a kind.
func (e *EndToEnd) rates(kind PhaseKind) Stats {
	var quiet, all []float64
	for _, p := range e.of(kind) {
		all = append(all, p.rate(""))
		if p.Quiet() {
			quiet = append(quiet, p.rate(""))
		}
	}
	return Describe(enoughOf(quiet, all))
}

// minQuietPhases is the number of quiet phases of a kind, or of quiet pairs, without which
// all of them count.
const minQuietPhases = 5

// enoughOf returns the quiet values if they are enough, and otherwise all.
func enoughOf(quiet, all []float64) []float64 {
	if len(quiet) < minQuietPhases {
		return all
	}
	return quiet
}

// ratio divides the rates of one kind of phases by those of another, round by round, for
// one device or for "" all together. It returns nil if no round has both.
func (e *EndToEnd) ratio(kind, to PhaseKind, device string) *Ratio {
	base := map[int]*Phase{}
	for _, p := range e.of(to) {
		base[p.Round] = p
	}
	var quiet, all []float64
	for _, p := range e.of(kind) {
		b := base[p.Round]
		if b == nil || b.rate(device) == 0 {
			continue
		}
		q := p.rate(device) / b.rate(device)
		all = append(all, q)
		if p.Quiet() && b.Quiet() {
			quiet = append(quiet, q)
		}
	}
	if len(all) == 0 {
		return nil
	}
	s := Describe(enoughOf(quiet, all))
	return &Ratio{To: string(to), Pairs: s.Samples, Median: s.Median, Low: s.Low, High: s.High}
}

// Derive computes all figures from the phases.
func (e *EndToEnd) Derive() {
	e.Bare, e.Mining = e.rates(PhaseBare), e.rates(PhaseMining)
	e.Kept = e.ratio(PhaseMining, PhaseBare, "")
	e.Shares = e.shareRate()
	e.Switching = e.jobSwitches()
	e.Balance = e.balance()
	e.Flags = []Flag{}
	quiet := len(slices.DeleteFunc(e.of(PhaseMining), func(p *Phase) bool { return !p.Quiet() }))
	if all := e.of(PhaseMining); float64(quiet) < (1-maxDisturbed)*float64(len(all)) {
		e.Flags = append(e.Flags, FlagDisturbed)
	}
	if quiet < minQuietPhases {
		e.Flags = append(e.Flags, FlagFewQuiet)
	}
	if e.Incomplete != "" {
		e.Flags = append(e.Flags, FlagIncomplete)
	}
	if expected := e.expectedShares(); e.Shares != nil && poisson.Tail(e.Shares.Accepted+e.Shares.Stale, expected) < disagreement {
		e.Flags = append(e.Flags, FlagSharesDisagree)
	}
	if slices.ContainsFunc(e.Phases, func(p Phase) bool { return p.Rejected > 0 }) {
		e.Flags = append(e.Flags, FlagRejected)
	}
}

// expectedShares returns the number of shares to expect from the counted hashes of the
// phases with many shares.
func (e *EndToEnd) expectedShares() (n float64) {
	for _, p := range e.of(PhaseShares) {
		n += float64(p.hashes()) / (p.Difficulty * pow.HashesPerDifficulty)
	}
	return n
}

// shareRate derives the rate that the shares show; nil without shares.
func (e *EndToEnd) shareRate() *ShareRate {
	var s ShareRate
	var seconds, hashes, shown float64
	for _, p := range e.of(PhaseShares) {
		s.Accepted, s.Stale, s.Rejected = s.Accepted+p.Accepted, s.Stale+p.Stale, s.Rejected+p.Rejected
		seconds, hashes = seconds+p.Seconds, hashes+float64(p.hashes())
		shown += float64(p.Accepted) * p.Difficulty * pow.HashesPerDifficulty
	}
	if s.Accepted == 0 || hashes == 0 {
		return nil
	}
	low, high := poisson.Bounds(s.Accepted)
	perShare := shown / seconds / float64(s.Accepted)
	s.Rate, s.Low, s.High = shown/seconds, low*perShare, high*perShare
	s.Counted = hashes / seconds
	s.ToCounted, s.ToCountedLow, s.ToCountedHigh = s.Rate/s.Counted, s.Low/s.Counted, s.High/s.Counted
	return &s
}

// jobSwitches derives the times of the job switches; nil without any.
func (e *EndToEnd) jobSwitches() *JobSwitches {
	var s JobSwitches
	var times []float64
	for _, p := range e.of(PhaseSwitching) {
		s.StaleShares += p.Stale
		for _, w := range p.Switches {
			times = append(times, w.Seconds)
			s.StaleHashes += float64(w.StaleHashes)
		}
	}
	n := len(times)
	if n == 0 {
		return nil
	}
	slices.Sort(times)
	at := func(percent int) float64 { return times[(n*percent+99)/100-1] }
	s.Count, s.P50, s.P99, s.Max = n, at(50), at(99), times[n-1]
	s.StaleHashes /= float64(n)
	s.Kept = e.ratio(PhaseSwitching, PhaseMining, "")
	return &s
}

// balance derives the work of each device in the mining phases.
func (e *EndToEnd) balance() []DevicePart {
	total, idle := map[string]uint64{}, map[string]float64{}
	sum, seconds := 0.0, 0.0
	for _, p := range e.of(PhaseMining) {
		seconds += p.Seconds
		for device, n := range p.Devices {
			total[device] += n
			sum += float64(n)
			idle[device] += p.Idle[device]
		}
	}
	parts := []DevicePart{}
	for _, device := range slices.Sorted(maps.Keys(total)) {
		stalls := idle[device] / seconds
		part := DevicePart{Device: device, Stalls: &stalls, Alone: e.ratio(PhaseMining, PhaseBare, device)}
		if sum > 0 {
			part.Part = float64(total[device]) / sum
		}
		parts = append(parts, part)
	}
	return parts
}

// recomputed returns a copy with all figures computed from the phases again.
func (e *EndToEnd) recomputed() *EndToEnd {
	if e == nil {
		return nil
	}
	copied := EndToEnd{Incomplete: e.Incomplete, Phases: e.Phases}
	copied.Derive()
	return &copied
}

// Bounds of an [EndToEnd] that Parse accepts.
const (
	maxPhases      = 100_000
	maxPhaseSwitch = 100_000
	maxPhaseDevice = 1000
	maxDifficulty  = 1e100
	minDifficulty  = 1e-100
)

// plausible returns an error for values from which no figures can be computed.
func (e *EndToEnd) plausible() error {
	if n := len(e.Phases); n == 0 || n > maxPhases {
		return impossible("end_to_end has %d phases, must have 1 to %d", n, maxPhases)
	}
	type key struct {
		round int
		kind  PhaseKind
	}
	seen := map[key]bool{}
	for i := range e.Phases {
		p := &e.Phases[i]
		k := key{p.Round, p.Kind}
		text := p.implausible()
		switch {
		case text != "":
		case seen[k]:
			text = fmt.Sprintf(": a second %q in round %d", p.Kind, p.Round)
		case len(p.Devices) != len(e.Phases[0].Devices) || !sameKeys(p.Devices, e.Phases[0].Devices):
			text = ".devices: must be those of the first phase"
		}
		if text != "" {
			return impossible("end_to_end.phases[%d]%s", i, text)
		}
		seen[k] = true
	}
	return nil
}

func sameKeys(a, b map[string]uint64) bool {
	for k := range a {
		if _, ok := b[k]; !ok {
			return false
		}
	}
	return true
}

// implausible describes a value from which no figures can be computed, with its path in
// the phase, or returns "".
func (p *Phase) implausible() string {
	withPool := p.Kind != PhaseBare
	switch {
	case !slices.Contains(PhaseKinds(), p.Kind):
		return fmt.Sprintf(".kind %.40q, must be one of %q", p.Kind, PhaseKinds())
	case p.Round < 0 || p.Round > maxPhases:
		return fmt.Sprintf(".round %d, must be 0 to %d", p.Round, maxPhases)
	case !(p.Seconds >= minSeconds && p.Seconds <= maxSeconds):
		return fmt.Sprintf(".seconds %v, must be %v to %v", p.Seconds, minSeconds, maxSeconds)
	case !(p.CPU >= 0 && p.CPU <= maxSeconds):
		return fmt.Sprintf(".cpu %v, must be 0 or more", p.CPU)
	case len(p.Devices) == 0 || len(p.Devices) > maxPhaseDevice:
		return fmt.Sprintf(" has %d devices, must have 1 to %d", len(p.Devices), maxPhaseDevice)
	case max(p.Accepted, p.Stale, p.Rejected) > maxItems:
		return ": the number of shares must be at most 2^53"
	case withPool && !(p.Difficulty >= minDifficulty && p.Difficulty <= maxDifficulty):
		return fmt.Sprintf(".difficulty %v, must be %v to %v", p.Difficulty, minDifficulty, maxDifficulty)
	case !withPool && (p.Difficulty != 0 || p.Accepted+p.Stale+p.Rejected != 0 || len(p.Idle) > 0):
		return ": a bare phase has no difficulty, shares and idle times"
	case len(p.Switches) > maxPhaseSwitch || len(p.Switches) > 0 && p.Kind != PhaseSwitching:
		return fmt.Sprintf(" has %d switches, must have at most %d, and be of the kind %q", len(p.Switches), maxPhaseSwitch, PhaseSwitching)
	}
	for device, n := range p.Devices {
		if n > maxItems {
			return fmt.Sprintf(".devices.%.40s %d, must be at most 2^53", device, n)
		}
	}
	for device, s := range p.Idle {
		if _, known := p.Devices[device]; !known || !(s >= 0 && s <= maxSeconds) {
			return fmt.Sprintf(".idle.%.40s %v, must be 0 to %v, of one of the devices", device, s, maxSeconds)
		}
	}
	for i, w := range p.Switches {
		if !(w.Seconds >= 0 && w.Seconds <= maxSeconds) || w.StaleHashes > maxItems {
			return fmt.Sprintf(".switches[%d]: seconds must be 0 to %v, stale_hashes at most 2^53", i, maxSeconds)
		}
	}
	return ""
}

// lines describes the measurement for people: the answer first.
func (e *EndToEnd) lines() []string {
	const mega = 1e6
	unit := Search.RateUnit("M")
	perSecond := func(x float64) string { return fmt.Sprintf("%.3f", x/mega) }
	text := fmt.Sprintf("end to end: %s %s (%s to %s) through a pool", perSecond(e.Mining.Median), unit, perSecond(e.Mining.Low), perSecond(e.Mining.High))
	if e.Kept != nil {
		text += fmt.Sprintf(", %.2f %% (%.2f to %.2f) of the bare kernels, %s %s", e.Kept.Median*100, e.Kept.Low*100, e.Kept.High*100, perSecond(e.Bare.Median), unit)
	}
	for _, f := range e.Flags {
		text += ", " + string(f)
	}
	lines := []string{text}
	if s := e.Shares; s != nil {
		lines = append(lines, fmt.Sprintf("shares: %d accepted, %d stale, %d rejected; they show %s %s (%s to %s), %.3f (%.3f to %.3f) of what the devices counted meanwhile",
			s.Accepted, s.Stale, s.Rejected, perSecond(s.Rate), unit, perSecond(s.Low), perSecond(s.High), s.ToCounted, s.ToCountedLow, s.ToCountedHigh))
	}
	if s := e.Switching; s != nil {
		text := fmt.Sprintf("job switch: p50 %.2f ms, p99 %.2f ms, longest %.2f ms of %d; %.0f hashes on an old job in each, %d stale shares",
			s.P50*1e3, s.P99*1e3, s.Max*1e3, s.Count, s.StaleHashes, s.StaleShares)
		if s.Kept != nil {
			text += fmt.Sprintf("; with %.0f switches a second %.2f %% (%.2f to %.2f) of the rate of mining", e.switchesPerSecond(), s.Kept.Median*100, s.Kept.Low*100, s.Kept.High*100)
		}
		lines = append(lines, text)
	}
	for _, p := range e.Balance {
		lines = append(lines, "end to end: "+p.line(" of its bare rate"))
	}
	if e.Incomplete != "" {
		lines = append(lines, "end to end: ended early: "+e.Incomplete)
	}
	return lines
}

// switchesPerSecond returns the rate of job switches in the switching phases.
func (e *EndToEnd) switchesPerSecond() float64 {
	n, seconds := 0, 0.0
	for _, p := range e.of(PhaseSwitching) {
		n, seconds = n+len(p.Switches), seconds+p.Seconds
	}
	return float64(n) / cmp.Or(seconds, math.Inf(1))
}
