package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestSearch(t *testing.T) {
	const last = 1<<32 - 1
	tests := []struct {
		name  string
		zeros int
		r     pow.Range
	}{
		{"empty", 0, pow.Range{First: 7}},
		{"one", 0, pow.Range{First: 7, Count: 1}},
		{"nonce 0", 0, pow.Range{Count: 1}},
		{"last nonce", 0, pow.Range{First: last, Count: 1}},
		{"round the ring", 3, pow.Range{First: last - 999, Count: 3000}},
		{"every nonce a hit", 0, pow.Range{First: 12, Count: 5000}},
		{"some", 6, pow.Range{First: 1 << 31, Count: 20000}},
		{"none", 60, pow.Range{Count: 1000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := testEngine(t, &fake{id: "a", lanes: 3, pinned: true}, &fake{id: "b", lanes: 1})
			job := testJob(1, tt.zeros)
			got := newCollect(t, job)
			sum, err := e.Search(context.Background(), job, tt.r, got.found)
			if err != nil {
				t.Fatal(err)
			}
			if want := expected(job, tt.r); !slices.Equal(got.sorted(), want) {
				t.Errorf("found %d nonces, want %d", len(got.nonces), len(want))
			}
			var items, counted uint64
			for i, s := range e.Status() {
				items += sum.Devices[i].Items
				counted += s.Nonces
			}
			if sum.Scanned != tt.r.Count || items != tt.r.Count || counted != tt.r.Count {
				t.Errorf("scanned %d, by devices %d, counted %d, want %d", sum.Scanned, items, counted, tt.r.Count)
			}
		})
	}
}

// Whatever the devices do, one honest device among them is enough for the
// exact set of hits, each reported once.
func TestSearchSurvivesAnyMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		devices := []Device{&fake{id: "honest", lanes: rapid.IntRange(1, 3).Draw(t, "lanes")}}
		for i := range rapid.IntRange(0, 4).Draw(t, "others") {
			n := rapid.IntRange(0, 6).Draw(t, "good calls")
			fault := rapid.SampledFrom([]func(context.Context, *Job, pow.Range) (ScanResult, error){
				honest,
				wrong,
				breaks,
				func(context.Context, *Job, pow.Range) (ScanResult, error) { return ScanResult{}, errBroken },
				func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) { // stops early
					r.Count /= 2
					return honest(ctx, job, r)
				},
				func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) { // reports hits twice
					res, err := honest(ctx, job, r)
					res.Nonces = append(res.Nonces, res.Nonces...)
					return res, err
				},
				func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) { // does too much
					r.Count++
					return honest(ctx, job, r)
				},
			}).Draw(t, "fault")
			devices = append(devices, &fake{
				id: named(i), lanes: rapid.IntRange(1, 3).Draw(t, "lanes"),
				scan: calls(n, honest, fault), early: rapid.Bool().Draw(t, "early"),
			})
		}
		r := pow.Range{
			First: rapid.Uint32().Draw(t, "first"),
			Count: uint64(rapid.IntRange(0, 4000).Draw(t, "count")),
		}
		job := testJob(rapid.Byte().Draw(t, "seed"), rapid.IntRange(0, 8).Draw(t, "zeros"))

		e := testEngine(t, devices...)
		got := newCollect(t, job)
		sum, err := e.Search(context.Background(), job, r, got.found)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Scanned != r.Count {
			t.Fatalf("scanned %d of %d", sum.Scanned, r.Count)
		}
		if want := expected(job, r); !slices.Equal(got.sorted(), want) {
			t.Fatalf("found %v, want %v", got.nonces, want)
		}
	})
}

// A hit that the device passes early is reported before the piece is done, and a
// candidate that is not a hit is not.
func TestSearchReportsEarly(t *testing.T) {
	for versions, mask := range map[int]uint32{1: 0, 2: 0x2000} {
		job, r := testJob(1, 6), pow.Range{Count: 2000}
		job.VersionMask = mask
		got := 0
		d := earlyBird{device("a", nil), func(found []uint32, early func([]uint32)) {
			before := got
			early([]uint32{found[0] + 1})
			early(found)
			if got != before+len(found) {
				t.Errorf("%d versions: %d hits were reported, want %d", versions, got-before, len(found))
			}
		}}
		sum, err := testEngine(t, d).Search(t.Context(), job, r, func(Hit) { got++ })
		if err != nil || sum.Scanned != r.Count*uint64(versions) || got < 20*versions {
			t.Errorf("%d versions: %+v, %v, %d hits", versions, sum, err, got)
		}
	}
}

