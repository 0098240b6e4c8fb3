package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
)

// sealedStore makes a store of a few tables, opened and closed twice. The
// models are those after each commit.
func sealedStore(t testing.TB) (*vfs.MemFS, []*testChain) {
	t.Helper()
	disk := vfs.NewMem()
	c := newTestChain(1)
	models := []*testChain{c.clone()}
	for range 2 {
		s := openStore(t, disk, small)
		for range 8 {
			b := s.NewBatch()
			c.connect(b, c.next(40, 40))
			commit(t, b)
			models = append(models, c.clone())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return disk, models
}

// read returns the contents of a file.
func read(t testing.TB, disk vfs.FS, name string) []byte {
	t.Helper()
	b, err := readFile(disk, testDir, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write replaces the contents of a file.
func write(t testing.TB, disk vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := disk.Create(disk.PathJoin(testDir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Clone(b)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// The seal names every file that is changed, missing or unknown.
func TestVerifySeal(t *testing.T) {
	disk, _ := sealedStore(t)
	want := Sealed
	verify := func() (names []string) {
		t.Helper()
		state, damage, err := VerifySeal(t.Context(), testDir, disk)
		if err != nil || state != want {
			t.Fatalf("%v, %v, want %v", state, err, want)
		}
		for _, d := range damage {
			if !errors.Is(d, ErrCorrupt) {
				t.Errorf("%v is not ErrCorrupt", d)
			}
			names = append(names, d.File)
		}
		return names
	}
	if got := verify(); got != nil {
		t.Fatalf("damage in a good store: %v", got)
	}
	files, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, name := range append(files, sealFile) {
		kind, _, _ := strings.Cut(path.Base(name), ".")
		kinds[strings.TrimRight(kind, "-0123456789")+path.Ext(name)] = true
		good := read(t, disk, name)
		bad := map[string][]byte{"longer": append(bytes.Clone(good), 0)}
		if len(good) > 0 {
			flipped := bytes.Clone(good)
			flipped[len(good)/2] ^= 4
			bad["changed"] = flipped
			bad["shorter"] = good[:len(good)-1]
		}
		if name == sealFile {
			want = BadSeal
		}
		for what, text := range bad {
			write(t, disk, name, text)
			if got := verify(); len(got) != 1 || got[0] != name {
				t.Errorf("%s is %s: %v", name, what, got)
			}
		}
		if name != sealFile {
			if err := disk.Remove(disk.PathJoin(testDir, name)); err != nil {
				t.Fatal(err)
			}
			if got := verify(); len(got) != 1 || got[0] != name {
				t.Errorf("%s is missing: %v", name, got)
			}
		}
		write(t, disk, name, good)
		want = Sealed
	}
	for _, kind := range []string{"IDENTITY", "SEAL", ".sst", ".blob", ".log", "MANIFEST", "OPTIONS", "marker"} {
		found := false
		for k := range kinds {
			found = found || strings.Contains(k, kind)
		}
		if !found {
			t.Errorf("there was no file of the kind %s, only %v", kind, kinds)
		}
	}
	for _, folder := range []string{"views", "blobs", "p2p"} { // of the node
		if err := disk.MkdirAll(disk.PathJoin(testDir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := verify(); got != nil {
		t.Errorf("folders of the node: %v", got)
	}
	write(t, disk, "db/stranger", nil)
	if got := verify(); len(got) != 1 || got[0] != "db/stranger" {
		t.Errorf("a file more: %v", got)
	}

	stop, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := VerifySeal(stop, testDir, disk); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if state, damage, err := VerifySeal(t.Context(), "nowhere", vfs.NewMem()); state != Unsealed || damage != nil || err != nil {
		t.Errorf("no store: %v, %v, %v", state, damage, err)
	}
}

// While a store is open, and after a crash, the old seal still finds changed
// tables.
func TestOldSeal(t *testing.T) {
	disk, _ := sealedStore(t)
	files, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.Rename(disk.PathJoin(testDir, sealFile), disk.PathJoin(testDir, oldSealFile)); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		good := read(t, disk, name)
		if len(good) == 0 {
			continue
		}
		write(t, disk, name, append(bytes.Clone(good), 1))
		state, damage, err := VerifySeal(t.Context(), testDir, disk)
		if err != nil || state != Unsealed || (len(damage) == 1) != isTable(name) {
			t.Errorf("%s: %v, %v, %v", name, state, damage, err)
		}
		write(t, disk, name, good)
	}
}

// Each flipped bit of a closed store is found, and the file named.
func TestFlippedBits(t *testing.T) {
	disk, _ := sealedStore(t)
	files, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, sealFile)
	rng := rand.New(rand.NewPCG(1, 1))
	for range rounds(500, 10_000) {
		name := files[rng.IntN(len(files))]
		b, err := disk.UnsafeGetFileDataBuffer(disk.PathJoin(testDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		i, bit := rng.IntN(len(b)), byte(1)<<rng.IntN(8)
		b[i] ^= bit
		_, damage, err := VerifySeal(t.Context(), testDir, disk)
		if err != nil || len(damage) != 1 || damage[0].File != name {
			t.Fatalf("byte %d of %s, bit %08b: %v, %v", i, name, bit, damage, err)
		}
		b[i] ^= bit
	}
}

// A damaged store without a seal, as after a crash, returns an error that says so, or
// what was stored after one of the commits: the end of a log may be lost. It never
// returns wrong data.
func TestOpenDamaged(t *testing.T) {
	disk, models := sealedStore(t)
	files, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.Remove(disk.PathJoin(testDir, sealFile)); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 1))
	found := 0
	flips := rounds(100, 1000)
	for range flips {
		name := files[rng.IntN(len(files))]
		full := disk.PathJoin(testDir, name)
		good := read(t, disk, name)
		if len(good) == 0 {
			continue
		}
		bad := bytes.Clone(good)
		i, bit := rng.IntN(len(bad)), byte(1)<<rng.IntN(8)
		bad[i] ^= bit
		write(t, disk, name, bad)
		for _, readOnly := range []bool{true, false} {
			clone := disk
			if !readOnly {
				clone = vfs.NewMem()
				if _, err := vfs.Clone(disk, clone, testDir, testDir); err != nil {
					t.Fatal(err)
				}
			}
			err := openDamaged(clone, models, readOnly)
			if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrNetwork) {
				t.Fatalf("byte %d of %s, bit %08b, reading only %v: %v", i, full, bit, readOnly, err)
			}
			if err != nil {
				found++
			}
		}
		write(t, disk, name, good)
	}
	if found < flips/4 {
		t.Errorf("only %d of %d found", found, 2*flips)
	}
}

// openDamaged opens a store, reads it all, commits and closes it.
func openDamaged(disk vfs.FS, models []*testChain, readOnly bool) error {
	o := small
	o.ReadOnly = readOnly
	s, err := tryOpen(disk, o)
	if err != nil {
		return err
	}
	tip, found, last := s.Tip()
	switch {
	case last == nil && !found:
		last = models[0].compare(s)
	case last == nil && int(tip.Height)+1 < len(models):
		last = models[tip.Height+1].compare(s)
	case last == nil:
		last = fmt.Errorf("tip at height %d", tip.Height)
	}
	if last == nil && !readOnly {
		b := s.NewBatch()
		b.PutPool(models[1].blocks[0].hash, nil)
		last = b.Commit()
	}
	if err := s.Close(); last == nil {
		last = err
	}
	return last
}

// A seal is read only in the form in which it is written.
func FuzzSeal(f *testing.F) {
	f.Add([]byte("stele seal 1\n"))
	f.Add(encodeSeal(map[string]fileDigest{"db/1.sst": {size: 5}, "IDENTITY": {size: 1 << 40}})[:90])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range [][]byte{b, signed(b)} {
			files, err := decodeSeal(text)
			if err == nil && !bytes.Equal(encodeSeal(files), text) {
				t.Errorf("%q was read as %v", text, files)
			}
		}
	})
}

// signed adds the correct checksum to the lines of a seal.
func signed(lines []byte) []byte {
	return fmt.Appendf(nil, "%s%s%s\n", lines, sealEnd, pow.Sum(lines))
}

// The seal, or the old one, names the file that was changed, however often an opening has
// failed because of it. A changed log or manifest is never taken for one that a crash left.
func TestFailedOpenKeepsSeal(t *testing.T) {
	sealed, models := sealedStore(t)
	files, err := storeFiles(sealed, testDir)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, name := range files {
		disk := vfs.NewMem()
		if _, err := vfs.Clone(sealed, disk, testDir, testDir); err != nil {
			t.Fatal(err)
		}
		text := read(t, disk, name)
		if len(text) == 0 {
			continue
		}
		text[len(text)*2/3] ^= 4
		write(t, disk, name, text)
		for range 2 {
			if failsToOpen(t, disk, sealed, models, name) {
				failed++
			}
		}
	}
	if failed < 10 {
		t.Errorf("%d openings failed", failed)
	}
}

// failsToOpen opens a store of which a file was changed, and reports whether that failed,
// which it must if the file is not a table.
func failsToOpen(t *testing.T, disk, sealed vfs.FS, models []*testChain, name string) bool {
	t.Helper()
	err := openDamaged(disk, models, false)
	if isTable(name) {
		if err == nil {
			return false // Pebble has not read this part of the table
		}
	} else {
		var damage *Damage
		if !errors.As(err, &damage) || damage.File != name {
			t.Errorf("%s: %v", name, err)
		}
		if got := read(t, disk, sealFile); !bytes.Equal(got, read(t, sealed, sealFile)) {
			t.Errorf("%s, %v: the seal is not what it was", name, err)
		}
	}
	_, all, err := VerifySeal(t.Context(), testDir, disk)
	if err != nil || !slices.ContainsFunc(all, func(d *Damage) bool { return d.File == name }) {
		t.Errorf("%s: %v, %v", name, all, err)
	}
	return true
}

// A file that is missing is damage too.
func TestOpenWithoutSealedFile(t *testing.T) {
	disk, _ := sealedStore(t)
	files, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(name string) bool { return path.Ext(name) == ".log" })
	if err := disk.Remove(disk.PathJoin(testDir, files[i])); err != nil {
		t.Fatal(err)
	}
	_, err = tryOpen(disk, small)
	var damage *Damage
	if !errors.As(err, &damage) || damage.File != files[i] {
		t.Errorf("without %s: %v", files[i], err)
	}
}
