package miner

import (
	"fmt"
	"sync/atomic"
)

// maxUserRejections is the number of rejections in a row that are believed.
const maxUserRejections = 3

// UserRejections counts how often in a row a source has rejected its user. A pool
// whose database is down, or a proxy in front of a node that starts, rejects
// everybody for a moment, and without TLS anybody on the path can answer. So only
// repeated rejections are [ErrFatal]. The zero value is ready. Safe for concurrent
// use.
type UserRejections struct{ inARow atomic.Int32 }

// Rejected counts a rejection and returns the error that ends the session. It is
// of the kind of err, and from the third rejection on also of the kind ErrFatal.
func (u *UserRejections) Rejected(err error) error {
	if u.inARow.Add(1) < maxUserRejections {
		return fmt.Errorf("%v: %w", ErrFatal, err) // in the same words, but not believed yet
	}
	return fmt.Errorf("%w: %w", ErrFatal, err)
}

// Accepted notes that the source has accepted the user.
func (u *UserRejections) Accepted() { u.inARow.Store(0) }
