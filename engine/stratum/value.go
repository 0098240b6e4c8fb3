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

// The parse functions of this file read one JSON value each. Their errors name
// the field, what was expected and what was found.

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// isEmptyObject reports whether a JSON value is {}.
func isEmptyObject(raw json.RawMessage) bool {
	inside, ok := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("{"))
	return ok && string(bytes.TrimSpace(inside)) == "}"
}

// clip quotes input for an error, and shortens it.
func clip(raw []byte) string {
	const max = 64
	if len(raw) > max {
		return strconv.Quote(string(raw[:max])) + "..."
	}
	return strconv.Quote(string(raw))
}

func badField(name, want string, got []byte) error {
	return fmt.Errorf("%w: %s: want %s, got %s", ErrFormat, name, want, clip(got))
}

// parseArray reads an array of at most max values; null is an empty one. The
// values are parts of raw, so that a line of commas does not become a large slice.
func parseArray(raw json.RawMessage, name string, max int) ([]json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '[' || !json.Valid(raw) {
		return nil, badField(name, "an array", raw)
	}
	all := []json.RawMessage{}
	rest := bytes.TrimSpace(raw[1 : len(raw)-1])
	for len(rest) > 0 {
		if len(all) == max {
			return nil, fmt.Errorf("%w: %s: more than %d values", ErrFormat, name, max)
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

// parseString reads a string of at most max bytes.
func parseString(raw json.RawMessage, name string, max int) (string, error) {
	var s string
	if isNull(raw) || json.Unmarshal(raw, &s) != nil {
		return "", badField(name, "a string", raw)
	}
	if len(s) > max {
		return "", fmt.Errorf("%w: %s: %d bytes long, at most %d", ErrFormat, name, len(s), max)
	}
	return s, nil
}

// textOf returns the text of a string, and the JSON of any other value.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// parseName reads a string or a number as text: some pools number their jobs.
func parseName(raw json.RawMessage, field string, max int) (string, error) {
	if len(raw) > 0 && len(raw) <= max && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
		return string(raw), nil
	}
	return parseString(raw, field, max)
}

// parseHex reads min to max bytes in hex.
func parseHex(raw json.RawMessage, name string, min, max int) ([]byte, error) {
	s, err := parseString(raw, name, MaxLine)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, badField(name, "hex digits, two for each byte", raw)
	}
	switch {
	case min == max && len(b) != min:
		return nil, fmt.Errorf("%w: %s: %d bytes, want %d", ErrFormat, name, len(b), min)
	case len(b) < min || len(b) > max:
		return nil, fmt.Errorf("%w: %s: %d bytes, want %d to %d", ErrFormat, name, len(b), min, max)
	}
	return b, nil
}

// parseWord reads a 32-bit number from 1 to 8 hex digits, most significant first.
func parseWord(raw json.RawMessage, name string) (uint32, error) {
	s, err := parseString(raw, name, MaxLine)
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

// parseBool reads true or false, or 1 or 0, also as a string.
func parseBool(raw json.RawMessage, name string) (bool, error) {
	switch textOf(raw) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, badField(name, "true or false", raw)
}

// parseInt reads a number from min to max, which may be a string.
func parseInt(raw json.RawMessage, name string, min, max int) (int, error) {
	n, err := strconv.Atoi(textOf(raw))
	if err != nil || n < min || n > max {
		return 0, badField(name, fmt.Sprintf("a number from %d to %d", min, max), raw)
	}
	return n, nil
}

// parseHash reads a hash in plain byte order, as in a Merkle branch.
func parseHash(raw json.RawMessage, name string) (h pow.Hash, err error) {
	b, err := parseHex(raw, name, len(h), len(h))
	copy(h[:], b)
	return h, err
}

// ParseDifficulty reads a difficulty: a JSON number, or a string that holds one.
// The value is exact; it may be far below 1, and huge. Zero and negative numbers
// are an error, of the kind [ErrFormat].
func ParseDifficulty(raw json.RawMessage) (pow.Difficulty, error) {
	d, err := pow.ParseDifficulty(textOf(raw))
	if err != nil {
		return d, fmt.Errorf("%w: difficulty: %w", ErrFormat, err)
	}
	return d, nil
}

// FormatDifficulty returns a difficulty as a JSON number. The caller must not
// pass difficulty 0, which no miner can use.
func FormatDifficulty(d pow.Difficulty) json.RawMessage {
	return json.RawMessage(d.String())
}
