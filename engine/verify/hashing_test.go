package verify

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"stele/engine"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
)

// blockDevice is the reference with a device that hashes blocks.
type blockDevice struct {
	reference
	merkle   func(context.Context, *pow.MerkleWork) error
	disabled chan string // receives the reasons
}

func newBlockDevice(merkle func(context.Context, *pow.MerkleWork) error) *blockDevice {
	return &blockDevice{merkle: merkle, disabled: make(chan string, 1000)}
}

func (d *blockDevice) MerkleLanes() int { return 2 }
func (d *blockDevice) Merkle(ctx context.Context, w *pow.MerkleWork) error {
	if err := w.Check(); err != nil {
		return err
	}
	return d.merkle(ctx, w)
}
func (d *blockDevice) DisableMerkle(reason string) { d.disabled <- reason }

func compute(_ context.Context, w *pow.MerkleWork) error { w.Compute(); return nil }

var errDevice = errors.New("broken")

// Whatever a device does, the report about valid and invalid blocks is that without it.
func TestBlocksOnDevice(t *testing.T) {
	file := realChain(t).part(0, 14132)
	file.block(9000)[200] ^= 1
	opts := bitcoin
	opts.Workers = 2
	want, err := Blocks(t.Context(), reference{}, []Source{source("x", file.file)}, opts)
	if err != nil || want.First == nil || want.OnDevice != 0 {
		t.Fatalf("%v, %+v", err, want)
	}
	for _, test := range []struct {
		name     string
		merkle   func(context.Context, *pow.MerkleWork) error
		after    int64
		used     bool
		disabled bool
	}{
		{"honest", compute, 1, true, false},
		{"honest, small file", compute, 0, false, false},
		{"not wanted", compute, -1, false, false},
		{"wrong", func(ctx context.Context, w *pow.MerkleWork) error {
			w.Compute()
			for i := range w.Roots {
				w.Roots[i][0] ^= 1
			}
			return nil
		}, 1, false, true},
		{"broken", func(context.Context, *pow.MerkleWork) error { return errDevice }, 1, false, false},
		{"unable", func(context.Context, *pow.MerkleWork) error { return engine.ErrUnable }, 1, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts.DeviceAfter = test.after
			d := newBlockDevice(test.merkle)
			got, err := Blocks(t.Context(), d, []Source{source("x", file.file)}, opts)
			if err != nil || got.OnDevice > 0 != test.used || len(d.disabled) > 0 != test.disabled {
				t.Errorf("%v, %d blocks on the device, disabled %d times", err, got.OnDevice, len(d.disabled))
			}
			got.OnDevice = 0
			if !reflect.DeepEqual(got, want) {
				t.Errorf("report %+v, want %+v", got, want)
			}
		})
	}
}

// trial plays a trial in which a batch takes so long on each side, and returns how many
// of the next batches are on the device at once.
func trial(h *hashing, without, with time.Duration, fault error) (atOnce int) {
	const size = 1 << 20
	for range 3 * trialBatches {
		onDevice := h.begin(size)
		took, err := without, error(nil)
		if onDevice {
			took, err = with, fault
			if h.state == trying && h.begin(size) {
				panic("two at a time in the trial")
			}
		}
		h.end(onDevice, size, took, err)
	}
	for range 5 {
		if h.begin(size) {
			atOnce++
		}
	}
	return atOnce
}

// The device hashes on if it is clearly faster.
func TestTrial(t *testing.T) {
	d := newBlockDevice(compute)
	const ms = time.Millisecond
	for _, test := range []struct {
		name          string
		without, with time.Duration
		fault         error
		atOnce        int
	}{
		{"much faster", 10 * ms, 2 * ms, nil, 2},
		{"just faster", 10 * ms, 9*ms + ms/2, nil, 0},
		{"slower", 10 * ms, 11 * ms, nil, 0},
		{"broken", 10 * ms, ms, errDevice, 0},
		{"without kernels", 10 * ms, ms, engine.ErrUnable, 0},
	} {
		if got := trial(newHashing(d, 0), test.without, test.with, test.fault); got != test.atOnce {
			t.Errorf("%s: %d batches at once, want %d", test.name, got, test.atOnce)
		}
	}
	if newHashing(reference{}, 0).begin(1) || newHashing(d, -1).begin(1) {
		t.Error("a device that is not there, or not wanted, is used")
	}
}