// earlyBird passes its hits to show before Scan returns.
type earlyBird struct {
	*fake
	show func(found []uint32, early func([]uint32))
}

func (d earlyBird) Scan(ctx context.Context, job *Job, r pow.Range, early func([]uint32)) (ScanResult, error) {
	res, err := honest(ctx, job, r)
	if len(res.Nonces) > 0 {
		d.show(res.Nonces, early)
	}
	return res, err
}

func TestSearchBadRange(t *testing.T) {
	e := testEngine(t, device("a", nil))
	_, err := e.Search(context.Background(), Job{}, pow.Range{Count: pow.NonceSpace + 1}, nil)
	if !errors.Is(err, ErrRange) {
		t.Errorf("got %v, want ErrRange", err)
	}
}

func TestSearchSpreadsSmallRange(t *testing.T) {
	const lanes = 4
	all := make(chan struct{})
	var mu sync.Mutex
	here := 0
	e := testEngine(t, &fake{id: "a", lanes: lanes, scan: calls(lanes, func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		mu.Lock()
		if here++; here == lanes {
			close(all)
		}
		mu.Unlock()
		<-all // hangs if the range does not reach all lanes
		return honest(ctx, job, r)
	}, honest)})
	e.searching = searching
	if _, err := e.Search(context.Background(), testJob(1, 9), pow.Range{Count: 4 * lanes * searching.minHashes}, func(Hit) {}); err != nil {
		t.Fatal(err)
	}
}

func TestSearchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	job := testJob(1, 4)
	// The device does 100 nonces, then waits for the end.
	e := testEngine(t, device("a", func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		r.Count = min(r.Count, 100)
		res, _ := honest(ctx, job, r)
		cancel()
		<-ctx.Done()
		return res, ctx.Err()
	}))
	e.searching.guess *= 1000
	got := newCollect(t, job)
	sum, err := e.Search(ctx, job, pow.Range{First: 5, Count: 1 << 20}, got.found)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if want := expected(job, pow.Range{First: 5, Count: 100}); !slices.Equal(got.sorted(), want) {
		t.Errorf("found %v, want %v", got.nonces, want)
	}
	s := status(t, e, "a")
	if sum.Scanned != 100 || s.Nonces != 100 || s.State != OK {
		t.Errorf("scanned %d, status %+v, want 100 and ok", sum.Scanned, s)
	}
}

func TestSearchWrongHits(t *testing.T) {
	job, r := testJob(1, 4), pow.Range{Count: 2000}
	// The bad device first leaves out hits, then gives wrong ones.
	called, after := gate()
	bad := calls(3, blind, calls(maxWrongHits-1, wrong, called(wrong)))
	e := testEngine(t, device("bad", bad), device("good", after(honest)))
	got := newCollect(t, job)
	sum, err := e.Search(context.Background(), job, r, got.found)
	if err != nil {
		t.Fatal(err)
	}
	if want := expected(job, r); !slices.Equal(got.sorted(), want) {
		t.Errorf("found %v, want %v", got.nonces, want)
	}
	if sum.Devices[0] != (DeviceWork{"bad", 0}) || sum.Devices[1] != (DeviceWork{"good", r.Count}) {
		t.Errorf("devices %+v, want all from good", sum.Devices)
	}
	if s := status(t, e, "bad"); s.State != Sick || s.HardwareErrors != maxWrongHits || s.Reason != "3 wrong hits" || s.Nonces == 0 {
		t.Errorf("status %+v", s)
	}
	if s := status(t, e, "good"); s.State != OK || s.HardwareErrors != 0 {
		t.Errorf("status %+v", s)
	}

	// The sick device stays out of the next search.
	sum, err = e.Search(context.Background(), job, r, func(Hit) {})
	if err != nil || sum.Devices[0].Items != 0 {
		t.Errorf("next search: %+v, %v", sum, err)
	}
}

func TestSearchFewWrongHits(t *testing.T) {
	job, r := testJob(1, 4), pow.Range{Count: 2000}
	e := testEngine(t, device("a", calls(maxWrongHits-1, wrong, honest)))
	got := newCollect(t, job)
	if _, err := e.Search(context.Background(), job, r, got.found); err != nil {
		t.Fatal(err)
	}
	if want := expected(job, r); !slices.Equal(got.sorted(), want) {
		t.Errorf("found %v, want %v", got.nonces, want)
	}
	if s := status(t, e, "a"); s.State != OK || s.HardwareErrors != maxWrongHits-1 {
		t.Errorf("status %+v", s)
	}
}

