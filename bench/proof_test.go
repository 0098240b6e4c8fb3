package bench

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"stele/engine"
	"stele/engine/pow"
)

// referenceSet is the set of a range, found by the reference.
func referenceSet(in ProofRange) []uint32 {
	numbers, target := []uint32{}, pow.ZeroBits(in.ZeroBits)
	for i := range in.Count {
		number := in.begin() + uint32(i)
		if header := in.header(number); target.MetBy(pow.Sum(header[:])) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// smallest is the set of the smallest range.
var smallest = sync.OnceValue(func() []uint32 { return referenceSet(knownRanges[0].ProofRange) })

// The larger sets were found by the reference, or by two kernels made in
// different ways, and are searched again by every run of the command.
func TestSmallRanges(t *testing.T) {
	for _, k := range append(knownRanges[:2:2], rolledRanges[:2]...) {
		if got := referenceSet(k.ProofRange); len(got) != k.nonces || Digest(got) != k.digest {
			t.Errorf("%s: %d nonces with digest %s, the table has %d with %s", k.Name, len(got), Digest(got), k.nonces, k.digest)
		}
	}
}

func TestTable(t *testing.T) {
	const published = 2083236893 // the nonce of block 0
	for i, k := range slices.Concat(knownRanges, rolledRanges) {
		nonces := k.Count / uint64(max(k.Versions, 1))
		if uint64(published-k.First) >= nonces {
			t.Errorf("%s lacks the nonce of block 0", k.Name)
		}
		if uint64(k.First)+nonces > pow.NonceSpace {
			t.Errorf("%s goes beyond the last nonce", k.Name)
		}
		if i > 0 && i != len(knownRanges) && k.Count != 4*slices.Concat(knownRanges, rolledRanges)[i-1].Count {
			t.Errorf("%s is not four times the range before it", k.Name)
		}
		if job := k.job(); k.isRolled() != (i >= len(knownRanges)) || job.Versions() != uint64(max(k.Versions, 1)) {
			t.Errorf("%s: %d versions", k.Name, job.Versions())
		}
		// Binomial: 32 is about one standard deviation of 1024.
		if mean := int(k.Count >> k.ZeroBits); k.nonces < mean-100 || k.nonces > mean+100 {
			t.Errorf("%s has %d nonces, expected are %d", k.Name, k.nonces, mean)
		}
		if len(k.digest) != 64 {
			t.Errorf("%s has the digest %q", k.Name, k.digest)
		}
	}
}

func TestDigest(t *testing.T) {
	// printf '\001\0\0\0\002\003\0\0' | sha256sum
	const want = "dedaece8d83fdcc49e565a8c98a4c7a4b18dfb9c0f17feccd50836a072bcd97c"
	nonces := []uint32{0x302, 1}
	if got := Digest(nonces); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if nonces[0] != 0x302 {
		t.Error("the argument was sorted")
	}
	if got := Digest(nil); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("digest of nothing %s", got)
	}
}

// tableScan finds the nonces of a set without hashing.
func tableScan(set []uint32) ScanFunc {
	return func(_ context.Context, _ *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
		for _, n := range slices.Backward(set) { // devices report in no defined order
			if uint64(n-r.First) < r.Count {
				found(n, 0)
			}
		}
		return nil
	}
}

func TestWalk(t *testing.T) {
	in := knownRanges[0]
	rapid.Check(t, func(t *rapid.T) {
		var scanned []pow.Range
		all := tableScan(smallest())
		w := NewWalk(func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
			if job.Header != genesis || job.Target != pow.ZeroBits(in.ZeroBits) {
				t.Errorf("wrong job %+v", job)
			}
			scanned = append(scanned, r)
			return all(ctx, job, r, found)
		})
		_ = w.Run(t.Context(), rapid.Uint64Range(1, 1<<17).Draw(t, "calibration"))
		w.Begin(rapid.Uint64Range(0, knownRanges[1].Count-1).Draw(t, "expected"))
		scanned = nil
		asked := uint64(0)
		for _, items := range rapid.SliceOfN(rapid.Uint64Range(1, 9<<16), 0, 6).Draw(t, "slices") {
			if err := w.Run(t.Context(), items); err != nil {
				t.Fatal(err)
			}
			asked += items
		}
		p, err := w.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := max(int(asked/in.Count), 1); w.passes != want {
			t.Errorf("%d passes for %d items, want %d", w.passes, asked, want)
		}
		if p.ProofRange != in.ProofRange || p.Digest != in.digest || !slices.Equal(p.Nonces, smallest()) {
			t.Errorf("proof of %d nonces with digest %s, want the one of the table", len(p.Nonces), p.Digest)
		}
		// The ranges join, and stay inside.
		at := uint64(0)
		for _, r := range scanned {
			if r.First != in.First+uint32(at) || at+r.Count > in.Count {
				t.Fatalf("scanned %+v at %d", r, at)
			}
			at = (at + r.Count) % in.Count
		}
		if done := max(asked, in.Count); at != done%in.Count {
			t.Errorf("ended at %d after %d items", at, done)
		}
	})
}

