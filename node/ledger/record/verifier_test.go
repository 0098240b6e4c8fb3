package record

import (
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stele/node/ledger/reject"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVerifier(t *testing.T) { variants(t, testVerifier) }

func testVerifier(t *testing.T, newVerifier newVerifier) {
	all := slices.Concat(payments(t, 600, 40), samples(t))
	for _, workers := range []int{0, 1, 3} {
		v := newVerifier(10000, workers)
		if bad, err := v.Verify(nil); bad != -1 || err != nil {
			t.Errorf("nothing: %d, %v", bad, err)
		}
		if bad, err := v.Verify(all); bad != -1 || err != nil {
			t.Errorf("good records: %d, %v", bad, err)
		}
		for _, r := range all {
			if known := v.Known(r); known != (r.Type() != TypeCoinbase) {
				t.Fatalf("%v: known is %t", r.Type(), known)
			}
		}
		signed := uint64(len(all) - 1)
		if got, want := v.Stats(), (VerifierStats{Cached: int(signed), Checked: signed}); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
		if bad, err := v.Verify(all); bad != -1 || err != nil {
			t.Errorf("known records: %d, %v", bad, err)
		}
		if got, want := v.Stats(), (VerifierStats{Cached: int(signed), Checked: signed, Hits: signed}); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
	}
}

// Whichever signatures are bad, they are named, the first by Verify and all by
// VerifyEach, and only good records are remembered.
func TestVerifierBad(t *testing.T) { variants(t, testVerifierBad) }

func testVerifierBad(t *testing.T, newVerifier newVerifier) {
	good := payments(t, 400, 50)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, len(good)).Draw(t, "records")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, 5, rapid.ID).Draw(t, "bad")
		slices.Sort(bad)
		records := spoiled(good[:n], bad...)
		workers := rapid.IntRange(1, 3).Draw(t, "workers")

		first := -1
		if len(bad) > 0 {
			first = bad[0]
		}
		v := newVerifier(2000, workers)
		if rapid.Bool().Draw(t, "some are known") {
			v.VerifyEach(records[:n/2])
		}
		got, err := v.Verify(records)
		if got != first || (err == nil) != (first < 0) {
			t.Fatalf("Verify: %d, %v, want %d", got, err, first)
		}
		for _, i := range bad {
			if v.Known(records[i]) {
				t.Fatalf("bad record %d is remembered", i)
			}
		}
		for i, err := range newVerifier(2000, workers).VerifyEach(records) {
			if (err != nil) != slices.Contains(bad, i) {
				t.Fatalf("VerifyEach: record %d: %v", i, err)
			}
			if reason, _ := reject.Of(err); err != nil && reason != reject.BadSignature {
				t.Fatalf("VerifyEach: record %d: %v", i, err)
			}
		}
	})
}

func TestVerifierManyBad(t *testing.T) { variants(t, testVerifierManyBad) }

func testVerifierManyBad(t *testing.T, newVerifier newVerifier) {
	records := payments(t, 300, 300)
	all := make([]int, len(records))
	for i := range all {
		all[i] = i
	}
	v := newVerifier(1000, 2)
	for i, err := range v.VerifyEach(spoiled(records, all...)) {
		wantReason(t, err, reject.BadSignature)
		if v.Known(records[i]) {
			t.Error("remembered")
		}
	}
	errs := v.VerifyEach(spoiled(records, all[:299]...))
	if errs[299] != nil {
		t.Errorf("the good one among bad ones: %v", errs[299])
	}
}

// Records whose signatures cannot be checked together get their own errors.
func TestVerifierOddRecords(t *testing.T) { variants(t, testVerifierOddRecords) }

