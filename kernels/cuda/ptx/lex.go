package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// Kinds of tokens; a punctuation mark is its own kind.
const (
	tokEnd    = 0
	tokWord   = 'w' // add.u32, %r1, %tid.x, .reg, $L__BB0_1
	tokNumber = 'n' // an unsigned integer
	tokFloat  = 'f' // only in .version
	tokString = 's'
)

type token struct {
	kind  byte
	text  string
	value uint64 // of a tokNumber
	pos   int    // in the text, in bytes
	line  int
}

func (t token) String() string {
	if t.kind == tokEnd {
		return "the end of the text"
	}
	return strconv.Quote(t.text)
}

// failAt ends parsing; Parse recovers the error.
func failAt(line int, kind error, format string, args ...any) {
	panic(&ParseError{Kind: kind, Line: line, Message: fmt.Sprintf(format, args...)})
}

func wordStart(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$' || c == '%' || c == '.'
}

func wordPart(c byte) bool {
	return wordStart(c) && c != '%' || '0' <= c && c <= '9'
}

// lex splits a text into tokens, without comments. The last one is a tokEnd.
func lex(text string) []token {
	tokens := make([]token, 0, len(text)/5+1)
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch {
		case c == '\n':
			line++
			i++
			continue
		case c == ' ' || c == '\t' || c == '\r':
			i++
			continue
		case strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				failAt(line, ErrSyntax, "unterminated comment")
			}
			line += strings.Count(text[i:i+2+n], "\n")
			i += n + 4
			continue
		}
		t := token{kind: c, pos: start, line: line}
		switch {
		case c == '"':
			n := strings.IndexAny(text[i+1:], "\"\n")
			if n < 0 || text[i+1+n] != '"' {
				failAt(line, ErrSyntax, "unterminated string")
			}
			t.kind = tokString
			i += n + 2
		case '0' <= c && c <= '9':
			for i < len(text) && wordPart(text[i]) {
				i++
			}
			t.kind = tokNumber
			var ok bool
			if t.value, ok = number(text[start:i]); !ok {
				t.kind = tokFloat
			}
		case wordStart(c):
			i++
			for i < len(text) && (wordPart(text[i]) || strings.HasPrefix(text[i:], "::")) {
				if text[i] == ':' {
					i++
				}
				i++
			}
			t.kind = tokWord
		case strings.IndexByte(",;:@!{}()[]<>+-=|", c) >= 0:
			i++
		default:
			failAt(line, ErrSyntax, "unexpected character %q", c)
		}
		t.text = text[start:i]
		tokens = append(tokens, t)
	}
	return append(tokens, token{pos: len(text), line: line})
}

// number reads an integer constant: decimal, 0x, 0b or octal with a leading 0,
// with an optional suffix U.
func number(s string) (uint64, bool) {
	s = strings.TrimSuffix(s, "U")
	base := 10
	switch {
	case strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X"):
		s, base = s[2:], 16
	case strings.HasPrefix(s, "0b") || strings.HasPrefix(s, "0B"):
		s, base = s[2:], 2
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	v, err := strconv.ParseUint(s, base, 64)
	return v, err == nil
}
