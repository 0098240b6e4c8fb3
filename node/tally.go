package node

import (
	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
	"stele/node/views"
)

// tally counts the records in blocks since the node started, and the claims by
// state. Not safe for concurrent use.
type tally struct {
	records map[record.Type]uint64
	claims  map[record.ID]*seenClaim    // that are open, or were lately
	closed  map[rules.ClaimState]uint64 // claims that are not followed any more
}

// seenClaim is a claim at the last refresh.
type seenClaim struct {
	state  rules.ClaimState
	closed uint32 // height at which it was first seen closed; 0: not yet
}

// A tally follows at most maxClaims claims of earlier runs. To find them it reads
// at most maxSeeded entries of the list of live claims, in pages of seedPage.
const (
	maxClaims = 10_000
	maxSeeded = 100_000
	seedPage  = 1000
)

func newTally() tally {
	return tally{
		records: map[record.Type]uint64{},
		claims:  map[record.ID]*seenClaim{},
		closed:  map[rules.ClaimState]uint64{},
	}
}

// seed adds the claims that are open at the start, as far as the views list them.
func (t *tally) seed(list *views.Views, v rules.View, c rules.Context) {
	from := store.Place{}
	for read := 0; read < maxSeeded && len(t.claims) < maxClaims; read += seedPage {
		page, err := list.InStates(views.Claims, views.All(), views.LiveClaims(), from, seedPage)
		if err != nil {
			return // this is only a count
		}
		for _, e := range page {
			from = e.Next()
			if claim, err := rules.GetClaim(v, c, e.ID); err == nil && claim != nil && !claim.State.Closed() {
				t.claims[e.ID] = &seenClaim{state: claim.State}
			}
		}
		if len(page) < seedPage {
			return
		}
	}
}

// change follows a change of the chain.
func (t *tally) change(change chain.Change) {
	for _, b := range change.Disconnected {
		for _, r := range b.Records[1:] {
			if t.records[r.Type()] > 0 {
				t.records[r.Type()]--
			}
			if r.Type() == record.TypeClaimOpen {
				delete(t.claims, r.ID())
			}
		}
	}
	for _, b := range change.Connected {
		for _, r := range b.Records[1:] {
			t.records[r.Type()]++
			if r.Type() == record.TypeClaimOpen {
				t.claims[r.ID()] = &seenClaim{state: rules.ClaimOpen}
			}
		}
	}
}

// refresh reads the states of the claims from the ledger. Once no reorganisation
// can open a closed claim again, the claim is only counted.
func (t *tally) refresh(v rules.View, c rules.Context) {
	for id, seen := range t.claims {
		claim, err := rules.GetClaim(v, c, id)
		switch {
		case err != nil: // the next refresh may succeed
		case claim == nil:
			delete(t.claims, id) // its block was disconnected before it was seen
		case !claim.State.Closed():
			*seen = seenClaim{state: claim.State}
		case seen.closed == 0:
			*seen = seenClaim{claim.State, c.Height}
		case seen.closed+chain.MaxReorg < c.Height:
			t.closed[claim.State]++
			delete(t.claims, id)
		}
	}
}

// states returns the number of claims in each state.
func (t *tally) states() map[rules.ClaimState]uint64 {
	all := map[rules.ClaimState]uint64{}
	for state, n := range t.closed {
		all[state] = n
	}
	for _, seen := range t.claims {
		all[seen.state]++
	}
	return all
}
