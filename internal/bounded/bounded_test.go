package bounded

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json"
)

// hash is a value of fixed size that JSON has as text.
type hash [32]byte

func (h *hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("%d hex digits, expected 64", len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

type item struct {
	Height uint32 `json:"height"`
	Branch []hash `json:"branch"`
}

type document struct {
	Name   string `json:"name"`
	Items  []item `json:"items"`
	Hashes []hash `json:"hashes"`
}

func limits() Limits {
	return Limits{Bytes: 1 << 20, Token: 1 << 10, Lists: []*json.Unmarshalers{
		List(100, func(i *item) error {
			if i.Height == 0 {
				return errors.New("the height is missing")
			}
			return nil
		}),
		List[hash](10_000, nil),
	}}
}

var (
	digits = strings.Repeat("ab", 32)
	quoted = `"` + digits + `"`
)

func TestDecode(t *testing.T) {
	var d document
	text := `{"name":"x","items":[{"height":1,"branch":[` + quoted + `]},{"height":2,"branch":[]}],"hashes":null}` + "\n"
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"with EOF": iotest.DataErrReader(strings.NewReader(text)),
	} {
		if err := Decode(r, &d, limits()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d.Name != "x" || len(d.Items) != 2 || d.Items[0].Branch[0][31] != 0xab || d.Items[1].Height != 2 {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "ends early"},
		"cut off":            {`{"name":"x"`, "ends early"},
		"something follows":  {`{}{}`, "follows"},
		"garbage follows":    {`{}x`, "not JSON"},
		"twice":              {`{"name":"x","name":"y"}`, `"/name": the name occurs twice`},
		"twice in an item":   {`{"items":[{"height":1,"height":1}]}`, `"/items/0/height": the name occurs twice`},
		"wrong case":         {`{"Name":"x"}`, `"/Name": unknown name`},
		"wrong case inside":  {`{"items":[{"Height":1}]}`, `"/items/0/Height": unknown name`},
		"unknown":            {`{"nam":"x"}`, `"/nam": unknown name`},
		"escape sequences":   {`{"\u001b[2J":"x"}`, `\x1b[2J`},
		"wrong type":         {`{"name":7}`, `"/name": a JSON number does not fit`},
		"not a list":         {`{"items":{}}`, `"/items": a JSON object does not fit`},
		"number too large":   {`{"items":[{"height":4294967296}]}`, `"/items/0/height"`},
		"wrong text":         {`{"hashes":["ab"]}`, `"/hashes/0": 2 hex digits, expected 64`},
		"null in a list":     {`{"hashes":[null]}`, "element 0 is null"},
		"check":              {`{"items":[{"height":1},{}]}`, "element 1: the height is missing"},
		"long list":          {`{"items":[` + strings.Repeat(`{"height":1},`, 200) + `]}`, "more than 100 elements"},
		"long token":         {`{"name":"` + strings.Repeat("x", 10<<10) + `"}`, "more than 1024 bytes"},
		"long name":          {`{"` + strings.Repeat("x", 10<<10) + `":1}`, "more than 1024 bytes"},
		"long input":         {`{"name":"x"` + strings.Repeat(" ", 2<<20) + `}`, "more than 1024 bytes"},
		"long name unknown":  {`{"` + strings.Repeat("x", 200) + `":1}`, "..."},
		"byte order mark":    {"\xef\xbb\xbf{}", "not JSON"},
		"invalid UTF-8":      {"{\"name\":\"\xff\"}", "UTF-8"},
		"number for a list ": {`{"hashes":1}`, "does not fit"},
	} {
		var d document
		err := Decode(strings.NewReader(c.text), &d, limits())
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
		if large := strings.HasPrefix(name, "long ") && !strings.Contains(name, "unknown"); large != errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v: ErrTooLarge is %v", name, err, !large)
		}
	}
	text := `{"hashes":[` + strings.Repeat(quoted+",", 20_000)
	if err := Decode(strings.NewReader(text), new(document), Limits{Bytes: 1 << 20, Token: 1 << 10}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an input that is too long: %v", err)
	}
	broken := errors.New("broken")
	if err := Decode(io.MultiReader(strings.NewReader(`{"name":`), iotest.ErrReader(broken)), new(document), limits()); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// What is allocated is at most twice the input and 64 kB, whatever the input.
func TestDecodeMemory(t *testing.T) {
	const size = 1 << 20
	repeat := func(head, element string) string {
		return head + strings.Repeat(element+",", (size-len(head))/(len(element)+1)-1) + element + "]}"
	}
	for name, text := range map[string]string{
		"hashes":        repeat(`{"hashes":[`, quoted),
		"nulls":         repeat(`{"hashes":[`, "null"),
		"short hashes":  repeat(`{"hashes":[`, `""`),
		"items":         repeat(`{"items":[`, `{"height":1}`),
		"empty items":   repeat(`{"items":[`, `{}`),
		"empty lists":   repeat(`{"items":[`, `[]`),
		"unknown names": repeat(`{"x":[`, `{}`),
		"one string":    `{"name":"` + strings.Repeat("x", size) + `"}`,
		"one number":    `{"name":` + strings.Repeat("1", size) + `}`,
		"levels":        strings.Repeat(`[`, size),
		"white space":   strings.Repeat(" ", size),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decode(strings.NewReader(text), new(document), Limits{Bytes: 2 * size, Token: 1 << 10, Lists: limits().Lists})
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*uint64(len(text))+64<<10 {
			t.Errorf("%s: %d kB allocated for %d kB (%v)", name, got>>10, len(text)>>10, err)
		}
	}
	// Accepted in full, too.
	text := repeat(`{"hashes":[`, quoted)
	l := Limits{Bytes: 2 * size, Token: 1 << 10, Lists: []*json.Unmarshalers{List[hash](1<<20, nil)}}
	var d document
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Decode(strings.NewReader(text), &d, l)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err != nil || len(d.Hashes) < 15_000 || got > 2*uint64(len(text))+64<<10 {
		t.Errorf("%d hashes, %v: %d kB allocated for %d kB", len(d.Hashes), err, got>>10, len(text)>>10)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"name":"x","items":[{"height":1,"branch":[` + quoted + `]}],"hashes":[` + quoted + `]}`)
	f.Add(`{"items":[{},null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var d document
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decode(strings.NewReader(text), &d, limits())
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*uint64(len(text))+128<<10 {
			t.Errorf("%d bytes allocated for %d", got, len(text))
		}
		if err == nil && (len(d.Items) > 100 || len(d.Hashes) > 10_000) {
			t.Errorf("lists of %d and %d elements", len(d.Items), len(d.Hashes))
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
