package pool

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// unsettled has entries that are in no queue, by the keys of their authors.
type unsettled map[record.Key][]entry

// refill puts entries, which are in no queue, into queues as far as they are valid now.
// The others are dropped; those in mined count as mined. The error is that of the view;
// entries that could not be judged are then in no queue, and still in the journal.
//
// The account that a key signs for is not known beforehand: a KEY_ROTATE among the
// entries may bring the key into use, but only if it is valid itself. So the authors of
// these come first, and their queue takes over the entries of the new key. If it does
// not, the key signs for an account of its own.
func (p *Pool) refill(v rules.View, c rules.Context, entries []entry, mined map[record.ID]bool) error {
	if len(entries) == 0 {
		return nil
	}
	waiting := unsettled{}
	rotatedBy := map[record.Key][]record.Key{} // the authors of the rotations to a key
	for _, e := range entries {
		if mined[e.ID()] {
			p.forget([]entry{e}, &p.counts.Mined)
			continue
		}
		waiting[e.Key] = append(waiting[e.Key], e)
		if rotate, ok := e.Payload.(record.KeyRotate); ok {
			rotatedBy[rotate.New] = append(rotatedBy[rotate.New], e.Key)
		}
	}

	var err error
	seen := map[record.Key]bool{}
	var settle func(key record.Key)
	settle = func(key record.Key) {
		if seen[key] { // also if rotations form a circle
			return
		}
		seen[key] = true
		for _, author := range rotatedBy[key] {
			settle(author)
		}
		err = cmp.Or(err, p.settle(v, c, key, waiting))
	}
	for _, key := range slices.SortedFunc(maps.Keys(waiting), compareKeys) {
		settle(key)
	}
	return err
}

func compareKeys(a, b record.Key) int { return bytes.Compare(a[:], b[:]) }

// take removes the entries of a key and returns them in the order of their
// sequence numbers; of two with the same number the better paying comes first.
func (u unsettled) take(key record.Key) []entry {
	entries := u[key]
	delete(u, key)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(a.Seq, b.Seq),
			cmp.Compare(b.rate, a.rate),
			cmp.Compare(a.arrival, b.arrival),
		)
	})
	return entries
}

// settle builds the queue of the account that key signs for, from the entries of this key
// and of the keys that they bring into use.
func (p *Pool) settle(v rules.View, c rules.Context, key record.Key, waiting unsettled) error {
	entries := waiting.take(key)
	if len(entries) == 0 {
		return nil
	}
	account, err := rules.GetAccount(v, key)
	if err != nil {
		return err
	}
	state, err := nextBlockState(v, c)
	if err != nil {
		return err
	}
	var kept []entry
	for len(entries) > 0 {
		e := entries[0]
		entries = entries[1:]
		if e.strikes >= maxStrikes {
			p.forget([]entry{e}, &p.counts.Invalid)
			continue
		}
		err = p.checkRotation(e.Record, nil)
		if err == nil {
			err = rules.Apply(state, c, e.Record)
		}
		if _, rejected := reject.Of(err); rejected {
			p.forget([]entry{e}, &p.counts.Invalid)
			err = nil
			continue
		}
		if err != nil {
			break
		}
		kept = append(kept, e)
		if rotate, ok := e.Payload.(record.KeyRotate); ok {
			entries = append(entries, waiting.take(rotate.New)...)
		}
	}
	if len(kept) > 0 {
		p.table.splice(newQueue(account.ID), 0, 0, kept...)
	}
	return err
}