// The first batch, for which kernels are compiled, and small ones do not count.
func TestTrialSamples(t *testing.T) {
	h := newHashing(newBlockDevice(compute), 3<<20)
	for range 3 {
		if h.begin(1 << 20) {
			t.Fatal("on the device before the trial")
		}
		h.end(false, 1<<20, time.Hour, nil)
	}
	if !h.begin(1 << 20) {
		t.Fatal("no trial")
	}
	h.end(true, 1<<20, time.Hour, nil)
	if !h.begin(1000) {
		t.Fatal("one batch is a trial")
	}
	h.end(true, 1000, time.Hour, nil)
	if len(h.times[0])+len(h.times[1]) > 0 {
		t.Fatalf("%v", h.times)
	}
	if got := trial(h, 10*time.Millisecond, time.Millisecond, nil); got != 2 {
		t.Errorf("then %d at once", got)
	}
}

// Once it is chosen, a device stays so after work that it cannot do, and not after an
// error.
func TestAfterTrial(t *testing.T) {
	h := newHashing(newBlockDevice(compute), 0)
	const size = 1 << 20
	for h.state == trying {
		onDevice := h.begin(size)
		took := time.Second
		if onDevice {
			took = time.Millisecond
		}
		h.end(onDevice, size, took, nil)
	}
	for _, err := range []error{nil, engine.ErrUnable, errDevice} {
		if !h.begin(size) {
			t.Errorf("not chosen before %v", err)
		}
		h.end(true, size, time.Second, err)
	}
	if h.begin(size) {
		t.Error("chosen after an error")
	}
}

// A device that is fast, most likely so much that it wins, hashes with more workers than
// there are without it. Each batch is the same, so that it can remember the answer.
func TestBlocksOnFastDevice(t *testing.T) {
	var data []byte
	for _, raw := range blockfiletest.SegwitBlocks(t) {
		if len(frame(raw)) > len(data) {
			data = frame(raw)
		}
	}
	var mu sync.Mutex
	answers := map[int]*pow.MerkleWork{} // by the bytes of the batch
	d := newBlockDevice(func(_ context.Context, w *pow.MerkleWork) error {
		mu.Lock()
		defer mu.Unlock()
		known := answers[len(w.Data)]
		if known == nil {
			w.Compute()
			answers[len(w.Data)] = &pow.MerkleWork{Hashes: slices.Clone(w.Hashes), Roots: slices.Clone(w.Roots)}
			return nil
		}
		copy(w.Hashes, known.Hashes)
		copy(w.Roots, known.Roots)
		clear(w.Mutated)
		return nil
	})
	const times = 60
	opts := Options{Unlinked: true, Workers: 2, DeviceAfter: 1}
	r, err := Blocks(t.Context(), d, []Source{streamSource("x", &again{data: data, times: times})}, opts)
	if err != nil || r.Valid != times || r.OnDevice == 0 || len(d.disabled) > 0 {
		t.Errorf("%v, report %+v, disabled %d times", err, r, len(d.disabled))
	}
	t.Logf("%d of %d blocks on the device", r.OnDevice, times)
}

// A worker of the device does not wait for what does not happen.
func TestIsChosen(t *testing.T) {
	h, ended := newHashing(newBlockDevice(compute), 0), make(chan struct{})
	close(ended)
	if h.isChosen(ended) {
		t.Error("chosen without a trial")
	}
	trial(h, 10*time.Millisecond, time.Millisecond, nil)
	if !h.isChosen(nil) {
		t.Error("not chosen")
	}
}
