package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
)

// Identity tells whose chain a store keeps.
type Identity struct {
	Network uint32   // id of the network
	Genesis pow.Hash // hash of block 0
}

// Options for Open. The zero value is good.
type Options struct {
	FS         vfs.FS       // file system; nil is that of the operating system
	Log        *slog.Logger // nil is silent
	CacheBytes int64        // memory for caches in bytes, half of it for the state; 0 is 128 MiB
	ReadOnly   bool         // nothing is written, not even a seal; the store must exist

	memTable uint64 // size of Pebble's memtables in bytes, for tests
}

const (
	defaultCacheBytes = 128 << 20
	// defaultMemTable is the most that Pebble collects in memory, in bytes,
	// before it writes a table. More makes commits slower, because a larger
	// memtable does not fit into the processor's cache.
	defaultMemTable = 16 << 20
)

// Store is an open store. Its methods may be called by several goroutines.
type Store struct {
	dir        string
	fs         vfs.FS
	log        *slog.Logger
	readOnly   bool
	memTable   uint64
	lock       io.Closer
	blockCache *pebble.Cache // of Pebble
	stateCache *cache        // entries of the state
	shared     shared
	damage     atomic.Pointer[Damage] // the first that was found
	spare      atomic.Pointer[[]byte] // memory for the next batch

	writing sync.Mutex // held by the one commit, or while a snapshot is taken

	mu        sync.Mutex
	db        *database // nil if none is open
	failure   error     // why the last database was given up, if none is open for writing
	snapshots int       // that are open
	closed    bool
	// sealBroken: this opening has made the seal the old one.
	sealBroken bool
	idle       sync.Cond      // a database has been closed
	retiring   sync.WaitGroup // goroutines that take a failed database out of use
}

// Open opens the store in the folder dir and makes it if it does not exist.
// Errors: ErrNetwork, ErrNewer, ErrLocked, ErrCorrupt, ErrFull, ErrDisk, and
// fs.ErrNotExist if there is none and it is opened for reading.
func Open(dir string, id Identity, o Options) (*Store, error) {
	s := &Store{dir: dir, fs: o.FS, log: o.Log, readOnly: o.ReadOnly, memTable: o.memTable}
	if s.fs == nil {
		s.fs = Disk
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.memTable == 0 {
		s.memTable = defaultMemTable
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = defaultCacheBytes
	}
	s.idle.L = &s.mu
	s.shared = shared{limits: map[string]int64{}, sums: map[string]fileDigest{}}
	s.stateCache = newCache(o.CacheBytes / 2)

	if err := s.prepare(id); err != nil {
		return nil, err
	}
	s.blockCache = pebble.NewCache(o.CacheBytes / 2)
	db, err := s.openDatabase(s.readOnly)
	if err != nil {
		s.blockCache.Unref()
		s.keepSeal()
		_ = s.lock.Close()
		return nil, err
	}
	db.users = 1
	s.db = db
	return s, nil
}

// prepare makes the folders, locks them, and checks or writes the identity.
// For a store that will be written it breaks the seal.
func (s *Store) prepare(id Identity) (err error) {
	if s.readOnly {
		// Before the lock, so that the network is known even if the lock is unusable.
		switch err := s.checkIdentity(id); {
		case missing(err):
			return fmt.Errorf("no store in %s: %w", s.dir, fs.ErrNotExist)
		case err != nil:
			return err
		}
	} else if err := makeFolders(s.fs, s.dir, s.path("db")); err != nil {
		return diskError(err)
	}
	if s.lock, err = lockFolder(s.fs, s.path("LOCK")); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.lock.Close()
		}
	}()
	if s.readOnly {
		return nil
	}
	if err = s.checkIdentity(id); missing(err) {
		err = s.writeIdentity(id)
	}
	if err != nil {
		return err
	}
	return s.breakSeal()
}

// path returns the path of a file in the store's folder.
func (s *Store) path(name string) string { return s.fs.PathJoin(s.dir, name) }

