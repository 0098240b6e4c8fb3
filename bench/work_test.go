package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stele/engine"
	"stele/engine/pow"
	"stele/kernels/simd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReferenceScan(t *testing.T) {
	job := &engine.Job{Header: genesis, Target: pow.ZeroBits(3)}
	for _, r := range []pow.Range{{First: 0, Count: 0}, {First: 5, Count: 1}, {First: 2083236800, Count: 10_000}, {First: 0xffffff00, Count: 600}} {
		var want, got []uint32
		pow.Search(&job.Header, job.Target, r, func(n uint32) { want = append(want, n) })
		if err := ReferenceScan(t.Context(), job, r, func(n, _ uint32) { got = append(got, n) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d nonces, want %d", r, len(got), len(want))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ReferenceScan(ctx, job, pow.Range{Count: 1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBareScan(t *testing.T) {
	for _, v := range simd.Variants() {
		if !v.Available {
			t.Logf("%s: %s", v.Name, v.Reason)
			continue
		}
		k, err := simd.Lookup(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		w := NewWalk(BareScan(k))
		if err := w.Run(t.Context(), 100_001); err != nil {
			t.Fatal(err)
		}
		p, err := w.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.Digest != knownRanges[0].digest {
			t.Errorf("%s found %d nonces with digest %s", v.Name, len(p.Nonces), p.Digest)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Run(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

func TestMakeHeaders(t *testing.T) {
	const n = 500
	headers := MakeHeaders(n)
	verdicts := make([]pow.Verdict, n)
	pow.Verify(headers, true, verdicts)
	seen := map[string]bool{}
	for i, v := range verdicts {
		if i > 0 && v != pow.BadLink || i == 0 && v != pow.Valid {
			t.Errorf("header %d is %v, want all valid, and none linked", i, v)
		}
		seen[string(headers[80*i:80*i+32])] = true
	}
	if len(seen) != n {
		t.Errorf("%d different parents", len(seen))
	}
	if !slices.Equal(MakeHeaders(20), headers[:20*80]) {
		t.Error("not always the same")
	}
	sum := sha256.Sum256(headers)
	if got := hex.EncodeToString(sum[:]); got != "ce46d1cbbecaae24e3a696011c935719ab47124f88f6f79c95900b548e87eec8" {
		t.Errorf("not the headers of earlier versions, with which results are compared: SHA-256 %s", got)
	}
}

func TestReferenceVerify(t *testing.T) {
	headers := MakeHeaders(50)
	verdicts := make([]pow.Verdict, 50)
	verdicts[7] = pow.HighHash
	if err := ReferenceVerify(t.Context(), headers, verdicts); err != nil || verdicts[7] != pow.Valid {
		t.Errorf("good headers: %v, verdict %v", err, verdicts[7])
	}
	spoilt := slices.Clone(headers)
	spoilt[49*80+72+3] = 0x1d // nBits: a target that the hash does not meet
	if err := ReferenceVerify(t.Context(), spoilt, verdicts); !errors.Is(err, ErrRejected) {
		t.Errorf("high hash: %v", err)
	}
	copy(spoilt[49*80+72:], []byte{0, 0, 0x80, 0x20})
	if err := ReferenceVerify(t.Context(), spoilt, verdicts); !errors.Is(err, ErrRejected) {
		t.Errorf("bad nBits: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ReferenceVerify(ctx, headers, verdicts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBatch(t *testing.T) {
	const n = 100
	headers := make([]byte, n*pow.HeaderSize)
	for i := range n {
		headers[i*pow.HeaderSize] = byte(i)
	}
	rapid.Check(t, func(t *rapid.T) {
		next := 0
		b := NewBatch(func(_ context.Context, part []byte, verdicts []pow.Verdict) error {
			if len(part) != len(verdicts)*pow.HeaderSize || len(part) == 0 {
				t.Fatalf("%d bytes for %d verdicts", len(part), len(verdicts))
			}
			for i := 0; i < len(part); i += pow.HeaderSize {
				if int(part[i]) != next%n {
					t.Fatalf("header %d, want %d", part[i], next%n)
				}
				next++
			}
			return nil
		}, headers)
		asked := 0
		for _, items := range rapid.SliceOfN(rapid.IntRange(0, 350), 0, 10).Draw(t, "slices") {
			if err := b.Run(t.Context(), uint64(items)); err != nil {
				t.Fatal(err)
			}
			asked += items
		}
		if next != asked {
			t.Errorf("%d headers of %d", next, asked)
		}
	})

	b := NewBatch(func(context.Context, []byte, []pow.Verdict) error { return ErrRejected }, headers)
	if err := b.Run(t.Context(), 10); !errors.Is(err, ErrRejected) || !strings.HasPrefix(err.Error(), "headers 0 to 9: ") {
		t.Errorf("got %v", err)
	}
}

// device is the reference with faults.
type device struct {
	engine.Device
	misses  uint32 // a nonce that it never finds
	rejects bool   // it calls every header invalid
}

func (d device) Scan(ctx context.Context, job *engine.Job, r pow.Range, _ func([]uint32)) (engine.ScanResult, error) {
	got, err := d.Device.Scan(ctx, job, r, nil)
	got.Nonces = slices.DeleteFunc(got.Nonces, func(n uint32) bool { return n == d.misses })
	return got, err
}

func (d device) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	err := d.Device.Verify(ctx, headers, linked, verdicts)
	if d.rejects {
		for i := range verdicts {
			verdicts[i] = pow.HighHash
		}
	}
	return err
}

func open(t *testing.T, d device) *engine.Engine {
	t.Helper()
	d.Device = engine.Reference()
	e := engine.New([]engine.Device{d}, nil)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestEngineScan(t *testing.T) {
	for _, test := range []struct {
		name   string
		device device
		good   bool
	}{
		{"good", device{}, true},
		{"one nonce is missing", device{misses: smallest()[500]}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := NewWalk(EngineScan(open(t, test.device)))
			p, err := w.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if good := p.Digest == knownRanges[0].digest; good != test.good {
				t.Errorf("%d nonces with digest %s", len(p.Nonces), p.Digest)
			}
		})
	}
	e := open(t, device{})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := NewWalk(EngineScan(e)).Run(t.Context(), 1); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestEngineVerify(t *testing.T) {
	headers := MakeHeaders(300)
	verdicts := make([]pow.Verdict, 300)
	good := EngineVerify(open(t, device{}))
	if err := good(t.Context(), headers, verdicts); err != nil {
		t.Errorf("good: %v", err)
	}
	if err := EngineVerify(open(t, device{rejects: true}))(t.Context(), headers, verdicts); !errors.Is(err, ErrFellBack) {
		t.Errorf("a device that lies: %v", err)
	}
	headers[200*80+75] = 0x1d
	if err := good(t.Context(), headers, verdicts); !errors.Is(err, ErrRejected) {
		t.Errorf("bad header: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := good(ctx, headers, verdicts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestHere(t *testing.T) {
	e := Here("v1.2.3", []engine.Info{{ID: "cpu"}})
	if e.Version != "v1.2.3" || e.Go != runtime.Version() || e.OS != runtime.GOOS || e.Arch != runtime.GOARCH || e.Threads != runtime.GOMAXPROCS(0) || len(e.Devices) != 1 {
		t.Errorf("got %+v", e)
	}
}
