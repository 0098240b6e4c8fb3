package record

import (
	"strings"
	"testing"

	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/recordform"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// exampleRecord returns a record of a type, with the values of its template.
func exampleRecord(t *testing.T, form recordform.Form, author record.Key) *record.Record {
	t.Helper()
	values, err := recordform.Read([]byte(form.Template()))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := form.Complete(values, recordform.Names{Key: record.ParseKey})
	if err != nil {
		t.Fatal(err)
	}
	r := new(record.Record)
	err = r.UnmarshalJSON([]byte(`{"network":` + "1684370547" + `,"type":"` + form.Type.String() + `","version":` + string('0'+form.Type.Version()) +
		`,"seq":3,"valid_until":900,"fee":"0.25","key":"` + author.String() + `","payload":` + string(payload) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whoever signs sees each value that the record has, with names for the keys that it
// knows, and the part that it plays.
func TestWords(t *testing.T) {
	author := record.PublicOf(record.KeyFromSeed([32]byte{9}))
	for _, form := range recordform.Forms() {
		r := exampleRecord(t, form, author)
		names := keyring.Names{author: "me"}
		for i, key := range r.Signers() {
			got := words(r, key, names)
			first, _, _ := strings.Cut(got, "\n")
			want := "You sign as " + record.SignerParts(r.Payload)[i] + ". " + english.Record(r.Payload) + "."
			if first != want {
				t.Errorf("%v: %q, want %q", form.Type, first, want)
			}
			for _, part := range []string{" (me)\n", "network          " + network.Dev.Name + "\n", "fee              0.25, which the ", "valid until      height 900\n"} {
				if !strings.Contains(got, part) {
					t.Errorf("%v: no %q in\n%s", form.Type, part, got)
				}
			}
			for _, field := range form.Fields {
				value := strings.Trim(field.Example, `"[]`)
				if shown := strings.Contains(got, "\n  "+field.Name+" "); shown == (field.Optional && field.Example == field.Empty) {
					t.Errorf("%v: %s is shown: %v\n%s", form.Type, field.Name, shown, got)
				} else if shown && !strings.Contains(got, value) {
					t.Errorf("%v: %s is not %s in\n%s", form.Type, field.Name, value, got)
				}
			}
		}
	}
}

// A text of the record cannot hide another one.
func TestWordsAreClean(t *testing.T) {
	author := record.PublicOf(record.KeyFromSeed([32]byte{9}))
	note := strings.Repeat("a", 1000) + "\n\u202eend"
	r := record.New(record.Record{Network: network.Dev.ID, Version: 1, Key: author, Payload: record.EvidenceAdd{
		Time: 1796050800, Claim: record.ID{1}, Note: note,
	}})
	got := words(r, author, nil)
	if !strings.Contains(got, strings.Repeat("a", 1000)+"  end\n") || strings.Contains(got, "\u202e") {
		t.Errorf("%q", got)
	}
}
