// Package bounded bounds the memory for data from outside: it grows with the data
// accepted, not with the data sent.
//
// [Map] and [Set] hold a fixed number of keys, such as the shares that a miner
// has submitted.
//
// [Decode] reads a JSON value as a stream, and [List] limits lists while they are
// read, before memory is allocated for their elements. Decode is strict, as
// evidence requires: every name has its exact case and occurs once, and an unknown
// name or data after the value is an error. [Unmarshal] is liberal, for responses
// of other programs that are already in memory.
package bounded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrTooLarge is the kind of the error that an input exceeds a bound.
var ErrTooLarge = errors.New("too large")

// Limits bound what [Decode] reads.
type Limits struct {
	// Bytes is the maximum length of the input, in bytes.
	Bytes int64
	// Token is the maximum length of an encoded string, number or name, in bytes.
	// It also bounds the memory of the decoder itself.
	Token int
	// Lists are made by [List]. Lists of other types are bounded only by the length
	// of the input.
	Lists []*json.Unmarshalers
}

// Decode reads one JSON value from r into v, a pointer as for
// encoding/json.Unmarshal. An error reports where in the input the fault is, and
// quotes at most a few bytes of it; it is [ErrTooLarge] if a bound is exceeded.
// Errors of r are returned unchanged.
func Decode(r io.Reader, v any, limits Limits) error {
	in := &reader{in: r, limits: limits}
	dec := jsontext.NewDecoder(in)
	in.dec = dec
	err := json.UnmarshalDecode(dec, v,
		json.RejectUnknownMembers(true), json.WithUnmarshalers(json.JoinUnmarshalers(limits.Lists...)))
	if err == nil {
		if _, err = dec.ReadToken(); err == io.EOF {
			return nil
		} else if err == nil {
			err = fmt.Errorf("byte %d: something follows the JSON value", dec.InputOffset())
		}
	}
	if in.err != nil {
		return in.err
	}
	return explain(err)
}

// Unmarshal decodes one JSON value, as encoding/json.Unmarshal does, but with
// lists limited by [List]. Names must have their exact case. Unknown names are
// ignored, and of a name that occurs twice the last one counts. Errors are like
// those of [Decode].
func Unmarshal(text []byte, v any, lists ...*json.Unmarshalers) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true)) // which does not copy the text
	err := json.UnmarshalDecode(dec, v, json.WithUnmarshalers(json.JoinUnmarshalers(lists...)))
	if err != nil {
		return explain(err)
	}
	if _, err = dec.ReadToken(); err != io.EOF {
		return fmt.Errorf("byte %d: something follows the JSON value", dec.InputOffset())
	}
	return nil
}

// List limits each list of Ts to max elements, and rejects a null among them. If
// check is not nil, it is called with each element as soon as that is read; an
// error of it ends the decoding.
func List[T any](max int, check func(*T) error) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, list *[]T) error {
		if dec.PeekKind() != '[' {
			return errors.ErrUnsupported // so that json reports it, or reads null
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		all := []T{}
		for dec.PeekKind() != ']' {
			n := len(all)
			switch {
			case n == max:
				return fmt.Errorf("%w: more than %d elements", ErrTooLarge, max)
			case dec.PeekKind() == 'n':
				return fmt.Errorf("element %d is null", n)
			case n == cap(all):
				// The append of Go grows long slices by a quarter, which allocates
				// five times the result in all; doubling allocates at most four times.
				all = append(make([]T, 0, min(max, 2*n+1)), all...)
			}
			all = all[:n+1] // its element is zero
			if err := json.UnmarshalDecode(dec, &all[n]); err != nil {
				return err
			}
			if check != nil {
				if err := check(&all[n]); err != nil {
					return fmt.Errorf("element %d: %w", n, err)
				}
			}
		}
		*list = all
		_, err := dec.ReadToken()
		return err
	})
}

// reader limits what the decoder may read. The decoder reads ahead only to complete
// a token: if it has read much more than it has consumed, it is inside a long
// token.
type reader struct {
	in     io.Reader
	dec    *jsontext.Decoder
	limits Limits
	read   int64
	err    error // the first one other than io.EOF
}

func (r *reader) Read(b []byte) (int, error) {
	switch ahead := r.read - r.dec.InputOffset(); {
	case ahead > int64(r.limits.Token):
		r.err = fmt.Errorf("%w: byte %d: a value of more than %d bytes", ErrTooLarge, r.read-ahead, r.limits.Token)
	case r.read > r.limits.Bytes:
		r.err = fmt.Errorf("%w: longer than %d bytes", ErrTooLarge, r.limits.Bytes)
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.in.Read(b[:min(int64(len(b)), r.limits.Bytes+1-r.read)])
	if r.read += int64(n); r.read > r.limits.Bytes {
		r.err = fmt.Errorf("%w: longer than %d bytes", ErrTooLarge, r.limits.Bytes)
		return 0, r.err
	}
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// maxQuote bounds the part of the input that an error quotes, in bytes.
const maxQuote = 60

// explain rewords an error of the JSON library like those of the rest of Stele: the
// place, then what is wrong. The place is a JSON pointer (RFC 6901), which has
// names from the input.
func explain(err error) error {
	place := func(p jsontext.Pointer, offset int64) string {
		if p == "" {
			return fmt.Sprintf("byte %d", offset)
		}
		if len(p) > maxQuote {
			p = p[:maxQuote] + "..."
		}
		return fmt.Sprintf("%+q", string(p))
	}
	if e := new(jsontext.SyntacticError); errors.As(err, &e) {
		what := "this is not JSON"
		switch {
		case errors.Is(e.Err, jsontext.ErrDuplicateName):
			what = "the name occurs twice"
		case errors.Is(e.Err, io.ErrUnexpectedEOF):
			what = "the JSON ends early"
		case strings.Contains(e.Err.Error(), "UTF-8"):
			what = "invalid UTF-8"
		}
		return fmt.Errorf("%s: %s", place(e.JSONPointer, e.ByteOffset), what)
	}
	if e := new(json.SemanticError); errors.As(err, &e) {
		switch {
		case errors.Is(e.Err, json.ErrUnknownName):
			return fmt.Errorf("%s: unknown name", place(e.JSONPointer, e.ByteOffset))
		case e.Err != nil:
			return fmt.Errorf("%s: %w", place(e.JSONPointer, e.ByteOffset), bound(e.Err))
		default:
			return fmt.Errorf("%s: a JSON %s does not fit here", place(e.JSONPointer, e.ByteOffset), kind(e.JSONKind))
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends early")
	}
	return err
}

// kind returns the name of a kind of JSON value in RFC 8259.
func kind(k jsontext.Kind) string {
	switch k {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number"
	default:
		return k.String() // null, false, true
	}
}

// bound truncates the text of an error that quotes too much.
func bound(err error) error {
	if text := err.Error(); len(text) > 4*maxQuote {
		return errors.New(text[:4*maxQuote] + "...")
	}
	return err
}
