package chain

import (
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Every case of the corpus gets its verdict, and a rejection leaves no trace.
func TestCorpus(t *testing.T) {
	c := corpus.Build()
	n := newNode(t, chaintest.New(c.Params, 1), at(func() time.Time { return c.Now }))
	for _, test := range c.Cases {
		before := n.Tip()
		outcome, err := judge(n, test)
		if outcome != test.Outcome {
			t.Fatalf("%s: %q, %v; want %q %v", test.Name, outcome, err, test.Outcome, test.Reason)
		}
		if reason, _ := reject.Of(err); reason != test.Reason {
			t.Fatalf("%s: rejected with %v, want %v", test.Name, err, test.Reason)
		}
		if outcome == corpus.Rejected && n.Tip() != before {
			t.Fatalf("%s: rejected, but the tip has changed", test.Name)
		}
	}
	n.mustBe(t, c.Tip)
	n.check(t)
	if len(c.Cases) < 1100 {
		t.Errorf("only %d cases", len(c.Cases))
	}
}

// judge handles the bytes of a case as a node does.
func judge(n *node, c corpus.Case) (corpus.Outcome, error) {
	if c.Kind == corpus.Record {
		if err := judgeRecord(n, c.Bytes); err != nil {
			return corpus.Rejected, err
		}
		return corpus.Valid, nil
	}
	b, err := block.Decode(c.Bytes, n.params.MaxBlockSize)
	if err != nil {
		return corpus.Rejected, err
	}
	outcome, err := n.Submit(b)
	if err != nil {
		return corpus.Rejected, err
	}
	return corpus.Outcome(outcome.String()), nil
}

func judgeRecord(n *node, raw []byte) error {
	r, err := record.Decode(raw)
	if err != nil {
		return err
	}
	if err := r.Check(n.params.ID); err != nil {
		return err
	}
	if err := r.Verify(); err != nil {
		return err
	}
	state, next := rules.NewState(n.View()), n.NextContext()
	if err := rules.Begin(state, next); err != nil {
		return err
	}
	return rules.Apply(state, next, r)
}
