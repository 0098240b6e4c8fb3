package match

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stele/cmd/stele/internal/steletest"
	"stele/node/api"
	"stele/node/ledger/record"
	"stele/node/match"
)

func TestMain(m *testing.M) { steletest.Main(m, Command()) }

// drawn is a true answer.
func drawn(t *testing.T) api.Drawn {
	t.Helper()
	d := api.Drawn{Network: 1, Product: "06291041500213", Query: strings.Repeat("0a", 32), Height: 143, Block: strings.Repeat("0b", 32)}
	for i := range 5 {
		d.Sellers = append(d.Sellers, api.DrawnSeller{Seller: record.Key{byte(i + 1)}, Exact: 40000 + uint32(i), Newcomer: i == 2})
	}
	a, err := d.Answer()
	if err != nil {
		t.Fatal(err)
	}
	a.Draw()
	d.Order = a.Order
	return d
}

// The command asks, prints, and finds out who cheats.
func TestVerify(t *testing.T) {
	truth := drawn(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/match" || r.FormValue("product") != truth.Product || r.FormValue("query") != truth.Query {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(truth)
	}))
	defer server.Close()
	write := func(name string, change func(*api.Drawn)) string {
		d := drawn(t)
		change(&d)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	redrawn := func(change func(*api.Drawn)) func(*api.Drawn) {
		return func(d *api.Drawn) {
			change(d)
			a, err := d.Answer()
			if err != nil {
				t.Fatal(err)
			}
			a.Draw()
			d.Order = a.Order
		}
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte(`{"sellers":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	honest := write("honest", func(*api.Drawn) {})
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"ask", []string{truth.Product, "--query", truth.Query}, 0, " 1  " + truth.Order[0].String()},
		{"ask for JSON", []string{truth.Product, "--query", truth.Query, "--json"}, 0, `"order":["`},
		{"honest", []string{"--verify", honest}, 0, "valid: "},
		{"offline", []string{"--verify", honest, "--offline"}, 0, "only a node knows"},
		{"moved", []string{"--verify", write("moved", func(d *api.Drawn) { slices.Reverse(d.Order) })}, 1, "wrong: place 1 is "},
		{"raised", []string{"--verify", write("raised", redrawn(func(d *api.Drawn) { d.Sellers[4].Exact = 65536 }))}, 1, "has the score 40004"},
		{"left out", []string{"--verify", write("left", redrawn(func(d *api.Drawn) { d.Sellers = d.Sellers[1:] }))}, 1, "is left out"},
		{"other block", []string{"--verify", write("block", redrawn(func(d *api.Drawn) { d.Block = strings.Repeat("0c", 32) })), "--json"}, 1, `{"valid":false,"fault":"the block at height 143 is`},
		{"broken", []string{"--verify", broken}, 2, "no answer of a draw"},
		{"both", []string{"--verify", honest, truth.Product}, 2, "without GTIN"},
		{"nothing", nil, 2, "pass one GTIN"},
		{"no query", []string{truth.Product, "--query", "7"}, 2, "64 hex digits"},
	} {
		if out, code := steletest.Run(t, append([]string{"match", "--api", server.URL}, c.args...)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", c.name, code, c.code, c.want, out)
		}
	}
}

// A new question begins at random, and ends with what is asked.
func TestNewQuery(t *testing.T) {
	a, b := newQuery(6291041500213), newQuery(6291041500213)
	if match.Query(a) == b || string(a[16:]) != string(b[16:]) || newQuery(7) == a {
		t.Errorf("queries %v and %v", a, b)
	}
}

// The command tests many answers, and finds out who chose the query ids.
func TestAudit(t *testing.T) {
	write := func(tries int) string {
		var all strings.Builder
		favourite := drawn(t).Sellers[0].Seller
		for n := range 400 {
			best := drawn(t)
			for try := range tries {
				d := drawn(t)
				d.Query = fmt.Sprintf("%064x", n*tries+try)
				a, err := d.Answer()
				if err != nil {
					t.Fatal(err)
				}
				a.Draw()
				d.Order = a.Order
				if try == 0 || d.Order[0] == favourite {
					best = d
				}
			}
			text, err := json.Marshal(best)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(append(text, '\n'))
		}
		return file(t, all.String())
	}
	honest, chosen, few := write(1), write(3), file(t, "")
	moved := drawn(t)
	slices.Reverse(moved.Order)
	text, err := json.Marshal(moved)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"honest", []string{honest}, 0, "400 answers (0 duplicates are not counted), 1 sets of candidates"},
		{"twice", []string{honest, honest}, 0, "400 answers (400 duplicates are not counted)"},
		{"JSON", []string{honest, "--json"}, 0, `"answers":400`},
		{"chosen", []string{chosen}, 1, "somebody probably did choose"},
		{"chosen, JSON", []string{chosen, "--json"}, 1, `"unlikely":true`},
		{"moved", []string{honest, file(t, string(text))}, 1, "answer 1: place 1 is"},
		{"few", []string{few}, 2, "too few answers"},
		{"broken", []string{file(t, `{"sellers":[`)}, 2, "answer 1 is no answer of a draw"},
		{"long", []string{file(t, `{"x":"`+strings.Repeat("x", 2<<20))}, 2, "more than 1048576 bytes"},
		{"missing", []string{filepath.Join(t.TempDir(), "none")}, 2, "no such file"},
		{"no files", nil, 2, "one FILE or more"},
	} {
		if out, code := steletest.Run(t, append([]string{"match", "--audit"}, c.args...)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", c.name, code, c.code, c.want, out)
		}
	}
}

// file writes a file.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "answers")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
