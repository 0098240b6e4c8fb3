package fields

import (
	"fmt"
	"slices"
	"strings"

	"stele/node/ledger/reject"
)

// Words are the names of the choices 1, 2 and so on. The choice 0 is none.
type Words []string

const none = "none"

// Known reports whether n is one of the choices from 1 on.
func (w Words) Known(n uint8) bool { return n > 0 && int(n) <= len(w) }

// Name returns the word for n: "none" for 0, "choice-9" for one that has none.
func (w Words) Name(n uint8) string {
	switch {
	case n == 0:
		return none
	case !w.Known(n):
		return fmt.Sprintf("choice-%d", n)
	}
	return w[n-1]
}

// Check rejects a number that is no choice. Field is what the field is called.
// The reason is [reject.UnknownChoice].
func (w Words) Check(field string, n uint8) error {
	if n == 0 {
		return reject.New(reject.UnknownChoice, "%s is missing: must be %s", field, w.list())
	}
	if !w.Known(n) {
		return reject.New(reject.UnknownChoice, "invalid %s %d: must be 1 to %d", field, n, len(w))
	}
	return nil
}

// Parse reads a word into a choice. Field is what the field is called. The reason
// is [reject.UnknownChoice].
func Parse[C ~uint8](c *C, w Words, field string, text []byte) error {
	i := slices.Index(w, string(text))
	if i < 0 && string(text) != none {
		return reject.New(reject.UnknownChoice, "invalid %s %.40q: must be %s", field, text, w.list())
	}
	*c = C(i + 1)
	return nil
}

// list returns the words as a sentence has them: "fault, recall or delivery".
func (w Words) list() string {
	last := len(w) - 1
	if last <= 0 {
		return strings.Join(w, "")
	}
	return strings.Join(w[:last], ", ") + " or " + w[last]
}
