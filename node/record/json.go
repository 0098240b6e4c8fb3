package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"stele/engine/pow"
	"stele/node/reject"
)

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

// UnmarshalJSON reads the JSON form. It refuses unknown, missing and repeated
// fields, and everything that [Decode] refuses in the record that the text
// stands for. Only "signatures" and "id" may be missing: the signatures are then
// zeros, to be made with [Sign]. An id must be the right one. Errors are of
// package reject.
func (r *Record) UnmarshalJSON(text []byte) error {
	decoded, err := parseText(text)
	if err != nil {
		if _, ok := reject.Of(err); !ok {
			err = reject.New(reject.BadRecordEncoding, "%v", err)
		}
		return err
	}
	*r = *decoded
	return nil
}

func parseText(text []byte) (*Record, error) {
	var form textForm
	if err := unmarshalStrict(text, &form, "signatures", "id"); err != nil {
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
func fromJSON[P Payload](text []byte) (Payload, error) {
	var p P
	err := unmarshalStrict(text, &p)
	return p, err
}

// unmarshalStrict reads a JSON object into v, and refuses one that does not have
// exactly the fields that v is written with, each once. The optional ones may
// be missing.
func unmarshalStrict(text []byte, v any, optional ...string) error {
	got, err := fields(text)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return err
	}
	back, err := json.Marshal(v)
	if err != nil {
		return err
	}
	want, err := fields(back)
	if err != nil {
		return err
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			return fmt.Errorf("unknown field %.40q; there are %q", name, want)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) && !slices.Contains(optional, name) {
			return fmt.Errorf("the field %q is missing", name)
		}
	}
	return nil
}

// mostFields is more than any form has.
const mostFields = 32

// fields returns the names of the fields of a JSON object. It refuses a name
// that is there twice, and null as a value.
func fields(text []byte) ([]string, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("not a JSON object"), err)
	}
	var names []string
	for in.More() {
		t, err := in.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, err
		}
		switch {
		case slices.Contains(names, name):
			return nil, fmt.Errorf("the field %.40q is there twice", name)
		case string(value) == "null":
			return nil, fmt.Errorf("the field %.40q is null", name)
		case len(names) == mostFields:
			return nil, errors.New("too many fields")
		}
		names = append(names, name)
	}
	return names, nil
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
func (r Reference) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, r[:]), nil }

// UnmarshalText reads 64 hex digits.
func (r *Reference) UnmarshalText(text []byte) error { return decodeHex("reference", text, r[:]) }
