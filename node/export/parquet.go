package export

import (
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// What a Parquet file is made of is fixed, so that the same rows give the same bytes.
const (
	rowGroup  = 20_000 // rows, which bounds the memory
	rowBatch  = 256    // rows that are handed to the library at a time
	pageBytes = 64 << 10
)

// parquetEncoder writes Parquet, compressed with zstd.
type parquetEncoder struct {
	w       *parquet.GenericWriter[any]
	columns []Column
	batch   []parquet.Row
	used    int
}

func newParquet(w io.Writer, t Table) *parquetEncoder {
	e := &parquetEncoder{columns: t.Columns, batch: make([]parquet.Row, rowBatch)}
	e.w = parquet.NewGenericWriter[any](w, parquetSchema(t),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.CreatedBy("stele", "export", "schema-1"),
		parquet.DataPageVersion(2),
		parquet.DataPageStatistics(true),
		parquet.PageBufferSize(pageBytes),
		parquet.MaxRowsPerRowGroup(rowGroup),
	)
	return e
}

// parquetSchema returns the schema of a table, with its columns in their order.
func parquetSchema(t Table) *parquet.Schema {
	group := parquet.Group{}
	for _, c := range t.Columns {
		node := parquetNode(c.Kind)
		if c.Optional {
			node = parquet.Optional(node)
		}
		group[c.Name] = node
	}
	byName := map[string]parquet.Field{}
	for _, f := range group.Fields() {
		byName[f.Name()] = f
	}
	ordered := orderedGroup{Group: group}
	for _, c := range t.Columns {
		ordered.fields = append(ordered.fields, byName[c.Name])
	}
	return parquet.NewSchema(t.Name, ordered)
}

// orderedGroup is a group whose fields are in an order of their own; the library sorts
// them.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

// Fields implements parquet.Node.
func (g orderedGroup) Fields() []parquet.Field { return g.fields }

func parquetNode(k Kind) parquet.Node {
	switch k {
	case Number:
		return parquet.Encoded(parquet.Uint(64), &parquet.DeltaBinaryPacked)
	case Amount:
		return parquet.Decimal(8, 18, parquet.Int64Type)
	case Time:
		return parquet.Encoded(parquet.Timestamp(parquet.Millisecond), &parquet.DeltaBinaryPacked)
	case Flag:
		return parquet.Leaf(parquet.BooleanType)
	case Word:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	case JSON:
		return parquet.JSON()
	}
	return parquet.String()
}

func (e *parquetEncoder) row(values []value) error {
	row := e.batch[e.used][:0]
	for i, v := range values {
		c := &e.columns[i]
		defined := 0
		if c.Optional {
			defined = 1
		}
		var cell parquet.Value
		if c.lacks(v) {
			defined = 0
		} else {
			cell = parquetValue(c.Kind, v)
		}
		row = append(row, cell.Level(0, defined, i))
	}
	e.batch[e.used] = row
	if e.used++; e.used == len(e.batch) {
		return e.flush()
	}
	return nil
}

func parquetValue(k Kind, v value) parquet.Value {
	switch k {
	case Number, Amount:
		return parquet.Int64Value(int64(v.number))
	case Time:
		return parquet.Int64Value(int64(v.number) * 1000)
	case Flag:
		return parquet.BooleanValue(v.number != 0)
	}
	return parquet.ByteArrayValue([]byte(v.text))
}

func (e *parquetEncoder) flush() error {
	_, err := e.w.WriteRows(e.batch[:e.used])
	e.used = 0
	return err
}

func (e *parquetEncoder) close() error {
	if err := e.flush(); err != nil {
		return err
	}
	return e.w.Close()
}
