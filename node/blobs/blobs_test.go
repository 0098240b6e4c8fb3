package blobs

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that tests set.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func open(t interface{ Fatal(...any) }, dir string, o Options) *Store {
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onDisk reports whether any file below dir has the bytes.
func onDisk(t *testing.T, dir string, want []byte) bool {
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, want)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLifeOfABlob(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	dir := t.TempDir()
	s := open(t, dir, Options{Now: c.now, Unclaimed: time.Minute})
	blob := []byte("a sealed address")
	h, err := s.Put(blob)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Put(blob); err != nil || again != h {
		t.Fatal(again, err)
	}
	if n, size := s.Stats(); n != 1 || size != int64(len(blob)) {
		t.Fatal(n, size)
	}
	c.Time = c.Add(time.Minute - time.Second)
	if got, err := s.Get(h); err != nil || !bytes.Equal(got, blob) {
		t.Fatal(got, err)
	}
	if err := s.Expire(h, c.Add(time.Hour)); err != nil { // claimed
		t.Fatal(err)
	}
	c.Time = c.Add(time.Hour - time.Second)

	s = open(t, dir, Options{Now: c.now}) // the expiry outlives the process
	if n, err := s.Purge(); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := s.Get(h); err != nil {
		t.Fatal(err)
	}
	c.Time = c.Add(time.Second)
	if _, err := s.Get(h); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an expired blob was given away: %v", err)
	}
	if n, err := s.Purge(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if onDisk(t, dir, blob) {
		t.Fatal("purged, and still on the disk")
	}
	if n, size := s.Stats(); n != 0 || size != 0 {
		t.Fatal(n, size)
	}
	if err := s.Expire(h, c.Time); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	s := open(t, t.TempDir(), Options{MaxBlob: 10, MaxBytes: 25, MaxCount: 4})
	if _, err := s.Put(make([]byte, 11)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := s.Put(append(make([]byte, 9), byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put(make([]byte, 6)); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := s.Put([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put([]byte{9}); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if n, size := s.Stats(); n != 4 || size != 22 {
		t.Fatal(n, size)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	h, err := s.Put([]byte("a sealed address"))
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.WriteFile(s.path(h), []byte("another address!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Expire(h, later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(h); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

// A crash in the middle of Put leaves nothing that counts.
func TestUnfinishedFilesGo(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	h, err := s.Put([]byte("whole"))
	if err != nil {
		t.Fatal(err)
	}
	left := s.path(h) + unfinished
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	if n, size := s.Stats(); n != 1 || size != 5 {
		t.Fatal(n, size)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// The store against a map of what it should hold.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "blobs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		c := &clock{time.Unix(1_800_000_000, 0)}
		o := Options{Now: c.now, Unclaimed: 10 * time.Second, MaxCount: 5}
		s := open(t, dir, o)
		model := map[Hash]time.Time{}
		var names []Hash
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				h, err := s.Put(rapid.SliceOfN(rapid.Byte(), 1, 2).Draw(t, "blob"))
				if _, there := model[h]; !there && len(model) >= 5 {
					if !errors.Is(err, ErrFull) {
						t.Fatal(err)
					}
					return
				} else if !there {
					model[h] = c.Add(10 * time.Second)
					names = append(names, h)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
			"expire": func(t *rapid.T) {
				if len(names) == 0 {
					return
				}
				h := rapid.SampledFrom(names).Draw(t, "blob")
				at := c.Add(time.Duration(rapid.IntRange(-5, 30).Draw(t, "seconds")) * time.Second)
				err := s.Expire(h, at)
				if _, there := model[h]; there != (err == nil) {
					t.Fatal(there, err)
				} else if there {
					model[h] = at
				}
			},
			"wait":   func(t *rapid.T) { c.Time = c.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "seconds")) * time.Second) },
			"reopen": func(t *rapid.T) { s = open(t, dir, o) },
			"purge": func(t *rapid.T) {
				want := 0
				for h, at := range model {
					if !at.After(c.Time) {
						delete(model, h)
						want++
					}
				}
				if n, err := s.Purge(); n != want || err != nil {
					t.Fatal(n, want, err)
				}
			},
			"": func(t *rapid.T) {
				if n, _ := s.Stats(); n != len(model) {
					t.Fatalf("%d blobs, want %d", n, len(model))
				}
				listed, err := s.Hashes()
				if err != nil || len(listed) != len(model) {
					t.Fatalf("%d blobs listed, want %d: %v", len(listed), len(model), err)
				}
				for _, h := range listed {
					if _, there := model[h]; !there {
						t.Fatalf("%v is listed", h)
					}
				}
				for _, h := range names {
					_, err := s.Get(h)
					if at, there := model[h]; (there && at.After(c.Time)) != (err == nil) {
						t.Fatal(h, at, err)
					}
				}
			},
		})
	})
}

func TestRequest(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	now := time.Unix(1_800_000_000, 0)
	r := NewRequest(key, Hash{7}, now)
	for _, at := range []time.Time{now, now.Add(window), now.Add(-window)} {
		if err := r.Check(at); err != nil {
			t.Error(err)
		}
	}
	for _, at := range []time.Time{now.Add(window + time.Second), now.Add(-window - time.Second)} {
		if err := r.Check(at); !errors.Is(err, ErrRequest) {
			t.Error(err)
		}
	}
	for name, change := range map[string]func(*Request){
		"blob":      func(r *Request) { r.Blob[0]++ },
		"key":       func(r *Request) { r.Key[0]++ },
		"time":      func(r *Request) { r.Time++ },
		"signature": func(r *Request) { r.Signature[0]++ },
	} {
		forged := r
		change(&forged)
		if err := forged.Check(now); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("")
	f.Add(Hash{1}.String())
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := ParseHash(text); err == nil {
			if again, err := ParseHash(h.String()); err != nil || again != h {
				t.Fatal(text, err)
			}
		}
	})
}

// Any flipped bit in any blob is found, and so is whatever is no blob.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	check := func(dir string) (good int, bad []string) {
		t.Helper()
		good, err := Check(t.Context(), dir, func(file, detail string) { bad = append(bad, file) })
		if err != nil {
			t.Fatal(err)
		}
		return good, bad
	}
	if good, bad := check(filepath.Join(dir, "nothing")); good != 0 || len(bad) > 0 {
		t.Errorf("no folder: %d good, bad %q", good, bad)
	}
	s := open(t, dir, Options{})
	var names []string
	for i := range 3 {
		h, err := s.Put([]byte{byte(i), 'b', 'l', 'o', 'b'})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Join(h.String()[:2], h.String()))
	}
	if err := os.WriteFile(filepath.Join(dir, names[0]+unfinished), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if good, bad := check(dir); good != 3 || len(bad) > 0 {
		t.Fatalf("%d good, bad %q", good, bad)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		blob, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(blob) {
			blob[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, blob, 0o600); err != nil {
				t.Fatal(err)
			}
			if good, bad := check(dir); good != 2 || len(bad) != 1 || bad[0] != name {
				t.Errorf("bit %d of %s is flipped: %d good, bad %q", bit, name, good, bad)
			}
			blob[bit/8] ^= 1 << (bit % 8)
		}
		if err := os.WriteFile(path, blob, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A name with another digit, a blob in another folder, something else, a link.
	if err := os.Rename(filepath.Join(dir, names[0]), filepath.Join(dir, names[0][:len(names[0])-1]+"_")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, names[1]), filepath.Join(dir, filepath.Base(names[1]))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, names[1])); err != nil {
		t.Fatal(err)
	}
	if good, bad := check(dir); good != 1 || len(bad) != 3 {
		t.Errorf("%d good, bad %q", good, bad)
	}
}
