package stratum

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stele/engine/miner"
	untrusted "stele/internal/text"
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

// Error is an answer that is an error. On the wire it is [code, "text", null].
type Error struct {
	Code int    // 0: it came without one
	Text string // the other side's words; one that was read has printable characters only, at most 1 kB
}

// Error implements error.
func (e *Error) Error() string {
	if e.Code == 0 {
		return clean(e.Text)
	}
	return fmt.Sprintf("%s (code %d)", clean(e.Text), e.Code)
}

// causeWords are what pools say about shares under codes of their own, or under
// none. They are looked for in this order, in small letters.
var causeWords = []struct {
	word  string
	cause miner.Cause
}{
	{"duplicate", miner.Duplicate},
	{"stale", miner.Stale},
	{"job not found", miner.Stale},
	{"unknown job", miner.Stale},
	{"invalid job", miner.Stale}, // ckpool: "Invalid JobID"
	{"unknown-work", miner.Stale},
	{"low diff", miner.LowDifficulty},
	{"above target", miner.LowDifficulty}, // ckpool
	{"high-hash", miner.LowDifficulty},
	{"unauthorized", miner.Unauthorized},
	{"not subscribed", miner.Unauthorized},
	{"not authorized", miner.Unauthorized},
}

// Cause returns why a share was not accepted: by the code, else by the words.
func (e *Error) Cause() miner.Cause {
	switch e.Code {
	case CodeStale:
		return miner.Stale
	case CodeDuplicate:
		return miner.Duplicate
	case CodeLowDifficulty:
		return miner.LowDifficulty
	case CodeUnauthorized, CodeNotSubscribed:
		return miner.Unauthorized
	}
	words := strings.ToLower(e.Text)
	for _, w := range causeWords {
		if strings.Contains(words, w.word) {
			return w.cause
		}
	}
	return miner.Invalid
}

// userWords are what pools say about a user that they refuse, in small letters.
var userWords = []string{
	"unauthorized", "not authorized", "authorization failed", "authentication failed", "access denied",
	"invalid user", "invalid worker", "invalid account", "invalid address", "invalid password",
	"unknown user", "unknown worker", "unknown account", "user not found", "worker not found",
	"wrong user", "wrong password", "bad user", "bad password",
}

// refusesUser reports whether the error, in answer to mining.authorize, is about
// the user. All other errors are about the pool.
func (e *Error) refusesUser() bool {
	words := strings.ToLower(e.Text)
	return e.Code == CodeUnauthorized ||
		slices.ContainsFunc(userWords, func(w string) bool { return strings.Contains(words, w) })
}

// parseError reads the error of an answer: an array [code, text, ...], an object
// with code and message, a number, or a text. Null and false are none.
func parseError(raw json.RawMessage) *Error {
	if null(raw) || string(raw) == "false" {
		return nil
	}
	e := &Error{}
	switch raw[0] {
	case '[':
		parts, err := array(raw, "error", maxParams)
		if err != nil || len(parts) == 0 {
			e.Text = string(raw[:min(len(raw), maxErrorText)])
			break
		}
		if json.Unmarshal(parts[0], &e.Code) != nil {
			e.Text = loose(parts[0])
		}
		if len(parts) > 1 && !null(parts[1]) {
			e.Text = loose(parts[1])
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
		_ = json.Unmarshal(object.Code, &e.Code) // a code that is no number is none
		e.Text = loose(object.Message)
	default:
		if json.Unmarshal(raw, &e.Code) != nil {
			e.Text = loose(raw)
		}
	}
	e.Text = untrusted.Clean(e.Text, maxErrorText)
	return e
}

const maxErrorText = 1 << 10

// clean returns a text of the other side's as it may be shown.
func clean(s string) string { return untrusted.Clean(s, untrusted.Max) }

// scrub returns a text of the pool's without user and password, which some pools
// repeat in their answers. The text may be clean already.
func (c *Client) scrub(text string) string {
	for _, secret := range []string{c.options.User, c.options.Password} {
		if len(secret) > 3 { // shorter ones are in any text
			text = strings.ReplaceAll(text, secret, "...")
			text = strings.ReplaceAll(text, untrusted.Clean(secret, len(secret)), "...")
		}
	}
	return text
}
