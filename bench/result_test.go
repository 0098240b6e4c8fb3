package bench

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"stele/engine"
)

// trueResult is a result with made-up times and the right set of nonces.
func trueResult(t testing.TB) *Result {
	t.Helper()
	cases := []Case{
		{Spec: Spec{Search, "cpu", Reference, 1}},
		{Spec: Spec{Search, "cpu", "avx2", 1}},
		{Spec: Spec{Search, "cpu", "avx2", 2}},
		{Spec: Spec{Verify, "cpu", Reference, 1}},
		{Spec: Spec{Verify, "cpu", "avx2", 2}},
		{Spec: Spec{Search, "cuda:0", "sha256d", 0}},
	}
	random := rand.New(rand.NewPCG(5, 6))
	seconds := 0.0
	samples := make([][]Sample, len(cases))
	for i, rate := range []float64{5e6, 16e6, 31e6, 5e6, 60e6, 1e9} {
		for range 32 {
			s := Sample{Items: uint64(rate / 50), Seconds: 0.02 * (1 + 0.01*random.Float64()), Probe: 1, CPU: 0.999}
			samples[i] = append(samples[i], s)
			seconds += s.Seconds
		}
	}
	samples[1][3].Probe = 0.8
	env := Environment{Version: "v1", Go: "go1.26", OS: "linux", Arch: "amd64", Threads: 2, Devices: []engine.Info{}}
	timing := Timing{SliceSeconds: 0.02, WarmUpRounds: 6, WarmUpSeconds: 1, Settled: true, Rounds: 32, Seconds: seconds + 0.1}
	r := New(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), env, Settings{Mode: "all", Duration: 5}, cases, Measured{samples, make([]error, len(cases)), timing})
	w := NewWalk(tableScan(smallest()))
	p, err := w.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cases {
		if c.Mode == Search {
			r.AddProof(c.ID, p)
		}
	}
	return r
}

// text is the file of a result.
func text(t testing.TB, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDerive(t *testing.T) {
	r := trueResult(t)
	if len(r.Proofs) != 1 {
		t.Errorf("%d proofs of one set", len(r.Proofs))
	}
	one, two := r.Cases[1], r.Cases[2]
	if one.ID != "search/cpu/avx2/1" || one.Unit != "hashes" || r.Cases[4].Unit != "headers" {
		t.Errorf("ID %q, units %q and %q", one.ID, one.Unit, r.Cases[4].Unit)
	}
	if one.All.Samples != 32 || one.Rate.Samples != 31 || one.Disturbed != 1.0/32 || len(one.Flags) != 0 {
		t.Errorf("one disturbed sample of 32: %d of %d quiet, disturbed %v, flags %v", one.Rate.Samples, one.All.Samples, one.Disturbed, one.Flags)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if got < want*0.99 || got > want*1.01 {
			t.Errorf("%s is %v, want %v or so", what, got, want)
		}
	}
	near("rate", two.Rate.Median, 31e6)
	near("ratio", two.Ratio.Median, 31.0/5)
	near("scaling", two.Scaling.Median, 31.0/16)
	if two.Ratio.To != "search/cpu/reference/1" || two.Scaling.To != "search/cpu/avx2/1" || two.Scaling.Pairs != 31 {
		t.Errorf("ratio %+v, scaling %+v", two.Ratio, two.Scaling)
	}
	if r.Cases[0].Ratio != nil || one.Scaling != nil || r.Cases[4].Scaling != nil {
		t.Error("a ratio without anything to divide by")
	}
	if h := r.Headlines[Search]; h.Case != "search/cuda:0/sha256d" || h.Rate != r.Cases[5].Rate.Median || h.Disturbed {
		t.Errorf("headline %+v, want the fastest search", h)
	}
	r.Cases[5].Device = Bare
	r.derive()
	if h := r.Headlines[Search]; h.Case != two.ID {
		t.Errorf("headline %+v, want the fastest search through an engine", h)
	}
	if h := r.Headlines[Verify]; h.Case != "verify/cpu/avx2/2" {
		t.Errorf("headline %+v, want the fastest verification", h)
	}
}

func TestFlags(t *testing.T) {
	tests := []struct {
		name   string
		change func(i int, s *Sample)
		want   []Flag
		quiet  bool // the rate is that of the quiet samples
	}{
		{"quiet", func(int, *Sample) {}, []Flag{}, true},
		{"a quarter disturbed", func(i int, s *Sample) {
			if i%4 == 0 {
				s.Probe, s.Seconds = 0.5, 1
			}
		}, []Flag{}, true},
		{"a half disturbed", func(i int, s *Sample) {
			if i%2 == 0 {
				s.CPU, s.Seconds = 0.5, 1
			}
		}, []Flag{FlagDisturbed}, true},
		{"nearly all disturbed", func(i int, s *Sample) {
			if i >= 9 {
				s.Probe, s.Seconds = 0.5, 1
			}
		}, []Flag{FlagDisturbed, FlagFewQuiet, FlagDrift}, false},
		{"slower in the end", func(i int, s *Sample) {
			if i >= 15 {
				s.Seconds *= 1.1
			}
		}, []Flag{FlagDrift}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var samples []Sample
			for i := range 32 {
				s := Sample{Items: 1000, Seconds: 0.02, Probe: 1, CPU: 1}
				test.change(i, &s)
				samples = append(samples, s)
			}
			r := New(time.Now(), Environment{}, Settings{}, []Case{{Spec: Spec{Search, "cpu", "k", 1}}}, Measured{[][]Sample{samples}, []error{nil}, Timing{}})
			c := r.Cases[0]
			if !reflect.DeepEqual(c.Flags, test.want) {
				t.Errorf("flags %v, want %v", c.Flags, test.want)
			}
			if r.Headlines[Search].Disturbed != (len(test.want) > 0) {
				t.Errorf("headline %+v", r.Headlines[Search])
			}
			if test.quiet != (c.Rate.Samples < c.All.Samples || c.Disturbed == 0) {
				t.Errorf("rate of %d samples of %d", c.Rate.Samples, c.All.Samples)
			}
		})
	}
}

