package export

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/minio/sha256-simd"
	"pgregory.net/rapid"
)

// A CSV field is what was written: no spreadsheet takes it for a formula, and every
// reader of RFC 4180 gets the text back.
func TestFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[-=+@'",a\n\t]{0,6}`), rapid.String()).Draw(t, "text")
		line := append([]byte("x,"), appendField(nil, []byte(text))...)
		fields, err := csv.NewReader(bytes.NewReader(append(line, "\r\n"...))).Read()
		if err != nil || len(fields) != 2 {
			t.Fatalf("%q: %q, %v", text, fields, err)
		}
		got := fields[1]
		if got != "" && strings.Contains("=+-@\t\r", got[:1]) {
			t.Fatalf("%q is a formula", got)
		}
		want := strings.ReplaceAll(text, "\r\n", "\n") // as package csv reads it
		if strings.TrimPrefix(got, "'") != want && got != want || strings.HasPrefix(want, "'") && got == want {
			t.Fatalf("%q is read as %q", text, got)
		}
	})
}

// sampleRows has a row for each way in which a column can have a value or none.
func sampleRows(t *testing.T, f Format) []byte {
	t.Helper()
	table := Table{Name: "sample", Columns: []Column{
		{Name: "z", Kind: Text}, {Name: "a", Kind: Word, Optional: true}, {Name: "id", Kind: Hex}, {Name: "n", Kind: Number},
		{Name: "money", Kind: Amount}, {Name: "when", Kind: Time, Optional: true}, {Name: "is", Kind: Flag}, {Name: "j", Kind: JSON},
	}}
	var out bytes.Buffer
	e := newEncoder(f, &out, table)
	for i := range uint64(600) {
		row := []value{{text: `=1,"2"`}, {}, {text: "ab"}, {number: 1<<63 - 1}, {number: 123456789}, {}, {number: i % 2}, {text: `{"a":[1]}`}}
		if i%3 > 0 {
			row[1], row[5] = value{text: "open"}, value{number: 1<<32 - 1}
		}
		if err := e.row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The bytes of a file do not change with the versions of libraries. If they have to,
// Schema changes.
func TestBytesStay(t *testing.T) {
	for f, want := range map[Format]string{
		CSV:       "58d453b916e815b2867091e720b75a890d1dd1a29829dcd978f8d72e7118c902",
		JSONLines: "e29cdf1923901519bdd043f9e7c9f69a3e3f476409da029a2fba7798aa14c9bc",
		Parquet:   "e2638b20018347bc04119251ac2a784cf4ec1c7a916379aa5d1936722d73df2b",
	} {
		sum := sha256.Sum256(sampleRows(t, f))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: %s, want %s; if that is meant, change Schema", f, got, want)
		}
	}
	const first = "\"'=1,\"\"2\"\"\",,ab,9223372036854775807,1.23456789,,false,\"{\"\"a\"\":[1]}\"\r\n"
	if got := string(sampleRows(t, CSV)); !strings.HasPrefix(got, "z,a,id,n,money,when,is,j\r\n"+first) {
		t.Errorf("%.300q", got)
	}
	const line = `{"z":"=1,\"2\"","a":"open","id":"ab","n":9223372036854775807,"money":"1.23456789","when":"2106-02-07T06:28:15Z","is":true,"j":{"a":[1]}}`
	if got := strings.Split(string(sampleRows(t, JSONLines)), "\n"); got[1] != line {
		t.Errorf("%s", got[1])
	}
}

// sampleManifest returns a manifest of some bytes.
func sampleManifest(t *testing.T, file []byte) Manifest {
	t.Helper()
	sum := sha256.Sum256(file)
	table := recallsTable.describe()
	m := Manifest{
		Schema: Schema, Table: "recalls", Filters: map[string]string{}, Format: CSV, Columns: table.columnNames(), Network: "dev",
		Height: 7, Bytes: uint64(len(file)), SHA256: hex.EncodeToString(sum[:]),
	}
	if err := m.Reseal(); err != nil {
		t.Fatal(err)
	}
	return m
}

// Any changed byte of a manifest, and any changed, missing or added byte of a file, is
// found.
func TestChanges(t *testing.T) {
	file := []byte("height,index\r\n1,2\r\n")
	m := sampleManifest(t, file)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadManifest(text); err != nil || got.Seal != m.Seal {
		t.Fatal(err)
	}
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		got, err := ReadManifest(changed)
		if err == nil && got.Seal != m.Seal || err != nil && !errors.Is(err, ErrManifest) {
			t.Errorf("%s: error %v", changed, err)
		}
		if err == nil { // as the letter of a name, of which JSON ignores the case
			if got, _ := json.Marshal(got); !bytes.Equal(got, text) {
				t.Errorf("%s passes", changed)
			}
		}
	}
	for _, bad := range []string{"", "null", "{}", "[]", string(text) + "x", strings.Repeat(" ", MaxManifest+1), `{"schema":2}`, `{"x":1}`} {
		if _, err := ReadManifest([]byte(bad)); !errors.Is(err, ErrManifest) {
			t.Errorf("%.20s: error %v", bad, err)
		}
	}
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if err := m.Check(bytes.NewReader(changed)); !errors.Is(err, ErrChanged) {
			t.Errorf("byte %d: error %v", i, err)
		}
		if err := m.Check(bytes.NewReader(file[:i])); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: error %v", i, err)
		}
	}
	if err := m.Check(bytes.NewReader(append(file, 'x'))); !errors.Is(err, ErrChanged) {
		t.Errorf("error %v", err)
	}
	if err := m.Check(bytes.NewReader(file)); err != nil {
		t.Error(err)
	}
}

// A manifest whose texts a terminal would run is none, although its seal is right.
func TestHostileManifest(t *testing.T) {
	for _, change := range []func(*Manifest){
		func(m *Manifest) { m.Network = "dev\x1b]0;x\x07" },
		func(m *Manifest) { m.Block = "\u202e00" },
		func(m *Manifest) { m.Program = strings.Repeat("x", 1000) },
		func(m *Manifest) { m.Filters = map[string]string{"a\nVALID": ""} },
	} {
		table := findTable("blocks").describe()
		m := Manifest{Schema: Schema, Table: "blocks", Format: CSV, Columns: table.columnNames(), Network: "dev"}
		change(&m)
		if err := m.Reseal(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadManifest(text); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(`{"schema":1,"table":"blocks","filters":{"seller":"x"},"format":"csv","columns":["id"],"seal":"00"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ReadManifest(text)
		if err != nil {
			if !errors.Is(err, ErrManifest) {
				t.Error(err)
			}
			return
		}
		if _, err := m.Query(); err != nil && !errors.Is(err, ErrManifest) {
			t.Error(err)
		}
	})
}
