package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Schema names the format of a result. Fields may be added to it; none changes its
// meaning. A result of the previous format can be read too; fields added since are
// empty in it.
const (
	Schema    = "stele-bench/2"
	oldSchema = "stele-bench/1"
)

// Result is the result of a run of `stele bench`. Everything in Headlines, and in
// each case everything but Spec, Samples and the set that Proof names, follows from
// these three; [Check] recomputes it.
type Result struct {
	Schema      string            `json:"schema"`
	Started     time.Time         `json:"started"`
	Environment Environment       `json:"environment"`
	Settings    Settings          `json:"settings"`
	Timing      Timing            `json:"timing"`
	Headlines   map[Mode]Headline `json:"headlines"` // the fastest case of each mode
	Cases       []CaseResult      `json:"cases"`
	Failed      []Failure         `json:"failed"` // cases that could not be measured
	Proofs      []Proof           `json:"proofs"` // the sets found, each of them once
	// Sweep has the points of `stele bench efficiency`. Such a result has no cases.
	Sweep    []SweepPoint `json:"sweep,omitempty"`
	EndToEnd *EndToEnd    `json:"end_to_end,omitempty"`
}

// Failure is a case that has no result.
type Failure struct {
	Case   string `json:"case"`   // its ID, without a kernel if the device could not be opened
	Reason string `json:"reason"` // in words
}

// Settings are the settings of a run.
type Settings struct {
	Mode     string  `json:"mode"`                      // one of Requests, or all: search and verify
	Rolling  bool    `json:"version_rolling,omitempty"` // measure searches with several versions too
	Device   string  `json:"device,omitempty"`          // empty for all
	Kernel   string  `json:"kernel,omitempty"`          // empty for the chosen one; "all" for each available one
	Threads  int     `json:"threads,omitempty"`         // 0 for one, and for all, or for ThreadCounts
	Duration float64 `json:"duration_seconds"`
	// ThreadCounts are the numbers of CPU threads if several were requested, ascending.
	ThreadCounts []int `json:"thread_counts,omitempty"`
}

// Headline names the fastest case of a mode, of those that use the engine and
// found the known set.
type Headline struct {
	Case      string  `json:"case"`
	Rate      float64 `json:"rate"` // items per second
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Disturbed bool    `json:"disturbed"` // the case has flags, which must be quoted with the rate
}

// CaseResult is the result of a case. Rates are in items per second; Unit names
// the items.
type CaseResult struct {
	ID string `json:"id"`
	Spec
	Unit      string     `json:"unit"`
	Rate      Stats      `json:"rate"`                      // of the quiet samples, or of all if these are too few
	All       Stats      `json:"rate_all"`                  // of all samples
	Disturbed float64    `json:"disturbed"`                 // part of the samples that were disturbed
	Flags     []Flag     `json:"flags"`                     // reasons to doubt the rate
	Ratio     *Ratio     `json:"ratio,omitempty"`           // to the reference of the same mode
	Scaling   *Ratio     `json:"scaling,omitempty"`         // to the same kernel on one thread
	Bare      *Ratio     `json:"bare,omitempty"`            // to the same kernel and threads without the engine
	Joules    float64    `json:"joules_per_item,omitempty"` // of the GPU or the CPU packages that do the work; 0 if not known
	PerJoule  *Stats     `json:"items_per_joule,omitempty"` // of groups of successive samples; nil if not known
	Proof     *CaseProof `json:"proof,omitempty"`           // of a search
	Limit     *Limit     `json:"limit,omitempty"`           // nil if the limit or the cycles are not known
	// Answers names those that a case found of a list with known ones; see Mode.Answers.
	Answers *CaseAnswers `json:"answers,omitempty"`
	// For all devices together: the part of each, and the rate of the whole relative
	// to the sum of the devices alone.
	Balance    []DevicePart `json:"balance,omitempty"`
	Efficiency *Ratio       `json:"efficiency,omitempty"`
	Samples    []Sample     `json:"samples"`
}

