package bench

import (
	"encoding/json"
	"io"
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

// Encode writes the result as indented JSON.
func (r *Result) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
