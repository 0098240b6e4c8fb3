package p2p

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stele/internal/atomicfile"
	"stele/internal/wake"
	"stele/node/p2p/book"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
)

// saveEvery is how often the book is saved.
const saveEvery = 5 * time.Minute

// The files in Options.Dir.
const (
	keyFile     = "key"
	bookFile    = "peers"
	anchorsFile = "anchors"
)

// openFiles reads the files, and makes what depends on them.
func (s *Server) openFiles() (err error) {
	o := book.Options{Group: s.o.Group, Private: s.o.Private}
	var anchors []netip.AddrPort
	if s.o.Dir == "" {
		s.book = book.New(o)
		if s.key, err = link.NewKey(); err != nil {
			return err
		}
	} else {
		if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
			return err
		}
		if s.key, err = link.OpenKey(s.path(keyFile)); err != nil {
			return err
		}
		if s.book, err = readFile(s, bookFile, func(name string) (*book.Book, error) { return book.Load(name, s.now(), o) }); err != nil {
			return err
		}
		if s.book == nil {
			s.book = book.New(o)
		}
		if anchors, err = readFile(s, anchorsFile, book.LoadAnchors); err != nil {
			return err
		}
	}
	s.anchors = anchors
	s.slots = slots.New(s.book, slots.Options{
		MaxPeers: s.o.MaxPeers, Manual: s.manual.current(), OnlyManual: s.o.OnlyPeers, Anchors: anchors,
	})
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.o.Dir, name) }

// readFile reads a file, and returns the zero value if there is none, or only a damaged
// one, which it renames.
func readFile[T any](s *Server, name string, read func(string) (T, error)) (T, error) {
	v, err := read(s.path(name))
	var zero T
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return zero, nil
	case errors.Is(err, book.ErrDamaged):
		renamed, err2 := book.SetAside(s.path(name))
		s.log.Warn("file of peers damaged, starting without it", "file", s.path(name), "renamed", renamed, "err", err)
		return zero, err2
	}
	return v, err
}

// saveBook saves the book, without making the loop wait for the disk.
func (s *Server) saveBook() {
	if s.o.Dir != "" {
		content := s.book.Encode()
		s.files.put(bookFile, func() error { return atomicfile.WriteFile(s.path(bookFile), content, 0o600) })
	}
}

// saveAnchors saves the anchors if they have changed, in the same way.
func (s *Server) saveAnchors() {
	anchors := s.slots.Anchors()
	if s.o.Dir == "" || slices.Equal(anchors, s.anchors) {
		return
	}
	s.anchors = anchors
	s.files.put(anchorsFile, func() error { return book.SaveAnchors(s.path(anchorsFile), anchors) })
}

// files has the files to write, by name. Safe for concurrent use.
type files struct {
	mu      sync.Mutex
	pending map[string]func() error
	more    wake.Signal
}

// put replaces what is to be written to a file.
func (f *files) put(name string, write func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending[name] = write
	f.more.Wake()
}

// flush writes all that is pending. Errors are joined.
func (f *files) flush() (err error) {
	f.mu.Lock()
	pending := f.pending
	f.pending = map[string]func() error{}
	f.mu.Unlock()
	for _, write := range pending {
		err = errors.Join(err, write())
	}
	return err
}

// writeFiles writes files until the server ends.
func (s *Server) writeFiles() {
	for {
		select {
		case <-s.files.more:
			if err := s.files.flush(); err != nil {
				s.log.Warn("cannot save the addresses of peers", "err", err)
			}
		case <-s.ctx.Done():
			return
		}
	}
}
