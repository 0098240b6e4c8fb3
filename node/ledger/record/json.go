package record

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// MaxTextSize is the maximum length of the JSON form of a record, in bytes:
// more than twice that of its encoding, since most of it is hex.
const MaxTextSize = 5 * MaxSize / 2

// textForm is the JSON form of a record.
type textForm struct {
	Network    uint32          `json:"network"`
	Type       string          `json:"type"`
	Version    uint8           `json:"version"`
	Seq        uint64          `json:"seq"`
	ValidUntil uint32          `json:"valid_until"`
	Fee        Amount          `json:"fee"`
	Key        Key             `json:"key"`
	Payload    json.RawMessage `json:"payload"`
	Signatures []Signature     `json:"signatures"`
	ID         string          `json:"id"`
}

// MarshalJSON returns the JSON form. Amounts are decimals in strings, keys have
// their checksum, other bytes are hex; the id is in display order. A missing
// signature is "".
func (r *Record) MarshalJSON() ([]byte, error) {
	payload, err := json.Marshal(r.Payload)
	if err != nil {
		return nil, err
	}
	signatures := r.Signatures
	if signatures == nil {
		signatures = []Signature{}
	}
	return json.Marshal(textForm{
		Network: r.Network, Type: r.Type().String(), Version: r.Version, Seq: r.Seq,
		ValidUntil: r.ValidUntil, Fee: r.Fee, Key: r.Key, Payload: payload,
		Signatures: signatures, ID: r.ID().String(),
	})
}

// UnmarshalJSON reads the JSON form, of at most [MaxTextSize] bytes. It rejects
// unknown, missing and repeated fields, and everything that [Decode] rejects in the
// record that the text stands for. Only "signatures" and "id" may be missing: the signatures are then
// zeros, to be made with [Sign]. An id must be the right one. Errors are of
// package reject.
func (r *Record) UnmarshalJSON(text []byte) error {
	decoded, err := parseText(text)
	if err != nil {
		if _, ok := reject.Of(err); !ok {
			err = reject.New(reject.BadRecordEncoding, "%.300v", err)
		}
		return err
	}
	*r = *decoded
	return nil
}

func parseText(text []byte) (*Record, error) {
	if len(text) > MaxTextSize {
		return nil, reject.New(reject.RecordTooLarge, "the text has %d bytes, the limit is %d", len(text), MaxTextSize)
	}
	form, err := unmarshalStrict[textForm](text, "signatures", "id")
	if err != nil {
		return nil, err
	}
	kind, err := ParseType(form.Type)
	if err != nil {
		return nil, err
	}
	if err := knownType(kind, form.Version); err != nil {
		return nil, err
	}
	payload, err := types[kind].fromJSON(form.Payload)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	if want := signatureCount(payload); len(form.Signatures) > 0 && len(form.Signatures) != want {
		return nil, wrongSignatureCount(len(form.Signatures), want)
	}
	// The encoding is what counts: the record is what Decode makes of it.
	r, err := Decode(New(Record{
		Network: form.Network, Version: form.Version, Seq: form.Seq, ValidUntil: form.ValidUntil,
		Fee: form.Fee, Key: form.Key, Payload: payload, Signatures: form.Signatures,
	}).Encode())
	if err != nil {
		return nil, err
	}
	if form.ID != "" && form.ID != r.ID().String() {
		return nil, reject.New(reject.WrongID, "the text has the id %.64q, but the record's is %v", form.ID, r.ID())
	}
	return r, nil
}

// fromJSON reads the JSON form of a payload of type P.
func fromJSON[P Payload](text []byte) (Payload, error) { return unmarshalStrict[P](text) }

// unmarshalStrict reads a JSON object, and rejects one that does not have
// exactly the fields that a T is written with, each once. The optional ones may
// be missing.
func unmarshalStrict[T any](text []byte, optional ...string) (v T, err error) {
	got, null, err := fieldNames(text)
	switch {
	case err != nil:
		return v, err
	case null:
		return v, errors.New("a value is null")
	}
	empty, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	want, _, err := fieldNames(empty)
	if err != nil {
		return v, err
	}
	for i, name := range got {
		switch {
		case slices.Contains(got[:i], name):
			return v, fmt.Errorf("the field %.40q appears twice", name)
		case !slices.Contains(want, name):
			return v, fmt.Errorf("unknown field %.40q: must be one of \"%s\"", name, strings.Join(want, `", "`))
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) && !slices.Contains(optional, name) {
			return v, fmt.Errorf("the field %q is missing", name)
		}
	}
	if err = json.Unmarshal(text, &v); err != nil {
		err = explain(&v, text, err)
	}
	return v, err
}

// Bounds for values that can take much more memory than their text. The JSON form
// of a record has less.
const (
	maxValues   = 256
	maxLevels   = 8
	longestName = 64
)

// fieldNames returns the names of the fields of a JSON object, as they are
// written, and whether anything in it is null.
func fieldNames(text []byte) (names []string, null bool, err error) {
	level, values, quote := 0, 1, -1 // quote is where the string began
	var last []byte                  // string
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote >= 0 && c == '\\':
			i++
		case quote >= 0 && c == '"':
			last, quote = text[quote+1:i], -1
		case quote >= 0:
		case c == '"':
			quote = i
		case c == '{' || c == '[':
			level++
		case c == '}' || c == ']':
			level--
		case c == ',':
			values++
		case c == ':' && len(last) > longestName:
			return nil, false, fmt.Errorf("unknown field %.40q", last)
		case c == ':' && level == 1:
			names = append(names, string(last))
		case c == 'n':
			null = true
		}
		if values > maxValues || level > maxLevels {
			return nil, false, fmt.Errorf("more than %d values or %d levels", maxValues, maxLevels)
		}
	}
	var object struct{}
	return names, null, json.Unmarshal(text, &object) // whose error names the place of a fault
}

// coinbaseForm is the JSON form of a Coinbase.
type coinbaseForm struct {
	Height  uint32 `json:"height"`
	Value   Amount `json:"value"`
	Witness string `json:"witness"`
	Extra   string `json:"extra"`
}

// MarshalJSON returns the JSON form: witness in display order, extra in hex.
func (p Coinbase) MarshalJSON() ([]byte, error) {
	return json.Marshal(coinbaseForm{p.Height, p.Value, p.Witness.String(), hex.EncodeToString(p.Extra)})
}

// UnmarshalJSON reads the JSON form.
func (p *Coinbase) UnmarshalJSON(text []byte) error {
	var form coinbaseForm
	if err := json.Unmarshal(text, &form); err != nil {
		return err
	}
	witness, err := pow.ParseHash(form.Witness)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	extra, err := hex.DecodeString(form.Extra)
	if err != nil {
		return errors.New("extra: not hexadecimal")
	}
	*p = Coinbase{Height: form.Height, Value: form.Value, Witness: witness}
	if len(extra) > 0 {
		p.Extra = extra
	}
	return nil
}

// MarshalText returns 64 hex digits, the bytes in their order.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(text []byte) error { return decodeHex("digest", text, d[:]) }
