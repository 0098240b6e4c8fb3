package web

import (
	"crypto/sha256"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// state is a word with a colour and a shape. Kind is ok (settled, good), run (under
// way), wait (somebody must act), bad (broken, too late) or end (over). The zero
// value is no state.
type state struct{ Kind, Word string }

// keyPart is a key: a mark that helps to recognise it, and a link to its party.
type keyPart struct {
	Full, Short string
	Path        string
	Mark        template.HTML // path of the mark's SVG
	Role        template.HTML // before the key; "": none
}

// key returns the part of a key. The zero key is no key: its part is empty.
func (r *request) key(k record.Key) keyPart {
	if k == (record.Key{}) {
		return keyPart{}
	}
	full := k.String()
	return keyPart{Full: full, Short: shortKey(full), Path: r.link("/parties/" + full), Mark: mark(k[:])}
}

// shortKey returns the first six and the last four of the 64 digits of a key before
// its checksum.
func shortKey(full string) string { return full[:6] + "…" + full[60:64] }

// mark draws a pattern of seven by seven squares, as symmetric as a face, from the
// hash of a name.
func mark(name []byte) template.HTML {
	sum := sha256.Sum256(name)
	var b strings.Builder
	for y := range 7 {
		for x := range 7 {
			column := min(x, 6-x)
			if bit := y*4 + column; sum[bit/8]>>(bit%8)&1 == 1 {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return template.HTML(b.String())
}

// idPart is the id of a record or the hash of a block.
type idPart struct {
	Full, Short string
	Path        string // "": no link
	Name        string // what it is, for the button that copies it
}

// id returns the part of an id with a link to a page.
func (r *request) id(id pow.Hash, page string) idPart {
	full := id.String()
	part := idPart{Full: full, Short: full[:8] + "…" + full[60:]}
	if page != "" {
		part.Path = r.link(page + full)
	}
	return part
}

// blockHash returns the part of the hash of a block: its zeros and four digits more.
func (r *request) blockHash(hash pow.Hash) idPart {
	full := hash.String()
	zeros := len(full) - len(strings.TrimLeft(full, "0"))
	return idPart{Full: full, Short: full[:min(max(zeros, 4)+4, 56)] + "…" + full[60:], Path: r.link("/blocks/" + full)}
}

// timePart is a moment. Text is in UTC; a script writes it in the reader's zone, with
// as many digits.
type timePart struct {
	ISO, Text string
	Dated     bool
}

// time returns the part of a moment: without its date if it is today in UTC.
func (r *request) time(t time.Time) timePart {
	t = t.UTC()
	part := timePart{ISO: t.Format(time.RFC3339), Text: t.Format(time.TimeOnly)}
	if now := r.now.UTC(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		part.Text, part.Dated = t.Format(time.DateTime), true
	}
	return part
}

// unix is time of seconds since 1970.
func (r *request) unix(seconds uint32) timePart { return r.time(time.Unix(int64(seconds), 0)) }

// barPart is a bar from 0 to 100 in the width of its place.
type barPart struct {
	Width string // percent
	Class string // of its colour
}

// bar returns a bar for a share of 0 to 1.
func bar(share float64, class string) barPart {
	return barPart{fmt.Sprintf("%.2f", 100*min(max(share, 0), 1)), class}
}

// itemPath returns the path of the page of an item, as a GS1 Digital Link has it.
func itemPath(gtin record.GTIN, serial record.Serial) string {
	return "/01/" + gtin.String() + "/21/" + url.PathEscape(string(serial))
}
