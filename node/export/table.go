package export

import (
	"slices"
	"strings"

	"stele/node/ledger/fields"
	"stele/node/ledger/record"
)

// Table is a table that can be exported.
type Table struct {
	Name    string
	Summary string
	// OfChain means that there is a row for each record or block up to the block of the
	// export, in the order of the chain. Other tables have a row for each thing, as the
	// block after it finds them, in the order of the bytes of their names.
	OfChain bool
	Filters []string // what narrows it down: "seller", "holder", "maker", "carrier", "gtin"
	Columns []Column
}

// Column is a column of a table.
type Column struct {
	Name     string
	Kind     Kind
	Optional bool // a row may have no value
	Doc      string
}

// Kind says what the values of a column are.
type Kind uint8

// The kinds of columns.
const (
	Text   Kind = 1 + iota // of an open set
	Word                   // of a small set, such as a state
	Hex                    // an id, key or digest, as the API writes it
	Number                 // a whole number that is not negative
	Amount                 // money, in units of 1e-8
	Time                   // seconds since 1970, UTC
	Flag                   // 1: true, 0: false
	JSON                   // a JSON value
)

var kindWords = fields.Words{"text", "word", "hex", "number", "amount", "time", "flag", "json"}

// String returns the word for it.
func (k Kind) String() string { return kindWords.Name(uint8(k)) }

// value is what a row has in a column: a text or a number. In an optional column the zero
// value stands for none.
type value struct {
	text   string
	number uint64
}

func (c *Column) lacks(v value) bool { return c.Optional && v == value{} }

// Format is the form of a file.
type Format string

// The formats.
const (
	CSV       Format = "csv"
	JSONLines Format = "jsonl"
	Parquet   Format = "parquet"
)

// Formats returns all formats.
func Formats() []Format { return []Format{CSV, JSONLines, Parquet} }

// ContentType returns the media type of files of the format.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case JSONLines:
		return "application/jsonl"
	}
	return "application/vnd.apache.parquet"
}

// table is a table with how its rows are made.
type table interface {
	describe() Table
	// write passes the rows of an export to row, which keeps no slice.
	write(x *exporter, row func([]value) error) error
}

// Tables returns all tables, by their names.
func Tables() []Table {
	var all []Table
	for _, t := range tables {
		all = append(all, t.describe())
	}
	slices.SortFunc(all, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func findTable(name string) table {
	i := slices.IndexFunc(tables, func(t table) bool { return t.describe().Name == name })
	if i < 0 {
		return nil
	}
	return tables[i]
}

// tableOf is a table whose rows are made of Ts.
type tableOf[T any] struct {
	Table
	columns []column[T]
	each    func(x *exporter, fn func(*T) error) error
}

func (t *tableOf[T]) describe() Table {
	res := t.Table
	for _, c := range t.columns {
		res.Columns = append(res.Columns, c.Column)
	}
	return res
}

func (t *tableOf[T]) write(x *exporter, row func([]value) error) error {
	values := make([]value, len(t.columns))
	return t.each(x, func(thing *T) error {
		for i := range t.columns {
			values[i] = t.columns[i].value(thing)
		}
		return row(values)
	})
}

// column is a column with how its values are made.
type column[T any] struct {
	Column
	value func(*T) value
}

// optional lets the zero value stand for none.
func (c column[T]) optional() column[T] {
	c.Optional = true
	return c
}

func textOf[T any](kind Kind, name, doc string, get func(*T) string) column[T] {
	return column[T]{Column{Name: name, Kind: kind, Doc: doc}, func(t *T) value { return value{text: get(t)} }}
}

func numberOf[T any](kind Kind, name, doc string, get func(*T) uint64) column[T] {
	return column[T]{Column{Name: name, Kind: kind, Doc: doc}, func(t *T) value { return value{number: get(t)} }}
}

func text[T any](name, doc string, get func(*T) string) column[T] {
	return textOf(Text, name, doc, get)
}

func word[T any](name, doc string, get func(*T) string) column[T] {
	return textOf(Word, name, doc, get)
}

func number[T any](name, doc string, get func(*T) uint64) column[T] {
	return numberOf(Number, name, doc, get)
}

func seconds[T any](name, doc string, get func(*T) uint64) column[T] {
	return numberOf(Time, name, doc, get)
}

func amount[T any](name, doc string, get func(*T) record.Amount) column[T] {
	return numberOf(Amount, name, doc, func(t *T) uint64 { return uint64(get(t)) })
}

func flag[T any](name, doc string, get func(*T) bool) column[T] {
	return numberOf(Flag, name, doc, func(t *T) uint64 {
		if get(t) {
			return 1
		}
		return 0
	})
}

// id is a column of ids; a zero id has no value.
func id[T any](name, doc string, get func(*T) record.ID) column[T] {
	return textOf(Hex, name, doc, func(t *T) string {
		if id := get(t); id != (record.ID{}) {
			return id.String()
		}
		return ""
	})
}

// key is a column of keys; a zero key has no value.
func key[T any](name, doc string, get func(*T) record.Key) column[T] {
	return textOf(Hex, name, doc, func(t *T) string {
		if key := get(t); key != (record.Key{}) {
			return key.String()
		}
		return ""
	})
}

// digest is a column of digests; a zero digest has no value.
func digest[T any](name, doc string, get func(*T) record.Digest) column[T] {
	return textOf(Hex, name, doc, func(t *T) string {
		if d := get(t); d != (record.Digest{}) {
			return digestText(d)
		}
		return ""
	})
}
