package views

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/internal/wake"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// Errors, to be tested with errors.Is.
var (
	// ErrIncomplete means that the views cannot be built: the chain has pruned
	// bodies that they need.
	ErrIncomplete = errors.New("views are incomplete: the chain has pruned blocks that they need")
	// ErrTooMany means that a list is longer than the limit of the caller.
	ErrTooMany = errors.New("list is too long")
	// ErrClosed means that the views are closed.
	ErrClosed = errors.New("views are closed")

	errDamaged = errors.New("views are damaged")
)

func errEntry(key, value []byte) error {
	return fmt.Errorf("%w: entry %x has the value %x", errDamaged, key, value)
}

// version is the version of the entries. Views of another one are built anew.
const version = 7

// format is the version of Pebble's files.
const format = pebble.FormatValueSeparation

// Chain is the source of the views: a [chain.Chain].
type Chain interface {
	Tip() *chain.Tip
	Header(pow.Hash) (chain.Header, bool)
	HeaderAt(height uint32) (chain.Header, bool)
	Block(pow.Hash) (*block.Block, error)
	// ReadState calls read with the state after a block and the context of the
	// next one, if that block is the tip, and reports whether it did.
	ReadState(tip pow.Hash, read func(rules.View, rules.Context) error) (bool, error)
	// Sync makes all blocks durable that the chain has.
	Sync() error
}

// Options of Open.
type Options struct {
	Chain    Chain
	Identity store.Identity // whose chain it is
	FS       vfs.FS         // nil: the operating system's
	Log      *slog.Logger   // nil: silent
	// FlushEvery is after how many blocks the views are written to disk, besides when
	// their memory is full and at the end. It matters where the chain prunes bodies:
	// after a crash the views need those of the blocks that were not written. 0: never.
	FlushEvery uint32
	// Updated is called each time that the views have reached the tip of the chain. It must
	// be quick, and must not call the views. Nil: nobody needs to know.
	Updated func()
	// Tables are kept in the same files. Files that were written with others are built
	// anew.
	Tables []Table
}

// Views is the index of a chain. Safe for concurrent use.
type Views struct {
	o   Options
	dir string

	tip        atomic.Pointer[Tip] // nil: no block yet
	durable    atomic.Uint32       // blocks that are on disk; if Options.FlushEvery is set
	broken     atomic.Bool         // Pebble could not write its files, or not open them
	incomplete atomic.Bool         // the chain has pruned blocks that the views need
	closed     atomic.Bool
	failed     wake.Signal // a flush or compaction has failed, which Pebble retries for ever

	writing  sync.Mutex       // held by the writer; guards the fields below
	lock     *pebble.Lock     // of the folder; nil: closed
	seal     store.FolderSeal // that the files had when they were opened
	readOnly bool             // the files are open for reading only, and still have their seal
	batch    int              // maxPending

	mu sync.RWMutex // taken after writing
	db *pebble.DB   // under mu; nil: closed
}

