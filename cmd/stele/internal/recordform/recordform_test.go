package recordform

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/record"
)

var update = flag.Bool("update", false, "write docs/records.md anew")

var noNames = Names{
	Key: record.ParseKey,
	File: func(string) (record.Digest, error) {
		return record.Digest{}, errors.New("no files")
	},
}

// newRecord returns a record with the payload that some values stand for.
func newRecord(t *testing.T, f Form, values Values) (*record.Record, error) {
	t.Helper()
	payload, err := f.Complete(values, noNames)
	if err != nil {
		return nil, err
	}
	r := new(record.Record)
	return r, r.UnmarshalJSON(fmt.Appendf(nil,
		`{"network":7,"type":%q,"version":%d,"seq":0,"valid_until":9,"fee":"0","key":%q,"payload":%s}`,
		f.Type, f.Type.Version(), record.PublicOf(record.KeyFromSeed([32]byte{2})), payload))
}

// Every type but COINBASE has a template, whose own values are a valid record.
func TestTemplates(t *testing.T) {
	for _, kind := range record.Types() {
		f, ok := Of(kind)
		if !ok {
			if kind != record.TypeCoinbase {
				t.Errorf("%v has no form", kind)
			}
			continue
		}
		values, err := Read([]byte(f.Template()))
		if err != nil {
			t.Errorf("%v: %v", kind, err)
			continue
		}
		r, err := newRecord(t, f, values)
		if err != nil {
			t.Errorf("%v: %v\n%s", kind, err, f.Template())
			continue
		}
		if err := r.Check(7); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
		for _, field := range f.Fields {
			if field.Doc == "" {
				t.Errorf("%v: nothing says what %s is", kind, field.Name)
			}
			if field.Kind == Word && len(field.Words) == 0 {
				t.Errorf("%v: no words of %s", kind, field.Name)
			}
		}
	}
}

// A record without its optional fields has their empty values. Each field that is
// required is missed.
func TestComplete(t *testing.T) {
	for _, f := range Forms() {
		all, err := Read([]byte(f.Template()))
		if err != nil {
			t.Fatal(err)
		}
		least := Values{}
		for _, field := range f.Fields {
			if !field.Optional {
				least[field.Name] = all[field.Name]
			}
		}
		r, err := newRecord(t, f, least)
		if err != nil {
			t.Errorf("%v: %v", f.Type, err)
			continue
		}
		for _, field := range f.Fields {
			if field.Optional && !strings.Contains(encode(r.Payload), fmt.Sprintf("%q:%s", field.Name, field.Empty)) {
				t.Errorf("%v: %s is not empty: %s", f.Type, field.Name, encode(r.Payload))
			}
			if field.Optional {
				continue
			}
			value := least[field.Name]
			delete(least, field.Name)
			if _, err := f.Complete(least, noNames); err == nil || !strings.Contains(err.Error(), field.Name) {
				t.Errorf("%v without %s: %v", f.Type, field.Name, err)
			}
			least[field.Name] = value
		}
	}
}

// Leaving fields out is the same as writing their empty values, and as "" where that is
// allowed.
func TestLeftOut(t *testing.T) {
	forms := Forms()
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(forms).Draw(t, "form")
		left, err := Read([]byte(f.Template()))
		if err != nil {
			t.Fatal(err)
		}
		empty, quoted := maps.Clone(left), maps.Clone(left)
		for _, field := range f.Fields {
			if !field.Optional || !rapid.Bool().Draw(t, field.Name) {
				continue
			}
			delete(left, field.Name)
			delete(quoted, field.Name)
			empty[field.Name] = json.RawMessage(field.Empty)
			switch field.Kind {
			case ID, Key, Digest, Word:
				quoted[field.Name] = json.RawMessage(`""`)
			}
		}
		want, err := f.Complete(empty, noNames)
		if err != nil {
			t.Fatal(err)
		}
		for _, values := range []Values{left, quoted} {
			if got, err := f.Complete(values, noNames); err != nil || string(got) != string(want) {
				t.Errorf("%v: %v\n%s, want\n%s", f.Type, err, got, want)
			}
		}
	})
}

