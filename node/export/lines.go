package export

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"stele/node/ledger/record"
)

// appendText appends a value as it stands in CSV, and within the quotes of JSON.
func appendText(b []byte, kind Kind, v value) []byte {
	switch kind {
	case Number:
		return strconv.AppendUint(b, v.number, 10)
	case Flag:
		return strconv.AppendBool(b, v.number != 0)
	case Amount:
		return append(b, record.Amount(v.number).String()...)
	case Time:
		return time.Unix(int64(v.number), 0).UTC().AppendFormat(b, time.RFC3339)
	}
	return append(b, v.text...)
}

// csvEncoder writes CSV (RFC 4180) with a header.
type csvEncoder struct {
	w       io.Writer
	columns []Column
	line    []byte
	field   []byte
	begun   bool
}

func newCSV(w io.Writer, t Table) *csvEncoder { return &csvEncoder{w: w, columns: t.Columns} }

func (e *csvEncoder) header() error {
	e.begun = true
	for i, c := range e.columns {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		e.line = append(e.line, c.Name...)
	}
	return e.end()
}

func (e *csvEncoder) end() error {
	e.line = append(e.line, "\r\n"...)
	_, err := e.w.Write(e.line)
	e.line = e.line[:0]
	return err
}

func (e *csvEncoder) row(values []value) error {
	if !e.begun {
		if err := e.header(); err != nil {
			return err
		}
	}
	for i, v := range values {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		c := &e.columns[i]
		if c.lacks(v) {
			continue
		}
		e.field = appendText(e.field[:0], c.Kind, v)
		switch {
		case c.Kind == Text || c.Kind == JSON:
			e.line = appendField(e.line, e.field)
		default: // it has no character that needs quotes
			e.line = append(e.line, e.field...)
		}
	}
	return e.end()
}

func (e *csvEncoder) close() error {
	if e.begun {
		return nil
	}
	return e.header() // there are no rows
}

// appendField appends a text. A spreadsheet would take some texts for a formula: those
// get an apostrophe in front, and so do texts that begin with one, so that taking one
// away gives the text again.
func appendField(b, field []byte) []byte {
	formula := len(field) > 0 && strings.IndexByte("=+-@\t\r'", field[0]) >= 0
	quoted := false
	for _, c := range field {
		quoted = quoted || c == '"' || c == ',' || c == '\n' || c == '\r'
	}
	if !quoted {
		if formula {
			b = append(b, '\'')
		}
		return append(b, field...)
	}
	b = append(b, '"')
	if formula {
		b = append(b, '\'')
	}
	for _, c := range field {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// jsonEncoder writes JSON Lines: an object a line, with all columns in their order.
type jsonEncoder struct {
	w       io.Writer
	columns []Column
	names   [][]byte // `"name":`
	line    []byte
}

func newJSONLines(w io.Writer, t Table) *jsonEncoder {
	e := &jsonEncoder{w: w, columns: t.Columns}
	for _, c := range t.Columns {
		e.names = append(e.names, []byte(`"`+c.Name+`":`))
	}
	return e
}

func (e *jsonEncoder) row(values []value) error {
	b := append(e.line[:0], '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.names[i]...)
		c := &e.columns[i]
		switch {
		case c.lacks(v):
			b = append(b, "null"...)
		case c.Kind == Text:
			var err error
			if b, err = jsontext.AppendQuote(b, v.text); err != nil {
				return err
			}
		case c.Kind == Number, c.Kind == Flag, c.Kind == JSON:
			b = appendText(b, c.Kind, v)
		default:
			b = append(appendText(append(b, '"'), c.Kind, v), '"')
		}
	}
	e.line = append(b, "}\n"...)
	_, err := e.w.Write(e.line)
	return err
}

func (e *jsonEncoder) close() error { return nil }