// Open opens the views in the folder dir, and creates it if it does not exist. It
// does not read the chain yet: see [Views.Run] and [Views.Update]. If the files
// are damaged, or of another version or network, the views start empty. Open
// changes no file of views that are up to date. Errors: [store.ErrLocked] if
// another process has the folder open, and those of the disk.
func Open(dir string, o Options) (*Views, error) {
	if o.FS == nil {
		o.FS = store.Disk
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	v := &Views{o: o, dir: dir, failed: wake.New()}
	switch err := v.open(); {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("views: %w", err)
	case err != nil:
		o.Log.Warn("views rebuilt", "err", err)
		if err := v.renew(); err != nil {
			return nil, fmt.Errorf("views: %w", err)
		}
	}
	return v, nil
}

// open locks the folder and opens the files. The views must be closed. Sealed
// files are opened for reading only, so that views without a change keep their
// seal: see [Views.modify].
func (v *Views) open() error {
	if err := v.o.FS.MkdirAll(v.dir, 0o700); err != nil {
		return err
	}
	lock, err := store.LockFolder(v.dir, v.o.FS)
	if err != nil {
		return err
	}
	v.lock = lock
	v.seal = store.ReadFolderSeal(v.dir, v.o.FS)
	v.readOnly = v.seal != nil
	db, err := v.openDB()
	if err != nil {
		return errors.Join(err, v.unlock())
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.db = db
	return nil
}

// unlock releases the lock of the folder.
func (v *Views) unlock() error {
	if v.lock == nil {
		return nil
	}
	lock := v.lock
	v.lock = nil
	return lock.Close()
}

// modify opens the files for writing, if they are open for reading only.
func (v *Views) modify() error {
	if !v.readOnly {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.db == nil {
		return ErrClosed
	}
	db := v.db
	v.db, v.readOnly = nil, false
	err := closeDB(db)
	if err == nil {
		db, err = v.openDB()
	}
	if err != nil {
		return fmt.Errorf("%w: opening for writing: %w", errDamaged, err)
	}
	v.db = db
	return nil
}

// openDB opens the files, for reading only if readOnly is set, and reads the tip.
func (v *Views) openDB() (db *pebble.DB, err error) {
	v.broken.Store(false)
	defer func() {
		if err != nil {
			v.broken.Store(true)
		}
	}()
	defer catch(&err)
	o := &pebble.Options{
		FS:                 v.o.FS,
		Lock:               v.lock,
		ReadOnly:           v.readOnly,
		DisableWAL:         true,
		FormatMajorVersion: format,
		MemTableSize:       16 << 20,
		CacheSize:          32 << 20,
		Logger:             logger{v},
	}
	o.EventListener = &pebble.EventListener{
		BackgroundError: func(error) { v.failed.Wake() },
		FlushBegin:      func(pebble.FlushInfo) { v.syncChain() },
	}
	o.EventListener.EnsureDefaults(nil)
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if !v.readOnly {
		if err := store.BreakFolderSeal(v.dir, v.o.FS); err != nil {
			return nil, err
		}
	}
	if db, err = pebble.Open(v.dir, o); err != nil {
		return nil, err
	}
	if err := v.start(db); err != nil {
		return nil, errors.Join(err, closeDB(db))
	}
	return db, nil
}

// syncChain makes the blocks durable that the views have. It is called before each write
// of the views to disk: so after a crash the chain is never behind them.
func (v *Views) syncChain() {
	if err := v.o.Chain.Sync(); err != nil && !errors.Is(err, store.ErrClosed) { // a closed chain is durable
		v.o.Log.Debug("chain not synced before the views are written", "err", err)
	}
}

// start reads identity and tip.
func (v *Views) start(db *pebble.DB) error {
	want := binary.BigEndian.AppendUint32([]byte{version}, v.o.Identity.Network)
	want = append(want, v.o.Identity.Genesis[:]...)
	v.durable.Store(0)
	got, closer, err := db.Get([]byte{identityEntry})
	if errors.Is(err, pebble.ErrNotFound) {
		v.tip.Store(nil)
		if err := db.Set([]byte{identityEntry}, want, pebble.NoSync); err != nil {
			return err
		}
		return v.loadTables(db)
	}
	if err != nil {
		return err
	}
	same := string(got) == string(want)
	if err := closer.Close(); err != nil {
		return err
	}
	if !same {
		return errors.New("another version or network")
	}
	tip, err := readTip(db, []byte{tipEntry})
	if err != nil {
		return err
	}
	v.tip.Store(tip)
	if tip != nil {
		v.durable.Store(tip.Height + 1)
	}
	return v.loadTables(db)
}

// renew removes the files and opens new ones. It releases the lock only after all
// files are removed, that of the lock included.
func (v *Views) renew() error {
	v.broken.Store(true) // until new ones are open
	v.mu.Lock()
	db := v.db
	v.db = nil
	v.mu.Unlock()
	if db != nil {
		_ = closeDB(db) // its files are removed anyway
	}
	if err := errors.Join(v.o.FS.RemoveAll(v.dir), v.unlock()); err != nil {
		return err
	}
	return v.open()
}

func closeDB(db *pebble.DB) (err error) {
	defer catch(&err)
	return db.Close()
}

// catch turns a panic of Pebble into an error. Pebble panics when files are
// inconsistent.
func catch(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: pebble gave up: %v", errDamaged, r)
	}
}

// Close flushes and closes the files, seals them for [Check], and unlocks the
// folder. Views that were only read keep their seal. On a disk that cannot be
// written it closes them without a seal, and returns an error: the next Run reads
// the missing blocks again. Run and Update must have returned.
func (v *Views) Close() error {
	v.closed.Store(true)
	v.writing.Lock()
	defer v.writing.Unlock()
	v.mu.Lock()
	db := v.db
	v.db = nil
	v.mu.Unlock()
	var err error
	switch {
	case db == nil:
	case v.readOnly || v.broken.Load():
		err = closeDB(db)
	default:
		if err = errors.Join(v.flush(db), closeDB(db)); err == nil {
			err = store.SealFolder(context.Background(), v.dir, v.o.FS, v.seal)
		}
	}
	return errors.Join(err, v.unlock())
}

// errFlush means that the disk could not be written when the views were closed.
var errFlush = errors.New("views not flushed: disk write failed")

// flush writes what is in memory to the files. It does not wait for another attempt
// if that fails: Pebble retries for as long as a disk is full.
func (v *Views) flush(db *pebble.DB) (err error) {
	defer catch(&err)
	select {
	case <-v.failed: // long ago, perhaps
	default:
	}
	flushed, err := db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case <-v.failed:
		return errFlush
	}
}

// Check compares the files of closed views with the seal that Close wrote. Sealed
// is false if there is nothing to compare with: no views, no seal because their
// process did not end in order, or a damaged seal. A nil file system is that of the
// operating system.
func Check(ctx context.Context, dir string, fs vfs.FS) (sealed bool, damage []*store.Damage, err error) {
	if fs == nil {
		fs = store.Disk
	}
	state, damage, err := store.VerifyFolder(ctx, dir, fs)
	return state == store.Sealed, damage, err
}

// read calls f with the database.
func (v *Views) read(f func(*pebble.DB) error) (err error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	defer catch(&err)
	return f(v.db)
}

// Err returns [ErrIncomplete] if the last Update could not bring the views to the tip
// because of that, else nil. All lists and counts return it too, as they would lack what
// the chain has.
func (v *Views) Err() error {
	if v.incomplete.Load() {
		return ErrIncomplete
	}
	return nil
}

// ask calls f with the database as it is at one moment. Error: that of [Views.Err].
func (v *Views) ask(f func(pebble.Reader) error) error {
	if err := v.Err(); err != nil {
		return err
	}
	return v.read(func(db *pebble.DB) error {
		snapshot := db.NewSnapshot()
		return errors.Join(f(snapshot), snapshot.Close())
	})
}

// Tip returns the last block of the views, and false if they have none.
func (v *Views) Tip() (Tip, bool) {
	if tip := v.tip.Load(); tip != nil {
		return *tip, true
	}
	return Tip{}, false
}

// Needed returns the height of the lowest block that the views need from the chain, or
// from the branch that they are on; after a crash too if Options.FlushEvery is set. Safe
// for concurrent use.
func (v *Views) Needed() uint32 {
	needed := v.durable.Load()
	tip, _ := v.Tip()
	h, ok := v.o.Chain.Header(tip.Hash)
	for ok && !h.InChain { // it has to be taken back
		needed = min(needed, h.Height)
		h, ok = v.o.Chain.Header(h.Prev)
	}
	return needed
}

// flushIfDue writes the views to disk after Options.FlushEvery blocks. On a disk that is
// full it is done later.
func (v *Views) flushIfDue() error {
	tip, ok := v.Tip()
	if every := v.o.FlushEvery; !ok || every == 0 || uint64(tip.Height)+1 < uint64(v.durable.Load())+uint64(every) {
		return nil
	}
	err := v.read(v.flush)
	if err == nil {
		v.durable.Store(tip.Height + 1)
	}
	if errors.Is(err, errFlush) {
		return nil
	}
	return err
}

// logger passes the messages of Pebble to slog.
type logger struct{ v *Views }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.v.o.Log.Debug("views storage error", "err", fmt.Sprintf(format, args...))
}

// Fatalf is called where Pebble would exit the process.
func (l logger) Fatalf(format string, args ...any) {
	if !l.v.broken.Swap(true) {
		l.v.o.Log.Error("views write failed", "err", fmt.Sprintf(format, args...))
	}
}
