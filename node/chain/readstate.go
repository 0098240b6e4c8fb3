package chain

import (
	"stele/engine/pow"
	"stele/node/ledger/rules"
)

// ReadState calls read with the state after a block and the context of the next
// one, if that block is the tip of the store. Neither changes during the call,
// whatever the chain does. It reports false without a call if the tip is another
// block. Safe for concurrent use.
func (c *Chain) ReadState(tip pow.Hash, read func(rules.View, rules.Context) error) (ok bool, err error) {
	snapshot := c.store.Snapshot()
	defer snapshot.Close()
	stored, ok, err := snapshot.Tip()
	if err != nil || !ok || stored.Hash != tip {
		return false, err
	}
	h, ok := c.Header(tip)
	if !ok {
		return false, nil // its header is not in the tree yet
	}
	next := rules.Context{Params: c.params, Height: h.Height + 1, MedianTime: h.MedianTime}
	return true, read(snapshot, next)
}
