package blobs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/minio/sha256-simd"
)

// Errors, to be tested with errors.Is.
var (
	ErrNotFound = errors.New("no such blob") // never stored, or expired
	ErrTooLarge = errors.New("blob too large")
	ErrFull     = errors.New("blob store is full")
	ErrDamaged  = errors.New("blob is damaged") // its bytes are not those of its name
)

// Hash names a blob: its SHA-256.
type Hash [32]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 hexadecimal digits.
func ParseHash(text string) (h Hash, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("invalid hash of a blob %q: must be %d hexadecimal digits", text, 2*len(h))
	}
	return Hash(b), nil
}

// Options of a store. A zero field stands for the default in its comment.
type Options struct {
	MaxBlob   int              // bytes of a blob: 8 KiB
	MaxBytes  int64            // bytes of all blobs: 1 GiB
	MaxCount  int              // number of blobs: 1,000,000
	Unclaimed time.Duration    // life of a blob that nothing names: 1 hour
	Now       func() time.Time // time.Now
}

func (o Options) filled() Options {
	if o.MaxBlob == 0 {
		o.MaxBlob = 8 << 10
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxCount == 0 {
		o.MaxCount = 1_000_000
	}
	if o.Unclaimed == 0 {
		o.Unclaimed = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Store is a folder of blobs. Safe for concurrent use, by one process at a time.
type Store struct {
	dir  string
	opts Options

	mu    sync.Mutex
	count int
	bytes int64
}

// Open opens the folder dir, creates it if it does not exist, and counts its
// blobs. It removes the files of interrupted calls of Put.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{dir: dir, opts: o.filled()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("blob store: %w", err)
	}
	return s, s.each(func(path string, h Hash, info fs.FileInfo) error {
		s.count++
		s.bytes += info.Size()
		return nil
	})
}

// path returns the path of a blob, in one of 256 folders.
func (s *Store) path(h Hash) string {
	name := h.String()
	return filepath.Join(s.dir, name[:2], name)
}

// each calls f for every blob and removes unfinished files.
func (s *Store) each(f func(path string, h Hash, info fs.FileInfo) error) error {
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		h, err := ParseHash(d.Name())
		if err != nil {
			if filepath.Ext(path) == unfinished {
				return os.Remove(path)
			}
			return nil // not ours
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return f(path, h, info)
	})
}

const unfinished = ".part"

// Put stores an unclaimed blob and returns its hash. It does not change a blob
// that is stored already. Errors: [ErrTooLarge], [ErrFull].
func (s *Store) Put(blob []byte) (Hash, error) {
	h := Hash(sha256.Sum256(blob))
	s.mu.Lock()
	defer s.mu.Unlock()
	path := s.path(h)
	if _, err := os.Stat(path); err == nil {
		return h, nil
	}
	switch {
	case len(blob) > s.opts.MaxBlob:
		return h, fmt.Errorf("%w: %d bytes, must be at most %d", ErrTooLarge, len(blob), s.opts.MaxBlob)
	case s.count >= s.opts.MaxCount:
		return h, fmt.Errorf("%w: %d blobs", ErrFull, s.count)
	case s.bytes+int64(len(blob)) > s.opts.MaxBytes:
		return h, fmt.Errorf("%w: %d of %d bytes are used", ErrFull, s.bytes, s.opts.MaxBytes)
	}
	if err := s.write(path, blob); err != nil {
		_ = os.Remove(path + unfinished)
		return h, fmt.Errorf("store a blob: %w", err)
	}
	s.count++
	s.bytes += int64(len(blob))
	return h, nil
}

// write completes the file, with its expiry time, before it gives it its name.
func (s *Store) write(path string, blob []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(blob)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	expires := s.opts.Now().Add(s.opts.Unclaimed)
	if err := os.Chtimes(path+unfinished, expires, expires); err != nil {
		return err
	}
	return os.Rename(path+unfinished, path)
}

// Get returns a blob that has not expired. Errors: [ErrNotFound], [ErrDamaged].
func (s *Store) Get(h Hash) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := s.path(h)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.expired(info) {
		return nil, fmt.Errorf("%w: %v", ErrNotFound, h)
	}
	if err != nil {
		return nil, fmt.Errorf("read a blob: %w", err)
	}
	blob, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a blob: %w", err)
	}
	if Hash(sha256.Sum256(blob)) != h {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, h)
	}
	return blob, nil
}

func (s *Store) expired(info fs.FileInfo) bool { return !info.ModTime().After(s.opts.Now()) }

// Expire sets the time until which a blob is kept. If that time has passed, the
// blob cannot be read any more, and the next Purge removes its file. Errors:
// [ErrNotFound].
func (s *Store) Expire(h Hash, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.Chtimes(s.path(h), at, at)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %v", ErrNotFound, h)
	}
	return err
}

// Hashes returns the names of all blobs, expired ones included.
func (s *Store) Hashes() (all []Hash, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.each(func(_ string, h Hash, _ fs.FileInfo) error {
		all = append(all, h)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("list the blob store: %w", err)
	}
	return all, err
}

// Purge removes expired blobs and returns how many it removed.
func (s *Store) Purge() (removed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.each(func(path string, h Hash, info fs.FileInfo) error {
		if !s.expired(info) {
			return nil
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		removed++
		s.count--
		s.bytes -= info.Size()
		return nil
	})
	if err != nil {
		err = fmt.Errorf("purge the blob store: %w", err)
	}
	return removed, err
}

// Check compares every blob of the folder dir, which must not be in use, with the
// hash in its name. It calls found for each file that is not the blob of its
// name, with the path in the folder, and returns how many blobs are good. A folder
// that does not exist has none. Check changes nothing.
func Check(ctx context.Context, dir string, found func(file, detail string)) (good int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path == dir && errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		detail, err := checkFile(path, name, d)
		switch {
		case errors.Is(err, fs.ErrNotExist) || filepath.Ext(path) == unfinished:
		case err != nil:
			found(name, fmt.Sprintf("it cannot be read: %v", err))
		case detail != "":
			found(name, detail)
		default:
			good++
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("check the blob store: %w", err)
	}
	return good, err
}

// checkFile returns what is wrong with a file that should be a blob, "" if
// nothing is.
func checkFile(path, name string, d fs.DirEntry) (detail string, err error) {
	h, err := ParseHash(d.Name())
	if err != nil || name != filepath.Join(d.Name()[:2], h.String()) {
		return "it is not in the place of a blob", nil
	}
	if !d.Type().IsRegular() {
		return "it is not a regular file", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	if Hash(sum.Sum(nil)) != h {
		return "it was changed: its SHA-256 is not its name", nil
	}
	return "", nil
}

// Stats returns the number of blobs and their bytes, expired ones included.
func (s *Store) Stats() (count int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.bytes
}
