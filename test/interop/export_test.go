package interop

import (
	"bytes"
	"context"
	"encoding/csv"
	"image"
	"image/color"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
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

// Apache Arrow reads from a Parquet export what its CSV has.
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
		read := readArrow(t, columnar.Bytes())
		if int(read.NumRows()) != len(lines)-1 || int(read.NumCols()) != len(table.Columns) {
			t.Fatalf("%s: %d rows and %d columns", table.Name, read.NumRows(), read.NumCols())
		}
		for j, c := range table.Columns {
			if name := read.Column(j).Name(); name != c.Name {
				t.Errorf("%s: column %d is %s, want %s", table.Name, j, name, c.Name)
			}
			i := 0
			for _, chunk := range read.Column(j).Data().Chunks() {
				for k := range chunk.Len() {
					if got, want := cellText(t, chunk, k), lines[i+1][j]; got != want {
						t.Errorf("%s: row %d, %s: %q, want %q", table.Name, i, c.Name, got, want)
					}
					i++
				}
			}
		}
		read.Release()
	}
}

func readArrow(t *testing.T, text []byte) arrow.Table {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// cellText returns a value as it stands in CSV.
func cellText(t *testing.T, column arrow.Array, i int) string {
	t.Helper()
	if column.IsNull(i) {
		return ""
	}
	switch column := column.(type) {
	case *array.String:
		return column.Value(i)
	case *array.Uint64:
		return strconv.FormatUint(column.Value(i), 10)
	case *array.Boolean:
		return strconv.FormatBool(column.Value(i))
	case *array.Timestamp:
		return time.UnixMilli(int64(column.Value(i))).UTC().Format(time.RFC3339)
	case *array.Decimal128:
		if scale := column.DataType().(*arrow.Decimal128Type).Scale; scale != 8 {
			t.Fatalf("scale %d", scale)
		}
		return record.Amount(column.Value(i).LowBits()).String()
	case *array.Binary: // JSON
		return string(column.Value(i))
	}
	t.Fatalf("a column of %v", column.DataType())
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
