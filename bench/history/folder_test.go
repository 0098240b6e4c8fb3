package history

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/bench"
)

// all reads a folder.
func all(f *Folder, since time.Time) (results []bench.Named, errs []error) {
	for r, err := range f.Newest(since) {
		if err != nil {
			errs = append(errs, err)
		} else {
			results = append(results, r)
		}
	}
	return results, errs
}

// encoded is the JSON of a result.
func encoded(t *testing.T, r *bench.Result) string {
	t.Helper()
	var b strings.Builder
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is added can be read, newest first, by its owner only.
func TestFolder(t *testing.T) {
	f := Open(filepath.Join(t.TempDir(), "new", "bench"))
	if results, errs := all(f, time.Time{}); results != nil || errs != nil {
		t.Errorf("a folder that does not exist has %v, %v", results, errs)
	}
	m := newMachine(1)
	want := m.runs(4)
	for _, i := range []int{2, 0, 3, 1, 1} { // in any order, one of them twice
		path, err := f.Add(want[i].Result)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if info, err := os.Stat(f.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	got, errs := all(f, time.Time{})
	if len(got) != 4 || errs != nil {
		t.Fatalf("%d results, %v", len(got), errs)
	}
	for i := range got {
		if encoded(t, got[i].Result) != encoded(t, want[i].Result) {
			t.Errorf("result %d is another", i)
		}
	}
	if got, _ := all(f, want[1].Started); len(got) != 2 {
		t.Errorf("%d results since the second newest", len(got))
	}
	for r := range f.Newest(time.Time{}) { // the reader may stop
		if r.Started != want[0].Started {
			t.Errorf("the newest is %v", r.Started)
		}
		break
	}
}

// Only the newest results stay. Files of others stay too.
func TestFolderBound(t *testing.T) {
	f := &Folder{t.TempDir(), 3}
	if err := os.WriteFile(filepath.Join(f.dir, "00-notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := newMachine(1)
	runs := m.runs(7)
	var wg sync.WaitGroup // as several processes would
	for _, r := range runs {
		wg.Go(func() {
			if _, err := f.Add(r.Result); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, errs := all(f, time.Time{})
	if len(got) != 3 || !got[0].Started.Equal(runs[0].Started) || !got[2].Started.Equal(runs[2].Started) {
		t.Errorf("%d results stay", len(got))
	}
	if len(errs) != 1 || !errors.Is(errs[0], ErrForeign) {
		t.Errorf("errors %v", errs)
	}
}

// A file that is damaged, foreign or of another schema is one error; the others are read.
func TestFolderDamaged(t *testing.T) {
	f := Open(t.TempDir())
	m := newMachine(1)
	var paths []string
	for range 5 {
		path, err := f.Add(m.run(nil).Result)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	whole, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write([]byte(`{"schema":"stele-bench/9"}`))
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	err = errors.Join(err, w.Close(),
		os.WriteFile(paths[0], whole[:len(whole)/2], 0o600),
		os.WriteFile(paths[1], packed.Bytes(), 0o600),
		os.WriteFile(paths[2], flipped, 0o600),
		os.WriteFile(paths[3], whole, 0o600), // the result of another name
		os.WriteFile(filepath.Join(f.dir, "my\x1bresult.json"), whole, 0o600),
		os.WriteFile(filepath.Join(f.dir, ".20260101T000000Z-001122334455.json.gz.77"), nil, 0o600),
		os.Mkdir(filepath.Join(f.dir, "20260101T000000Z-001122334455.json.gz"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	results, errs := all(f, time.Time{})
	if len(results) != 1 || len(errs) != 6 {
		t.Fatalf("%d results, errors %v", len(results), errs)
	}
	count := map[error]int{}
	for _, err := range errs {
		if strings.ContainsAny(err.Error(), "\n\x1b") || !strings.Contains(err.Error(), f.dir) {
			t.Errorf("%q", err)
		}
		for _, kind := range []error{ErrForeign, ErrCorrupt, bench.ErrSchema} {
			if errors.Is(err, kind) {
				count[kind]++
			}
		}
	}
	if count[ErrForeign] != 2 || count[ErrCorrupt] != 4 || count[bench.ErrSchema] != 1 {
		t.Errorf("%v", errs)
	}
}

// A folder that cannot be written or listed is an error.
func TestFolderErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := Open(file)
	if _, err := f.Add(newMachine(1).run(nil).Result); !errors.As(err, new(*fs.PathError)) {
		t.Errorf("added to a file: %v", err)
	}
	if results, errs := all(f, time.Time{}); results != nil || len(errs) != 1 {
		t.Errorf("read from a file: %v, %v", results, errs)
	}
}

// Any content of a file gives a result or an error, not a panic.
func FuzzRead(f *testing.F) {
	folder := Open(f.TempDir())
	path, err := folder.Add(newMachine(1).run(nil).Result)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), filepath.Base(path))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := read(path); err == nil && !slices.Equal(content, whole) && encoded(t, r) == "" {
			t.Error("a result without content")
		}
	})
}

func BenchmarkNewest(b *testing.B) {
	f := Open(b.TempDir())
	for _, r := range newMachine(1).runs(100) {
		if _, err := f.Add(r.Result); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if results, _ := all(f, time.Time{}); len(results) != 100 {
			b.Fatal(len(results))
		}
	}
}