// CaseProof names the set of nonces that a case found.
type CaseProof struct {
	Range  string `json:"range"`
	Digest string `json:"digest"` // of one of the result's proofs
	// Passes is the number of complete passes through the range in the items of the
	// samples. It is at least 1, because the first pass is completed after them.
	Passes int `json:"passes"`
}

// Flag is a reason to doubt a rate. The words are stable.
type Flag string

// The flags.
const (
	// FlagDisturbed: more than maxDisturbed of the samples were disturbed.
	FlagDisturbed Flag = "disturbed"
	// FlagFewQuiet: fewer than minQuiet samples were quiet, so the rate is that of
	// all samples.
	FlagFewQuiet Flag = "few-quiet"
	// FlagDrift: the rates of the two halves differ by more than maxDrift.
	FlagDrift Flag = "drift"
	// FlagThrottled: the clock of the GPU was throttled in minOdd of the samples or
	// more.
	FlagThrottled Flag = "throttled"
	// FlagClockChanged: the clock of the GPU after the samples varied by more than
	// maxClockSpread.
	FlagClockChanged Flag = "clock-changed"
	// FlagShared: other processes used the GPU in minOdd of the samples or more.
	FlagShared Flag = "shared"
	// FlagAboveLimit: the share of the limit is above maxShare, so that the clock or the
	// table of limits is wrong.
	FlagAboveLimit Flag = "above-limit"
	// FlagWrongSet: the search did not find the known set.
	FlagWrongSet Flag = "wrong-set"
	// FlagWrongAnswers: the answers were not the known ones.
	FlagWrongAnswers Flag = "wrong-answers"
)

// flags lists all flags in the order in which a case has them.
var flags = []Flag{FlagDisturbed, FlagFewQuiet, FlagDrift, FlagThrottled, FlagClockChanged, FlagShared, FlagAboveLimit, FlagWrongSet, FlagWrongAnswers}

const (
	maxDisturbed = 0.25
	minQuiet     = 10
	maxDrift     = 0.03

	minOdd         = 0.1
	maxClockSpread = 0.03 // from the 5th to the 95th percentile, divided by the median
)

// New returns the result of measured cases.
func New(started time.Time, env Environment, settings Settings, cases []Case, measured Measured) *Result {
	r := &Result{
		Schema:      Schema,
		Started:     started.UTC().Truncate(time.Second),
		Environment: env,
		Settings:    settings,
		Timing:      measured.Timing,
		Cases:       []CaseResult{},
		Failed:      []Failure{},
		Proofs:      []Proof{},
	}
	for i, c := range cases {
		if err := measured.Failed[i]; err != nil {
			r.Fail(c.ID(), err)
			continue
		}
		r.Cases = append(r.Cases, CaseResult{Spec: c.Spec, Samples: measured.Samples[i]})
	}
	r.derive()
	return r
}

// Fail marks the case with this ID as failed, and removes its result.
func (r *Result) Fail(id string, err error) {
	r.Cases = slices.DeleteFunc(r.Cases, func(c CaseResult) bool { return c.Spec.ID() == id })
	r.Failed = append(r.Failed, Failure{id, strings.TrimPrefix(err.Error(), id+": ")})
	r.derive()
}

// AddProof adds the set that the case with this ID found.
func (r *Result) AddProof(id string, p Proof) {
	for i := range r.Cases {
		if r.Cases[i].ID == id {
			r.Cases[i].Proof = &CaseProof{Range: p.Name, Digest: p.Digest}
		}
	}
	r.derive()
	r.keepProof(p)
}

// keepProof adds a set, unless the result has it.
func (r *Result) keepProof(p Proof) {
	for _, q := range r.Proofs {
		if q.Name == p.Name && q.Digest == p.Digest {
			return
		}
	}
	r.Proofs = append(r.Proofs, p)
}

// AddAnswers adds the answers that the case with this ID found.
func (r *Result) AddAnswers(id string, a Answers) {
	for i := range r.Cases {
		if r.Cases[i].ID == id {
			r.Cases[i].Answers = &CaseAnswers{Answers: a}
		}
	}
	r.derive()
}