func TestWalkPicksRange(t *testing.T) {
	for _, test := range []struct {
		expected uint64
		want     string
	}{
		{0, "genesis-18"}, {1<<20 - 1, "genesis-18"}, {1 << 20, "genesis-20"}, {1<<30 + 5, "genesis-30"}, {1 << 40, "genesis-32"},
	} {
		w := NewWalk(nil)
		w.Begin(test.expected)
		if w.in.Name != test.want {
			t.Errorf("%d items: %s, want %s", test.expected, w.in.Name, test.want)
		}
	}
}

// A kernel that misses a nonce or makes one up must be seen, in whichever pass
// it does so, also in the last, unfinished one.
func TestWalkSeesFaults(t *testing.T) {
	in := knownRanges[0]
	set := smallest()
	early := set[10]
	without := slices.DeleteFunc(slices.Clone(set), func(n uint32) bool { return n == early })
	with := slices.Sorted(slices.Values(append(slices.Clone(set), early+1)))
	for _, faulty := range [][]uint32{without, with} {
		for pass := range 3 {
			calls := 0
			w := NewWalk(func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
				calls++
				if calls == pass+1 {
					return tableScan(faulty)(ctx, job, r, found)
				}
				return tableScan(set)(ctx, job, r, found)
			})
			if err := w.Run(t.Context(), in.Count*5/2); err != nil {
				t.Fatal(err)
			}
			p, err := w.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Nonces, faulty) {
				t.Errorf("fault in pass %d: %d nonces, want %d", pass, len(p.Nonces), len(faulty))
			}
			if p.Digest != Digest(faulty) {
				t.Errorf("fault in pass %d: digest %s", pass, p.Digest)
			}
			if w.passes != 2 {
				t.Errorf("%d passes, want 2", w.passes)
			}
		}
	}
}

func TestWalkErrors(t *testing.T) {
	broken := errors.New("broken")
	w := NewWalk(func(context.Context, *engine.Job, pow.Range, func(nonce, version uint32)) error { return broken })
	if err := w.Run(t.Context(), 1); !errors.Is(err, broken) {
		t.Errorf("run: %v", err)
	}
	if _, err := w.Finish(t.Context()); !errors.Is(err, broken) {
		t.Errorf("finish: %v", err)
	}
}

// Versions are searched with each nonce, and what a Run does beyond what it was
// asked for counts for the next.
func TestRolledWalk(t *testing.T) {
	in := rolledRanges[0]
	set := referenceSet(in.ProofRange)
	rapid.Check(t, func(t *rapid.T) {
		done := uint64(0)
		w := NewRolledWalk(func(_ context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
			if *job != in.job() || r.First != in.First+uint32(done%in.Count/128) {
				t.Fatalf("job %+v from %d after %d hashes", job, r.First, done)
			}
			for _, place := range slices.Backward(set) {
				nonce := in.First + place/in.Versions
				if header := in.header(place); uint64(nonce-r.First) < r.Count {
					found(nonce, place%in.Versions)
					if !job.Target.MetBy(pow.Sum(header[:])) {
						t.Fatalf("place %d is another header", place)
					}
				}
			}
			done += r.Count * 128
			return nil
		})
		asked := uint64(0)
		for _, items := range rapid.SliceOfN(rapid.Uint64Range(1, 9<<14), 0, 6).Draw(t, "slices") {
			if err := w.Run(t.Context(), items); err != nil {
				t.Fatal(err)
			}
			if asked += items; done < asked || done >= asked+128 {
				t.Fatalf("%d hashes done, %d asked for", done, asked)
			}
		}
		p, err := w.Finish(t.Context())
		if err != nil || p.ProofRange != in.ProofRange || p.Digest != in.digest || !slices.Equal(p.Nonces, set) {
			t.Errorf("%v: proof of %d places with digest %s", err, len(p.Nonces), p.Digest)
		}
		if want := max(int(done/in.Count), 1); w.passes != want {
			t.Errorf("%d passes for %d hashes, want %d", w.passes, done, want)
		}
	})
}
