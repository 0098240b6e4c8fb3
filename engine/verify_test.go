package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/engine/pow/powtest"
)

type verifyFunc = func(context.Context, []byte, bool, []pow.Verdict) error

// testHeaders returns n headers, each the child of the one before. About one
// in four is above its target. Those in spoiled lose their link.
func testHeaders(n int, spoiled ...int) []byte {
	var all []byte
	parent := pow.Hash{1, 2, 3}
	for i := range n {
		h := pow.Header{Version: 1, Prev: parent, Time: uint32(i), Bits: 0x203fffff, Nonce: uint32(i * 7)}
		if i%5 == 4 {
			h.Bits = 0x20800000 // negative
		}
		if slices.Contains(spoiled, i) {
			h.Prev[9] ^= 1
		}
		record := h.Encode()
		all = append(all, record[:]...)
		parent = h.Hash()
	}
	return all
}

func byReference(headers []byte, linked bool) (verdicts []pow.Verdict, valid, first int) {
	verdicts, first = powtest.Verdicts(headers, linked), -1
	for i, v := range verdicts {
		if v == pow.Valid {
			valid++
		} else if first < 0 {
			first = i
		}
	}
	return verdicts, valid, first
}

// saysInstead returns a verify function that is honest, except that it gives the
// last header the verdict v.
func saysInstead(v pow.Verdict) verifyFunc {
	return func(_ context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
		pow.Verify(headers, linked, verdicts)
		verdicts[len(verdicts)-1] = v
		return nil
	}
}

// allValid reports all headers as valid.
func allValid(_ context.Context, _ []byte, _ bool, verdicts []pow.Verdict) error {
	clear(verdicts)
	return nil
}

func failsVerify(context.Context, []byte, bool, []pow.Verdict) error { return errBroken }

// leavesOut gives no verdicts.
func leavesOut(context.Context, []byte, bool, []pow.Verdict) error { return nil }

func TestVerify(t *testing.T) {
	good := powtest.Chain(500)
	tests := []struct {
		name    string
		headers []byte
		linked  bool
	}{
		{"empty", nil, true},
		{"one", testHeaders(1), true},
		{"good", good, true},
		{"good, unlinked", good, false},
		{"mixed", testHeaders(1000, 0, 1, 15, 16, 64, 999), true},
		{"mixed, unlinked", testHeaders(1000, 0, 1, 15, 16, 64, 999), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := testEngine(t, &fake{id: "a", lanes: 3, pinned: true}, &fake{id: "b", lanes: 1})
			want, valid, first := byReference(tt.headers, tt.linked)
			got := make([]pow.Verdict, len(want))
			res, err := e.Verify(context.Background(), tt.headers, tt.linked, got)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) || res.Valid != valid || res.FirstInvalid != first {
				t.Errorf("got %+v, verdicts %v; want %d valid, first invalid %d, %v", res, got, valid, first, want)
			}
			var counted uint64
			for i, s := range e.Status() {
				if s.State != OK || res.Devices[i].Items != s.Headers {
					t.Errorf("device %+v, share %+v", s, res.Devices[i])
				}
				counted += s.Headers
			}
			if counted != uint64(len(want)) {
				t.Errorf("devices counted %d headers, want %d", counted, len(want))
			}
		})
	}
}

// Whatever wrong "invalid" verdicts and failures the devices return, and with or
// without an honest one, the verdicts are those of the reference.
func TestVerifySurvivesAnyMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var devices []Device
		for i := range rapid.IntRange(0, 4).Draw(t, "devices") {
			devices = append(devices, &fake{
				id:    named(i),
				lanes: rapid.IntRange(1, 3).Draw(t, "lanes"),
				verify: rapid.SampledFrom([]verifyFunc{
					nil, failsVerify, leavesOut,
					saysInstead(pow.HighHash), saysInstead(pow.BadBits), saysInstead(pow.BadLink), saysInstead(77),
				}).Draw(t, "fault"),
			})
		}
		n := rapid.IntRange(0, 300).Draw(t, "headers")
		spoiled := rapid.SliceOf(rapid.IntRange(0, 300)).Draw(t, "spoiled")
		headers := testHeaders(n, spoiled...)
		linked := rapid.Bool().Draw(t, "linked")

		e := testEngine(t, devices...)
		want, valid, first := byReference(headers, linked)
		got := make([]pow.Verdict, n)
		res, err := e.Verify(context.Background(), headers, linked, got)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) || res.Valid != valid || res.FirstInvalid != first {
			t.Fatalf("got %+v, verdicts %v; want %d valid, first invalid %d, %v", res, got, valid, first, want)
		}
		var items uint64
		for _, s := range res.Devices {
			items += s.Items
		}
		if items != uint64(n) {
			t.Fatalf("shares %+v do not add up to %d", res.Devices, n)
		}
	})
}

