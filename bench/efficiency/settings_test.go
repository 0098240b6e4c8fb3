package efficiency

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/bench"
	"stele/cgo/nvml"
)

func TestNumbers(t *testing.T) {
	for list, want := range map[string][]float64{
		"": nil, "auto": nil, "150": {150}, "150,200.5, 250": {150, 200.5, 250}, "400,100": {400, 100},
	} {
		if got, err := Numbers(list, 100, 600); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", list, got, err, want)
		}
	}
	for _, list := range []string{",", "150,", "a", "NaN", "99", "601", "-1", "150,150", "1e400", "150;200"} {
		if got, err := Numbers(list, 100, 600); !errors.Is(err, ErrList) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	for _, list := range []string{"", "auto", "150,200", "1e3", "NaN,inf", ",,"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		values, err := Numbers(list, 100, 600)
		if err == nil && (len(values) > maxList || slices.ContainsFunc(values, func(x float64) bool { return !(x >= 100 && x <= 600) })) {
			t.Errorf("%q: %v", list, values)
		}
	})
}

// Lists for a device ascend from its lowest to its highest setting.
func TestLists(t *testing.T) {
	if got := Limits(nvml.PowerRange{Min: 100, Max: 600}); !slices.Equal(got, []float64{100, 200, 300, 400, 500, 600}) {
		t.Errorf("%v", got)
	}
	if got := Clocks(1980); !slices.Equal(got, []float64{792, 960, 1125, 1305, 1470, 1635, 1815, 1980}) {
		t.Errorf("%v", got)
	}
	for most, want := range map[int][]int{1: {1}, 2: {1, 2}, 6: {1, 2, 4, 6}, 8: {1, 2, 4, 8}} {
		if got := Threads(most); !slices.Equal(got, want) {
			t.Errorf("%d threads: %v, want %v", most, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := nvml.PowerRange{Min: rapid.Float64Range(1, 1000).Draw(t, "min")}
		r.Max = r.Min + rapid.Float64Range(0, 1000).Draw(t, "range")
		got := Limits(r)
		if got[0] != r.Min || got[len(got)-1] != r.Max || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%+v: %v", r, got)
		}
	})
}

// sweep returns a result with a point of 40 samples for each pair of a rate and watts.
func sweep(device string, points ...[2]float64) *bench.Result {
	r := &bench.Result{Schema: bench.Schema}
	for i, p := range points {
		point := bench.SweepPoint{Spec: bench.Spec{Mode: bench.Search, Device: device, Kernel: "avx2", Threads: i + 1}}
		for range 40 {
			point.Samples = append(point.Samples, bench.Sample{Items: uint64(p[0] / 20), Seconds: 0.05, Probe: 1, Joules: p[1] / 20})
		}
		r.AddPoint(point, bench.Proof{})
	}
	for i := range r.Sweep {
		r.Sweep[i].Flags = nil // there is no set to be wrong
	}
	return r
}

func TestBest(t *testing.T) {
	points := sweep("cpu", [2]float64{100e6, 50}, [2]float64{180e6, 60}, [2]float64{300e6, 120}, [2]float64{320e6, 0}).Sweep
	points = append(points, sweep("cuda:0", [2]float64{1e9, 1}).Sweep...)
	if p := Best(points, "cpu"); p == nil || p.Threads != 2 || math.Abs(p.PerJoule/3e6-1) > 1e-9 {
		t.Errorf("best: %s", p.Setting())
	}
	cheap, dear := Tariff{Price: 0.1, Revenue: 20_000}, Tariff{Price: 0.3, Revenue: 20_000}
	if p := BestProfit(points, "cpu", cheap); p == nil || p.Threads != 3 {
		t.Errorf("cheap energy: %s", p.Setting())
	}
	if p := BestProfit(points, "cpu", dear); p == nil || p.Threads != 2 || dear.Profit(*p) > 0 {
		t.Errorf("energy that costs more than the work earns: %s, profit %v", p.Setting(), dear.Profit(*p))
	}
	// 3e6 hashes per joule are 92.6 kWh for 10^18 hashes.
	if got := (Tariff{Price: 0.25}).Cost(*Best(points, "cpu")); math.Abs(got-0.25*1e18/3e6/3.6e6) > 1e-9 {
		t.Errorf("10^18 hashes cost %v", got)
	}
	if p := Best(points, "cuda:1"); p != nil {
		t.Errorf("no points: %s", p.Setting())
	}
	points[1].Flags = []bench.Flag{bench.FlagWrongSet}
	if p := Best(points, "cpu"); p.Threads != 3 {
		t.Errorf("a wrong set of nonces: %s", p.Setting())
	}
}
