package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine"
)

// onMachine returns a true result of a machine with a label and perhaps a GPU.
func onMachine(t testing.TB, name, label, gpu string, speed float64) Named {
	r := trueResult(t)
	r.Environment.Label = label
	if gpu != "" {
		r.Environment.Devices = []engine.Info{{ID: "cpu", Kind: "cpu"}, {ID: "cuda:0", Kind: "cuda", Name: gpu, UUID: "GPU-" + gpu}}
	}
	scaleAll(r, speed)
	return Named{name, r}
}

// The identity is that of the machine: it does not depend on the program, the driver, the
// settings or the order of the GPUs, and does on everything that distinguishes machines.
func TestMachine(t *testing.T) {
	two := []engine.Info{{ID: "cuda:0", Kind: "cuda", Name: "H100", UUID: "a"}, {ID: "cuda:1", Kind: "cuda", Name: "H100", UUID: "b"}}
	e := trueResult(t).Environment
	e.CPU.Brand, e.Devices = "some CPU", two
	m := e.Machine()
	if len(m.ID) != 12 || m.Name != "some CPU, H100" {
		t.Errorf("%+v", m)
	}
	for _, alike := range []func(e *Environment){
		func(e *Environment) { e.Version, e.Go, e.Driver, e.Kernel, e.Governor = "v9", "go9", "9", "9", "9" },
		func(e *Environment) { e.Devices = []engine.Info{two[1], two[0]} },
		func(e *Environment) { e.Threads = 1; e.Process.CPUs = 1 },
	} {
		other := e
		if alike(&other); other.Machine() != m {
			t.Errorf("%+v is another machine", other)
		}
	}
	for _, unlike := range []func(e *Environment){
		func(e *Environment) { e.Label = "rig 7" },
		func(e *Environment) { e.CPU.Brand = "other" },
		func(e *Environment) { e.CPU.Threads = 9 },
		func(e *Environment) { e.Virtual = "KVM" },
		func(e *Environment) { e.OS = "darwin" },
		func(e *Environment) { e.Devices = two[:1] },
		func(e *Environment) {
			e.Devices = []engine.Info{two[0], {ID: "cuda:1", Kind: "cuda", Name: "H100", UUID: "c"}}
		},
	} {
		other := e
		if unlike(&other); other.Machine().ID == m.ID {
			t.Errorf("%+v is the same machine", other)
		}
	}
}

// The interval of runs that differ contains the truth in 95 % of the cases.
func TestEstimateCoverage(t *testing.T) {
	for _, runs := range []int{2, 3, 5, 10} {
		random := rand.New(rand.NewPCG(uint64(runs), 2))
		const trials = 4000
		covered := 0
		for range trials {
			var all []quantity
			for range runs {
				m := 100 * math.Exp(0.02*random.NormFloat64())
				all = append(all, quantity{m, m * 0.999, m * 1.001})
			}
			if e := estimate(all); e.Low <= 100 && e.High >= 100 {
				covered++
			}
		}
		if covered < trials*94/100 {
			t.Errorf("%d runs: the interval contains the truth in %d of %d trials", runs, covered, trials)
		}
	}
}

// The interval contains the median, is never narrower than that of one run divided by the
// root of the number of runs, and does not depend on the order.
func TestEstimate(t *testing.T) {
	one := quantity{10, 9, 11}
	if e := estimate([]quantity{one}); e != (Estimate{1, 10, 9, 11, 0}) {
		t.Errorf("one run: %+v", e)
	}
	rapid.Check(t, func(t *rapid.T) {
		median := rapid.Float64Range(1, 1e12)
		width := rapid.Float64Range(0, 0.3).Draw(t, "width")
		var all []quantity
		for range rapid.IntRange(2, 20).Draw(t, "runs") {
			m := median.Draw(t, "median")
			all = append(all, quantity{m, m * math.Exp(-width), m * math.Exp(width)})
		}
		e := estimate(all)
		if !(e.Low <= e.Median && e.Median <= e.High && e.Between >= 0) {
			t.Fatalf("%+v", e)
		}
		if half := math.Log(e.High / e.Median); half < width/math.Sqrt(float64(len(all)))*0.999 {
			t.Fatalf("half of the interval is %v: %+v", half, e)
		}
		slices.Reverse(all)
		if again := estimate(all); math.Abs(again.Low/e.Low-1) > 1e-9 || again.Median != e.Median {
			t.Fatalf("%+v, in the other order %+v", e, again)
		}
	})
}

