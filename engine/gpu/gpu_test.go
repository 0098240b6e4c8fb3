package gpu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/pow"
	"stele/engine/pow/powtest"
)

var (
	_ engine.Device   = (*Device)(nil)
	_ engine.Reopener = (*Device)(nil)
)

// quick are options for tests.
func quick() Options { return Options{NoTune: true, SpotCheck: -1} }

// openOne opens the only GPU of f.
func openOne(t *testing.T, f *fake, opts Options) *Device {
	t.Helper()
	devices, absent := open(f.system, opts)
	if len(devices) != 1 {
		t.Fatalf("absent: %v", absent)
	}
	t.Cleanup(func() { _ = devices[0].Close() })
	return devices[0]
}

func testJob(f *fake, seed byte, zeros int) engine.Job {
	job := engine.Job{Header: powtest.Header(seed), Target: pow.ZeroBits(zeros)}
	f.know(job.Header)
	return job
}

func expected(job engine.Job, r pow.Range) []uint32 { return powtest.Hits(job.Header, job.Target, r) }

func TestOpen(t *testing.T) {
	f := newFake(3)
	f.list[1].Major, f.list[1].Minor = 7, 0
	devices, absent := open(f.system, quick())
	if len(devices) != 2 || len(absent) != 1 || absent[0].ID != "cuda:1" || !errors.Is(absent[0].Err, ErrUnfit) {
		t.Fatalf("%d devices, absent %v", len(devices), absent)
	}
	info := devices[1].Info()
	if info.ID != "cuda:2" || info.Kind != Kind || info.Name != "Fake GPU" || info.UUID != f.list[2].UUID || info.PCI != f.list[2].PCI ||
		info.Lanes != 2 || info.SearchKernel != "scan_a" || info.VerifyKernel != "verify" || len(info.Kernels) != 12 || info.RollKernel != "roll_a" {
		t.Errorf("%+v", info)
	}
	for _, d := range devices {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Scan(context.Background(), &engine.Job{}, pow.Range{Count: 1}, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("scan after Close: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	f.checkReleased(t)
}

func TestOpenNothing(t *testing.T) {
	prohibited := newFake(1)
	prohibited.list[0].Prohibited = true
	failing := newFake(1)
	failing.faultAt, failing.fault = 1, func(string) error { return errBroken }
	tests := []struct {
		name string
		f    *fake
		opts Options
		id   string
		want error
	}{
		{"no GPU", newFake(0), Options{}, "cuda", cuda.ErrNoDevice},
		{"no list", failing, Options{}, "cuda", errBroken},
		{"prohibited", prohibited, Options{}, "cuda:0", ErrUnfit},
		{"unknown index", newFake(2), Options{Device: "cuda:2"}, "cuda:2", ErrUnknownDevice},
		{"unknown kernel", newFake(1), Options{Kernel: "scan_z"}, "cuda:0", ErrUnknownKernel},
		{"unknown roll kernel", newFake(1), Options{RollKernel: "scan_a"}, "cuda:0", ErrUnknownKernel},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			devices, absent := open(tt.f.system, tt.opts)
			if len(devices) != 0 || len(absent) != 1 || absent[0].ID != tt.id || !errors.Is(absent[0].Err, tt.want) {
				t.Errorf("%d devices, %v", len(devices), absent)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	all := newFake(3).list
	for name, want := range map[string]int{
		"cuda:0": 0, "CUDA:2": 2, "GPU-00000001-aaaa": 1, "gpu-00000001-AAAA": 1,
		"0000:42:00.0": 1, "42:00.0": 1, "00000000:43:00.0": 2,
		"cuda": -1, "cuda:3": -1, "cuda:00": -1, "cuda:-1": -1, "GPU-": -1, "43:00.1": -1, "1": -1, "": -1,
	} {
		g, err := Select(all, name)
		if want < 0 {
			if !errors.Is(err, ErrUnknownDevice) || !strings.Contains(err.Error(), "cuda:1 (GPU-00000001-aaaa, 0000:42:00.0)") {
				t.Errorf("%q: %v, %v", name, g.Index, err)
			}
		} else if err != nil || g.Index != want {
			t.Errorf("%q: %d, %v; want %d", name, g.Index, err, want)
		}
	}
	for name, want := range map[string]bool{"cuda:9": true, "cuda": true, "GPU-x": true, "65:00.0": true, "MIG-1": true, "mig-gpu-1/7/0": true, "MIG": false, "cpu": false, "gpu": false, "": false} {
		if Named(name) != want {
			t.Errorf("Named(%q) is %v", name, !want)
		}
	}
}

func TestChoose(t *testing.T) {
	all := newFake(4).list
	all[3].UUID = "MIG-3"
	for names, want := range map[string]string{
		"": "0123", "cuda": "0123", "cuda:2,cuda:0": "02", "MIG-3,0000:42:00.0,cuda:1": "13", "cuda:1,cuda": "0123",
		"cuda:1,cuda:9,GPU-x": "1 cuda:9 GPU-x", "cuda:1,": "1 ", "cuda:1, cuda:2": "1  cuda:2",
	} {
		some, absent := Choose(all, names)
		got := ""
		for _, g := range some {
			got += fmt.Sprint(g.Index)
		}
		for _, a := range absent {
			if got += " " + a.ID; !errors.Is(a.Err, ErrUnknownDevice) {
				t.Errorf("%q: %v", names, a.Err)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
	// CUDA shows a process one slice of a GPU.
	if _, err := Select(all, "MIG-9"); err == nil || !strings.Contains(err.Error(), "CUDA_VISIBLE_DEVICES=MIG-9") {
		t.Errorf("another slice: %v", err)
	}
}

func TestScan(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	for _, tt := range []struct {
		name  string
		zeros int
		r     pow.Range
	}{
		{"none", 0, pow.Range{First: 5}},
		{"one", 0, pow.Range{First: 5, Count: 1}},
		{"all, round the ring", 0, pow.Range{First: 1<<32 - 5, Count: 1000}},
		{"several launches", 7, pow.Range{First: 1<<32 - 20000, Count: 50_003}},
		{"more hits than a page", 3, pow.Range{First: 77, Count: 40_000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			job := testJob(f, 3, tt.zeros)
			want := expected(job, tt.r)
			var early []uint32
			got, err := d.Scan(context.Background(), &job, tt.r, func(nonces []uint32) { early = append(early, nonces...) })
			if err != nil || got.Done != tt.r.Count || !slices.Equal(got.Nonces, want) || !slices.Equal(early, want) {
				t.Errorf("done %d, %d nonces, %d of them early, %v; want %d, %d", got.Done, len(got.Nonces), len(early), err, tt.r.Count, len(want))
			}
		})
	}
}

// More candidates than fit: the range is searched again in halves.
func TestScanOverflow(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	job := testJob(f, 3, 0)
	r := pow.Range{First: 9, Count: capacity + 5}
	l, err := d.session.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.session.search(l, prepared(t, d, l, job), r)
	d.session.free <- l
	if err != nil || !slices.Equal(got, expectedVersions(job, r)) {
		t.Errorf("%d nonces, %v", len(got), err)
	}
}

// Only the whole target decides.
func TestScanWholeTarget(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	job := testJob(f, 3, 5)
	r := pow.Range{Count: 2000}
	nonce := expected(job, r)[7]
	header := job.Header
	pow.SetNonce(&header, nonce)
	hash := pow.Sum(header[:])
	for limb := range job.Target {
		job.Target[limb] = 0
		for i := range 8 {
			job.Target[limb] |= uint64(hash[8*limb+i]) << (8 * i)
		}
	}
	for _, want := range []bool{true, false} {
		got, err := d.Scan(context.Background(), &job, r, nil)
		if err != nil || slices.Contains(got.Nonces, nonce) != want || !slices.Equal(got.Nonces, expected(job, r)) {
			t.Errorf("nonces %v, %v; want %d among them: %v", got.Nonces, err, nonce, want)
		}
		job.Target[0]--
	}
}

func TestScanCancelled(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	job := testJob(f, 3, 6)
	ctx, cancel := context.WithCancel(context.Background())
	launches := 0
	f.reports = func(nonces []uint32) []uint32 {
		if launches++; launches == 3 {
			cancel()
		}
		return nonces
	}
	got, err := d.Scan(ctx, &job, pow.Range{First: 4, Count: 1 << 30}, nil)
	if !errors.Is(err, context.Canceled) || launches != 3 || got.Done == 0 ||
		!slices.Equal(got.Nonces, expected(job, pow.Range{First: 4, Count: got.Done})) {
		t.Errorf("done %d in %d launches, %d nonces, %v", got.Done, launches, len(got.Nonces), err)
	}
	cancel()
}

// A hit that a GPU invents is reported to the engine, which counts it.
func TestWrongHit(t *testing.T) {
	f := newFake(1)
	opts := quick()
	d := openOne(t, f, opts)
	job := testJob(f, 3, 8)
	f.reports = func(nonces []uint32) []uint32 { return append(nonces, 3, 3) }
	e := engine.New([]engine.Device{d}, nil)
	defer e.Close()
	_, err := e.Search(context.Background(), job, pow.Range{Count: 50_000}, func(h engine.Hit) {
		if !job.Target.MetBy(h.Hash) {
			t.Errorf("reported the wrong nonce %d", h.Nonce)
		}
	})
	if s := e.Status()[0]; !errors.Is(err, engine.ErrNoDevice) || s.State != engine.Sick || s.HardwareErrors < 3 {
		t.Errorf("%v, %+v", err, s)
	}
}

// A GPU that misses a nonce is found out.
func TestSpotCheck(t *testing.T) {
	for name, reports := range map[string]func([]uint32) []uint32{
		"missed": func(n []uint32) []uint32 { return n[:max(len(n)-1, 0)] },
		"blind":  func([]uint32) []uint32 { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(1)
			opts := quick()
			opts.SpotCheck = time.Nanosecond
			d := openOne(t, f, opts)
			job, r := testJob(f, 3, 10), pow.Range{First: 1<<32 - 9000, Count: 30_000}
			if got, err := d.Scan(context.Background(), &job, r, nil); err != nil || !slices.Equal(got.Nonces, expected(job, r)) {
				t.Fatalf("a good GPU: %v", err)
			}
			f.reports = reports
			got, err := d.Scan(context.Background(), &job, r, nil)
			if !errors.Is(err, engine.ErrWrong) || got.Done != 0 || !strings.Contains(err.Error(), "missed") {
				t.Errorf("done %d, %v", got.Done, err)
			}
		})
	}
}

// A number of candidates that cannot be is an error.
func TestNonsense(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	job := testJob(f, 3, 10)
	f.reports = func([]uint32) []uint32 { return make([]uint32, 2000) }
	if _, err := d.Scan(context.Background(), &job, pow.Range{Count: 1000}, nil); !errors.Is(err, engine.ErrWrong) {
		t.Errorf("got %v, want ErrWrong", err)
	}
}

func TestVerify(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	headers := testChain(2*chunk + 70)
	for _, n := range []int{0, 1, 31, 32, 33, chunk - 1, chunk, 2*chunk + 70} {
		for _, linked := range []bool{false, true} {
			part := headers[:n*pow.HeaderSize]
			want, got := make([]pow.Verdict, n), make([]pow.Verdict, n)
			pow.Verify(part, linked, want)
			for i := range got {
				got[i] = 0xff
			}
			if err := d.Verify(context.Background(), part, linked, got); err != nil || !slices.Equal(got, want) {
				t.Errorf("%d headers, linked %v: %v, equal: %v", n, linked, err, slices.Equal(got, want))
			}
		}
	}
	if err := d.Verify(context.Background(), headers[:79], false, make([]pow.Verdict, 1)); err == nil {
		t.Error("79 bytes are accepted as a header")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Verify(ctx, headers[:80], false, make([]pow.Verdict, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A GPU that calls a good header bad is wrong.
func TestVerifyWrong(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	f.bits = func(bad []byte) { bad[0] = 0xff }
	if err := d.Verify(context.Background(), testChain(50), false, make([]pow.Verdict, 50)); !errors.Is(err, engine.ErrWrong) {
		t.Errorf("got %v, want ErrWrong", err)
	}
}

// useAll opens the GPU and lets an engine search and check with it, next to
// the reference. Whatever the GPU does, the answers must be right.
func useAll(t *testing.T, f *fake, deadline time.Duration) {
	t.Helper()
	opts := quick()
	opts.Deadline = deadline
	opts.SpotCheck = time.Nanosecond
	devices, absent := open(f.system, opts)
	if len(devices)+len(absent) != 1 {
		t.Fatalf("%d devices, absent %v", len(devices), absent)
	}
	all := []engine.Device{engine.Reference()}
	for _, d := range devices {
		all = append(all, d)
	}
	e := engine.New(all, nil)
	job, r := testJob(f, 3, 8), pow.Range{First: 1<<32 - 2000, Count: 5000}
	var want, got []uint32
	for _, nonce := range expected(job, r) {
		want = append(want, nonce-r.First)
	}
	_, err := e.Search(context.Background(), job, r, func(h engine.Hit) { got = append(got, h.Nonce-r.First) })
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("search: %v, %d found, want %d", err, len(got), len(want))
	}
	useVersions(t, e)
	headers := testChain(1500)
	verdicts, reference := make([]pow.Verdict, 1500), make([]pow.Verdict, 1500)
	pow.Verify(headers, true, reference)
	if _, err := e.Verify(context.Background(), headers, true, verdicts); err != nil || !slices.Equal(verdicts, reference) {
		t.Errorf("verify: %v", err)
	}
	w, wantWork := testWork(), testWork()
	wantWork.Compute()
	if err := e.Merkle(context.Background(), w); err == nil && !equalWork(w, wantWork) {
		t.Error("merkle: a wrong answer")
	}
	_ = e.Close() // a fault may hit here
}

// Each call fails, and each call hangs. Neither costs an answer, nor more time
// than the deadline.
func TestFaults(t *testing.T) {
	const patient, impatient = time.Minute, 20 * time.Millisecond
	f := newFake(1)
	useAll(t, f, patient)
	calls := f.calls
	if len(calls) < 50 {
		t.Fatalf("only the calls %v", calls)
	}
	seen := map[string]int{}
	for i, call := range calls {
		if seen[call]++; seen[call] > faultsOfKind {
			continue
		}
		t.Run(fmt.Sprintf("%s %d", call, seen[call]), func(t *testing.T) {
			f := newFake(1)
			f.faultAt, f.fault = i+1, func(string) error { return errBroken }
			useAll(t, f, patient)
		})
		t.Run(fmt.Sprintf("%s %d hangs", call, seen[call]), func(t *testing.T) {
			f := newFake(1)
			stuck := make(chan struct{})
			f.faultAt, f.fault = i+1, func(string) error { <-stuck; return errBroken }
			useAll(t, f, impatient)
			close(stuck)
		})
	}
}

// A failed GPU says why, and works again after Reopen.
func TestReopen(t *testing.T) {
	f := newFake(1)
	opts := quick()
	opts.Deadline = time.Second
	d := openOne(t, f, opts)
	job, r := testJob(f, 3, 8), pow.Range{Count: 3000}
	stuck := make(chan struct{})
	for name, fault := range map[string]func(string) error{
		"fails": func(string) error { return errBroken },
		"hangs": func(string) error { <-stuck; return errBroken },
	} {
		want := map[string]error{"fails": errBroken, "hangs": ErrHung}[name]
		f.mu.Lock()
		f.faultAt, f.fault = len(f.calls)+3, fault
		f.mu.Unlock()
		for range 2 {
			if got, err := d.Scan(context.Background(), &job, r, nil); !errors.Is(err, want) || got.Done != 0 {
				t.Errorf("%s: done %d, %v", name, got.Done, err)
			}
		}
		if err := d.Verify(context.Background(), testChain(1), false, make([]pow.Verdict, 1)); !errors.Is(err, want) {
			t.Errorf("%s: verify: %v", name, err)
		}
		if err := d.Reopen(context.Background()); err != nil {
			t.Fatalf("%s: reopen: %v", name, err)
		}
		if got, err := d.Scan(context.Background(), &job, r, nil); err != nil || !slices.Equal(got.Nonces, expected(job, r)) {
			t.Errorf("%s: after Reopen: %v", name, err)
		}
	}
	f.mu.Lock()
	f.faultAt, f.fault = len(f.calls)+4, func(string) error { return errBroken }
	f.mu.Unlock()
	if _, err := d.Scan(context.Background(), &job, r, nil); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Reopen(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("Reopen after Close: %v", err)
	}
	close(stuck)
}

// Neither Reopen nor Close waits for a driver that hangs.
func TestReopenHangs(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	job := testJob(f, 3, 8)
	stuck := make(chan struct{})
	f.mu.Lock()
	f.faultAt, f.fault = len(f.calls)+1, func(string) error { return errBroken }
	f.mu.Unlock()
	if _, err := d.Scan(context.Background(), &job, pow.Range{Count: 100}, nil); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.mu.Lock()
	f.onReset = func() { cancel(); <-stuck }
	f.mu.Unlock()
	if err := d.Reopen(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	close(stuck)
}

// stuckWaits makes all waits of f hang from now on, until free is called.
func stuckWaits(f *fake) (free func()) {
	stuck := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = func(call string) {
		if call == "wait" {
			<-stuck
		}
	}
	return sync.OnceFunc(func() { close(stuck) })
}

// Calls that hang pile up only so far: then the GPU is lost to the process, and
// the driver is left alone. What they use is given back when they return.
func TestStuckCallsAreBounded(t *testing.T) {
	for name, resets := range map[string]bool{"reset": true, "no reset": false} {
		t.Run(name, func(t *testing.T) {
			f := newFake(1)
			d := openOne(t, f, quick()) // with the usual deadline, for a busy machine
			d.session.deadline, d.opts.Deadline = 20*time.Millisecond, 20*time.Millisecond
			pinned := func() int {
				f.mu.Lock()
				defer f.mu.Unlock()
				return f.open["bytes of pinned memory"]
			}
			one := pinned()
			free := stuckWaits(f)
			defer free()
			if hang := f.before; !resets {
				f.onReset = func() { hang("wait") }
			}
			job := testJob(f, 3, 8)
			if _, err := d.Scan(context.Background(), &job, pow.Range{Count: 100}, nil); !errors.Is(err, ErrHung) {
				t.Fatalf("got %v", err)
			}
			before := runtime.NumGoroutine()
			var err error
			for range 20 {
				if err = d.Reopen(context.Background()); errors.Is(err, engine.ErrLost) {
					break
				}
			}
			calls := f.total()
			if err = d.Reopen(context.Background()); !errors.Is(err, engine.ErrLost) || f.total() != calls {
				t.Errorf("after many failures: %v, %d more calls", err, f.total()-calls)
			}
			if n := runtime.NumGoroutine() - before; n > 4*maxStuck {
				t.Errorf("%d goroutines are left", n)
			}
			if n := pinned(); n > 2*one {
				t.Errorf("%d bytes of pinned memory in use, a session has %d", n, one)
			}
			free()
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			f.awaitReleased(t)
		})
	}
}

// A GPU that the driver has lost cannot be opened again: after some tries it is
// lost to the process. Other failures can pass.
func TestLostDevice(t *testing.T) {
	lost := &cuda.Error{Call: "cuDevicePrimaryCtxRetain", Code: 999, Sticky: true}
	for _, tt := range []struct {
		err  error
		want bool
	}{{lost, true}, {cuda.ErrOutOfMemory, false}} {
		f := newFake(1)
		d := openOne(t, f, quick())
		var failing atomic.Bool
		breakIt := func() {
			d.session.fail(errBroken)
			failing.Store(true)
		}
		f.fault = func(call string) error {
			if call == "open" && failing.Load() {
				return tt.err
			}
			return nil
		}
		f.faultAt = everyCall
		breakIt()
		for i := range maxFailures - 1 {
			if err := d.Reopen(context.Background()); !errors.Is(err, tt.err) || errors.Is(err, engine.ErrLost) {
				t.Fatalf("%v: try %d: %v", tt.err, i, err)
			}
		}
		failing.Store(false)
		if err := d.Reopen(context.Background()); err != nil {
			t.Fatal(err)
		}
		breakIt() // counting begins anew
		var err error
		for range maxFailures {
			err = d.Reopen(context.Background())
		}
		if errors.Is(err, engine.ErrLost) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%v: in the end %v", tt.err, err)
		}
		calls := f.total()
		if err := d.Reopen(context.Background()); tt.want && (!errors.Is(err, engine.ErrLost) || f.total() != calls) {
			t.Errorf("%v: %d more calls", err, f.total()-calls)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		f.checkReleased(t)
	}
}

// A reset by one device of a GPU does not take from another what that has opened
// since.
func TestReopenSharedGPU(t *testing.T) {
	f := newFake(1)
	a, b := openOne(t, f, quick()), openOne(t, f, quick())
	a.session.deadline, b.session.deadline = 20*time.Millisecond, 20*time.Millisecond
	free := stuckWaits(f)
	defer free()
	for _, d := range []*Device{a, b} { // both hang
		if err := d.SelfTest(context.Background()); !errors.Is(err, ErrHung) {
			t.Fatal(err)
		}
	}
	f.mu.Lock()
	f.before = nil
	f.mu.Unlock()
	for _, d := range []*Device{a, b} {
		if err := d.Reopen(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	free()
	if resets, opened := f.count("reset"), f.count("open"); resets != 1 || opened != 2 {
		t.Errorf("%d resets, opened %d times", resets, opened)
	}
	for _, d := range []*Device{a, b} {
		if err := errors.Join(d.SelfTest(context.Background()), d.Close()); err != nil {
			t.Error(err)
		}
	}
	f.awaitReleased(t)
}

func TestTune(t *testing.T) {
	f := newFake(1)
	opts := Options{CacheDir: filepath.Join(t.TempDir(), "deep"), SpotCheck: -1}
	d := openOne(t, f, opts)
	for _, k := range []*searcher{d.session.singleVersion, d.session.multiVersion} {
		if v := k.used.Load(); v.rate.Load() == 0 {
			t.Errorf("%s: no speed is known after the measurement", v.shape.Entry)
		}
		if k.trial.Load() != nil {
			t.Errorf("%s: there is a trial that nobody asked for", k.kind)
		}
	}
	chosen, rolls := d.session.singleVersion.used.Load().shape, d.session.multiVersion.used.Load().shape
	if !strings.HasPrefix(chosen.Entry, "scan_") || chosen.Blocks < 4 || chosen.Blocks > 16 || d.Info().SearchKernel != chosen.Entry {
		t.Errorf("%+v", chosen)
	}
	if !strings.HasPrefix(rolls.Entry, "roll_") || rolls.Blocks < 4 || rolls.Blocks > 16 || d.Info().RollKernel != rolls.Entry {
		t.Errorf("%+v", rolls)
	}
	for process, want := range map[string]int{"same": 0, "next": 4} {
		if process == "next" {
			f.system = newSystem(fakeDriver{f})
		}
		before := f.count("load")
		again := openOne(t, f, opts)
		if loads := f.count("load") - before; again.session.singleVersion.used.Load().shape != chosen || again.session.multiVersion.used.Load().shape != rolls || loads != want {
			t.Errorf("%s process: %+v, %+v, %d kernels loaded, want %d", process, again.session.singleVersion.used.Load().shape, again.session.multiVersion.used.Load().shape, loads, want)
		}
	}
	name := cacheFile(opts.CacheDir)
	for _, text := range []string{"", "null", "[]", "{", `{"x":{"entry":"scan_a","blocks":-1}}`} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if known := readCache(name); known["y"] != (tuning{}) {
			t.Errorf("%q: %v", text, known)
		}
		if err := writeCache(name, "key", tuning{shape: chosen}); err != nil {
			t.Error(err)
		}
		if got := readCache(name)["key"].shape; got != chosen {
			t.Errorf("after %q: %+v", text, got)
		}
	}
	if writeCache("/dev/null/no/folder/file", "key", tuning{}) == nil || writeCache("", "key", tuning{}) == nil {
		t.Error("a folder that cannot be written is no error")
	}
	entries, err := os.ReadDir(opts.CacheDir)
	if err != nil || len(entries) != 1 {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

// Without the build tag the package says so.
func TestWithoutDriver(t *testing.T) {
	if cuda.Probe().Usable() {
		t.Log("a driver is here")
		return
	}
	devices, absent := Open(quick())
	if len(devices) != 0 || len(absent) != 1 || absent[0].ID != Kind || absent[0].Err == nil {
		t.Errorf("%d devices, %v", len(devices), absent)
	}
}

// Batches of headers are checked by the kernel that fills both pipes where those
// are known, and by the plain one elsewhere.
func TestVerifyKernel(t *testing.T) {
	for want, all := range map[string][][2]int{
		"verify":   {{7, 5}, {8, 0}, {8, 6}, {8, 9}, {9, 0}},
		"verify_e": {{8, 7}, {10, 0}, {12, 0}},
	} {
		for _, cc := range all {
			if got := infoOf(cuda.Device{Major: cc[0], Minor: cc[1]}).VerifyKernel; got != want {
				t.Errorf("compute capability %v: %s, want %s", cc, got, want)
			}
		}
	}
}
