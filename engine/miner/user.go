package miner

import (
	"fmt"
	"sync/atomic"
)

// maxUserRefusals in a row are believed.
const maxUserRefusals = 3

// UserRefusals counts how often in a row a source has refused its user. A pool
// whose database is down, or a proxy before a node that starts, refuses everybody
// for a moment, and without TLS anybody on the path can answer. So only repeated
// refusals are [ErrFatal]. The zero value is ready. Safe for concurrent use.
type UserRefusals struct{ inARow atomic.Int32 }

// Refused counts a refusal and returns the error that ends the session. It is of
// the kind of err, and from the third refusal on ErrFatal too.
func (u *UserRefusals) Refused(err error) error {
	if u.inARow.Add(1) < maxUserRefusals {
		return fmt.Errorf("%v: %w", ErrFatal, err) // in the same words, but not believed yet
	}
	return fmt.Errorf("%w: %w", ErrFatal, err)
}

// Accepted notes that the source has taken the user.
func (u *UserRefusals) Accepted() { u.inARow.Store(0) }
