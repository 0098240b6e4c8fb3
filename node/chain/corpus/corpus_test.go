package corpus

import (
	"bytes"
	"testing"

	"stele/node/ledger/reject"
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

// Each reason for which the rules refuse a record or a block is in the corpus,
// but for those that say why not.
func TestReasons(t *testing.T) {
	const (
		noRule = "no rule gives it"
		ofPool = "it is a pool's"
	)
	without := map[reject.Reason]string{
		reject.WrongID:           "it is about the JSON form",
		reject.AmountOverflow:    "there is not so much money",
		reject.FeeTooSmall:       noRule,
		reject.DuplicateRecord:   noRule,
		reject.AlreadyConfirmed:  noRule,
		reject.AlreadyPooled:     ofPool,
		reject.FeeRateTooLow:     ofPool,
		reject.OverBudget:        ofPool,
		reject.PoolFull:          ofPool,
		reject.QueueFull:         ofPool,
		reject.ReplacementTooLow: ofPool,
		reject.RewardPoolShort:   "half of what a sale burns is in the pool until its reward is paid",
	}
	covered := map[reject.Reason]bool{}
	for _, c := range Build().Cases {
		covered[c.Reason] = true
	}
	for _, reason := range reject.All() {
		switch why, excused := without[reason]; {
		case covered[reason] && excused:
			t.Errorf("%s is in the corpus, though %s", reason, why)
		case !covered[reason] && !excused:
			t.Errorf("no case is refused as %s", reason)
		}
	}
}