// Runs of one machine are merged, oldest first, unless the program differs; unreliable
// ones do not count, and a result that is given twice counts once.
func TestMerge(t *testing.T) {
	const one = "search/cpu/avx2/1"
	a, b, c := onMachine(t, "a", "rig", "", 1), onMachine(t, "b", "rig", "", 1.1), onMachine(t, "c", "rig", "", 1.2)
	b.Started = a.Started.Add(-time.Hour)
	disturb(c.Result, one)
	newer := onMachine(t, "d", "rig", "", 1.3)
	newer.Environment.Version = "v2"
	merged := Merge([]Named{a, newer, b, c, {"copy of a", a.Result}})
	if len(merged) != 2 || !slices.Equal(merged[0].Runs, []string{"b", "a", "c"}) || merged[0].Name != "rig, stele v1" || merged[1].Name != "rig, stele v2" {
		t.Fatalf("%d, %+v", len(merged), merged[0])
	}
	k := merged[0].Cases[slices.IndexFunc(merged[0].Cases, func(k MergedCase) bool { return k.ID == one })]
	if k.Rate.Runs != 2 || k.LeftOut != 1 || len(k.Flags) != 0 || k.Ratio == nil || k.Ratio.Between > 0.01 {
		t.Errorf("%+v", k)
	}
	if math.Abs(k.Rate.Between-math.Log(1.1)/math.Sqrt2) > 0.001 {
		t.Errorf("between runs: %v", k.Rate.Between)
	}
	want := []string{"flagged disturbed in 1 of 3 runs: " + one, "flagged few-quiet in 1 of 3 runs: " + one}
	if !slices.Equal(merged[0].Notes, want) {
		t.Errorf("notes %q", merged[0].Notes)
	}
	// The only run counts, reliable or not.
	if k := Merge([]Named{c})[0].Cases[1]; k.ID != one || k.Rate.Runs != 1 || k.LeftOut != 0 || !slices.Contains(k.Flags, FlagFewQuiet) {
		t.Errorf("%+v", k)
	}
}

// Machines are sorted, divided by the fastest or by the base; GPUs of different models are
// not compared case by case.
func TestRank(t *testing.T) {
	merged := Merge([]Named{onMachine(t, "slow", "slow", "H100", 1), onMachine(t, "fast", "fast", "H100", 2), onMachine(t, "other", "other", "RTX 4090", 3)})
	r := Rank(merged, "")
	if g := r.Fastest[0]; g.Mode != Search || g.Places[0].Machine != "other" || g.Places[0].Quotient != nil || math.Abs(g.Places[2].Quotient.Factor-1/3.0) > 1e-9 {
		t.Errorf("fastest: %+v", g)
	}
	for _, g := range r.Cases {
		want := []string{"other", "fast", "slow"}
		if g.Model != "" {
			want = want[1:]
		}
		var got []string
		for _, p := range g.Places {
			got = append(got, p.Machine)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s %s: %q, want %q", g.Case, g.Model, got, want)
		}
	}
	if len(r.Cases) != 6 || len(r.Alone) != 1 || r.Alone[0].Machine != "other" || len(r.Notes) != 1 {
		t.Errorf("%d cases, alone %+v, notes %q", len(r.Cases), r.Alone, r.Notes)
	}
	g := Rank(merged, "slow").Cases[0]
	if g.Places[2].Quotient != nil || math.Abs(g.Places[0].Quotient.Factor-3) > 1e-9 || !(g.Places[0].Quotient.Low < 3 && g.Places[0].Quotient.High > 3) {
		t.Errorf("by the slowest: %+v", g.Places)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestRankingTable(t *testing.T) {
	var results []Named
	for i := range 4 {
		results = append(results, onMachine(t, fmt.Sprint("run", i, ".json"), "rig 7", "H100", 1+0.01*float64(i)))
	}
	disturb(results[3].Result, "search/cpu/avx2/2")
	results = append(results, onMachine(t, "b.json", "rig 8", "RTX 4090", 2))
	for format, want := range map[Format][]string{
		Text: {
			"search: B is the fastest, 1.989 GH/s (95 % ",
			"\nA: rig 7, stele v1, go1.26, 4 runs: run0.json, run1.json, run2.json, ...\n",
			"\nsearch/cuda:0/sha256d  B  ", "  0.5", "between", "1.3 %",
			"\nonly A has: search/cuda:0/sha256d\n",
			"\nnote: A: flagged disturbed in 1 of 4 runs: search/cpu/avx2/2\n",
		},
		Markdown: {"| case |  | MH/s | 95 % | / fastest | runs | between | ! |"},
	} {
		var b strings.Builder
		if err := Rank(Merge(results), "").WriteTable(&b, format); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("lacks %q:\n%s", w, b.String())
			}
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if format == Text && len(line) >= 100 {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
}

// A result may be compressed. What cannot be unpacked, or is too large then, is an error.
func TestParseGzip(t *testing.T) {
	r := trueResult(t)
	pack := func(content string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(content))
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	packed := pack(text(t, r))
	got, err := Parse(bytes.NewReader(packed))
	if err != nil || text(t, got) != text(t, r) {
		t.Errorf("%v", err)
	}
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	for name, bad := range map[string][]byte{"cut": packed[:len(packed)/2], "header": packed[:5], "checksum": flipped, "no result": pack("{")} {
		if _, err := Parse(bytes.NewReader(bad)); !errors.Is(err, ErrNotJSON) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parse(bytes.NewReader(pack(strings.Repeat(" ", 2000))), 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}