func TestPasses(t *testing.T) {
	items := func(n ...uint64) (samples []Sample) {
		for _, n := range n {
			samples = append(samples, Sample{Items: n})
		}
		return samples
	}
	const most = maxItems
	for _, test := range []struct {
		samples []Sample
		count   uint64
		want    int
	}{
		{items(5), 0, 0},
		{items(5), 100, 1}, // completed after the samples
		{items(60, 60, 79), 100, 1},
		{items(60, 60, 80), 100, 2},
		{items(1000), 100, 10},
		{items(most, most, most), 1 << 18, 3 << 35},
	} {
		if got := passes(test.samples, test.count); got != test.want {
			t.Errorf("%v through %d: %d passes, want %d", test.samples, test.count, got, test.want)
		}
	}
	for _, c := range trueResult(t).Cases[:2] {
		if want := int(32 * c.Samples[0].Items / knownRanges[0].Count); c.Proof.Passes != want {
			t.Errorf("%s: %d passes, want %d", c.ID, c.Proof.Passes, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	want := trueResult(t)
	got, err := Parse(strings.NewReader(text(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The form before this one is read, checked and compared.
func TestParseOldSchema(t *testing.T) {
	want := trueResult(t)
	got, err := Parse(strings.NewReader(strings.Replace(text(t, want), Schema, oldSchema, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := Check(t.Context(), got, Rescan{}); err != nil || !report.Good() {
		t.Errorf("check: %+v, %v", report, err)
	}
	if c := Compare(got, want); c.Verdict != NoClearChange {
		t.Errorf("compare: %+v", c)
	}
}

// A failed case has a reason and nothing else.
func TestFailedCases(t *testing.T) {
	lost := errors.New("no device left: cuda:0: lost")
	cases := []Case{{Spec: Spec{Search, "cpu", Reference, 1}}, {Spec: Spec{Search, "cuda:0", "sha256d", 0}}}
	samples := [][]Sample{{{Items: 1000, Seconds: 0.02, Probe: 1}}, nil}
	r := New(time.Now(), Environment{}, Settings{Mode: "all"}, cases,
		Measured{samples, []error{nil, fmt.Errorf("%s: %w", cases[1].ID(), lost)}, Timing{Rounds: 1, Seconds: 1}})
	want := []Failure{{"search/cuda:0/sha256d", lost.Error()}}
	if len(r.Cases) != 1 || !reflect.DeepEqual(r.Failed, want) {
		t.Errorf("%d cases, failed %+v; want %+v", len(r.Cases), r.Failed, want)
	}
	got, err := Parse(strings.NewReader(text(t, r)))
	if err != nil || !reflect.DeepEqual(got.Failed, want) {
		t.Errorf("read again: %+v, %v", got, err)
	}
	var table strings.Builder
	if err := r.WriteTable(&table, Text); err != nil || !strings.Contains(table.String(), "\nfailed: search/cuda:0/sha256d: no device left: cuda:0: lost\n") {
		t.Errorf("%v\n%s", err, table.String())
	}
	full := trueResult(t)
	full.Fail("search/cuda:0/sha256d", lost)
	if len(full.Cases) != 5 || full.Headlines[Search].Case != "search/cpu/avx2/2" || !reflect.DeepEqual(full.Failed, want) {
		t.Errorf("failed later: %d cases, headline %+v, failed %+v", len(full.Cases), full.Headlines[Search], full.Failed)
	}
	notes := Compare(trueResult(t), full).Notes
	if len(notes) != 1 || notes[0] != "new: failed: search/cuda:0/sha256d" {
		t.Errorf("notes %q", notes)
	}
}

func TestParseRejects(t *testing.T) {
	good := text(t, trueResult(t))
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the result has no %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := []struct {
		name, text string
		want       error
		words      string
	}{
		{"empty", "", ErrNotJSON, "byte 0"},
		{"not JSON", "hello", ErrNotJSON, "byte 1"},
		{"an array", "[]", ErrField, "the file is a JSON array"},
		{"truncated", good[:len(good)/2], ErrNotJSON, fmt.Sprintf("byte %d", len(good)/2)},
		{"truncated by a brace", strings.TrimSpace(good)[:len(good)-2], ErrNotJSON, "unexpected end"},
		{"two objects", good + "{}", ErrNotJSON, "after top-level value"},
		{"no schema", "{}", ErrSchema, `"", must be "stele-bench/2" or "stele-bench/1"`},
		{"other schema", swap(Schema, "stele-bench/3"), ErrSchema, `"stele-bench/3", must be "stele-bench/2" or "stele-bench/1"`},
		{"number for a string", swap(`"kernel": "avx2"`, `"kernel": 7`), ErrField, "cases.kernel is a JSON number"},
		{"nonce too large", swap(`"nonces": [`, `"nonces": [4294967296,`), ErrField, "number 4294967296"},
		{"no cases", `{"schema":"stele-bench/2"}`, ErrField, "0 cases"},
		{"unknown mode", swap(`"mode": "verify"`, `"mode": "walk"`), ErrField, `cases[3].mode "walk"`},
		{"no kernel", swap(`"kernel": "avx2"`, `"kernel": ""`), ErrField, "cases[1] has no device or no kernel"},
		{"negative threads", swap(`"threads": 2,
      "unit"`, `"threads": -2,
      "unit"`), ErrField, "cases[2].threads -2"},
		{"same case twice", swap(`"threads": 2,
      "unit"`, `"threads": 1,
      "unit"`), ErrField, `cases[2]: a second "search/cpu/avx2/1"`},
		{"no items", swap(`"items": 100000`, `"items": 0`), ErrField, "cases[0].samples[0].items 0"},
		{"no time", swap(`"seconds": 0.02`, `"seconds": 0, "x": 0.02`), ErrField, "cases[0].samples[0].seconds 0"},
		{"negative time", swap(`"seconds": 0.02`, `"seconds": -0.02`), ErrField, "cases[0].samples[0].seconds -0.02"},
		{"probe above 1", swap(`"probe": 1`, `"probe": 1.5`), ErrField, "probe 1.5"},
		{"negative CPU time", swap(`"cpu": 0.999`, `"cpu": -1`), ErrField, "cpu -1"},
		{"negative energy", swap(`"cpu": 0.999`, `"cpu": 0.999, "gpu": {"before": {}, "after": {"energy_j": -1}}`), ErrField, "cases[0].samples[0].gpu: energy_j"},
		{"a failed case with a result", swap(`"failed": []`, `"failed": [{"case": "search/cpu/avx2/1"}]`), ErrField, `failed[0].case "search/cpu/avx2/1"`},
		{"a failed case without a name", swap(`"failed": []`, `"failed": [{}]`), ErrField, `failed[0].case ""`},
		{"a sample less", swap(`"samples": [
        {`, `"samples": [], "x": [
        {`), ErrField, "cases[0] has 0 samples"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(test.text))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.words)
			}
		})
	}
}

func TestParseBoundsMemory(t *testing.T) {
	good := text(t, trueResult(t))
	if _, err := parse(strings.NewReader(good), int64(len(good))); err != nil {
		t.Errorf("as long as can be: %v", err)
	}
	if _, err := parse(strings.NewReader(good), int64(len(good)-1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too long: %v", err)
	}
}