// derive computes all figures from the specs, samples and proofs of the cases.
func (r *Result) derive() {
	byID := map[string]*CaseResult{}
	for i := range r.Cases {
		c := &r.Cases[i]
		c.derive()
		c.deriveLimit(r.Environment)
		byID[c.ID] = c
	}
	r.deriveSweep()
	r.Headlines = map[Mode]Headline{}
	for i := range r.Cases {
		c := &r.Cases[i]
		c.deriveRatios(byID)
		if c.Device == All {
			c.Balance, c.Efficiency = r.balance(c)
			continue // it is not one device
		}
		if c.Device == Bare || c.wrong() {
			continue
		}
		if c.Rate.Median > r.Headlines[c.Mode].Rate {
			r.Headlines[c.Mode] = Headline{
				Case: c.ID, Rate: c.Rate.Median, Low: c.Rate.Low, High: c.Rate.High,
				Disturbed: len(c.Flags) > 0,
			}
		}
	}
}

// derive computes the figures of a case that do not depend on other cases.
func (c *CaseResult) derive() {
	c.ID, c.Unit = c.Spec.ID(), c.Mode.Unit()
	var quiet, all []float64
	for _, s := range c.Samples {
		all = append(all, s.Rate())
		if s.Quiet() {
			quiet = append(quiet, s.Rate())
		}
	}
	c.All = Describe(all)
	c.Rate = c.All
	c.Disturbed = 1 - float64(len(quiet))/float64(len(all))
	c.Flags = []Flag{}
	if c.Disturbed > maxDisturbed {
		c.Flags = append(c.Flags, FlagDisturbed)
	}
	if len(quiet) >= minQuiet {
		c.Rate = Describe(quiet)
	} else {
		c.Flags = append(c.Flags, FlagFewQuiet)
	}
	if math.Abs(c.Rate.Drift) > maxDrift {
		c.Flags = append(c.Flags, FlagDrift)
	}
	c.Flags = append(c.Flags, gpuFlags(c.Samples)...)
	c.Joules, c.PerJoule = c.energy()
	if c.Proof != nil {
		c.Proof.Passes = passes(c.Samples, rangeOf(c.Proof.Range).Count)
	}
	if c.Proof != nil && !inTable(c.Proof.Range, c.Proof.Digest) {
		c.Flags = append(c.Flags, FlagWrongSet)
	}
	if c.Answers != nil {
		known := knownLists[c.Mode]
		c.Answers.Passes = passes(c.Samples, known.items)
		if c.Answers.Answers != known.Answers {
			c.Flags = append(c.Flags, FlagWrongAnswers)
		}
	}
}

// wrong reports whether the case did other work than it should have.
func (c *CaseResult) wrong() bool {
	return wrong(c.Flags)
}

// deriveRatios computes the ratios of a case to others, if these exist.
func (c *CaseResult) deriveRatios(byID map[string]*CaseResult) {
	reference := Spec{Mode: c.Mode, Device: "cpu", Kernel: Reference, Threads: 1}
	c.Ratio = ratioTo(c, byID[reference.ID()])
	c.Scaling, c.Bare = nil, nil
	if c.Threads > 1 {
		single := c.Spec
		single.Threads = 1
		c.Scaling = ratioTo(c, byID[single.ID()])
	}
	if c.Device != Bare {
		bare := c.Spec
		bare.Device = Bare
		c.Bare = ratioTo(c, byID[bare.ID()])
	}
}

// passes returns the number of complete passes of the samples through count hashes,
// and at least 1; 0 if count is 0.
func passes(samples []Sample, count uint64) int {
	if count == 0 {
		return 0
	}
	var whole, rest uint64
	for _, s := range samples {
		rest += s.Items // at most count + maxItems
		whole += rest / count
		rest %= count
	}
	return int(max(whole, 1))
}

