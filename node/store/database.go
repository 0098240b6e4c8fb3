package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// format is the version of Pebble's files. A newer one needs a new schema.
const format = pebble.FormatValueSeparation

// database is one open Pebble. When it fails, the store opens another.
type database struct {
	*pebble.DB
	guard    *guardFS
	readOnly bool

	users     int  // running reads and writes, and one for the store itself; guarded by Store.mu
	abandoned bool // Pebble panicked with its locks held: it cannot be closed
}

// openDatabase opens Pebble. Errors are of the kinds of this package.
func (s *Store) openDatabase(readOnly bool) (d *database, err error) {
	d = &database{readOnly: readOnly}
	d.guard = newGuardFS(s.fs, &s.shared, func(err error) { s.diskFailed(d, err) })
	if readOnly {
		d.guard.err = ErrReadOnly // frozen from the start
	}
	defer catch(&err)
	log := &logger{log: s.log, fatal: func(text string) { s.pebbleFailed(d, damaged(NoHeight, "file", "%s", oneLine(text))) }}
	o := &pebble.Options{
		FS:                          d.guard,
		Cache:                       s.blockCache,
		ReadOnly:                    readOnly,
		ErrorIfNotExists:            readOnly,
		FormatMajorVersion:          format,
		MemTableSize:                s.memTable,
		MemTableStopWritesThreshold: maxMemTables,
		Logger:                      log,
		MaxOpenFiles:                1000,
		EventListener:               s.listener(d),
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	separateBodies(o)
	d.DB, err = pebble.Open(s.path("db"), o)
	if failure, _ := d.guard.state(); failure != nil && !readOnly {
		if err == nil {
			_ = d.close()
		}
		d.guard.settle()
		return nil, diskError(failure)
	}
	if err != nil {
		return nil, pebbleError(err)
	}
	return d, nil
}

// close closes Pebble. The error is the one that Pebble has kept to the end.
func (d *database) close() (err error) {
	if d.abandoned {
		return errors.New("pebble cannot be closed after a panic")
	}
	defer catch(&err)
	return d.DB.Close()
}

// catch turns a panic of Pebble into an error: Pebble panics on some damaged files.
func catch(err *error) {
	if r := recover(); r != nil {
		*err = &Damage{Height: NoHeight, Field: "file", Detail: oneLine(fmt.Sprint("panic in pebble: ", r))}
	}
}

// listener logs Pebble's events, and notes damage.
func (s *Store) listener(d *database) *pebble.EventListener {
	l := pebble.EventListener{
		BackgroundError: func(err error) {
			if pebble.IsCorruptionError(err) {
				s.pebbleFailed(d, corruption(err))
			}
			s.log.Debug("pebble: background error", "err", err)
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			if failure, _ := d.guard.state(); failure != nil && !d.readOnly {
				return // it reads files that were never written
			}
			s.corrupt(&Damage{
				Height: NoHeight, Field: "file", File: databaseFile(i.Path), Detail: oneLine(i.Details.Error()),
			})
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			s.log.Debug("pebble: writes stall", "reason", i.Reason)
		},
	}
	l.EnsureDefaults(nil)
	return &l
}

// logger passes the log of Pebble to slog.
type logger struct {
	log   *slog.Logger
	fatal func(string)
	once  sync.Once
}

func (l *logger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l *logger) Errorf(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf is called where Pebble would end the process.
func (l *logger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.once.Do(func() { l.fatal(text) })
}
