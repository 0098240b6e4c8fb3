package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stele/engine/pow"
)

// Source is where work comes from. Its methods are called by one goroutine, but
// for Work.Submit.
type Source interface {
	// Name tells the source in logs and statistics: its URL without secrets.
	Name() string

	// User returns who is credited with the shares, as the source names it: a
	// worker, or the address that blocks pay. It is no secret. "": nobody is named.
	User() string

	// Run keeps one session until ctx ends, and then returns its error, or until
	// the session breaks, and then returns why. It may be called again: what the
	// source knows about the session before, and the shares that are not
	// answered, it keeps. An error that is [ErrFatal] says that it is of no use to
	// call again soon.
	Run(ctx context.Context, s Session) error
}

// Session is the side of the miner that a source talks to. Its methods may be
// called by several goroutines, and do not block.
type Session interface {
	// Work gives the newest work. The first one tells that the session stands.
	Work(w *Work)
	// HashRate is what the engine does, in hashes per second, so that a source
	// can ask for shares of a fitting difficulty; 0 is not known yet.
	HashRate() float64
}

// DefaultVersionMask has the bits of the version that BIP 320 leaves to miners.
const DefaultVersionMask uint32 = 0x1fffe000

// Work makes the headers of one block. It is not changed once it is given.
type Work struct {
	ID     string // the source's name for it
	Clean  bool   // the shares of older work of this source are worth nothing any more
	Height uint32 // of the block; 0: not known

	Target      pow.Target // that a share must meet
	VersionMask uint32     // bits of the version that may be changed (BIP 310)

	// The time of a header may be from Time, which is that of the source's clock
	// when Received was that of ours, on; and up to MaxTime if that is not 0. So
	// that no pool takes offence, a header is dated Time plus what has passed
	// since Received.
	Time, MaxTime uint32
	Received      time.Time

	// Extranonces is how many there are, from 0 on; at least 1.
	Extranonces uint64
	// Header returns the header with an extranonce and a time, and nonce 0. It
	// may be called by several goroutines at once, and must be quick: a dozen
	// hashes.
	Header func(extranonce uint64, time uint32) pow.Header

	// Submit gives a share to the source and returns when there is an answer: nil
	// if it is accepted, or a *[Rejection]. If the session is broken it waits for
	// the next one, as long as the share could count there. [ErrLost] says that
	// it cannot any more. It may be called by several goroutines at once.
	Submit func(ctx context.Context, s Share) error
}

// height returns what a line of the log has about the height: nothing if it is not
// known.
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
	// ErrFatal is the kind of an error of Source.Run that will not pass by
	// itself, such as a wrong password or a certificate that nobody trusts. From a
	// source that has given work it is an error like any other.
	ErrFatal = errors.New("refused")
	// ErrLost says that a share can no longer be delivered.
	ErrLost = errors.New("share lost")
)

// Cause is why a share was not accepted.
type Cause string

const (
	Stale         Cause = "stale"          // its work is out of date (Stratum code 21)
	Duplicate     Cause = "duplicate"      // it was there before (22)
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

	// Raised says that the share was good when its work was given: the source has
	// raised the difficulty since, and judges by that. It says nothing against the
	// source, nor against the miner.
	Raised bool
}

// Error implements error.
func (r *Rejection) Error() string {
	if r.Code != 0 {
		return fmt.Sprintf("share rejected (%s): %s (code %d)", r.Cause, r.Text, r.Code)
	}
	return fmt.Sprintf("share rejected (%s): %s", r.Cause, r.Text)
}