func TestVerifyBadDevice(t *testing.T) {
	good, bad := powtest.Chain(200), testHeaders(200)
	for i := range 200 { // above the target, all of them
		bad[i*pow.HeaderSize+75] = 0x03
	}
	tests := []struct {
		name    string
		headers []byte
		verify  verifyFunc
		state   State
		errors  uint64
		reason  string
	}{
		{"false alarm", good, saysInstead(pow.HighHash), Sick, 1, `verdict "high hash" for header`},
		{"blind", bad, allValid, Sick, 1, `verdict "valid" for header`},
		{"no verdicts", good, leavesOut, Sick, 1, `for header 0 of a batch, the reference has "valid"`},
		{"fails", good, failsVerify, Dead, 0, "broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := testEngine(t, &fake{id: "bad", lanes: 1, verify: tt.verify})
			want, valid, first := byReference(tt.headers, true)
			got := make([]pow.Verdict, len(want))
			res, err := e.Verify(context.Background(), tt.headers, true, got)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) || res.Valid != valid || res.FirstInvalid != first {
				t.Errorf("got %+v, %v", res, got)
			}
			if want := []DeviceWork{{"bad", 0}, {"reference", 200}}; !slices.Equal(res.Devices, want) {
				t.Errorf("shares %+v, want %+v", res.Devices, want)
			}
			if s := status(t, e, "bad"); s.State != tt.state || s.HardwareErrors != tt.errors || !strings.Contains(s.Reason, tt.reason) {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// Headers that a device called valid before it was found sick are checked again.
func TestVerifySickDeviceLosesAll(t *testing.T) {
	const lie = 150 // the device calls this header valid, and later gives itself away
	headers := powtest.Chain(400)
	headers[lie*pow.HeaderSize+72+3] = 0x03
	pieces := 0
	device := &fake{id: "bad", lanes: 1, verify: func(_ context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
		clear(verdicts)
		if pieces++; pieces == 5 {
			verdicts[0] = pow.BadBits
		}
		return nil
	}}
	e := testEngine(t, device)
	e.verifying.period = time.Nanosecond // all pieces have the minimum size
	e.verifying.minHashes = 60
	got := make([]pow.Verdict, 400)
	res, err := e.Verify(context.Background(), headers, false, got)
	if err != nil {
		t.Fatal(err)
	}
	if res.FirstInvalid != lie || res.Valid != 399 || got[lie] != pow.HighHash {
		t.Errorf("got %+v, verdict %v", res, got[lie])
	}
}

func TestVerifyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	e := testEngine(t, &fake{id: "a", lanes: 2, verify: func(ctx context.Context, _ []byte, _ bool, _ []pow.Verdict) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	res, err := e.Verify(ctx, testHeaders(100), true, make([]pow.Verdict, 100))
	if !errors.Is(err, context.Canceled) || res.FirstInvalid != -1 || res.Valid != 0 {
		t.Errorf("got %+v, %v", res, err)
	}
	if s := status(t, e, "a"); s.State != OK || s.Headers != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestVerifyStalled(t *testing.T) {
	e := testEngine(t, &fake{id: "a", lanes: 1, verify: func(ctx context.Context, _ []byte, _ bool, _ []pow.Verdict) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	e.stall = 10 * time.Millisecond
	res, err := e.Verify(context.Background(), powtest.Chain(10), true, make([]pow.Verdict, 10))
	if err != nil || res.Valid != 10 {
		t.Errorf("got %+v, %v", res, err)
	}
	if s := status(t, e, "a"); s.State != Sick || s.Reason != "no header checked in 10ms" {
		t.Errorf("status %+v", s)
	}
}

func TestVerifyWrongLength(t *testing.T) {
	e := testEngine(t)
	for _, n := range []int{0, 79, 81, 160} {
		_, err := e.Verify(context.Background(), make([]byte, n), true, make([]pow.Verdict, 1))
		if !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes: got %v, want ErrLength", n, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		verdicts := make([]pow.Verdict, rapid.IntRange(0, 1500).Draw(t, "verdicts"))
		for i := range verdicts {
			verdicts[i] = pow.HighHash // fill sets all
		}
		fill(verdicts, pow.Valid)
		var want []int
		if len(verdicts) > 0 {
			want = rapid.SliceOfNDistinct(rapid.IntRange(0, len(verdicts)-1), 0, 5, rapid.ID).Draw(t, "invalid")
		}
		slices.Sort(want)
		for _, i := range want {
			verdicts[i] = rapid.SampledFrom([]pow.Verdict{unset, pow.BadBits, pow.BadLink}).Draw(t, "verdict")
		}
		if got := slices.Collect(invalid(verdicts)); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
