package views

import (
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
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
			if sealed, found := check(t, fs); !sealed || !slices.Equal(found, []string{name}) {
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
