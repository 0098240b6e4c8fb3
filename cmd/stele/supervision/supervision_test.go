package supervision

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/cmd/stele/node"
	"stele/node/chain/chaintest"
)

func TestMain(m *testing.M) { steletest.Main(m, Command(), node.Command()) }

// The command shows what a node knows of a case that was neglected.
func TestCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := nodetest.Neglect(t, data)
	n := nodetest.StartNode(t, data)
	url := n.Address()
	n.Indexed(url, s.Tip.Height())
	seller := s.Seller.String()
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{nil, 0, []string{"on the chain are checked, up to height", "1 sale, 2 claims, 0 evaluations", "1 claim went to the supervisors; 1 ruling, of which 1 ordered a remedy; not carried out in time: 1", "until the answer  0", "1 for the seller or maker", "parcels: 0 under way; not handed over for too long: 0", "a day of this network lasts 2.0s", "1 delivered"}},
		{[]string{"--json"}, 0, []string{`"complete":true`, `"defaults":1`, `"overdue":[{"seller":"` + seller}},
		{[]string{"overdue", "--by", "maker"}, 0, []string{"overdue  waiting", s.Maker.String()}},
		{[]string{"overdue", "--by", "buyer"}, 2, []string{"by"}},
		{[]string{"claims", "--product", chaintest.GTIN.String()}, 0, []string{"seller or maker  open", s.Claim.String()}},
		{[]string{"claims", "--seller", s.Maker.String()}, 2, []string{"the account is no seller"}},
		{[]string{"times"}, 0, []string{"until the ruling  1"}},
		{[]string{"slowest", "--measure", "ruling", "--seller", seller}, 0, []string{"RULING"}},
		{[]string{"slowest", "--measure", "carry", "--limit", "1"}, 0, []string{"CUSTODY_HANDOVER", s.Shipment.String()}},
		{[]string{"rulings", "--seller", seller, "--clock", "block", "--since", "2009-01-03T18:15:05Z"}, 0, []string{"ordered repair", "closed-defaulted"}},
		{[]string{"rulings", "--until", "1400000000"}, 0, []string{"there are no rulings"}},
		{[]string{"rulings", "--since", "yesterday"}, 2, []string{"--since"}},
		{[]string{"defaults"}, 0, []string{"in default since", "closed-defaulted"}},
		{[]string{"defaults", "--json", "--limit", "1"}, 0, []string{`"more":false`, `"late":false`}},
		{[]string{"gaps"}, 0, []string{"all goods under way have changed hands in time"}},
		{[]string{"recalls"}, 0, []string{chaintest.GTIN.String() + "  all   1         1        0"}},
		{[]string{"corrections"}, 0, []string{"wrong-data  VOUCHER_ISSUE", s.Voucher.String()}},
		{[]string{"corrections", "x"}, 2, []string{"x"}},
		{[]string{"claims", "--limit", "0"}, 2, []string{"--limit"}},
	} {
		args := append([]string{"supervision"}, c.args...)
		out, code := steletest.Run(t, append(args, "--api", url)...)
		for _, want := range c.want {
			if code != c.code || !strings.Contains(out, want) {
				t.Errorf("%v: exit code %d, want %d and %q\n%s", c.args, code, c.code, want, out)
			}
		}
		if code == 0 && strings.Contains(strings.Join(c.args, " "), "--json") && !json.Valid([]byte(out)) {
			t.Errorf("%v: no JSON: %s", c.args, out)
		}
	}
	if err := n.End(os.Interrupt); err != nil {
		t.Error(err)
	}
}
