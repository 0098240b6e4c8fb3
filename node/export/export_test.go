package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"stele/node/export"
	"stele/node/ledger/record"
)

// An export as of an earlier block is that of a node whose chain ends there, byte for
// byte, in every table and format.
func TestSameBytes(t *testing.T) {
	tip := built().Tip.Height()
	long := openCorpus(t, tip)
	for _, height := range []uint32{tip, tip - 1, tip / 2, 3} {
		short := openCorpus(t, height)
		for _, table := range export.Tables() {
			for _, f := range export.Formats() {
				got, m := write(t, long, f, export.Query{Table: table.Name, At: &height})
				want, wanted := write(t, short, f, export.Query{Table: table.Name})
				if !bytes.Equal(got, want) {
					t.Errorf("%s as %s at %d of %d: %d bytes, not the %d of a node whose chain ends there", table.Name, f, height, tip, len(got), len(want))
				}
				if err := m.Compare(&wanted); err != nil {
					t.Errorf("%s as %s at %d: %v", table.Name, f, height, err)
				}
				if err := m.Check(bytes.NewReader(got)); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// rowsOf reads JSON Lines: the text that each column has in CSV, before formulas are
// guarded.
func rowsOf(t *testing.T, text []byte) (rows []map[string]string) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var row map[string]json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		texts := map[string]string{}
		for name, raw := range row {
			texts[name] = string(raw)
			var s string
			if raw[0] == '"' {
				if err := json.Unmarshal(raw, &s); err != nil {
					t.Fatal(err)
				}
				texts[name] = s
			} else if string(raw) == "null" {
				texts[name] = ""
			}
		}
		rows = append(rows, texts)
	}
	return rows
}

// Each format has the same rows, in the same order.
func TestFormatsAgree(t *testing.T) {
	src := openCorpus(t, built().Tip.Height())
	for _, table := range export.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			text, m := write(t, src, export.JSONLines, export.Query{Table: table.Name})
			rows := rowsOf(t, text)
			if uint64(len(rows)) != m.Rows || len(rows) == 0 {
				t.Fatalf("%d rows, the manifest says %d", len(rows), m.Rows)
			}
			sheet, _ := write(t, src, export.CSV, export.Query{Table: table.Name})
			lines, err := csv.NewReader(bytes.NewReader(sheet)).ReadAll()
			if err != nil || len(lines) != len(rows)+1 {
				t.Fatalf("%d lines of CSV, %v", len(lines), err)
			}
			columnar, _ := write(t, src, export.Parquet, export.Query{Table: table.Name})
			cells := readParquet(t, columnar, table)
			if len(cells) != len(rows) {
				t.Fatalf("%d rows of Parquet", len(cells))
			}
			for i, row := range rows {
				for j, c := range table.Columns {
					if lines[0][j] != c.Name {
						t.Fatalf("the header has %q, not %q", lines[0][j], c.Name)
					}
					want := row[c.Name]
					if got := cells[i][j]; got != want {
						t.Errorf("row %d, %s: %q in Parquet, %q in JSON", i, c.Name, got, want)
					}
					if want != "" && strings.Contains("=+-@'", want[:1]) {
						want = "'" + want
					}
					if got := lines[i+1][j]; got != want {
						t.Errorf("row %d, %s: %q in CSV, %q in JSON", i, c.Name, got, want)
					}
				}
			}
		})
	}
}

// readParquet returns the texts of all values, as they stand in CSV.
func readParquet(t *testing.T, text []byte, table export.Table) (rows [][]string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range f.Schema().Columns() {
		if path[0] != table.Columns[i].Name {
			t.Fatalf("column %d is %q, not %q", i, path[0], table.Columns[i].Name)
		}
	}
	r := parquet.NewGenericReader[any](f, f.Schema())
	defer r.Close()
	batch := make([]parquet.Row, 100)
	for {
		n, err := r.ReadRows(batch)
		for _, row := range batch[:n] {
			texts := make([]string, len(row))
			for i, v := range row {
				texts[i] = parquetText(table.Columns[i].Kind, v)
			}
			rows = append(rows, texts)
		}
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func parquetText(k export.Kind, v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	switch k {
	case export.Number:
		return strconv.FormatUint(v.Uint64(), 10)
	case export.Amount:
		return record.Amount(v.Int64()).String()
	case export.Time:
		return time.UnixMilli(v.Int64()).UTC().Format(time.RFC3339)
	case export.Flag:
		return strconv.FormatBool(v.Boolean())
	}
	return string(v.ByteArray())
}
