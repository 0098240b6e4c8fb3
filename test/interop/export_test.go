package interop

import (
	"bytes"
	"encoding/csv"
	"image"
	"image/color"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"stele/internal/qr"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/digitallink"
	"stele/node/export"
	"stele/node/ledger/record"
	"stele/node/store"
)

// openStory returns a node whose chain has the case of a sale.
func openStory(t *testing.T) export.Source {
	t.Helper()
	s := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	s.Sell()
	s.Send()
	s.HandOver()
	s.Deliver()
	s.Complain()
	st, err := store.Open("store", store.Identity{Network: s.Params.ID, Genesis: s.Genesis.Hash()}, store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: s.Params, Clock: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Tip.Chain()[1:] {
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
	return export.Source{Params: s.Params, Chain: c}
}

// Apache Arrow reads from a Parquet export what its CSV has. Its packages that make tables
// are left out: they need gRPC, which takes long to compile.
func TestArrowReadsParquet(t *testing.T) {
	src := openStory(t)
	for _, table := range export.Tables() {
		if table.Name == "sellers" { // needs the index of scores
			continue
		}
		var columnar, sheet bytes.Buffer
		for f, out := range map[export.Format]*bytes.Buffer{export.Parquet: &columnar, export.CSV: &sheet} {
			if _, err := export.Write(t.Context(), out, f, export.Query{Table: table.Name}, src); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := csv.NewReader(&sheet).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		read, err := file.NewParquetReader(bytes.NewReader(columnar.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		columns := read.MetaData().Schema
		if int(read.NumRows()) != len(lines)-1 || columns.NumColumns() != len(table.Columns) {
			t.Fatalf("%s: %d rows and %d columns", table.Name, read.NumRows(), columns.NumColumns())
		}
		for j, c := range table.Columns {
			if name := columns.Column(j).Name(); name != c.Name {
				t.Errorf("%s: column %d is %s, want %s", table.Name, j, name, c.Name)
			}
			for i, got := range readColumn(t, read, j) {
				if want := lines[i+1][j]; got != want {
					t.Errorf("%s: row %d, %s: %q, want %q", table.Name, i, c.Name, got, want)
				}
			}
		}
	}
}

// readColumn returns the values of a column as they stand in CSV, by what the schema says
// of it. An absent value is "".
func readColumn(t *testing.T, f *file.Reader, j int) (cells []string) {
	t.Helper()
	column := f.MetaData().Schema.Column(j)
	for g := range f.NumRowGroups() {
		group := f.RowGroup(g)
		chunk, err := group.Column(j)
		if err != nil {
			t.Fatal(err)
		}
		rows := group.NumRows()
		levels := make([]int16, rows)
		var texts []string
		switch chunk := chunk.(type) {
		case *file.Int64ColumnChunkReader:
			texts, err = readChunk(rows, levels, chunk.ReadBatch, func(v int64) string { return numberText(t, column.LogicalType(), v) })
		case *file.ByteArrayColumnChunkReader:
			if kind := column.LogicalType(); !kind.Equals(schema.StringLogicalType{}) && !kind.Equals(schema.JSONLogicalType{}) {
				t.Fatalf("%s: text that is %v", column.Name(), kind)
			}
			texts, err = readChunk(rows, levels, chunk.ReadBatch, func(v parquet.ByteArray) string { return string(v) })
		case *file.BooleanColumnChunkReader:
			texts, err = readChunk(rows, levels, chunk.ReadBatch, strconv.FormatBool)
		default:
			t.Fatalf("%s: a column of %T", column.Name(), chunk)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range levels {
			if level < column.MaxDefinitionLevel() {
				cells = append(cells, "")
				continue
			}
			cells, texts = append(cells, texts[0]), texts[1:]
		}
	}
	return cells
}

// readChunk returns the values of a chunk that are not absent, as text, and sets the levels
// of all: of an absent one, it is lower.
func readChunk[V any](rows int64, levels []int16, read func(int64, []V, []int16, []int16) (int64, int, error), text func(V) string) (texts []string, err error) {
	values := make([]V, rows)
	for done := int64(0); done < rows; {
		total, n, err := read(rows-done, values, levels[done:], nil)
		if err != nil {
			return nil, err
		}
		if total == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		for _, v := range values[:n] {
			texts = append(texts, text(v))
		}
		done += total
	}
	return texts, nil
}

// numberText returns a number as it stands in CSV.
func numberText(t *testing.T, kind schema.LogicalType, v int64) string {
	t.Helper()
	switch kind := kind.(type) {
	case schema.DecimalLogicalType:
		if kind.Scale() == 8 {
			return record.Amount(v).String()
		}
	case schema.TimestampLogicalType:
		if kind.IsAdjustedToUTC() && kind.TimeUnit() == schema.TimeUnitMillis {
			return time.UnixMilli(v).UTC().Format(time.RFC3339)
		}
	case schema.IntLogicalType:
		if !kind.IsSigned() && kind.BitWidth() == 64 {
			return strconv.FormatUint(uint64(v), 10)
		}
	}
	t.Fatalf("a column of %v", kind)
	return ""
}

// A reader of QR codes finds in the image what it was made of.
func TestQRIsRead(t *testing.T) {
	for _, serial := range []record.Serial{"A/1", "87", `!"%&'()*+,-./:;<=>?_`} {
		link := digitallink.URI(digitallink.Canonical, chaintest.GTIN, serial)
		modules, err := qr.Modules(link)
		if err != nil {
			t.Fatal(err)
		}
		const scale, quiet = 4, 4
		side := (len(modules) + 2*quiet) * scale
		img := image.NewGray(image.Rect(0, 0, side, side))
		for y := range side {
			for x := range side {
				mx, my := x/scale-quiet, y/scale-quiet
				if mx < 0 || my < 0 || mx >= len(modules) || my >= len(modules) || !modules[my][mx] {
					img.SetGray(x, y, color.Gray{Y: 255})
				}
			}
		}
		bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		found, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		if err != nil || found.GetText() != link {
			t.Fatalf("%s: %v, %v", link, found, err)
		}
		gtin, got, err := digitallink.Parse(found.GetText())
		if err != nil || gtin != chaintest.GTIN || got != serial {
			t.Errorf("%v %q, %v", gtin, got, err)
		}
	}
}
