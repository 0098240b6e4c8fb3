package inbox

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"stele/cmd/stele/account"
	"stele/cmd/stele/casefile"
	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/cmd/stele/node"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
)

func TestMain(m *testing.M) {
	steletest.Main(m, Command(), account.Command(), casefile.Command(), node.Command())
}

// A claim waits for the seller and the maker, and for nobody else. The buyer may evaluate.
func TestClaim(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	s := nodetest.Complaint(t, data)
	n := nodetest.StartNode(t, data, "--day", "24h")
	url := n.Address()
	if url == "" {
		t.Fatalf("the node does not start:\n%s", n.Out)
	}
	n.Indexed(url, s.Tip.Height())
	t.Setenv("STELE_API", strings.TrimPrefix(url, "http://"))
	t.Setenv("STELE_KEYS", filepath.Join(dir, "none"))

	for _, c := range []struct {
		key   record.Key
		kinds []string // of the things that wait
		must  bool
		first string // record that may be written
	}{
		{s.Seller, []string{"claim"}, true, "CLAIM_RESPOND"},
		{s.Maker, []string{"claim"}, true, "CLAIM_RESPOND"},
		{s.Buyer, []string{"voucher"}, false, "EVALUATE"},
		{s.Supervisor, nil, false, ""},
	} {
		out, code := steletest.Run(t, "inbox", "--key", c.key.String(), "--json")
		var res result
		if err := json.Unmarshal([]byte(out), &res); err != nil || code != 0 || !res.Complete || len(res.Items) != len(c.kinds) {
			t.Fatalf("exit code %d, %v: %s", code, err, out)
		}
		for i, kind := range c.kinds {
			if got := res.Items[i]; got.Kind != kind || got.Must != c.must || got.Key != c.key || got.Actions[0].Type != c.first {
				t.Errorf("%s", out)
			}
		}
	}
	checkCase(t, s.Claim.String(), s.Voucher.String())
	checkPast(t, s)
	if out, code := steletest.Run(t, "inbox"); code != 2 || !strings.Contains(out, "no keys in ") {
		t.Errorf("without keys: exit code %d: %s", code, out)
	}
	if err := n.End(syscall.SIGTERM); err != nil {
		t.Errorf("%v:\n%s", err, n.Out)
	}
}

// checkPast shows a voucher and an account as they were when the goods were sold.
func checkPast(t *testing.T, s *chaintest.Story) {
	t.Helper()
	sold := s.Tip
	for !holds(sold, s.Voucher) {
		sold = sold.Parent
	}
	height := fmt.Sprint(sold.Height())
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"case", "voucher", s.Voucher.String(), "--at", height, "--all"}, []string{
			"\nstate        issued\n", "\nheight       " + height + "\n", " may write then:\n", "\nnot then:\n",
		}},
		{[]string{"account", s.Buyer.String(), "--at", height}, []string{"in the chain\nheight   " + height + "\n"}},
	} {
		out, code := steletest.Run(t, c.args...)
		for _, want := range c.wants {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("%q: exit code %d, no %q in\n%s", c.args, code, want, out)
			}
		}
	}
	for _, at := range []string{"4000000000", "x"} {
		if out, code := steletest.Run(t, "case", "voucher", s.Voucher.String(), "--at", at); code == 0 {
			t.Errorf("--at %s: %s", at, out)
		}
	}
}

func holds(b *chaintest.Block, id record.ID) bool {
	return slices.ContainsFunc(b.Records, func(r *record.Record) bool { return r.ID() == id })
}

// checkCase shows the claim and its voucher, for people.
func checkCase(t *testing.T, claim, voucher string) {
	t.Helper()
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"claim", claim}, []string{
			"\nturn         seller or maker: ", "\ndeadline     respond, until ", "\nafter that   the holder may take the claim to the supervisors\n",
			"\nasked for    refund\n", "\n  CLAIM_WITHDRAW\n", "\n  CLAIM_RESPOND reject, with cause\n",
		}},
		{[]string{"voucher", voucher}, []string{
			"\nstate        active\n", "\nclaim        " + claim + ", not closed\n", "\n  EVALUATE, with product, service, logistics, until ",
		}},
		{[]string{"voucher", voucher, "--all"}, []string{"\n  VOUCHER_TRANSFER: a claim is open (claim-live)\n"}},
	} {
		out, code := steletest.Run(t, append([]string{"case"}, c.args...)...)
		for _, want := range c.wants {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("case %q: exit code %d, no %q in\n%s", c.args, code, want, out)
			}
		}
	}
}
