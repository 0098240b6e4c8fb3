package bench

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

// withAll is a result with a case of a CPU and a GPU together, in which the CPU
// does 80 % of what it does alone and the GPU 95 %.
func withAll(t *testing.T) *Result {
	t.Helper()
	r := trueResult(t)
	c := CaseResult{Spec: Spec{Mode: Search, Device: All}, Proof: &CaseProof{Range: r.Cases[1].Proof.Range, Digest: r.Cases[1].Proof.Digest}}
	for i := range r.Cases[5].Samples {
		rates := map[string]float64{"cpu": 0.8 * r.Cases[2].Samples[i].Rate(), "cuda:0": 0.95 * r.Cases[5].Samples[i].Rate()}
		s := Sample{Seconds: 0.02, Probe: 1, Devices: map[string]uint64{}}
		for device, rate := range rates {
			s.Devices[device] = uint64(rate * s.Seconds)
			s.Items += s.Devices[device]
		}
		r.Timing.Seconds += s.Seconds
		c.Samples = append(c.Samples, s)
	}
	r.Cases = append(r.Cases, c)
	r.derive()
	return r
}

func TestBalance(t *testing.T) {
	r := withAll(t)
	c := r.Cases[6]
	if c.ID != "search/all" || len(c.Balance) != 2 || c.Efficiency == nil {
		t.Fatalf("%s with %d devices, efficiency %v", c.ID, len(c.Balance), c.Efficiency)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got/want-1) > 0.01 {
			t.Errorf("%s is %v, want %v or so", what, got, want)
		}
	}
	total := 0.8*31e6 + 0.95*1e9
	near("total", c.Rate.Median, total)
	near("part of the CPU", c.Balance[0].Part, 0.8*31e6/total)
	near("part of the GPU", c.Balance[1].Part, 0.95*1e9/total)
	near("the CPU's rate", c.Balance[0].Alone.Median, 0.8)
	near("the GPU's rate", c.Balance[1].Alone.Median, 0.95)
	near("efficiency", c.Efficiency.Median, total/1031e6)
	if c.Balance[0].Device != "cpu" || c.Balance[0].Alone.To != "search/cpu/avx2/2" || c.Efficiency.To != "search/cpu/avx2/2 + search/cuda:0/sha256d" {
		t.Errorf("compared %+v with %s", c.Balance, c.Efficiency.To)
	}
	if h := r.Headlines[Search]; h.Case != "search/cuda:0/sha256d" {
		t.Errorf("headline %+v, want the fastest device", h)
	}
	got, err := Parse(strings.NewReader(text(t, r)))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("written and read: %v", err)
	}
	if report, err := Check(t.Context(), r, Rescan{}); err != nil || !report.Good() {
		t.Errorf("check: %+v, %v", report, err)
	}
	var b strings.Builder
	if err := r.WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"; all devices together 96", "\nall  ", "\nsearch/all: 94.", " % of the sum of the devices alone; cpu did 2.5 %, at 80", "; cuda:0 did 97.5 %, at 95"} {
		if !strings.Contains(unwrapped(b.String()), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}

	// A device without a case of its own has a part, and the whole no measure.
	r = withAll(t)
	r.Fail("search/cuda:0/sha256d", errors.New("lost"))
	if c := r.Cases[5]; c.Efficiency != nil || len(c.Balance) != 2 || c.Balance[0].Alone == nil || c.Balance[1].Alone != nil {
		t.Errorf("without the GPU's own case: %+v", c)
	}
}

func TestParseRejectsDeviceItems(t *testing.T) {
	for name, alter := range map[string]func(c []CaseResult){
		"one item more":   func(c []CaseResult) { c[6].Samples[3].Devices["cpu"]++ },
		"no devices":      func(c []CaseResult) { c[6].Samples[3].Devices = nil },
		"of one device":   func(c []CaseResult) { c[1].Samples[3].Devices = map[string]uint64{"cpu": c[1].Samples[3].Items} },
		"an overflow":     func(c []CaseResult) { c[6].Samples[3].Devices["x"] = math.MaxUint64 },
		"all with kernel": func(c []CaseResult) { c[6].Kernel = "avx2" },
	} {
		r := withAll(t)
		alter(r.Cases)
		if _, err := Parse(strings.NewReader(text(t, r))); !errors.Is(err, ErrField) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the devices did before a slice does not count for it.
func TestMeasureDeviceItems(t *testing.T) {
	clock := &fakeClock{}
	w := &fakeWork{clock: clock, per: always(time.Microsecond)}
	given := uint64(0)
	c := Case{Spec: Spec{Mode: Search, Device: All}, Work: w, DeviceItems: func() map[string]uint64 {
		n := w.items - given
		given = w.items
		return map[string]uint64{"cpu": n / 4, "cuda:0": n - n/4}
	}}
	measured, err := Measure(t.Context(), []Case{c}, Plan{Duration: 5 * time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range measured.Samples[0] {
		if !s.addsUp() || len(s.Devices) != 2 {
			t.Fatalf("%+v", s)
		}
	}
}

// lane is a device of one lane, with the plain reference.
type lane struct {
	id   string
	fail error
}

func (l *lane) Info() engine.Info { return engine.Info{ID: l.id, Kind: "cpu", Lanes: 1} }
func (l *lane) Close() error      { return nil }

func (l *lane) Scan(_ context.Context, job *engine.Job, r pow.Range, _ func([]uint32)) (engine.ScanResult, error) {
	if l.fail != nil {
		return engine.ScanResult{}, l.fail
	}
	var nonces []uint32
	header := job.Header
	for i := range r.Count {
		pow.SetNonce(&header, r.First+uint32(i))
		if job.Target.MetBy(pow.Sum(header[:])) {
			nonces = append(nonces, r.First+uint32(i))
		}
	}
	return engine.ScanResult{Nonces: nonces, Done: r.Count}, nil
}

func (l *lane) Verify(context.Context, []byte, bool, []pow.Verdict) error { return nil }

// All devices of an engine search the set together, and each is counted. One
// that fails makes the case fail, though the others would do its work.
func TestEngineScanAll(t *testing.T) {
	good, bad := &lane{id: "a"}, &lane{id: "b"}
	e := engine.New([]engine.Device{good, bad}, nil)
	defer e.Close()
	scan, deviceItems := EngineScanAll(e)
	w := NewWalk(scan)
	p, err := w.Finish(t.Context())
	if err != nil || p.Digest != knownRanges[0].digest {
		t.Fatalf("%d nonces, %v", len(p.Nonces), err)
	}
	got := deviceItems()
	if got["a"] == 0 || got["b"] == 0 || got["a"]+got["b"] != knownRanges[0].Count {
		t.Errorf("items %v of %d", got, knownRanges[0].Count)
	}
	if again := deviceItems(); len(again) != 0 {
		t.Errorf("counted twice: %v", again)
	}
	bad.fail = errors.New("fell off the bus")
	for range 100 { // until it is given a piece
		if err = w.Run(t.Context(), 1<<16); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFellBack) || !strings.Contains(err.Error(), "fell off the bus") {
		t.Errorf("one device failed: %v", err)
	}
}
