package corpus

import (
	"bytes"
	"slices"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
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
		if rejected := c.Outcome == Rejected; rejected != (c.Reason != "") || rejected && !reasons[c.Reason] {
			t.Errorf("%s: outcome %q, reason %q", c.Name, c.Outcome, c.Reason)
		}
	}
	if one.Params.GenesisHeader() != two.Params.GenesisHeader() || !one.Now.Equal(two.Now) || one.Tip.Hash() != two.Tip.Hash() {
		t.Error("network, clock or end differ")
	}
}

// Each reason for which the rules reject a record or a block is in the corpus,
// but for those that say why not.
func TestReasons(t *testing.T) {
	const (
		noRule = "no rule gives it"
		ofPool = "it is a pool's"
	)
	without := map[reject.Reason]string{
		reject.BelowPruned:       "it is about what a node has kept",
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
			t.Errorf("no case is rejected as %s", reason)
		}
	}
}

// What the rules say that the parties of the scenarios may do is what they do: a
// record that is accepted is allowed, and one that is denied is rejected for that
// reason, or for a fault of its own that is found before.
func TestActions(t *testing.T) {
	before := []reject.Reason{reject.KeyRotated, reject.NotSeller, reject.ClaimOfOtherVoucher, reject.TimeInFuture}
	allowed, denied := 0, 0
	build(func(name string, p *network.Params, tip *chaintest.Block, r *record.Record, reason reject.Reason) {
		if r.Payload.Check() != nil {
			return
		}
		c := rules.Context{Params: p, Height: tip.Height() + 1, MedianTime: tip.Node().MedianTime()}
		actions, err := rules.RecordActions(tip.View(), c, r)
		if unknown, ok := reject.Of(err); ok && unknown == reason {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		may := slices.ContainsFunc(actions, func(a rules.Action) bool { return a.Allowed })
		why := slices.ContainsFunc(actions, func(a rules.Action) bool { return a.Reason == reason })
		switch {
		case len(actions) == 0:
		case reason == "" && !may, reason != "" && !may && !why && !slices.Contains(before, reason):
			t.Errorf("%s: rejected for %q, the actions are %+v", name, reason, actions)
		case may:
			allowed++
		default:
			denied++
		}
	})
	if allowed < 100 || denied < 50 {
		t.Errorf("%d records were allowed, %d denied", allowed, denied)
	}
}
