package views

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/node/store"
)

// check is Check of the folder of all tests.
func check(t *testing.T, fs vfs.FS) (sealed bool, files []string) {
	t.Helper()
	sealed, damage, err := Check(t.Context(), "views", fs)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range damage {
		files = append(files, d.File)
	}
	return sealed, files
}

// contents returns the files of a folder.
func contents(t *testing.T, fs vfs.FS, dir string) map[string][]byte {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if files[name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// put writes a file.
func put(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Any bit that is flipped in any file of closed views is found, the seal's own
// included, and so is a file that is missing, or one too many.
func TestCheckFindsEveryFlip(t *testing.T) {
	fs := vfs.NewMem()
	v := open(t, grown(10), fs)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if sealed, files := check(t, fs); !sealed || len(files) > 0 {
		t.Fatalf("without any flip: sealed %v, damage in %q", sealed, files)
	}
	files, flips := contents(t, fs, "views"), 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		good := files[name]
		path := "views/" + name
		step := 1 + len(good)/100
		for at := 0; at < len(good); at += step {
			bad := slices.Clone(good)
			bad[at] ^= 1 << (at % 8)
			put(t, fs, path, bad)
			if sealed, found := check(t, fs); sealed != (name != "SEAL") || !slices.Equal(found, []string{name}) {
				t.Fatalf("bit %d of byte %d of %s is flipped: sealed %v, damage in %q", at%8, at, name, sealed, found)
			}
			flips++
		}
		if name != "LOCK" && name != "SEAL" {
			if err := fs.Remove(path); err != nil {
				t.Fatal(err)
			}
			if sealed, found := check(t, fs); !sealed || !slices.Equal(found, []string{name}) {
				t.Errorf("without %s: sealed %v, damage in %q", name, sealed, found)
			}
		}
		put(t, fs, path, good)
	}
	put(t, fs, "views/000099.sst", nil)
	if sealed, found := check(t, fs); !sealed || !slices.Equal(found, []string{"000099.sst"}) {
		t.Errorf("with another file: sealed %v, damage in %q", sealed, found)
	}
	t.Logf("%d flips in %d files", flips, len(files))
	if flips < 200 {
		t.Error("these are too few")
	}
}

// Views that are open, that a crash has ended, or that are not there, have no
// seal. Nothing can be said of them, and they are no damage.
func TestCheckWithoutSeal(t *testing.T) {
	fs := vfs.NewCrashableMem()
	if sealed, files := check(t, fs); sealed || len(files) > 0 {
		t.Errorf("no folder: sealed %v, damage in %q", sealed, files)
	}
	c := grown(10)
	for range 2 { // the second time there is a seal before
		v := open(t, c, fs)
		c.extend()
		if err := v.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		for name, disk := range map[string]vfs.FS{"open": fs, "after a crash": crashed} {
			if sealed, files := check(t, disk); sealed || len(files) > 0 {
				t.Errorf("%s: sealed %v, damage in %q", name, sealed, files)
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if sealed, files := check(t, fs); !sealed || len(files) > 0 {
			t.Errorf("closed: sealed %v, damage in %q", sealed, files)
		}
	}
}

// closed makes views of a chain, or brings those that are there to its tip, and
// closes them.
func closed(t *testing.T, c Chain, fs vfs.FS) map[string][]byte {
	t.Helper()
	v := open(t, c, fs)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if sealed, files := check(t, fs); !sealed || len(files) > 0 {
		t.Fatalf("closed: sealed %v, damage in %q", sealed, files)
	}
	return contents(t, fs, "views")
}

// tables are the names of those among files.
func tables(files map[string][]byte) (names []string) {
	for name := range files {
		if strings.HasSuffix(name, ".sst") {
			names = append(names, name)
		}
	}
	return names
}

// Views that are only read have the files and the seal that they had. Once there
// is something to change, they change and are sealed anew.
func TestReadingChangesNothing(t *testing.T) {
	fs, c := vfs.NewMem(), grown(10)
	before := closed(t, c, fs)
	v := open(t, c, fs)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, v, c)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if after := contents(t, fs, "views"); !maps.EqualFunc(before, after, bytes.Equal) {
		t.Errorf("files were %q, are %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}

	v = open(t, c, fs)
	c.extend()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, v, c)
	if sealed, files := check(t, fs); sealed || len(files) > 0 {
		t.Errorf("changed: sealed %v, damage in %q", sealed, files)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if after := closed(t, c, fs); bytes.Equal(before["SEAL"], after["SEAL"]) {
		t.Error("the seal is that of before")
	}
}

// A seal takes what the last one says of tables that are still there, and does not
// read them: a bit that flipped in one since then is found.
func TestSealRemembersTables(t *testing.T) {
	fs, c := vfs.NewMem(), grown(10)
	closed(t, c, fs)
	c.extend()
	files := closed(t, c, fs) // the second table is merged with the first; a third one is not
	name := tables(files)[0]
	v := open(t, c, fs)
	c.extend()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(files[name])
	flipped[len(flipped)/2] ^= 1
	put(t, fs, "views/"+name, flipped)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	after := contents(t, fs, "views")
	if got := tables(after); len(got) < 2 || after[name] == nil {
		t.Fatalf("tables %q, want %s and another", got, name)
	}
	if sealed, found := check(t, fs); !sealed || !slices.Equal(found, []string{name}) {
		t.Errorf("sealed %v, damage in %q, want %s", sealed, found, name)
	}
}

// Views that are built anew take nothing from the seal of those before, whose
// tables had the same names.
func TestSealOfRenewedViews(t *testing.T) {
	fs := vfs.NewMem()
	before := closed(t, grown(10), fs)
	v, err := Open("views", Options{Chain: grown(20), FS: fs, Identity: store.Identity{Network: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Update(t.Context()), v.Close()); err != nil {
		t.Fatal(err)
	}
	after := contents(t, fs, "views")
	if name := tables(before)[0]; after[name] == nil || bytes.Equal(before[name], after[name]) {
		t.Fatalf("there is no other table with the name %s, only %q", name, tables(after))
	}
	if sealed, found := check(t, fs); !sealed || len(found) > 0 {
		t.Errorf("sealed %v, damage in %q", sealed, found)
	}
}

// A folder is locked until its seal is written. Whoever comes before gets an error,
// and removes nothing.
func TestLockedViews(t *testing.T) {
	fs, c := vfs.NewMem(), grown(10)
	before := closed(t, c, fs)
	lock, err := store.LockFolder("views", fs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open("views", Options{Chain: c, FS: fs}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("locked views: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if after := contents(t, fs, "views"); !maps.EqualFunc(before, after, bytes.Equal) {
		t.Errorf("files were %q, are %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}

	var sealing error
	v := open(t, c, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasPrefix(fs.PathBase(op.Path), "SEAL") {
			_, sealing = store.LockFolder("views", fs)
		}
		return nil
	})))
	c.extend()
	if err := errors.Join(v.Update(t.Context()), v.Close()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(sealing, store.ErrLocked) {
		t.Errorf("while the seal is written: %v", sealing)
	}
}
