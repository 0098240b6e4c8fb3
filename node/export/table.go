package export

// Table is a table that can be exported.
type Table struct {
	Name    string
	Summary string
	// OfChain means that there is a row for each record or block up to the block of the
	// export, in the order of the chain. Other tables have a row for each thing, as the
	// block after it finds them, in the order of the first column.
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
	Time                   // seconds since 1970
	Flag                   // true or false
	JSON                   // a JSON value
)

// Tables returns all tables, by their names.
func Tables() []Table { return nil }

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
