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

// Identity says whose chain a store keeps.
type Identity struct {
	Network uint32   // id of the network
	Genesis pow.Hash // hash of block 0
}

// Options for Open. The zero value is good. Besides the caches, a store uses up to 64 MiB
// for what is not in tables yet.
type Options struct {
	FS         vfs.FS       // file system; nil is that of the operating system
	Log        *slog.Logger // nil is silent
	CacheBytes int64        // memory for caches in bytes, half of it for the state; 0 is 128 MiB
	ReadOnly   bool         // nothing is written, not even a seal; the store must exist

	memTable uint64 // size of Pebble's memtables in bytes, for tests
}

const (
	defaultCacheBytes = 128 << 20
	// defaultMemTable is the maximum that Pebble collects in memory, in bytes,
	// before it writes a table: 20 blocks of 4,000 records. Twice as much makes commits
	// no slower, and half as much more compactions.
	defaultMemTable = 32 << 20
	// maxMemTables is how many there are: one is filled while the other is written.
	maxMemTables = 2
)

// Store is an open store. Safe for concurrent use.
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
	later   laterBatches

	mu        sync.Mutex
	db        *database // nil if none is open
	failure   error     // that ended the last database, if none is open for writing
	snapshots int       // that are open
	closed    bool
	idle      sync.Cond      // a database has been closed
	retiring  sync.WaitGroup // goroutines that take a failed database out of use
}

// Open opens the store in the folder dir, and creates it if it does not exist.
// Errors: ErrNetwork, ErrNewer, ErrLocked, ErrCorrupt, ErrFull, ErrDisk, and
// fs.ErrNotExist if a store that is opened for reading does not exist.
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
	// Pebble takes the memory of memtables from the cache.
	s.blockCache = pebble.NewCache(o.CacheBytes/2 + maxMemTables*int64(s.memTable))
	db, err := s.openDatabase(s.readOnly)
	if err != nil {
		s.blockCache.Unref()
		_ = s.lock.Close()
		return nil, err
	}
	db.users = 1
	s.db = db
	return s, nil
}

// prepare creates the folders, locks them, and checks or writes the identity. It
// breaks the seal of a store that is opened for writing.
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

// Close waits for the last commit and for reads, and seals the files. Snapshots must
// be closed before. A store that cannot write any more is closed without a seal,
// which is an error, as is a second Close.
func (s *Store) Close() error {
	s.writing.Lock() // wait for the last commit
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

// Err returns why commits fail at the moment: ErrFull, ErrDisk, ErrCorrupt,
// ErrReadOnly, ErrClosed, or nil.
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

// acquire returns the open database, for use until release. If the last one has
// failed, it opens another: for reading only if that is enough, because that works on
// a full disk too.
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
	if !write && s.db == nil && !s.later.isEmpty() {
		return nil, s.failure // a database for reading would lack what is only in memory
	}
	if s.db == nil {
		db, err := s.openDatabase(!write)
		if err == nil && write {
			err = s.complete(db)
		}
		if err != nil {
			if write {
				s.failure = err
			}
			return nil, err
		}
		if write {
			s.failure = nil
			s.log.Info("store recovered: disk is writable again")
		}
		db.users = 1
		s.db = db
	}
	s.db.users++
	return s.db, nil
}

// complete gives a database that was opened after a failure what the last one may have
// lost, or closes it. The caller must hold s.mu and s.writing.
func (s *Store) complete(d *database) error {
	err := s.writeAgain(d)
	if err != nil {
		_ = d.close()
		d.guard.settle()
	}
	return err
}

// stillFull reports whether the disk is known to have no space still, which saves an
// attempt. The caller must hold s.mu.
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

// retire takes the database out of use if its disk has failed. The caller must hold
// s.mu.
func (s *Store) retire(d *database) {
	failure, _ := d.guard.state()
	if d != s.db || d.readOnly || failure == nil {
		return
	}
	d.guard.settle()
	s.failure = diskError(failure)
	s.drop(d)
}

// drop takes the database out of use. The caller must hold s.mu.
func (s *Store) drop(d *database) {
	s.db = nil
	d.users--
	if d.users == 0 {
		s.end(d)
	}
}

// end closes a database that nobody uses. The caller must hold s.mu.
func (s *Store) end(d *database) {
	if err := d.close(); err != nil {
		s.log.Debug("pebble: closed after a failure", "err", err)
	}
}

// diskFailed is called by the guard of a database when it freezes. The caller can be
// anywhere in Pebble, so it must not block.
func (s *Store) diskFailed(d *database, err error) {
	s.log.Warn("store write failed", "err", diskError(err))
	s.retiring.Go(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retire(d)
	})
}

// corrupt notes damage. After that, commits fail.
func (s *Store) corrupt(d *Damage) {
	if s.damage.CompareAndSwap(nil, d) {
		s.log.Error("store is damaged: stop the node and run \"stele node check\"", "err", d)
	}
}

// pebbleFailed is called when Pebble finds that it cannot go on.
func (s *Store) pebbleFailed(d *database, damage *Damage) {
	if failure, _ := d.guard.state(); failure != nil && !d.readOnly {
		return // its disk is frozen, so that it sees files which were never written
	}
	s.corrupt(damage)
	d.guard.freeze(damage)
}
