package words

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Language names a language as HTML and HTTP do.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// Languages returns all languages, the default one first.
func Languages() []Language { return []Language{English, Chinese} }

// Catalog has the sentences of a language. It does not change: safe for concurrent use.
type Catalog struct {
	language Language
	texts    map[string]string
	exact    bool // amounts are not rounded
}

//go:embed locale/*.json
var locale embed.FS

var catalogs = func() map[Language]*Catalog {
	all := map[Language]*Catalog{}
	for _, l := range Languages() {
		c := &Catalog{language: l}
		text, err := locale.ReadFile(path.Join("locale", string(l)+".json"))
		if err == nil {
			err = json.Unmarshal(text, &c.texts)
		}
		if err != nil {
			panic(fmt.Sprintf("words: the catalogue of %q: %v", l, err)) // a file of this program
		}
		all[l] = c
	}
	return all
}()

// In returns the catalogue of a language: that of English if there is none.
func In(l Language) *Catalog {
	if c, ok := catalogs[l]; ok {
		return c
	}
	return catalogs[English]
}

// Language returns the language of the catalogue.
func (c *Catalog) Language() Language { return c.language }

// Exact returns the catalogue with amounts that are not rounded, for those who sign.
func (c *Catalog) Exact() *Catalog {
	exact := *c
	exact.exact = true
	return &exact
}

// has reports whether the catalogue has a sentence.
func (c *Catalog) has(key string) bool { _, ok := c.texts[key]; return ok }

// fill returns a sentence with values in place of its placeholders. Pairs are the names
// of placeholders and their values. No value is searched for placeholders.
func (c *Catalog) fill(key string, pairs ...string) string {
	text, ok := c.texts[key]
	if !ok {
		return key
	}
	if len(pairs) == 0 {
		return text
	}
	replace := make([]string, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		replace[i], replace[i+1] = "{"+pairs[i]+"}", pairs[i+1]
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// word returns the words for a value of a group, and the value itself if it is unknown.
func (c *Catalog) word(group, value string) string {
	if text, ok := c.texts[group+"."+value]; ok {
		return text
	}
	return value
}

// sentence returns a text that begins with a capital letter.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return text
	}
	return string(unicode.ToUpper(r)) + text[n:]
}

// Amount returns an amount with its unit: two decimals from one coin on, four below, and
// all of them if it is smaller than these show. A coin has 10^8 units.
func (c *Catalog) Amount(a record.Amount) string {
	if c.exact {
		return c.fill("amount", "n", a.String())
	}
	return c.fill("amount", "n", Coins(a))
}

// Coins returns an amount as [Catalog.Amount] does, without its unit.
func Coins(a record.Amount) string {
	digits, unit := 4, record.Coin/10_000
	switch {
	case a == 0:
		return "0"
	case a < unit:
		return a.String()
	case a >= record.Coin:
		digits, unit = 2, record.Coin/100
	}
	rounded := (a + unit/2) / unit
	whole := record.Amount(1)
	for range digits {
		whole *= 10
	}
	return fmt.Sprintf("%s.%0*d", Grouped(uint64(rounded/whole)), digits, uint64(rounded%whole))
}

// Grouped returns a number with commas between groups of three digits.
func Grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// count returns a number of things: "1 day", "2 days". The language has the words for
// one and for many of a group.
func (c *Catalog) count(group string, n uint64) string {
	if n == 1 {
		return c.fill(group+".one", "n", "1")
	}
	return c.fill(group+".many", "n", Grouped(n))
}

// Days returns a number of days of the network.
func (c *Catalog) Days(n uint64) string { return c.count("days", n) }

// Part returns a part that somebody plays in a case or signs as: "the seller or maker".
// An unknown part is returned unchanged.
func (c *Catalog) Part(part string) string { return c.word("part", part) }

// Label returns a part as a heading: "Seller".
func (c *Catalog) Label(part string) string { return c.word("label", part) }

// Role returns the name of a role that the roots grant.
func (c *Catalog) Role(r record.Role) string { return c.word("role", r.String()) }

// Remedy returns a remedy as what somebody gets: "a refund". It is "" for none.
func (c *Catalog) Remedy(r record.Remedy) string {
	if r == 0 {
		return ""
	}
	return c.word("remedy", r.String())
}

// Ground returns the ground of a claim: "a fault".
func (c *Catalog) Ground(g record.Ground) string { return c.word("ground", g.String()) }

// Exception returns what went wrong with a shipment: "lost". It is "" for none.
func (c *Catalog) Exception(k record.ExceptionKind) string {
	if k == 0 {
		return ""
	}
	return c.word("exception", k.String())
}

// Reason returns why something is rejected, as a part of a sentence without its full
// stop.
func (c *Catalog) Reason(r reject.Reason) string { return c.word("reason", string(r)) }

// Type returns the name of a type of records: "Claim".
func (c *Catalog) Type(t record.Type) string { return c.word("type", t.String()) }
