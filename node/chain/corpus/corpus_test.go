package corpus

import (
	"bytes"
	"testing"

	"stele/node/reject"
)

// The corpus is the same each time, and each case has one verdict that there is.
func TestBuild(t *testing.T) {
	one, two := Build(), Build()
	if len(one.Cases) != len(two.Cases) {
		t.Fatalf("%d cases, then %d", len(one.Cases), len(two.Cases))
	}
	reasons := map[reject.Reason]bool{}
	for _, r := range reject.All() {
		reasons[r] = true
	}
	for i, c := range one.Cases {
		other := two.Cases[i]
		if c.Name != other.Name || c.Kind != other.Kind || c.Outcome != other.Outcome || c.Reason != other.Reason || !bytes.Equal(c.Bytes, other.Bytes) {
			t.Errorf("%s is not the same twice", c.Name)
		}
		if refused := c.Outcome == Refused; refused != (c.Reason != "") || refused && !reasons[c.Reason] {
			t.Errorf("%s: outcome %q, reason %q", c.Name, c.Outcome, c.Reason)
		}
	}
	if one.Params.GenesisHeader() != two.Params.GenesisHeader() || !one.Now.Equal(two.Now) || one.Tip.Hash() != two.Tip.Hash() {
		t.Error("network, clock or end differ")
	}
}
