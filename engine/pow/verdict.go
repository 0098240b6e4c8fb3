package pow

import (
	"fmt"
	"strings"
)

// Verdict is the result of checking a header of a batch: a set of flags for what
// is wrong, empty if the header is valid.
type Verdict uint8

// The flags of a verdict. A header with BadBits has no target, so HighHash is not
// set with it.
const (
	BadBits  Verdict = 1 << iota // nBits is negative, zero or over 256 bits
	HighHash                     // the hash is above the target of nBits
	BadLink                      // the parent is not the header before it

	Valid Verdict = 0
)

// String returns "valid", or what is wrong, as in "high hash, bad link".
func (v Verdict) String() string {
	if v == Valid {
		return "valid"
	}
	var wrong []string
	for _, flag := range []struct {
		bit  Verdict
		name string
	}{{BadBits, "bad bits"}, {HighHash, "high hash"}, {BadLink, "bad link"}} {
		if v&flag.bit != 0 {
			wrong = append(wrong, flag.name)
		}
	}
	if rest := v &^ (BadBits | HighHash | BadLink); rest != 0 {
		wrong = append(wrong, fmt.Sprintf("unknown %#02x", uint8(rest)))
	}
	return strings.Join(wrong, ", ")
}
