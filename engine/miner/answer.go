package miner

import (
	"time"

	"stele/engine/pow"
)

// Answer is the answer to a share.
type Answer struct {
	At     time.Time
	Took   time.Duration // since the share was found
	Number uint64        // among the accepted shares of the miner, or among the others
	Source string        // its name
	Device string        // ID of the device that found the share

	Difficulty pow.Difficulty // of the share's hash
	Required   pow.Difficulty // of the work
	Block      bool           // the share is a block

	Cause  Cause  // why it was not accepted; "": it was
	Reason string // the source's words, safe to display and at most text.Max bytes
}

// newAnswer returns the answer to a share that was accepted.
func newAnswer(u *upstream, s Share, now time.Time, number uint64) Answer {
	return Answer{
		At: now, Took: now.Sub(s.Found), Number: number, Source: u.name, Device: s.Device,
		Difficulty: s.Hash.Difficulty(), Required: s.Work.Target.Difficulty(), Block: s.Block(),
	}
}
