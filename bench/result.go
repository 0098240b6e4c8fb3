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

// Schema names the form of a result. Fields may be added to it, none changes
// its meaning. A result of the form before it is read too; what has been added
// since is empty there.
const (
	Schema    = "stele-bench/2"
	oldSchema = "stele-bench/1"
)

// Result is what a run of `stele bench` found. Everything in Headlines, and in
// each case everything beside Spec, Samples and the set that Proof names,
// follows from these three; [Check] computes it again.
type Result struct {
	Schema      string            `json:"schema"`
	Started     time.Time         `json:"started"`
	Environment Environment       `json:"environment"`
	Settings    Settings          `json:"settings"`
	Timing      Timing            `json:"timing"`
	Headlines   map[Mode]Headline `json:"headlines"` // the fastest case of each mode
	Cases       []CaseResult      `json:"cases"`
	Failed      []Failure         `json:"failed"` // what could not be measured
	Proofs      []Proof           `json:"proofs"` // the sets found, each once
}

// Failure is a case without a result.
type Failure struct {
	Case   string `json:"case"`   // its ID; without a kernel if the device could not be opened
	Reason string `json:"reason"` // in words
}

// Settings are what the run was asked for.
type Settings struct {
	Mode     string  `json:"mode"`                      // search, verify or all
	Rolling  bool    `json:"version_rolling,omitempty"` // searches also with several versions
	Device   string  `json:"device,omitempty"`          // empty: all
	Kernel   string  `json:"kernel,omitempty"`          // empty: the chosen one; all: each that is available
	Threads  int     `json:"threads,omitempty"`         // 0: one, and all
	Duration float64 `json:"duration_seconds"`
}

// Headline names the fastest case of a mode: of those that go through the
// engine, and found the right nonces.
type Headline struct {
	Case      string  `json:"case"`
	Rate      float64 `json:"rate"` // items per second
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Disturbed bool    `json:"disturbed"` // the case has flags: do not quote the number without them
}

// CaseResult is what was measured of a case. Rates are in items per second;
// Unit tells what the items are.
type CaseResult struct {
	ID string `json:"id"`
	Spec
	Unit      string     `json:"unit"`
	Rate      Stats      `json:"rate"`                      // of the quiet samples, or of all when these are too few
	All       Stats      `json:"rate_all"`                  // of all samples
	Disturbed float64    `json:"disturbed"`                 // part of the samples that was disturbed
	Flags     []Flag     `json:"flags"`                     // what makes the rate doubtful
	Ratio     *Ratio     `json:"ratio,omitempty"`           // to the reference of the same mode
	Scaling   *Ratio     `json:"scaling,omitempty"`         // to the same kernel on one thread
	Bare      *Ratio     `json:"bare,omitempty"`            // to the same kernel and threads without the engine
	Joules    float64    `json:"joules_per_item,omitempty"` // of a GPU: energy for a hash or a header; 0: not known
	Proof     *CaseProof `json:"proof,omitempty"`           // of a search
	// Of all devices together: what each does, and the whole as a part of the
	// sum of the devices alone.
	Balance    []DeviceShare `json:"balance,omitempty"`
	Efficiency *Ratio        `json:"efficiency,omitempty"`
	Samples    []Sample      `json:"samples"`
}

// CaseProof says which set of nonces a case found.
type CaseProof struct {
	Range  string `json:"range"`
	Digest string `json:"digest"` // of one of the result's proofs
	// Passes tells how often the items of the samples go through the range; 1
	// if they do not do so once, since the first pass is completed after them.
	Passes int `json:"passes"`
}

// Flag is a reason to doubt a rate.
type Flag string

// The flags.
const (
	// FlagDisturbed: more than maxDisturbed of the samples were disturbed.
	FlagDisturbed Flag = "disturbed"
	// FlagFewQuiet: there are fewer than minQuiet quiet samples, and so the
	// rate is that of all.
	FlagFewQuiet Flag = "few-quiet"
	// FlagDrift: the rate of the second half differs by more than maxDrift.
	FlagDrift Flag = "drift"
	// FlagThrottled: something held the clock of the GPU back, in minOdd of the
	// samples or more.
	FlagThrottled Flag = "throttled"
	// FlagClockChanged: the clock of the GPU was not the same after all samples,
	// by more than maxClockSpread.
	FlagClockChanged Flag = "clock-changed"
	// FlagShared: other processes used the GPU, in minOdd of the samples or
	// more.
	FlagShared Flag = "shared"
	// FlagWrongSet: the search did not find the nonces of the table.
	FlagWrongSet Flag = "wrong-set"
)

