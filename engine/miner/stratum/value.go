package stratum

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"stele/engine/pow"
)

// The functions of this file read one JSON value each. Their errors say which
// field it was, what was expected and what came.

func null(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// emptyObject reports whether a JSON value is {}.
func emptyObject(raw json.RawMessage) bool {
	inside, ok := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("{"))
	return ok && string(bytes.TrimSpace(inside)) == "}"
}

// clip shortens what came from the other side to what fits into an error.
func clip(raw []byte) string {
	const most = 64
	if len(raw) > most {
		return strconv.Quote(string(raw[:most])) + "..."
	}
	return strconv.Quote(string(raw))
}

func badField(name, want string, got []byte) error {
	return fmt.Errorf("%w: %s: want %s, got %s", ErrFormat, name, want, clip(got))
}

// array reads an array of at most most values; null is an empty one. The values
// are parts of raw: a line of commas does not become a large slice.
func array(raw json.RawMessage, name string, most int) ([]json.RawMessage, error) {
	if null(raw) {
		return nil, nil
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '[' || !json.Valid(raw) {
		return nil, badField(name, "an array", raw)
	}
	all := []json.RawMessage{}
	rest := bytes.TrimSpace(raw[1 : len(raw)-1])
	for len(rest) > 0 {
		if len(all) == most {
			return nil, fmt.Errorf("%w: %s: more than %d values", ErrFormat, name, most)
		}
		n := valueEnd(rest)
		all = append(all, json.RawMessage(bytes.TrimSpace(rest[:n])))
		rest = rest[min(n+1, len(rest)):]
	}
	return all, nil
}

// valueEnd returns where the first value of the inside of an array ends: at a
// comma, or at the end.
func valueEnd(inside []byte) int {
	for i, depth := range outside(inside) {
		if inside[i] == ',' && depth == 0 {
			return i
		}
	}
	return len(inside)
}

// text reads a string of at most most bytes.
func text(raw json.RawMessage, name string, most int) (string, error) {
	var s string
	if null(raw) || json.Unmarshal(raw, &s) != nil {
		return "", badField(name, "a string", raw)
	}
	if len(s) > most {
		return "", fmt.Errorf("%w: %s: %d bytes long, at most %d", ErrFormat, name, len(s), most)
	}
	return s, nil
}

// loose returns the text of a string, and of any other value its JSON.
func loose(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// name reads a string or a number, as its text: some pools number their jobs.
func name(raw json.RawMessage, field string, most int) (string, error) {
	if len(raw) > 0 && len(raw) <= most && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
		return string(raw), nil
	}
	return text(raw, field, most)
}

// hexBytes reads from least to most bytes in hex.
func hexBytes(raw json.RawMessage, name string, least, most int) ([]byte, error) {
	s, err := text(raw, name, MaxLine)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, badField(name, "hex digits, two for each byte", raw)
	}
	switch {
	case least == most && len(b) != least:
		return nil, fmt.Errorf("%w: %s: %d bytes, want %d", ErrFormat, name, len(b), least)
	case len(b) < least || len(b) > most:
		return nil, fmt.Errorf("%w: %s: %d bytes, want %d to %d", ErrFormat, name, len(b), least, most)
	}
	return b, nil
}

// word reads a 32-bit number from 1 to 8 hex digits, most significant first.
func word(raw json.RawMessage, name string) (uint32, error) {
	s, err := text(raw, name, MaxLine)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 32)
	if err != nil {
		return 0, badField(name, "8 hex digits", raw)
	}
	return uint32(n), nil
}

func formatWord(n uint32) string { return fmt.Sprintf("%08x", n) }

// boolean reads true or false, and 1 or 0, also as text.
func boolean(raw json.RawMessage, name string) (bool, error) {
	switch loose(raw) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, badField(name, "true or false", raw)
}

// integer reads a number from least to most, which may be a string.
func integer(raw json.RawMessage, name string, least, most int) (int, error) {
	n, err := strconv.Atoi(loose(raw))
	if err != nil || n < least || n > most {
		return 0, badField(name, fmt.Sprintf("a number from %d to %d", least, most), raw)
	}
	return n, nil
}

// hash reads a hash in plain byte order, as in a Merkle branch.
func hash(raw json.RawMessage, name string) (h pow.Hash, err error) {
	b, err := hexBytes(raw, name, len(h), len(h))
	copy(h[:], b)
	return h, err
}

// ParseDifficulty reads a difficulty: a JSON number, or a string that holds one,
// kept exactly. It may be far below 1, and huge. 0 is an error.
func ParseDifficulty(raw json.RawMessage) (pow.Difficulty, error) {
	d, err := pow.ParseDifficulty(loose(raw))
	if err != nil {
		return d, fmt.Errorf("%w: difficulty: %w", ErrFormat, err)
	}
	return d, nil
}

// FormatDifficulty returns a difficulty as a JSON number. Difficulty 0 is no
// number that a miner can use, and is the caller's mistake.
func FormatDifficulty(d pow.Difficulty) json.RawMessage {
	return json.RawMessage(d.String())
}
