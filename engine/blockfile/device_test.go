package blockfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
)

// honest is a device in Go.
func honest(w *pow.MerkleWork) error {
	if err := w.Check(); err != nil {
		return err
	}
	for i := range w.Roots { // what a device leaves there
		w.Roots[i], w.Mutated[i] = pow.Hash{1}, true
	}
	w.Compute()
	return nil
}

// verdicts returns what is found in all blocks of a file, and how many of them a device
// proved. A nil device is none.
func verdicts(t testing.TB, file []byte, device Device) (texts []string, proved int, errs []error) {
	t.Helper()
	r := NewReader(bytes.NewReader(file), noKey)
	var batch Batch
	var hasher Hasher
	for err := error(nil); err != io.EOF; {
		err = r.Read(&batch)
		if device == nil {
			hasher.Hash(&batch)
		} else if err := hasher.HashOn(device, &batch); err != nil {
			errs = append(errs, err)
		}
		for i := range batch.Records {
			b, err := batch.Block(i)
			if err != nil {
				texts = append(texts, err.Error())
				continue
			}
			if b.proved {
				proved++
			}
			texts = append(texts, fmt.Sprint(b.Header.Hash(), b.TxIDs, b.HasWitnesses(), b.CheckMerkle(), b.CheckWitness(), b.CheckRules()))
		}
		if err != nil && err != io.EOF {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			texts = append(texts, err.Error())
		}
	}
	return texts, proved, errs
}

// An honest device proves all valid blocks.
func TestDeviceProves(t *testing.T) {
	file := segwitFile(t)
	want, _, _ := verdicts(t, file, nil)
	got, proved, errs := verdicts(t, file, honest)
	if !slices.Equal(got, want) || proved != len(want) || errs != nil {
		t.Errorf("%d of %d blocks are proved, equal: %v, errors %v", proved, len(want), slices.Equal(got, want), errs)
	}
}

// badFile returns a small file of blocks with and without witnesses. Some of them are
// wrong in one way.
func badFile(t *rapid.T, raw [][]byte) []byte {
	var file []byte
	for range rapid.IntRange(1, 4).Draw(t, "blocks") {
		b := slices.Clone(rapid.SampledFrom(raw).Draw(t, "block"))
		if rapid.Bool().Draw(t, "flip") {
			b[rapid.IntRange(pow.HeaderSize-44, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		file = append(file, record(b)...)
	}
	return file
}

// rawBlocks returns blocks for badFile, one of them mutated.
func rawBlocks(t testing.TB) [][]byte {
	one, two := unhex(t, plainTx), unhex(t, segwitTx)
	three := slices.Clone(one)
	three[len(three)-1] = 7
	raw := [][]byte{block(t, one), block(t, one, three, two), block(t, one, two, three, two, three), blockfiletest.Block277647(t)}
	for _, b := range blockfiletest.SegwitBlocks(t) {
		raw = append(raw, b)
	}
	return raw
}

// With an honest device the verdicts about any blocks are those without one.
func TestDeviceEqual(t *testing.T) {
	raw := rawBlocks(t)
	rapid.Check(t, func(rt *rapid.T) {
		file := badFile(rt, raw)
		want, _, _ := verdicts(t, file, nil)
		if got, _, errs := verdicts(t, file, honest); !slices.Equal(got, want) || errs != nil {
			rt.Fatalf("%v\nwant %v\nerrors %v", got, want, errs)
		}
	})
}

// A device that lies changes no verdict, and a lie that could is reported.
func TestDeviceLies(t *testing.T) {
	raw := rawBlocks(t)
	rapid.Check(t, func(rt *rapid.T) {
		file := badFile(rt, raw)
		want, _, _ := verdicts(t, file, nil)
		lied := false
		lie := func(w *pow.MerkleWork) error {
			if err := honest(w); err != nil || len(w.Trees) == 0 {
				return err
			}
			tree := rapid.IntRange(0, len(w.Trees)-1).Draw(rt, "tree")
			switch rapid.IntRange(0, 3).Draw(rt, "lie") {
			case 0:
				w.Roots[tree][3] ^= 1
				lied = true
			case 1: // of the witnesses it decides nothing
				w.Mutated[tree] = !w.Mutated[tree]
			case 2:
				return errBroken
			}
			return nil
		}
		got, _, errs := verdicts(t, file, lie)
		if !slices.Equal(got, want) {
			rt.Fatalf("%v\nwant %v", got, want)
		}
		if lied && len(errs) == 0 {
			rt.Fatal("a wrong root is not reported")
		}
	})
}

var errBroken = errors.New("broken")

// Every pair of equal nodes shows in the leaves.
func TestMayBeMutated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pow.Hash {
			return pow.Hash{rapid.Byte().Draw(t, "id") % 3}
		}), 1, 40).Draw(t, "ids")
		if _, mutated := pow.MerkleRoot(ids); mutated && !mayBeMutated(ids) {
			t.Fatal("missed")
		}
	})
	var ids []pow.Hash
	for i := range 1000 {
		ids = append(ids, pow.Hash{byte(i), byte(i >> 8)})
	}
	if mayBeMutated(ids) {
		t.Error("different ids are reported as a mutation")
	}
}