func testVerifierOddRecords(t *testing.T, newVerifier newVerifier) {
	pay := samples(t)[1]
	unsigned := *pay
	unsigned.Signatures = []Signature{{}}
	two := *pay
	two.Signatures = make([]Signature, 2)
	noPoint := *pay
	noPoint.Key = Key{0: 2, 31: 0x80} // y = 2 is on no point of the curve
	signedCoinbase := *samples(t)[0]
	signedCoinbase.Signatures = make([]Signature, 1)

	approvers := make([]Key, MaxApprovers)
	keys := []PrivateKey{testKeys[0]}
	for i := range approvers {
		keys = append(keys, testKey(100+i))
	}
	approvers = ascending(keys[1:]...)
	long, err := Sign(New(frame(RoleGrant{Role: Seller, Key: pay.Key, Approvers: approvers})), keys...)
	if err != nil {
		t.Fatal(err)
	}
	lastBad := *long
	lastBad.Signatures = slices.Clone(long.Signatures)
	lastBad.Signatures[MaxApprovers][0] ^= 1

	records := []*Record{pay, New(unsigned), New(two), New(noPoint), New(signedCoinbase), long, New(lastBad), long, long, long, long, pay}
	want := map[int]reject.Reason{
		1: reject.BadSignature, 2: reject.SignatureCount, 3: reject.BadSignature,
		4: reject.SignatureCount, 6: reject.BadSignature,
	}
	for i, err := range newVerifier(100, 2).VerifyEach(records) {
		wantReason(t, err, want[i])
	}
	bad, err := newVerifier(100, 2).Verify(records)
	if wantReason(t, err, reject.BadSignature); bad != 1 {
		t.Errorf("record %d is bad, want 1", bad)
	}
}

func TestVerifierConcurrent(t *testing.T) { variants(t, testVerifierConcurrent) }

func testVerifierConcurrent(t *testing.T, newVerifier newVerifier) {
	v := newVerifier(300, 2)
	records := payments(t, 1000, 30)
	bad := spoiled(records, 123)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if i%2 == 0 {
				if at, err := v.Verify(records); err != nil {
					t.Errorf("record %d: %v", at, err)
				}
			} else if at, _ := v.Verify(bad); at != 123 {
				t.Errorf("record %d is bad, want 123", at)
			}
			v.Stats()
			v.Known(records[0])
		})
	}
	wg.Wait()
}

func TestRecent(t *testing.T) {
	m := newRecent[int, int](10)
	for i := range 100 {
		m.put(i, -i)
		if v, ok := m.get(i); !ok || v != -i {
			t.Fatalf("%d: %d, %t", i, v, ok)
		}
		if i > 0 {
			if _, ok := m.get(0); !ok {
				t.Fatalf("after %d: what is used is forgotten", i)
			}
		}
		if m.len() > 10 {
			t.Fatalf("%d entries", m.len())
		}
	}
	if _, ok := m.get(50); ok {
		t.Error("what was not used for long is kept")
	}
	none := newRecent[int, int](0)
	none.put(1, 1)
	if _, ok := none.get(1); ok || none.len() != 0 {
		t.Error("an empty map keeps something")
	}
}

// A check that is started gives the verdict of Verify, at any number of workers.
func TestVerifierStart(t *testing.T) { variants(t, testVerifierStart) }

func testVerifierStart(t *testing.T, newVerifier newVerifier) {
	records := payments(t, 400, 50)
	for _, workers := range []int{1, 2, 5} {
		for _, at := range [][]int{nil, {0}, {399}, {300, 150, 151}} {
			v := newVerifier(2000, workers)
			batch := spoiled(records, at...)
			checking := v.Start(batch)
			bad, err := checking.Wait()
			checking.Cancel() // does nothing
			first := -1
			var want error
			if len(at) > 0 {
				first = slices.Min(at)
				want = batch[first].Verify()
			}
			for i, err := range v.StartEach(batch).WaitEach() {
				if bad := slices.Contains(at, i); bad != (err != nil) {
					t.Errorf("%d workers, bad at %v: record %d: %v", workers, at, i, err)
				}
			}
			if bad != first || !sameError(err, want) {
				t.Errorf("%d workers, bad at %v: %d, %v, want %d, %v", workers, at, bad, err, first, want)
			}
		}
	}
}

// After Cancel no goroutine is left, and what was checked is remembered.
func TestVerifierCancel(t *testing.T) { variants(t, testVerifierCancel) }

func testVerifierCancel(t *testing.T, newVerifier newVerifier) {
	records := payments(t, 600, 50)
	for _, workers := range []int{1, 3} {
		v := newVerifier(4000, workers)
		v.Start(records).Cancel()
		if s := v.Stats(); s.Cached != int(s.Checked) {
			t.Errorf("%d workers: %+v: not all that was checked is remembered", workers, s)
		}
		if bad, err := v.Verify(records); bad != -1 || err != nil {
			t.Errorf("%d workers: after it: %d, %v", workers, bad, err)
		}
	}
}
