package reject

import (
	"errors"
	"fmt"
)

// Error says why something was rejected.
type Error struct {
	Reason Reason
	Text   string // what was wrong, where, and what was expected
}

// Error returns the reason and the text: "sequence-used: sequence number 3 ...".
func (e *Error) Error() string { return string(e.Reason) + ": " + e.Text }

// Is reports whether target is an [Error] with the same reason and either the
// same text or none, so that errors.Is(err, &Error{Reason: r}) asks for r.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason && (t.Text == "" || t.Text == e.Text)
}

// New returns an [*Error] with the reason r and a text made as by fmt.Sprintf.
func New(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Text: fmt.Sprintf(format, args...)}
}

// Of returns the reason of the first [*Error] in the tree of err, and false if
// there is none.
func Of(err error) (Reason, bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason, true
	}
	return "", false
}