// recomputed returns a copy of the result with all figures recomputed from the
// samples.
func (r *Result) recomputed() *Result {
	copied := *r
	copied.Cases = slices.Clone(r.Cases)
	for i, c := range copied.Cases {
		if c.Proof != nil {
			proof := *c.Proof
			copied.Cases[i].Proof = &proof
		}
		if c.Answers != nil {
			answers := *c.Answers
			copied.Cases[i].Answers = &answers
		}
		if c.Limit != nil {
			limit := *c.Limit
			copied.Cases[i].Limit = &limit
		}
	}
	copied.Sweep = slices.Clone(r.Sweep)
	for i, p := range copied.Sweep {
		if p.Proof != nil {
			proof := *p.Proof
			copied.Sweep[i].Proof = &proof
		}
	}
	copied.derive()
	copied.EndToEnd = r.EndToEnd.recomputed()
	return &copied
}

// ratioTo returns nil if base is nil or c itself.
func ratioTo(c, base *CaseResult) *Ratio {
	if base == nil || base == c {
		return nil
	}
	r := pairedRatio(c.Samples, base.Samples, base.ID)
	return &r
}

// Encode writes the result as indented JSON.
func (r *Result) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Errors of [Parse]. [Check] finds faults inside a result.
var (
	ErrTooLarge = errors.New("larger than a result can be")
	ErrNotJSON  = errors.New("not one whole JSON object")
	ErrSchema   = errors.New("unknown schema")
	ErrField    = errors.New("impossible value")
)

// Bounds of a result that [Parse] accepts.
const (
	maxFile    = 64 << 20
	maxCases   = 10_000
	maxNonces  = 1 << 20 // in a proof
	maxItems   = 1 << 53 // in a sample
	minSeconds = 1e-9    // of a sample
	maxSeconds = 1e9
	maxJoules  = 1e17 // of an energy counter
	maxCycles  = 1e21 // of a sample
	maxHertz   = 1e12 // of a core
)

// Parse reads a result, which may be compressed by gzip. Its texts are safe to display:
// each is printable and has at most 1024 bytes. Errors: [ErrTooLarge], [ErrNotJSON],
// [ErrSchema], [ErrField], and that of in.
func Parse(in io.Reader) (*Result, error) { return parse(in, maxFile) }

func parse(in io.Reader, limit int64) (*Result, error) {
	text, err := readText(in, limit)
	if err != nil {
		return nil, err
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, notJSON(err)
	}
	if head.Schema != Schema && head.Schema != oldSchema {
		return nil, fmt.Errorf("%w: %.40q, must be %q or %q", ErrSchema, head.Schema, Schema, oldSchema)
	}
	r := new(Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, notJSON(err)
	}
	if err := r.clean(); err != nil {
		return nil, err
	}
	if err := r.plausible(); err != nil {
		return nil, err
	}
	return r, nil
}

// notJSON returns the error of a text that is not the JSON of a result, with its
// position.
func notJSON(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: byte %d: %v", ErrNotJSON, syntax.Offset, syntax)
	case errors.As(err, &kind):
		field := strings.ReplaceAll(kind.Field, "Spec.", "") // an embedded struct, which the file does not show
		return fmt.Errorf("%w: byte %d: %s is a JSON %s", ErrField, kind.Offset, cmp.Or(field, "the file"), kind.Value)
	}
	return fmt.Errorf("%w: %v", ErrNotJSON, err)
}

// addsUp reports whether the items of the devices add up to those of the sample.
func (s Sample) addsUp() bool {
	left := s.Items
	for _, items := range s.Devices {
		if items > left {
			return false
		}
		left -= items
	}
	return left == 0
}

