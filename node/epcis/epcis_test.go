package epcis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/epcis"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/store"
)

// schemaVariable names the file of GS1's JSON schema of EPCIS 2.0.
const schemaVariable = "STELE_EPCIS_SCHEMA"

// historyOf returns all after-sales records of a chain as if they were about one item.
func historyOf(tip *chaintest.Block) (events []query.Event) {
	for _, b := range tip.Chain()[1:] {
		for i, r := range b.Records {
			if r.Type() >= record.TypeProductRegister {
				events = append(events, query.Event{Record: r, Place: store.Place{Height: b.Height(), Index: uint32(i)}, BlockTime: b.Header.Time})
			}
		}
	}
	return events
}

// not is a pattern of the form ^(?!X), which package regexp does not know.
type not struct{ *regexp.Regexp }

func (n not) MatchString(s string) bool { return !n.Regexp.MatchString(s) }

func compileRegexp(pattern string) (jsonschema.Regexp, error) {
	if inner, ok := strings.CutPrefix(pattern, "^(?!"); ok {
		re, err := regexp.Compile("^(?:" + inner)
		return not{re}, err
	}
	return regexp.Compile(pattern)
}

// Every event that the corpus brings forth, whose records are of all types, is valid by
// GS1's schema.
func TestSchema(t *testing.T) {
	name := os.Getenv(schemaVariable)
	if name == "" {
		fmt.Printf("NOT CHECKED: EPCIS documents against GS1's JSON schema: set %s to its file\n", schemaVariable)
		t.Skipf("%s is not set", schemaVariable)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(compileRegexp)
	if err := c.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	history := historyOf(corpus.Build().Tip)
	d := epcis.Of(chaintest.GTIN, `!"%&'()*+,-./:;<=>?_`, history)
	validate := func(d epcis.Document) error {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		body, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(body)
	}
	if err := validate(d); err != nil || len(d.Body.Events) < 100 {
		t.Errorf("%d events: %v", len(d.Body.Events), err)
	}
	if err := validate(epcis.Of(chaintest.GTIN, "x", nil)); err != nil {
		t.Error(err)
	}
	d.Body.Events[7].BizStep = "vanishing"
	if validate(d) == nil {
		t.Error("the schema does not look at events")
	}
}

// Each type of record has the event that docs/epcis.md says, or none.
func TestTypes(t *testing.T) {
	seen := map[string]bool{}
	history := historyOf(corpus.Build().Tip)
	byName := map[string]record.Type{}
	for _, e := range history {
		byName[epcis.Name(e.ID())] = e.Type()
	}
	for _, e := range epcis.Of(chaintest.GTIN, "x", history).Body.Events {
		what := []string{byName[e.ID].String(), e.BizStep, e.Disposition}
		if e.Error != nil {
			what = []string{record.TypeCorrection.String(), e.Error.Reason, ""}
		}
		seen[strings.Join(what, " ")] = true
	}
	text, err := os.ReadFile("../../docs/epcis.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	left := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		clean := func(i int) string { return strings.Trim(cells[i], " `") }
		switch {
		case len(cells) < 4 || !strings.HasPrefix(clean(1), strings.ToUpper(clean(1))) || clean(1) == "":
		case clean(2) == "none":
			left[clean(1)] = true
		case len(cells) >= 6:
			documented[strings.Join([]string{clean(1), clean(3), clean(4)}, " ")] = true
		}
	}
	for what := range seen {
		if !documented[what] {
			t.Errorf("docs/epcis.md has no row %q", what)
		}
	}
	for _, kind := range record.Types() {
		mapped := false
		for what := range documented {
			mapped = mapped || strings.HasPrefix(what, kind.String()+" ")
		}
		if mapped == left[kind.String()] {
			t.Errorf("docs/epcis.md says of %v that it has an event (%t), and none (%t)", kind, mapped, left[kind.String()])
		}
	}
}

// The case of one sale, step by step.
func TestStory(t *testing.T) {
	s := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	s.Sell()
	s.Send()
	s.HandOver()
	s.Deliver()
	d := epcis.Of(chaintest.GTIN, chaintest.Serial, historyOf(s.Tip))
	var steps []string
	for _, e := range d.Body.Events {
		steps = append(steps, e.BizStep)
		if !slices.Equal(e.EPCs, []string{"https://id.gs1.org/01/06291041500213/21/A%2F1"}) {
			t.Errorf("EPCs %v", e.EPCs)
		}
	}
	if want := []string{"retail_selling", "staging_outbound", "shipping", "transporting", "receiving"}; !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	sold := d.Body.Events[0]
	if sold.ID != epcis.Name(s.Voucher) || sold.Sources[0].URI != epcis.Party(s.Seller) || sold.Destinations[0].URI != epcis.Party(s.Buyer) {
		t.Errorf("%+v", sold)
	}
}

// A key has the did:key of the method's specification for the same Ed25519 key.
func TestParty(t *testing.T) {
	key := record.PublicOf(record.KeyFromSeed([32]byte{}))
	if got, want := epcis.Party(key), "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
