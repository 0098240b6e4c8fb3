package node

import (
	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
	"stele/node/views"
)

// tally counts what is in the blocks since the node was started, and how far the
// claims are.
type tally struct {
	records map[record.Type]uint64
	claims  map[record.ID]*seenClaim // that are open, or were lately
	closed  map[rules.ClaimState]uint64
}

// seenClaim is a claim as it was when the tally looked last.
type seenClaim struct {
	state  rules.ClaimState
	closed uint32 // height at which it was seen closed
}

// How many claims of earlier runs a tally follows, and how many it looks at for
// that: the list of open claims has also those that time alone has closed.
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

// seed adds the claims that are open at the start, as far as there are views.
func (t *tally) seed(list *views.Views, v rules.View, c rules.Context) {
	from := store.Place{}
	for read := 0; read < maxSeeded && len(t.claims) < maxClaims; read += seedPage {
		page, err := list.List(views.OpenClaims(), from, seedPage)
		if err != nil {
			return // it is only a count
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

// change follows the blocks.
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

// look asks the ledger how far the claims are. Those that are closed for so long
// that no reorganisation opens them again are only counted from then on.
func (t *tally) look(v rules.View, c rules.Context) {
	for id, seen := range t.claims {
		claim, err := rules.GetClaim(v, c, id)
		switch {
		case err != nil: // the next look tells
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

// states returns how many claims are in each state.
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
