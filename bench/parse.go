package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

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
