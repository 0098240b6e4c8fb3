// Package text makes text from outside safe to display. Text of a pool, a node, a
// miner or a server goes to terminals, logs and status pages, where it could write
// escape sequences, forge lines, reverse the direction of writing, or fill a disk.
//
//   - [Clean] is for a text.
//   - [Error] is for an error whose text has parts from outside.
//
// Call them where the text enters the program, so that everything after that can
// display it unchanged.
//
// # Caveats
//
// A clean text may still have the separators of a format, such as quotes or commas:
// whoever writes a format must escape its separators.
package text

import (
	"unicode"
	"unicode/utf8"
)

// Max is the limit for text in a line, in bytes.
const Max = 256

// cut ends a text that was too long.
const cut = "..."

// Clean returns s with a space in place of each character that is not printable and
// each byte that is not UTF-8, in at most limit bytes: a longer text ends with
// "...". Controls, escapes, line separators and characters that change the
// direction of writing are not printable. Clean text within the limit is returned
// unchanged. Time and memory depend on limit, not on the length of s.
func Clean(s string, limit int) string {
	limit = max(limit, 0)
	clean, ends := make([]byte, 0, min(len(s), limit)), 0
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = ' '
		}
		if len(clean)+utf8.RuneLen(r) > limit {
			return string(clean[:ends]) + cut[:min(len(cut), limit)]
		}
		clean = utf8.AppendRune(clean, r)
		if len(clean) <= limit-len(cut) {
			ends = len(clean)
		}
	}
	return string(clean)
}

// Error returns an error of the same kinds as err (for errors.Is and errors.As),
// whose text is clean and has at most limit bytes. It returns nil for nil.
func Error(err error, limit int) error {
	if err == nil {
		return nil
	}
	s := err.Error()
	if clean := Clean(s, limit); clean != s {
		return &cleaned{clean, err}
	}
	return err
}

type cleaned struct {
	text string
	err  error
}

func (e *cleaned) Error() string { return e.text }
func (e *cleaned) Unwrap() error { return e.err }
