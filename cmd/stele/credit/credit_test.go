package credit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stele/cmd/stele/internal/steletest"
	"stele/node/api"
	"stele/node/ledger/record"
)

func TestMain(m *testing.M) { steletest.Main(m, Command()) }

// The commands ask the API and show what it answers.
func TestCommands(t *testing.T) {
	seller, voucher := record.Key{7}, strings.Repeat("0a", 32)
	score := api.CreditScore{Seller: &seller, Score: 612, Exact: 40120, Parts: api.CreditParts{
		Vouchers: 3, Ends: 1, Settled: 1, Standing: 2, Usual: 500_000, Core: 50000, Whole: 52000, Recent: 60000, Claims: 65536, Satisfied: 50000, Decides: "core",
	}}
	at := api.CreditAt{Height: 4099, Period: 2, Prior: 45875, Low: 36044}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var res any
		switch path := "/v1/credit/sellers/" + seller.String(); {
		case r.URL.Path == path+"/evidence" && r.FormValue("height") == "4099":
			page := api.Page[api.CreditEvidence]{Items: []api.CreditEvidence{{Voucher: voucher, Weight: 500_000, Scores: 11, Ends: map[string]uint16{"settled": 1}, Outcome: 43690, Because: "worse"}}}
			if r.FormValue("from") == "" {
				page.Next = voucher
			}
			res = page
		case r.URL.Path == path && r.FormValue("height") == "9":
			res = api.CreditExplanation{CreditAt: at, CreditScore: api.CreditScore{Seller: &seller, Exact: 36044}, Params: api.CreditParams{Window: 26}, Revoked: true}
		case r.URL.Path == path:
			res = api.CreditExplanation{CreditAt: at, CreditScore: score, Lines: []api.CreditLine{{Period: 1, Vouchers: 3, Ends: 1, Settled: 1, Weight: 1_500_000, Said: 43690, Mean: 45000, Fifths: 2}}}
		case r.URL.Path == "/v1/credit/products/06291041500213":
			res = api.CreditExplanation{CreditAt: at, CreditScore: api.CreditScore{GTIN: "06291041500213", Exact: 36044}, Params: api.CreditParams{Window: 26}}
		case r.URL.Path == "/v1/credit/sellers" && r.FormValue("height") == "9":
			res = api.CreditRanking{CreditAt: api.CreditAt{Height: 9}}
		case r.URL.Path == "/v1/credit/sellers":
			res = api.CreditRanking{CreditAt: at, Total: 1, Items: []api.CreditPlace{{Place: 1, CreditScore: score}}}
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"detail":"the account is no seller"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(res)
	}))
	defer server.Close()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"list"}, 0, "1 sellers with evidence at height 4099\nplace  score  decided by  standing  vouchers  seller\n1      0.612  core        2 of 7    3         " + seller.String()},
		{[]string{"list", "--json"}, 0, `"place":1,`},
		{[]string{"list", "--limit", "0"}, 2, "--limit"},
		{[]string{"list", "--height", "9"}, 0, "0 sellers with evidence at height 9\n"},
		{[]string{"list", "--height", "x"}, 2, "--height"},
		{[]string{"explain", seller.String()}, 0, "score 0.612 of " + seller.String() + " after the block at height 4099, in period 2\n"},
		{[]string{"explain", seller.String()}, 0, "4/49 of core, and 45/49 of low"},
		{[]string{"explain", seller.String()}, 0, "1       3         0.015   0.666    0.686           2/5              1 of 1"},
		{[]string{"explain", seller.String(), "--evidence"}, 0, voucher + "  0.005   0.666    scores of 11 of 15, 1 claims settled, counts here because it got worse"},
		{[]string{"explain", seller.String(), "--evidence", "--json"}, 0, `"evidence":{"1":[{"voucher":"` + voucher},
		{[]string{"explain", seller.String(), "--height", "9"}, 0, "lost its role"},
		{[]string{"explain", seller.String(), "--height", "-1"}, 2, "--height"},
		{[]string{"explain", "6291041500213"}, 0, "score 0.549 of 06291041500213"},
		{[]string{"explain", "6291041500213"}, 0, "no evidence in the last 26 periods: the score is the market's low, 0.549"},
		{[]string{"explain", record.Key{9}.String()}, 2, "the account is no seller"},
		{[]string{"explain"}, 2, "pass one SELLER"},
	} {
		args := append([]string{"credit", c.args[0], "--api", server.URL}, c.args[1:]...)
		if out, code := steletest.Run(t, args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s", c.args, code, c.code, c.want, out)
		}
	}
}
