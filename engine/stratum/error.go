package stratum

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stele/internal/text"
)

// Codes of errors (Slush Pool's description of the protocol).
const (
	CodeOther         = 20
	CodeStale         = 21 // job not found
	CodeDuplicate     = 22
	CodeLowDifficulty = 23
	CodeUnauthorized  = 24
	CodeNotSubscribed = 25

	CodeUnknownMethod = -3
)

// Error is the error of an answer. In a message it is [code, "text", null].
type Error struct {
	Code int    // 0: the answer has none
	Text string // of the other side; ParseMessage leaves printable characters only, at most 1 kB
}

// Error implements error.
func (e *Error) Error() string {
	shown := text.Clean(e.Text, text.Max)
	if e.Code == 0 {
		return shown
	}
	return fmt.Sprintf("%s (code %d)", shown, e.Code)
}

// rejectWords are what pools say when they reject a share with a code of their
// own, or none. They are searched for in this order, in lower case.
var rejectWords = []struct {
	word string
	code int
}{
	{"duplicate", CodeDuplicate},
	{"stale", CodeStale},
	{"job not found", CodeStale},
	{"unknown job", CodeStale},
	{"invalid job", CodeStale}, // ckpool: "Invalid JobID"
	{"unknown-work", CodeStale},
	{"low diff", CodeLowDifficulty},
	{"above target", CodeLowDifficulty}, // ckpool
	{"high-hash", CodeLowDifficulty},
	{"unauthorized", CodeUnauthorized},
	{"not subscribed", CodeNotSubscribed},
	{"not authorized", CodeUnauthorized},
}

// RejectCode returns the standard code that says why a share was rejected,
// [CodeStale] to [CodeNotSubscribed]: the error's own, or that which its text
// means. It returns [CodeOther] for all other errors.
func (e *Error) RejectCode() int {
	if e.Code >= CodeStale && e.Code <= CodeNotSubscribed {
		return e.Code
	}
	words := strings.ToLower(e.Text)
	for _, w := range rejectWords {
		if strings.Contains(words, w.word) {
			return w.code
		}
	}
	return CodeOther
}

// userWords are what pools say about a user whom they do not accept, in lower case.
var userWords = []string{
	"unauthorized", "not authorized", "authorization failed", "authentication failed", "access denied",
	"invalid user", "invalid worker", "invalid account", "invalid address", "invalid password",
	"unknown user", "unknown worker", "unknown account", "user not found", "worker not found",
	"wrong user", "wrong password", "bad user", "bad password",
}

// RejectsUser reports whether the error, in answer to mining.authorize, is about
// the user. All other errors are about the pool.
func (e *Error) RejectsUser() bool {
	words := strings.ToLower(e.Text)
	return e.Code == CodeUnauthorized ||
		slices.ContainsFunc(userWords, func(w string) bool { return strings.Contains(words, w) })
}

// parseError reads the error of an answer: an array [code, text, ...], an object
// with code and message, a number, or a string. Null and false are none.
func parseError(raw json.RawMessage) *Error {
	if isNull(raw) || string(raw) == "false" {
		return nil
	}
	e := &Error{}
	switch raw[0] {
	case '[':
		parts, err := parseArray(raw, "error", maxParams)
		if err != nil || len(parts) == 0 {
			e.Text = string(raw[:min(len(raw), maxErrorText)])
			break
		}
		if json.Unmarshal(parts[0], &e.Code) != nil {
			e.Text = textOf(parts[0])
		}
		if len(parts) > 1 && !isNull(parts[1]) {
			e.Text = textOf(parts[1])
		}
	case '{':
		var object struct {
			Code    json.RawMessage `json:"code"`
			Message json.RawMessage `json:"message"`
		}
		if json.Unmarshal(raw, &object) != nil {
			e.Text = string(raw)
			break
		}
		_ = json.Unmarshal(object.Code, &e.Code) // a code that is not a number is ignored
		e.Text = textOf(object.Message)
	default:
		if json.Unmarshal(raw, &e.Code) != nil {
			e.Text = textOf(raw)
		}
	}
	e.Text = text.Clean(e.Text, maxErrorText)
	return e
}

// maxErrorText bounds Error.Text, in bytes.
const maxErrorText = 1 << 10
