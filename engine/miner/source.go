package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stele/engine/pow"
)

// Source is where work comes from. One goroutine calls Run; the other methods, and
// Work.Submit, must be safe for concurrent use.
type Source interface {
	// Name names the source in logs and statistics: its URL without secrets.
	Name() string

	// User returns who is credited with the shares, as the source names it: a
	// worker, or the address that blocks pay. It is not a secret. "": nobody.
	User() string

	// Run keeps one session until ctx ends, and then returns the error of ctx, or
	// until the session breaks, and then returns why. It may be called again: the
	// source keeps what it knows about the last session, and the shares that are
	// not answered. An error of the kind [ErrFatal] says that there is no point in
	// calling it again soon.
	Run(ctx context.Context, s Session) error
}

// Session is the side of the miner that a source talks to. Its methods do not
// block. Safe for concurrent use.
type Session interface {
	// Work sets the newest work, or nil while the source has nothing to mine: the
	// devices then stop until the next work. The first call marks the source as
	// connected.
	Work(w *Work)
	// HashRate returns the rate of the engine over the last minute, in hashes per
	// second, so that a source can ask for shares of a suitable difficulty. 0: not
	// known yet.
	HashRate() float64
}

// DefaultVersionMask has the bits of the version that BIP 320 leaves to miners.
const DefaultVersionMask uint32 = 0x1fffe000

// Work makes the headers of one block. It must not change once it is passed to
// [Session.Work].
type Work struct {
	ID     string // the source's name for it
	Clean  bool   // older work of this source is stale
	Height uint32 // of the block; 0: not known

	Target      pow.Target // that a share must meet
	VersionMask uint32     // bits of the version that may be changed (BIP 310)

	// Time and MaxTime bound the time of a header, in seconds since 1970; a MaxTime
	// of 0 is no bound. Time is that of the source's clock at the moment Received
	// of ours. A header is dated Time plus what has passed since Received, which
	// every pool accepts.
	Time, MaxTime uint32
	Received      time.Time

	// Extranonces is the number of extranonces, which count from 0; at least 1.
	Extranonces uint64
	// Header returns the header with an extranonce and a time, and nonce 0. It must
	// be quick (a dozen hashes) and safe for concurrent use.
	Header func(extranonce uint64, time uint32) pow.Header

	// Wanted reports whether another share of this work could still be of use. The
	// miner drops a hit that is not wanted and does not count it: a source of
	// blocks of its own needs one on each parent, and an easy target gives
	// thousands. It is called for every hit: it must be quick and safe for
	// concurrent use. Nil: every share is wanted.
	Wanted func() bool

	// Submit submits a share and waits for the answer: nil if the share is accepted,
	// a *[Rejection] if it is rejected, or [ErrNotWanted]. If the session is broken
	// it waits for the next one, as long as the share could count there. An error of
	// the kind [ErrLost] says that it no longer can. It must be safe for concurrent
	// use.
	Submit func(ctx context.Context, s Share) error
}

// height returns the height for a line of the log, nothing if it is not known.
func (w *Work) height() slog.Attr {
	if w.Height == 0 {
		return slog.Attr{}
	}
	return slog.Uint64("height", uint64(w.Height))
}

// Share is a header that meets the target of its work.
type Share struct {
	Work       *Work
	Extranonce uint64
	Header     pow.Header // as it was found, with version, time and nonce
	Hash       pow.Hash
	Device     string // ID of the device that found it
	Found      time.Time
}

// Block reports whether the share is a block: whether its hash meets the target
// of the header's own nBits.
func (s *Share) Block() bool {
	target, err := s.Header.Bits.Target()
	return err == nil && target.MetBy(s.Hash)
}

var (
	// ErrFatal is the kind of an error of Source.Run that does not pass by itself,
	// such as a wrong password or a certificate that nobody trusts. From a source
	// that has had work it is an error like any other.
	ErrFatal = errors.New("refused")
	// ErrLost is the kind of the error of a share that can no longer be delivered.
	ErrLost = errors.New("share lost")
	// ErrNotWanted says that a share came after the one that was needed. It is
	// neither accepted nor rejected.
	ErrNotWanted = errors.New("share not wanted")
)

// Cause is why a share was not accepted.
type Cause string

const (
	Stale         Cause = "stale"          // its work is out of date (Stratum code 21)
	Duplicate     Cause = "duplicate"      // it was submitted before (22)
	LowDifficulty Cause = "low-difficulty" // it does not meet the source's target (23)
	Unauthorized  Cause = "unauthorized"   // the source does not know the worker (24, 25)
	Invalid       Cause = "invalid"        // anything else
	Lost          Cause = "lost"           // it could not be delivered: ErrLost
)

// Causes lists all causes.
var Causes = []Cause{Stale, Duplicate, LowDifficulty, Unauthorized, Invalid, Lost}

// Rejection is the answer to a share that is not accepted.
type Rejection struct {
	Cause Cause
	Code  int    // of Stratum; 0: none
	Text  string // the source's words

	// Raised says that the share was good when its work was sent: the source has
	// raised the difficulty since, and applies that. Neither the source nor the
	// miner is at fault.
	Raised bool
}

// Error implements error.
func (r *Rejection) Error() string {
	if r.Code != 0 {
		return fmt.Sprintf("share rejected (%s): %s (code %d)", r.Cause, r.Text, r.Code)
	}
	return fmt.Sprintf("share rejected (%s): %s", r.Cause, r.Text)
}
