// Package recordform describes the payload of each type of record to people: its fields,
// what each one takes, and what may be left out.
//
// [Of] returns the form of a type. [Form.Template] is an example with comments that
// can be edited, [Read] reads one, [Form.Set] sets a field by a text, and
// [Form.Complete] adds what was left out. docs/records.md is generated from the forms.
package recordform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"stele/node/ledger/record"
)

// Form describes the payload of a type.
type Form struct {
	Type   record.Type
	Does   string // "sells an item", what its author does by it
	Fields []Field
}

// Field is a field of a payload.
type Field struct {
	Name     string
	Kind     Kind
	Words    []string // that a [Word] can be, without "none"
	Optional bool     // may be empty
	Empty    string   // JSON of the value that stands for none
	Example  string   // JSON
	Doc      string   // what it means
	Filled   string   // what the command fills in before [Form.Complete] if the field is left out; "": nothing
}

// Kind is what a field takes.
type Kind int

// The kinds of fields.
const (
	Text Kind = iota
	Number
	Bool
	Word // one of some words
	Amount
	Time
	GTIN
	ID
	Key
	Keys
	Digest
	Nonce
)

// String describes the JSON value.
func (k Kind) String() string {
	return [...]string{
		Text: "text", Number: "whole number", Bool: "true or false", Word: "one of some words",
		Amount: `decimal in a string, as "12.5"`, Time: `time in UTC, as "2026-11-30T15:04:05Z"`,
		GTIN: "8, 12, 13 or 14 digits in a string", ID: "id of a record, 64 hex digits",
		Key: "key, 72 hex digits", Keys: "list of keys", Digest: "SHA-256, 64 hex digits", Nonce: "32 hex digits",
	}[k]
}

// Of returns the form of a type, and false for one that nobody writes: a COINBASE.
func Of(t record.Type) (Form, bool) {
	i := slices.IndexFunc(examples, func(e example) bool { return e.payload.Type() == t })
	if i < 0 {
		return Form{}, false
	}
	e := examples[i]
	f := Form{Type: t, Does: e.does}
	v := reflect.ValueOf(e.payload)
	for n := range v.NumField() {
		f.Fields = append(f.Fields, newField(t, v.Type().Field(n), v.Field(n), e.optional))
	}
	return f, true
}

// Forms returns the forms of all types, in the order of their numbers.
func Forms() []Form {
	var all []Form
	for _, t := range record.Types() {
		if f, ok := Of(t); ok {
			all = append(all, f)
		}
	}
	return all
}

func newField(t record.Type, in reflect.StructField, v reflect.Value, optional []string) Field {
	name, _, _ := strings.Cut(in.Tag.Get("json"), ",")
	zero := reflect.Zero(in.Type).Interface()
	if in.Type.Kind() == reflect.Slice {
		zero = reflect.MakeSlice(in.Type, 0, 0).Interface()
	}
	f := Field{
		Name: name, Kind: kindOf(zero), Words: words(in.Type), Empty: encode(zero), Example: encode(v.Interface()),
		Optional: slices.Contains(optional, name), Doc: docs[name], Filled: filled[name],
	}
	if own, ok := docs[t.String()+"."+name]; ok {
		f.Doc = own
	}
	if own, ok := filled[t.String()+"."+name]; ok {
		f.Filled = own
	}
	return f
}

func kindOf(zero any) Kind {
	switch zero.(type) {
	case record.Amount:
		return Amount
	case record.Time:
		return Time
	case record.GTIN:
		return GTIN
	case record.ID:
		return ID
	case record.Key:
		return Key
	case []record.Key:
		return Keys
	case record.Digest:
		return Digest
	case record.Nonce:
		return Nonce
	case bool:
		return Bool
	case fmt.Stringer:
		return Word
	}
	if reflect.TypeOf(zero).Kind() == reflect.String {
		return Text
	}
	return Number
}

// words returns the words of a choice, the first of which is the number 1.
func words(t reflect.Type) []string {
	if _, ok := reflect.Zero(t).Interface().(fmt.Stringer); !ok || t.Kind() != reflect.Uint8 {
		return nil
	}
	var all []string
	for n := uint64(1); n < 256; n++ {
		v := reflect.New(t)
		v.Elem().SetUint(n)
		word := fmt.Sprint(v.Elem().Interface())
		if json.Unmarshal([]byte(encode(word)), v.Interface()) != nil { // "choice-9" is none
			break
		}
		all = append(all, word)
	}
	return all
}

// encode returns the JSON of a value that has one.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the values are those of package record
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// comment begins a line of a template that is no JSON.
const comment = "//"

// Template returns an example of the payload, with a comment above each field.
func (f Form) Template() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v: its author %s.\n", comment, f.Type, f.Does)
	fmt.Fprintf(&b, "%s Signed by: %s.\n", comment, strings.Join(f.Signers(), ", "))
	fmt.Fprintf(&b, "%s Change the values, and pass the file with --payload. \"\" is none. Lines that begin with %s are comments.\n", comment, comment)
	b.WriteString("{\n")
	for i, field := range f.Fields {
		value := field.Example
		if value == field.Empty && field.emptyIsBlank() {
			value = `""` // nobody types 64 zeros
		}
		fmt.Fprintf(&b, "  %s %s\n  %q: %s", comment, field.describe(), field.Name, value)
		if i < len(f.Fields)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("}\n")
	return b.String()
}