// Close ends all work of the store and seals its files. Snapshots must be
// closed before. A store that cannot write any more is closed without a seal,
// which is an error, as is a second Close.
func (s *Store) Close() error {
	s.writing.Lock() // let the last commit end
	defer s.writing.Unlock()
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return ErrClosed
	case s.snapshots > 0:
		s.mu.Unlock()
		return fmt.Errorf("%w: %d snapshots are still open", ErrMisuse, s.snapshots)
	}
	s.closed = true
	d, failure := s.db, s.failure
	var err error
	if d != nil {
		for d.users > 1 { // reads
			s.idle.Wait()
		}
		s.db = nil
		err = d.close()
		if !d.readOnly {
			broken, _ := d.guard.state()
			failure = diskError(broken)
		}
	}
	s.mu.Unlock()
	s.retiring.Wait()
	s.blockCache.Unref()

	damage := s.damage.Load()
	switch {
	case s.readOnly:
	case failure != nil:
		err = fmt.Errorf("closed without a seal: %w", failure)
	case damage != nil:
		err = fmt.Errorf("closed without a seal: %w", damage)
	case err == nil:
		err = s.seal()
	default:
		err = fmt.Errorf("closed without a seal: %w", pebbleError(err))
	}
	if e := s.lock.Close(); err == nil {
		err = diskError(e)
	}
	return err
}

// Err tells why commits fail at the moment: nil, ErrFull, ErrDisk, ErrCorrupt,
// ErrReadOnly.
func (s *Store) Err() error {
	if d := s.damage.Load(); d != nil {
		return d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.readOnly:
		return ErrReadOnly
	case s.db != nil:
		s.retire(s.db)
	}
	return s.failure
}

// acquire returns the open database, which release gives back. If there is
// none because it failed, it opens one: for reading only if that is enough,
// because that works on a full disk too.
func (s *Store) acquire(write bool) (*database, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if write && s.readOnly {
		return nil, ErrReadOnly
	}
	if s.db != nil {
		s.retire(s.db)
	}
	if write && (s.db == nil || s.db.readOnly) {
		if s.stillFull() {
			return nil, s.failure
		}
		if s.db != nil {
			s.drop(s.db)
		}
	}
	if s.db == nil {
		db, err := s.openDatabase(!write)
		if err != nil {
			if write {
				s.failure = err
			}
			return nil, err
		}
		if write {
			s.failure = nil
			s.log.Info("store goes on: the disk can be written again")
		}
		db.users = 1
		s.db = db
	}
	s.db.users++
	return s.db, nil
}

// stillFull tells, if that is easy to see, that the disk has still no space. It
// saves trying. Under mu.
func (s *Store) stillFull() bool {
	const enough = 1 << 20 // bytes
	usage, err := s.fs.GetDiskUsage(s.dir)
	return errors.Is(s.failure, ErrFull) && err == nil && usage.AvailBytes < enough
}

// release ends the use of a database.
func (s *Store) release(d *database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.users--
	if d.users == 0 {
		s.end(d)
	}
	s.idle.Broadcast()
}

// retire takes the database out of use if its disk failed. Under mu.
func (s *Store) retire(d *database) {
	failure, _ := d.guard.state()
	if d != s.db || d.readOnly || failure == nil {
		return
	}
	d.guard.settle()
	s.failure = diskError(failure)
	s.drop(d)
}

// drop takes the database out of use. Under mu.
func (s *Store) drop(d *database) {
	s.db = nil
	d.users--
	if d.users == 0 {
		s.end(d)
	}
}

// end closes a database that nobody uses. Under mu.
func (s *Store) end(d *database) {
	if err := d.close(); err != nil {
		s.log.Debug("pebble: closed after a failure", "err", err)
	}
}

// diskFailed is called by the guard of a database when it freezes. It may be
// anywhere in Pebble, so it must not wait.
func (s *Store) diskFailed(d *database, err error) {
	s.log.Warn("store cannot write", "err", diskError(err))
	s.retiring.Go(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retire(d)
	})
}

// corrupt notes damage. From then on commits fail.
func (s *Store) corrupt(d *Damage) {
	if s.damage.CompareAndSwap(nil, d) {
		s.log.Error("store is damaged: stop the node and check the store", "damage", d.Error())
	}
}

// pebbleFailed is called when Pebble finds that it cannot go on.
func (s *Store) pebbleFailed(d *database, damage *Damage) {
	if failure, _ := d.guard.state(); failure != nil && !d.readOnly {
		return // its disk is frozen, so it sees things
	}
	s.corrupt(damage)
	d.guard.freeze(damage)
}