func TestSearchAllFail(t *testing.T) {
	e := testEngine(t,
		device("broken", breaks),
		device("early", func(_ context.Context, _ *Job, r pow.Range) (ScanResult, error) {
			return ScanResult{Done: r.Count - 1}, nil
		}),
		device("liar", wrong))
	job := testJob(1, 4)
	sum, err := e.Search(context.Background(), job, pow.Range{Count: 5000}, func(Hit) {})
	if !errors.Is(err, ErrNoDevice) {
		t.Fatalf("got %v, want ErrNoDevice", err)
	}
	for _, want := range []string{"broken is dead: broken", "early is sick: left out nonces", "liar is sick: 3 wrong hits"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	// Only the half piece of the broken device counts.
	if sum.Scanned == 0 || sum.Scanned != sum.Devices[0].Items {
		t.Errorf("summary %+v", sum)
	}

	if _, err := e.Search(context.Background(), job, pow.Range{Count: 1}, func(Hit) {}); !errors.Is(err, ErrNoDevice) {
		t.Errorf("later search: got %v, want ErrNoDevice", err)
	}
}

func TestSearchWithoutDevices(t *testing.T) {
	e := testEngine(t)
	if _, err := e.Search(context.Background(), Job{}, pow.Range{Count: 1}, nil); !errors.Is(err, ErrNoDevice) {
		t.Errorf("got %v, want ErrNoDevice", err)
	}
}

// A device that hangs, but honours its context, becomes sick.
func TestSearchStalled(t *testing.T) {
	job, r := testJob(1, 4), pow.Range{Count: 1000}
	called, after := gate()
	// The good one works however long the machine makes it wait.
	patient := func(_ context.Context, job *Job, r pow.Range) (ScanResult, error) {
		return honest(context.Background(), job, r)
	}
	e := testEngine(t, device("hangs", called(hang)), device("good", after(patient)))
	e.stall = 20 * time.Millisecond
	got := newCollect(t, job)
	if _, err := e.Search(context.Background(), job, r, got.found); err != nil {
		t.Fatal(err)
	}
	if want := expected(job, r); !slices.Equal(got.sorted(), want) {
		t.Errorf("found %v, want %v", got.nonces, want)
	}
	if s := status(t, e, "hangs"); s.State != Sick || s.Reason != "no nonce finished in 20ms" {
		t.Errorf("status %+v", s)
	}
}

// One lane that fails stops the others of its device.
func TestSearchFailureStopsLanes(t *testing.T) {
	job, r := testJob(1, 4), pow.Range{Count: 1000}
	called, after := gate()
	bad := &fake{id: "bad", lanes: 3, scan: calls(2, hang, called(func(context.Context, *Job, pow.Range) (ScanResult, error) {
		return ScanResult{}, errBroken
	}))}
	e := testEngine(t, bad, device("good", after(honest)))
	got := newCollect(t, job)
	if _, err := e.Search(context.Background(), job, r, got.found); err != nil {
		t.Fatal(err)
	}
	if want := expected(job, r); !slices.Equal(got.sorted(), want) {
		t.Errorf("found %v, want %v", got.nonces, want)
	}
	if s := status(t, e, "bad"); s.State != Dead || s.Reason != "broken" || s.Nonces != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestConcurrentSearches(t *testing.T) {
	e := testEngine(t, &fake{id: "a", lanes: 2})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			job, r := testJob(byte(i), 4), pow.Range{First: uint32(i), Count: 2000}
			got := newCollect(t, job)
			if _, err := e.Search(context.Background(), job, r, got.found); err != nil {
				t.Error(err)
			}
			if want := expected(job, r); !slices.Equal(got.sorted(), want) {
				t.Errorf("found %v, want %v", got.nonces, want)
			}
		})
	}
	wg.Wait()
}

func TestClose(t *testing.T) {
	e := New([]Device{device("a", nil), &fake{id: "b", closed: errBroken}}, nil)
	if err := e.Close(); !errors.Is(err, errBroken) || err.Error() != "close b: broken" {
		t.Errorf("got %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := e.Search(context.Background(), Job{}, pow.Range{}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Search: got %v, want ErrClosed", err)
	}
	if err := e.Mine(context.Background(), nil, nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Mine: got %v, want ErrClosed", err)
	}
	if _, err := e.Verify(context.Background(), nil, false, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Verify: got %v, want ErrClosed", err)
	}
}