// describe returns a line about a field.
func (f Field) describe() string {
	text := f.Doc + ": " + f.Takes()
	switch {
	case f.Filled != "":
		text += ". Without it: " + f.Filled
	case f.Optional:
		text += ". May be left out"
	}
	return text
}

// emptyIsBlank reports whether "" stands for the empty value of the field.
func (f Field) emptyIsBlank() bool {
	return f.Kind == ID || f.Kind == Key || f.Kind == Digest || f.Kind == Word
}

// Takes returns what the field takes, in words.
func (f Field) Takes() string {
	if f.Kind == Word {
		return strings.Join(f.Words, ", ")
	}
	return f.Kind.String()
}

// Signers returns the parts of those who sign: of a type with a variable number, all
// that there can be.
func (f Form) Signers() []string {
	switch f.Type {
	case record.TypeRoleGrant, record.TypeRoleRevoke:
		return []string{"author", "the other roots that approve"}
	case record.TypeSettleExecute:
		return []string{"seller or maker", "holder, if it consents to another product"}
	case record.TypeInspectionReport:
		return []string{"inspector", "seller, if it did not name the inspector"}
	}
	i := slices.IndexFunc(examples, func(e example) bool { return e.payload.Type() == f.Type })
	return record.SignerParts(examples[i].payload)
}

// Values are the fields of a payload by name, in JSON.
type Values map[string]json.RawMessage

// Read reads a payload: a JSON object, in which lines that begin with // are comments.
// It rejects a field that appears twice.
func Read(text []byte) (Values, error) {
	var kept [][]byte
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte(comment)) {
			line = []byte("\n") // so that errors name the line
		}
		kept = append(kept, line)
	}
	clean := bytes.Join(kept, nil)
	if err := checkSyntax(clean); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(clean))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("the payload is not a JSON object")
	}
	values := Values{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		field, _ := name.(string)
		if _, twice := values[field]; twice {
			return nil, fmt.Errorf("the field %.40q appears twice", field)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		values[field] = value
	}
	return values, nil
}

// checkSyntax rejects a text that is not one JSON value, and names the line.
func checkSyntax(clean []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(clean, &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(clean[:min(int(syntax.Offset), len(clean))], []byte("\n"))
		return fmt.Errorf("the payload is not JSON: line %d: %w", line, err)
	}
	return err
}

// Names resolves what people write for keys and documents.
type Names struct {
	Key  func(name string) (record.Key, error)    // a key by the name of its file
	File func(path string) (record.Digest, error) // the SHA-256 of a file
}

// Set sets a field to a text as people write it: without quotes, a list with commas.
func (f Form) Set(values Values, name, text string) error {
	field, err := f.field(name)
	if err != nil {
		return err
	}
	if _, twice := values[name]; twice {
		return fmt.Errorf("the field %q is given twice", name)
	}
	switch field.Kind {
	case Number, Bool:
		if !json.Valid([]byte(text)) {
			return fmt.Errorf("field %q: %.40q is not a %v", name, text, field.Kind)
		}
		values[name] = json.RawMessage(text)
	case Keys:
		values[name] = json.RawMessage(encode(strings.FieldsFunc(text, func(r rune) bool { return r == ',' })))
	default:
		values[name] = json.RawMessage(encode(text))
	}
	return nil
}

func (f Form) field(name string) (Field, error) {
	i := slices.IndexFunc(f.Fields, func(field Field) bool { return field.Name == name })
	if i >= 0 {
		return f.Fields[i], nil
	}
	return Field{}, fmt.Errorf("%v has no field %.40q: must be %s", f.Type, name, f.names())
}

func (f Form) names() string {
	var all []string
	for _, field := range f.Fields {
		all = append(all, field.Name)
	}
	return strings.Join(all, ", ")
}

// Complete returns the payload with all its fields: optional ones that are missing, and
// ids, keys and digests that are "", get the empty value. The name of a key stands for
// the key, and "@FILE" for the SHA-256 of a file. It reports all required fields that
// are missing.
func (f Form) Complete(values Values, names Names) (json.RawMessage, error) {
	for name := range values {
		if _, err := f.field(name); err != nil {
			return nil, err
		}
	}
	full, missing := Values{}, []string{}
	for _, field := range f.Fields {
		value, ok := values[field.Name]
		switch {
		case ok:
			var err error
			if full[field.Name], err = field.resolve(value, names); err != nil {
				return nil, fmt.Errorf("field %q: %w", field.Name, err)
			}
		case field.Optional:
			full[field.Name] = json.RawMessage(field.Empty)
		default:
			missing = append(missing, fmt.Sprintf("%s (%s: %s)", field.Name, field.Doc, field.Takes()))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%v lacks %s", f.Type, strings.Join(missing, "; "))
	}
	return json.Marshal(full)
}

// resolve replaces names in a value.
func (f Field) resolve(value json.RawMessage, names Names) (json.RawMessage, error) {
	if f.Kind == Keys {
		var list []string
		if json.Unmarshal(value, &list) != nil {
			return value, nil // package record says what is wrong
		}
		keys := []record.Key{}
		for _, name := range list {
			key, err := names.Key(name)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
		return json.RawMessage(encode(keys)), nil
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return value, nil
	}
	path, isFile := strings.CutPrefix(text, "@")
	switch {
	case text == "" && f.emptyIsBlank():
		return json.RawMessage(f.Empty), nil
	case f.Kind == Key:
		key, err := names.Key(text)
		return json.RawMessage(encode(key)), err
	case f.Kind == Digest && isFile:
		digest, err := names.File(path)
		return json.RawMessage(encode(digest)), err
	}
	return value, nil
}