// People write keys by name, documents by file, and nothing as "".
func TestSet(t *testing.T) {
	f, _ := Of(record.TypeClaimRespond)
	values := Values{}
	for name, text := range map[string]string{
		"claim": someRecord.String(), "action": "authorise", "remedy": "refund", "refund": "12.5", "return_needed": "true",
		"servicer": "shop", "text": "@why.txt", "cause": "", "time": "2026-11-30T15:00:00Z",
	} {
		if err := f.Set(values, name, text); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := f.Complete(values, Names{
		Key: func(name string) (record.Key, error) {
			if name != "shop" {
				t.Errorf("asked for the key %q", name)
			}
			return someKey, nil
		},
		File: func(path string) (record.Digest, error) {
			if path != "why.txt" {
				t.Errorf("asked for the file %q", path)
			}
			return someDigest, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := record.ClaimRespond{Time: someTime, Claim: someRecord, Action: record.Authorise, Remedy: record.Refund,
		Refund: 25 * record.Coin / 2, ReturnNeeded: true, Servicer: someKey, Text: someDigest}
	full, err := Read(payload)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRecord(t, f, full)
	if err != nil || r.Payload != want {
		t.Errorf("%v %+v", err, r.Payload)
	}

	for _, c := range []struct{ name, text, want string }{
		{"claims", "x", "CLAIM_RESPOND has no field"},
		{"claim", "x", "given twice"},
	} {
		if err := f.Set(values, c.name, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", c.name, c.text, err)
		}
	}
	if err := f.Set(Values{}, "return_needed", "yes"); err == nil {
		t.Error(`"yes" is true or false`)
	}
}

// What is no payload is rejected, with the line.
func TestReadErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"// nothing\n{\n\"a\": }", "line 3"},
		{`[]`, "not a JSON object"},
		{`{"a":1,"a":2}`, "appears twice"},
		{`{"a":1} {}`, "line 1"},
		{``, "not JSON"},
	} {
		if _, err := Read([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

const document = "../../../../docs/records.md"

// The tables of docs/records.md are those of the forms.
func TestDocument(t *testing.T) {
	const begin, end = "<!-- fields: from the code -->\n", "<!-- end of fields -->"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("no place for the fields in %s", document)
	}
	got := before + begin + "\n" + tables() + end + after
	if got == string(text) {
		return
	}
	if !*update {
		t.Fatal("docs/records.md is not what the code says; run: go test ./cmd/stele/internal/recordform -run TestDocument -update")
	}
	if err := os.WriteFile(document, []byte(got), 0o666); err != nil {
		t.Fatal(err)
	}
}

// tables returns a section with a table for each type.
func tables() string {
	var b strings.Builder
	for _, f := range Forms() {
		fmt.Fprintf(&b, "### %v\n\nThe author %s. Signed by: %s.\n\n", f.Type, f.Does, strings.Join(f.Signers(), ", "))
		b.WriteString("| field | meaning | value | if left out |\n|---|---|---|---|\n")
		for _, field := range f.Fields {
			takes, without := field.Takes(), "required"
			if field.Kind == Word {
				takes = "`" + strings.Join(field.Words, "`, `") + "`"
			}
			switch {
			case field.Filled != "":
				without = field.Filled
			case field.Optional:
				without = "none: " + emptyText(field)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", field.Name, field.Doc, takes, without)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// emptyText returns the empty value, shortened.
func emptyText(f Field) string {
	switch f.Kind {
	case ID, Digest:
		return "64 zeros"
	case Key:
		return "`\"000…" + strings.Trim(f.Empty, `"0`) + "\"`, 64 zeros and their checksum"
	}
	return "`" + f.Empty + "`"
}
