package query

import (
	"errors"
	"time"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Actions are the records that a party may write about something, and those that
// it may not, with the reasons.
type Actions struct {
	Height     uint32 // of the next block, for which they hold
	MedianTime uint32 // by which it is judged
	List       []rules.Action
}

// HolderClaims returns what the holder of a voucher may claim, on each ground, and
// until when. Errors: [ErrNotFound], [ErrTooFast], and those of the store.
func (r *Reader) HolderClaims(voucher record.ID) (*Actions, error) {
	return r.actions(func(v rules.View, c rules.Context) ([]rules.Action, error) { return rules.HolderClaims(v, c, voucher) })
}

// VoucherActions returns what the account of a key may do with a voucher: see
// [rules.VoucherActions]. Errors: those of [Reader.HolderClaims].
func (r *Reader) VoucherActions(id record.ID, key record.Key) (*Actions, error) {
	return r.actionsOf(id, key, rules.VoucherActions)
}

// ClaimActions returns what the account of a key may do with a claim. Errors:
// those of [Reader.HolderClaims].
func (r *Reader) ClaimActions(id record.ID, key record.Key) (*Actions, error) {
	return r.actionsOf(id, key, rules.ClaimActions)
}

// ShipmentActions returns what the account of a key may do with a shipment.
// Errors: those of [Reader.HolderClaims].
func (r *Reader) ShipmentActions(id record.ID, key record.Key) (*Actions, error) {
	return r.actionsOf(id, key, rules.ShipmentActions)
}

// Turn returns whose turn it is in a claim, and what silence leads to. Errors:
// those of [Reader.HolderClaims].
func (r *Reader) Turn(claim record.ID) (turn rules.Turn, err error) {
	err = r.consistent(func(v rules.View, c rules.Context) error {
		turn, err = rules.GetTurn(v, c, claim)
		return err
	})
	return turn, err
}

func (r *Reader) actionsOf(id record.ID, key record.Key, list func(rules.View, rules.Context, record.Key, record.ID) ([]rules.Action, error)) (*Actions, error) {
	return r.actions(func(v rules.View, c rules.Context) ([]rules.Action, error) { return list(v, c, key, id) })
}

func (r *Reader) actions(list func(rules.View, rules.Context) ([]rules.Action, error)) (*Actions, error) {
	var all *Actions
	err := r.consistent(func(v rules.View, c rules.Context) error {
		actions, err := list(v, c)
		all = &Actions{c.Height, c.MedianTime, actions}
		return err
	})
	return all, err
}

// consistent calls read with the state that the next block finds, which does not change
// meanwhile. What the rules do not know is not found. It waits a little for a chain on
// its way to another block: at most 30 ms.
func (r *Reader) consistent(read func(rules.View, rules.Context) error) error {
	if r.past != nil {
		return unknownThing(r.look(func(n *now) error { return read(n.view, n.at) }))
	}
	for try := range maxTries {
		if try > 0 {
			time.Sleep(time.Millisecond << try)
		}
		ok, err := r.chain.ReadState(r.chain.Tip().Hash, read)
		if ok || err != nil {
			return unknownThing(err)
		}
	}
	return errTooFast()
}

// unknownThing turns the rejection of a name that the rules do not know into an error of
// this package.
func unknownThing(err error) error {
	var rejected *reject.Error
	if errors.As(err, &rejected) {
		return fail(ErrNotFound, "%s", rejected.Text)
	}
	return err
}