// flags are all, in the order in which a case has them.
var flags = []Flag{FlagDisturbed, FlagFewQuiet, FlagDrift, FlagThrottled, FlagClockChanged, FlagShared, FlagWrongSet}

const (
	maxDisturbed = 0.25
	minQuiet     = 10
	maxDrift     = 0.03

	minOdd         = 0.1
	maxClockSpread = 0.03 // from the 5th to the 95th percentile, as a part of the median
)

// New puts a result together from what was measured of the cases.
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

// Fail notes that the case with this ID has no result, and removes what it has.
func (r *Result) Fail(id string, err error) {
	r.Cases = slices.DeleteFunc(r.Cases, func(c CaseResult) bool { return c.Spec.ID() == id })
	r.Failed = append(r.Failed, Failure{id, strings.TrimPrefix(err.Error(), id+": ")})
	r.derive()
}

// AddProof notes which set the case with this ID found.
func (r *Result) AddProof(id string, p Proof) {
	for i := range r.Cases {
		if r.Cases[i].ID == id {
			r.Cases[i].Proof = &CaseProof{Range: p.Name, Digest: p.Digest}
		}
	}
	r.derive()
	for _, q := range r.Proofs {
		if q.Name == p.Name && q.Digest == p.Digest {
			return
		}
	}
	r.Proofs = append(r.Proofs, p)
}

