package history

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stele/bench"
	"stele/internal/atomicfile"
	"stele/internal/text"
)

// MaxResults is how many results a folder keeps. Older ones are removed.
const MaxResults = 1000

// Folder keeps results, each in a file of its own: JSON, compressed by gzip, readable
// only by its owner. The name of a file has the start of the run, UTC, and the first
// digits of the SHA-256 of the JSON. A Folder is safe for concurrent use, also by several
// processes.
type Folder struct {
	dir string
	max int
}

// Open returns the folder dir, which need not exist.
func Open(dir string) *Folder { return &Folder{dir, MaxResults} }

// Dir returns the name of the folder.
func (f *Folder) Dir() string { return f.dir }

// Add writes a result to a file, and removes the oldest files beyond [MaxResults]. It
// makes the folder if it does not exist. It returns the path of the file.
func (f *Folder) Add(r *bench.Result) (string, error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return "", err
	}
	var plain, packed bytes.Buffer
	if err := r.Encode(&plain); err != nil {
		return "", err
	}
	w := gzip.NewWriter(&packed)
	_, err := w.Write(plain.Bytes())
	if err := errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	name := filepath.Join(f.dir, fileName(r.Started, sha256.Sum256(plain.Bytes())))
	if err := atomicfile.WriteFile(name, packed.Bytes(), 0o600); err != nil {
		return "", err
	}
	return name, f.prune()
}

// The name of a file: 20261201T122241Z-1a2b3c4d5e6f.json.gz.
const (
	timeLayout = "20060102T150405Z"
	digestSize = 6 // bytes
	extension  = ".json.gz"
)

func fileName(started time.Time, digest [sha256.Size]byte) string {
	return started.UTC().Format(timeLayout) + "-" + hex.EncodeToString(digest[:digestSize]) + extension
}

// startOf returns the start of the run in the name of a file, or false for a name of
// another form.
func startOf(name string) (time.Time, bool) {
	at, digest, _ := strings.Cut(strings.TrimSuffix(name, extension), "-")
	started, err := time.Parse(timeLayout, at)
	bits, badHex := hex.DecodeString(digest)
	good := err == nil && badHex == nil && len(bits) == digestSize && strings.HasSuffix(name, extension) && digest == strings.ToLower(digest)
	return started, good
}

// names returns the names of the files, newest first, and those of other files. The
// temporary ones of a writer are neither. A folder that does not exist has none.
func (f *Folder) names() (results, others []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, e := range entries {
		switch _, good := startOf(e.Name()); {
		case good && e.Type().IsRegular():
			results = append(results, e.Name())
		case !strings.HasPrefix(e.Name(), "."):
			others = append(others, e.Name())
		}
	}
	slices.SortFunc(results, func(a, b string) int { return cmp.Compare(b, a) })
	return results, others, nil
}

// prune removes the oldest files beyond f.max.
func (f *Folder) prune() error {
	results, _, err := f.names()
	if err != nil {
		return err
	}
	for _, name := range results[min(f.max, len(results)):] {
		// Another process may have removed it.
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Errors of [Folder.Newest].
var (
	ErrForeign = errors.New("is not a result of the history")
	ErrCorrupt = errors.New("is damaged")
)

// Newest yields the results of runs that started at since or later, newest first, each
// with the path of its file. For a file that cannot be read it yields an error, which
// names it, and goes on: one of [ErrForeign] for a file with another name, one of
// [ErrCorrupt] for one whose content is not what was written. A folder that does not
// exist has no results; one that cannot be listed yields one error.
func (f *Folder) Newest(since time.Time) iter.Seq2[bench.Named, error] {
	return func(yield func(bench.Named, error) bool) {
		results, others, err := f.names()
		if err != nil {
			yield(bench.Named{}, err)
			return
		}
		for _, name := range others {
			err := fmt.Errorf("%s: %w: must have a name such as 20261201T122241Z-1a2b3c4d5e6f.json.gz", filepath.Join(f.dir, text.Clean(name, text.Max)), ErrForeign)
			if !yield(bench.Named{}, err) {
				return
			}
		}
		for _, name := range results {
			if started, _ := startOf(name); started.Before(since) {
				return
			}
			path := filepath.Join(f.dir, name)
			r, err := read(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed since as one of the oldest
			}
			if !yield(bench.Named{Name: path, Result: r}, err) {
				return
			}
		}
	}
}

// read reads the file of a result.
func read(path string) (*bench.Result, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, corrupt(path, err)
	}
	digest := sha256.New()
	r, err := bench.Parse(io.TeeReader(unpacked, digest))
	if err != nil {
		return nil, corrupt(path, err)
	}
	if want := filepath.Base(path); fileName(r.Started, [sha256.Size]byte(digest.Sum(nil))) != want {
		return nil, corrupt(path, errors.New("the start or the digest is not that in its name"))
	}
	return r, nil
}

func corrupt(path string, err error) error { return fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err) }
