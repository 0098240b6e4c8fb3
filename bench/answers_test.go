package bench

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/kernels/sha256d"
	"stele/kernels/sig"
)

// finish lets a worker do its list once, in slices, and returns the answers.
func finish[A comparable](t *testing.T, mode Mode, w Worker[A]) Answers {
	t.Helper()
	r := NewRepeat(mode, w)
	if err := r.Run(t.Context(), 1001); err != nil {
		t.Fatal(err)
	}
	a, err := r.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// mustBeKnown fails the test if the answers are not the known ones of the mode.
func mustBeKnown(t *testing.T, mode Mode, a Answers) {
	t.Helper()
	if want := mode.Known(); a != want {
		t.Errorf("%s: got %+v, want %+v", mode, a, want)
	}
}

// The verdicts are those from which the list was made, whoever finds them.
func TestSignatureLists(t *testing.T) {
	for _, mode := range []Mode{SignaturesNew, SignaturesKnown} {
		set := MakeSignatureSet(mode)
		want := slices.Repeat([]bool{true}, signatureCount)
		for i := signatureCount - mixedCount + 1; i < signatureCount; i += 2 {
			want[i] = false
		}
		if digest := digestOf(want); digest != knownLists[mode].Digest {
			t.Errorf("%s: the digest of the verdicts is %s", mode, digest)
		}
		for threads := range 2 {
			mustBeKnown(t, mode, finish(t, mode, NewReferenceChecker(set, threads+1)))
			if !sig.Available() {
				continue
			}
			mustBeKnown(t, mode, finish(t, mode, NewSignatureChecker(set, threads+1)))
		}
	}
}

// All keys of the first list differ, and the second has few.
func TestSignatureKeys(t *testing.T) {
	for mode, want := range map[Mode]int{SignaturesNew: signatureCount, SignaturesKnown: knownKeys} {
		keys := map[[32]byte]int{}
		for _, item := range MakeSignatureSet(mode).items[:signatureCount-mixedCount] {
			keys[*item.Key]++
		}
		if len(keys) != min(want, signatureCount-mixedCount) {
			t.Errorf("%s: %d keys", mode, len(keys))
		}
	}
}

// All kernels give the hashes of the reference.
func TestRecordLists(t *testing.T) {
	data := MakeRecordData()
	mustBeKnown(t, RecordHashes, finish(t, RecordHashes, NewReferenceHasher(data)))
	mustBeKnown(t, RecordMerkle, finish(t, RecordMerkle, NewReferenceMerkleHasher(data)))
	kernels, err := HashKernels("all")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kernels {
		for threads := range 2 {
			mustBeKnown(t, RecordHashes, finish(t, RecordHashes, NewRecordHasher(data, k, threads+1)))
			mustBeKnown(t, RecordMerkle, finish(t, RecordMerkle, NewMerkleHasher(data, k, threads+1)))
		}
	}
}

func TestHashKernels(t *testing.T) {
	fastest, err := HashKernels("")
	if err != nil || len(fastest) != 1 || fastest[0] != sha256d.Best() {
		t.Errorf("the fastest: %v, %v", fastest, err)
	}
	name := sha256d.Best().Name()
	if named, err := HashKernels(name); err != nil || len(named) != 1 || named[0].Name() != name {
		t.Errorf("by name: %v, %v", named, err)
	}
	if _, err := HashKernels("abacus"); !errors.Is(err, sha256d.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
}

// The parts of a list are its items, each once, and no part is too large.
func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threads := rapid.IntRange(1, 4).Draw(t, "threads")
		first, count := rapid.IntRange(0, 5000).Draw(t, "first"), rapid.IntRange(1, 5000).Draw(t, "count")
		most := rapid.SampledFrom([]int{64, 256, 512}).Draw(t, "most")
		done := make([]int, first+count)
		err := spread(t.Context(), threads, first, count, most, func(thread, from, to int) {
			if thread < 0 || thread >= threads || to-from > most || to <= from {
				t.Errorf("thread %d does %d to %d", thread, from, to)
			}
			for i := from; i < to; i++ {
				done[i]++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range done {
			if (n == 1) != (i >= first) {
				t.Errorf("item %d was done %d times", i, n)
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := spread(ctx, 2, 0, 100, 64, func(int, int, int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// counter is a worker whose answers are the known ones except in some passes.
type counter struct {
	answers  []bool
	calls    int
	wrong    func(call, item int) bool
	prepared []uint64
}

func (c *counter) Prepare(_ context.Context, items uint64) error {
	c.prepared = append(c.prepared, items)
	return nil
}

func (c *counter) Do(_ context.Context, first, count int) error {
	c.calls++
	for i := first; i < first+count; i++ {
		c.answers[i] = (i < signatureCount-mixedCount || i%2 == 0) != c.wrong(c.calls, i)
	}
	return nil
}

func (c *counter) Answers() []bool { return c.answers }

// Answers that differ from the known ones are found in any pass, also in one that is not
// finished.
func TestRepeatFindsWrongAnswers(t *testing.T) {
	never := func(int, int) bool { return false }
	for _, test := range []struct {
		name  string
		runs  []uint64
		wrong func(call, item int) bool
		good  bool
	}{
		{"good", []uint64{3 * signatureCount}, never, true},
		{"good, unfinished first pass", []uint64{10}, never, true},
		{"good, unfinished later pass", []uint64{signatureCount, 10}, never, true},
		{"one item in the first pass", []uint64{3 * signatureCount}, func(call, i int) bool { return call == 1 && i == 7 }, false},
		{"one item in a later pass", []uint64{3 * signatureCount}, func(call, i int) bool { return call == 2 && i == 7 }, false},
		{"in all passes but one", []uint64{3 * signatureCount}, func(call, i int) bool { return call != 2 && i == 7 }, false},
		{"in an unfinished pass", []uint64{signatureCount, 10}, func(call, i int) bool { return call == 2 && i == 7 }, false},
		{"in the rest of the first pass", []uint64{10}, func(call, i int) bool { return call == 2 && i == 11 }, false},
	} {
		w := &counter{answers: make([]bool, signatureCount), wrong: test.wrong}
		r := NewRepeat(SignaturesNew, w)
		for _, items := range test.runs {
			if err := errors.Join(r.Prepare(t.Context(), items), r.Run(t.Context(), items)); err != nil {
				t.Fatal(err)
			}
		}
		a, err := r.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if good := a == SignaturesNew.Known(); good != test.good {
			t.Errorf("%s: %+v", test.name, a)
		}
		if !slices.Equal(w.prepared[:len(test.runs)], test.runs) {
			t.Errorf("%s: prepared %d, want %d", test.name, w.prepared, test.runs)
		}
	}
}