// derive computes all that follows from the specs, samples and proofs of the
// cases.
func (r *Result) derive() {
	byID := map[string]*CaseResult{}
	for i := range r.Cases {
		c := &r.Cases[i]
		c.ID, c.Unit = c.Spec.ID(), c.Mode.Unit()
		byID[c.ID] = c
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
		c.Joules = joulesPerItem(c.Samples)
		if c.Proof != nil {
			c.Proof.Passes = passes(c.Samples, rangeOf(c.Proof.Range).Count)
		}
		if c.Proof != nil && !inTable(c.Proof.Range, c.Proof.Digest) {
			c.Flags = append(c.Flags, FlagWrongSet)
		}
	}
	r.Headlines = map[Mode]Headline{}
	for i := range r.Cases {
		c := &r.Cases[i]
		base := Spec{Mode: c.Mode, Device: "cpu", Kernel: Reference, Threads: 1}.ID()
		c.Ratio = ratioTo(c, byID[base])
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
		if c.Device == All {
			c.Balance, c.Efficiency = r.balance(c)
			continue // it is not one device
		}
		if c.Device == Bare || slices.Contains(c.Flags, FlagWrongSet) {
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

// passes tells how often the samples go through count nonces, at least 1; 0 if
// count is 0.
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

// again is a copy of the result with everything computed again that follows
// from the samples.
func (r *Result) again() *Result {
	copied := *r
	copied.Cases = slices.Clone(r.Cases)
	for i, c := range copied.Cases {
		if c.Proof != nil {
			proof := *c.Proof
			copied.Cases[i].Proof = &proof
		}
	}
	copied.derive()
	return &copied
}

// ratioTo is nil where there is nothing else to divide by.
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

// Why a file is not a result. See also [Check], which finds what is wrong
// inside a result.
var (
	ErrTooLarge = errors.New("larger than a result can be")
	ErrNotJSON  = errors.New("not one whole JSON object")
	ErrSchema   = errors.New("unknown schema")
	ErrField    = errors.New("impossible value")
)

// Bounds of a result that is read.
const (
	maxFile    = 64 << 20
	maxCases   = 10_000
	maxNonces  = 1 << 20 // in a proof
	maxItems   = 1 << 53 // in a sample
	minSeconds = 1e-9    // of a sample
	maxSeconds = 1e9
	maxJoules  = 1e17 // of the counter of a GPU
)

// Parse reads a result. It refuses a file that cannot be one, with one of the
// errors above.
func Parse(in io.Reader) (*Result, error) { return parse(in, maxFile) }

func parse(in io.Reader, limit int64) (*Result, error) {
	limited := &io.LimitedReader{R: in, N: limit + 1}
	text, err := io.ReadAll(limited)
	if err != nil {
		return nil, err
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, notJSON(err)
	}
	if head.Schema != Schema && head.Schema != oldSchema {
		return nil, fmt.Errorf("%w: %.40q, want %q or %q", ErrSchema, head.Schema, Schema, oldSchema)
	}
	r := new(Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, notJSON(err)
	}
	if err := r.plausible(); err != nil {
		return nil, err
	}
	return r, nil
}

// notJSON tells where the text stopped being what it should.
func notJSON(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: byte %d: %v", ErrNotJSON, syntax.Offset, syntax)
	case errors.As(err, &kind):
		field := strings.ReplaceAll(kind.Field, "Spec.", "") // embedded, and not in the file
		return fmt.Errorf("%w: byte %d: %s holds a %s", ErrField, kind.Offset, cmp.Or(field, "the file"), kind.Value)
	}
	return fmt.Errorf("%w: %v", ErrNotJSON, err)
}

// addsUp reports whether what the devices did is the whole.
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

// plausible refuses values with which nothing can be computed.
func (r *Result) plausible() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrField, fmt.Sprintf(format, args...))
	}
	if n := len(r.Cases); n == 0 || n > maxCases {
		return bad("%d cases, want 1 to %d", n, maxCases)
	}
	seen := map[string]bool{}
	for i, c := range r.Cases {
		id := c.Spec.ID()
		switch {
		case !slices.Contains(modes, c.Mode):
			return bad("cases[%d].mode %.40q, want one of %q", i, c.Mode, modes)
		case c.Device == "" || (c.Kernel == "") != (c.Device == All):
			return bad("cases[%d] has no device or no kernel", i)
		case c.Threads < 0:
			return bad("cases[%d].threads %d, want 0 or more", i, c.Threads)
		case seen[id]:
			return bad("cases[%d]: a second %.80q", i, id)
		case len(c.Samples) == 0 || len(c.Samples) != len(r.Cases[0].Samples):
			return bad("cases[%d] has %d samples, want as many as the first case, %d", i, len(c.Samples), len(r.Cases[0].Samples))
		}
		seen[id] = true
		for j, s := range c.Samples {
			switch {
			case s.Items == 0 || s.Items > maxItems:
				return bad("cases[%d].samples[%d].items %d, want 1 to 2^53", i, j, s.Items)
			case !(s.Seconds >= minSeconds && s.Seconds <= maxSeconds):
				return bad("cases[%d].samples[%d].seconds %v, want %v to %v", i, j, s.Seconds, minSeconds, maxSeconds)
			case !(s.Probe > 0 && s.Probe <= 1):
				return bad("cases[%d].samples[%d].probe %v, want above 0, at most 1", i, j, s.Probe)
			case !(s.CPU >= 0 && s.CPU <= maxSeconds):
				return bad("cases[%d].samples[%d].cpu %v, want 0 or more", i, j, s.CPU)
			case (c.Device == All) != (len(s.Devices) > 0) || len(s.Devices) > 0 && !s.addsUp():
				return bad("cases[%d].samples[%d].devices: must add up to items, and be of the device %q", i, j, All)
			case s.GPU != nil && !(s.GPU.Before.energyPlausible() && s.GPU.After.energyPlausible()):
				return bad("cases[%d].samples[%d].gpu: energy_j must be 0 to %v", i, j, maxJoules)
			}
		}
	}
	if n := len(r.Failed); n > maxCases {
		return bad("%d failed cases, want at most %d", n, maxCases)
	}
	for i, f := range r.Failed {
		if f.Case == "" || seen[f.Case] {
			return bad("failed[%d].case %.80q, want the name of a case that has no result", i, f.Case)
		}
	}
	for i, p := range r.Proofs {
		if len(p.Nonces) > maxNonces {
			return bad("proofs[%d] has %d nonces, want at most %d", i, len(p.Nonces), maxNonces)
		}
	}
	return nil
}