// plausible returns an error for values from which no figures can be computed.
func (r *Result) plausible() error {
	if n := len(r.Cases); n > maxCases || n == 0 && len(r.Sweep) == 0 {
		return impossible("%d cases, must be 1 to %d", n, maxCases)
	}
	if err := r.sweepPlausible(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, c := range r.Cases {
		id := c.Spec.ID()
		switch {
		case c.Mode.info().mode == "":
			return impossible("cases[%d].mode %.40q, must be one of %q", i, c.Mode, modes())
		case c.Device == "" || (c.Kernel == "") != (c.Device == All):
			return impossible("cases[%d] has no device or no kernel", i)
		case c.Threads < 0:
			return impossible("cases[%d].threads %d, must be 0 or more", i, c.Threads)
		case c.Limit != nil && !(c.Limit.LimitCycles > 0 && c.Limit.LimitCycles <= maxCycles):
			return impossible("cases[%d].limit.limit_cycles_per_item %v, must be above 0, at most %v", i, c.Limit.LimitCycles, maxCycles)
		case seen[id]:
			return impossible("cases[%d]: a second %.80q", i, id)
		case len(c.Samples) == 0 || len(c.Samples) != len(r.Cases[0].Samples):
			return impossible("cases[%d] has %d samples, must have as many as the first case, %d", i, len(c.Samples), len(r.Cases[0].Samples))
		}
		seen[id] = true
		for j, s := range c.Samples {
			if text := s.implausible(c.Device == All); text != "" {
				return impossible("cases[%d].samples[%d]%s", i, j, text)
			}
		}
	}
	if r.EndToEnd != nil {
		if err := r.EndToEnd.plausible(); err != nil {
			return err
		}
	}
	if n := len(r.Failed); n > maxCases {
		return impossible("%d failed cases, must be at most %d", n, maxCases)
	}
	for i, f := range r.Failed {
		if f.Case == "" || seen[f.Case] {
			return impossible("failed[%d].case %.80q, must be the name of a case that has no result", i, f.Case)
		}
	}
	for i, p := range r.Proofs {
		if len(p.Nonces) > maxNonces {
			return impossible("proofs[%d] has %d nonces, must have at most %d", i, len(p.Nonces), maxNonces)
		}
	}
	return nil
}

// implausible describes a value from which no figures can be computed, with its path
// in the sample, or returns "". OfAll is whether the case is of all devices.
func (s Sample) implausible(ofAll bool) string {
	switch {
	case s.Items == 0 || s.Items > maxItems:
		return fmt.Sprintf(".items %d, must be 1 to 2^53", s.Items)
	case !(s.Seconds >= minSeconds && s.Seconds <= maxSeconds):
		return fmt.Sprintf(".seconds %v, must be %v to %v", s.Seconds, minSeconds, maxSeconds)
	case !(s.Probe > 0 && s.Probe <= 1):
		return fmt.Sprintf(".probe %v, must be above 0, at most 1", s.Probe)
	case !(s.CPU >= 0 && s.CPU <= maxSeconds):
		return fmt.Sprintf(".cpu %v, must be 0 or more", s.CPU)
	case s.Cycles != 0 && !(s.Cycles >= 1 && s.Cycles <= maxCycles):
		return fmt.Sprintf(".cycles %v, must be 0, or 1 to %v", s.Cycles, maxCycles)
	case s.Clock != 0 && !(s.Clock >= 1 && s.Clock <= maxHertz):
		return fmt.Sprintf(".clock_hz %v, must be 0, or 1 to %v", s.Clock, maxHertz)
	case ofAll != (len(s.Devices) > 0) || len(s.Devices) > 0 && !s.addsUp():
		return fmt.Sprintf(".devices: must add up to items, and be of the device %q", All)
	case !(s.Joules >= 0 && s.Joules <= maxJoules):
		return fmt.Sprintf(".joules %v, must be 0 to %v", s.Joules, maxJoules)
	case s.idleImplausible():
		return fmt.Sprintf(".idle: must be 0 to %v seconds, of the devices of the sample", maxSeconds)
	case s.GPU != nil && !(s.GPU.Before.energyPlausible() && s.GPU.After.energyPlausible()):
		return fmt.Sprintf(".gpu: energy_j must be 0 to %v", maxJoules)
	}
	return ""
}

func impossible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrField, fmt.Sprintf(format, args...))
}
