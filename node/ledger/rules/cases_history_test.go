package rules

import (
	"maps"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// compare fails unless the state is what the model says, and no value came or
// went.
func (m *cases) compare(t *rapid.T, v View) {
	c := Context{Params: caseParams, Height: m.height, MedianTime: m.now}
	sum := m.pool
	for _, p := range m.people {
		for _, k := range p.keys {
			a, err := GetAccount(v, k)
			if err != nil || a.ID != p.keys[0] || a.Key != p.key() || a.Balance != p.balance || a.Seq != p.seq || a.Roles.Suspended() != p.suspended {
				t.Fatalf("%s is %+v, %v, want %+v", p.name, a, err, p)
			}
		}
		sum += p.balance
	}
	pool, err1 := RewardPool(v)
	supply, err2 := Supply(v)
	if err1 != nil || err2 != nil || pool != m.pool || supply != sum || supply != record.Amount(len(caseParams.Alloc))*funds-m.burned {
		t.Fatalf("pool %v, want %v; supply %v, but there is %v, and %v were burned", pool, m.pool, supply, sum, m.burned)
	}
	for _, want := range m.vouchers {
		got, err := GetVoucher(v, c, want.id)
		if err != nil {
			t.Fatal(err)
		}
		state := want.state
		if m.expired(want) {
			state = "expired"
		}
		if got.State.String() != state || got.Seller != want.seller.keys[0] || got.Holder != want.holder.keys[0] || got.Buyer != want.buyer.keys[0] ||
			got.ClaimLive != (want.live() != nil) || got.Extended != want.inRepair || int(got.Repairs) != want.repairs || got.Delivered != want.delivered ||
			got.Recalled != m.recalled[want.sold.Serial] {
			t.Fatalf("voucher %+v, want %+v", got, want)
		}
		e, err := GetEvaluation(v, want.id)
		if err != nil || (e == nil) != (want.evaluated == "") {
			t.Fatalf("evaluation %+v, %v, want %+v", e, err, want)
		}
		if e != nil && (e.State.String() != want.evaluated || e.Rewarded != want.rewarded || e.Replied != want.replied) {
			t.Fatalf("evaluation %+v, want %+v", e, want)
		}
	}
	for _, want := range m.shipments {
		got, err := GetShipment(v, want.id)
		if err != nil || got.State.String() != want.state || got.Custodian() != want.custodian().keys[0] {
			t.Fatalf("shipment %+v, %v, want %+v", got, err, want)
		}
	}
	for _, want := range m.claims {
		got, err := GetClaim(v, c, want.id)
		if err != nil || got.State.String() != want.state || got.Remedy != want.remedy || got.Holder != want.holder.keys[0] || int(got.Round) != want.rounds ||
			got.Received != want.received || got.Executed != want.done {
			t.Fatalf("claim %+v, %v, want %+v", got, err, want)
		}
	}
}

// Random histories of cases agree with the model: each record is rejected exactly
// if the model has a reason, and for such a reason; the state says what the model
// says; no value comes or goes; undo leads back to the state before.
func TestCases(t *testing.T) {
	seen, steps := map[record.Type]int{}, 0
	claimsSeen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		view := mapView(maps.Clone(caseView))
		h := &history{cases: newCases(), keys: 10_000}
		for _, seed := range rapid.SliceOfN(rapid.Uint64(), 40, 60).Draw(t, "blocks") {
			h.Rand = rand.New(rand.NewPCG(seed, 0))
			h.height += uint32(pickOf(h.Rand, 1, 1, 1, 1, 20))
			h.pass(uint32(pickOf(h.Rand, 0, 0, 0, 1, 1, 6, 8, 12, 31, 64, 94)*day + h.IntN(2)))
			h.compare(t, view)
			before, s := view.hash(), NewState(view)
			c := Context{Params: caseParams, Height: h.height, MedianTime: h.now}
			for range h.IntN(20) {
				r := h.next()
				faults, mark := h.faults(r), s.Mark()
				err := Apply(s, c, r)
				checkCurrentKeys(t, s, r, err)
				reason, _ := reject.Of(err)
				switch {
				case err == nil && len(faults) == 0:
					h.apply(r)
					seen[r.Type()]++
				case err == nil || !faults[reason]:
					t.Fatalf("%v %+v by %s: %v, want one of %v", r.Type(), r.Payload, h.person(r.Key).name, err, faults)
				case s.Mark() != mark:
					t.Fatalf("%+v: rejected, but left a change", r)
				}
				steps++
			}
			h.compare(t, s)
			changes := s.Changes()
			undo, err := DecodeUndo(EncodeUndo(changes))
			if err != nil {
				t.Fatal(err)
			}
			view.connect(changes)
			after := view.hash()
			view.disconnect(undo)
			if view.hash() != before {
				t.Fatal("undo leads to another state")
			}
			view.connect(changes)
			if view.hash() != after || before == after && len(changes) > 0 {
				t.Fatal("the way back leads to another state")
			}
		}
		for _, c := range h.claims {
			claimsSeen[c.state]++
		}
		if h.rewards > h.burned || h.pool+h.rewards > h.burned+record.Amount(len(h.vouchers)) {
			t.Fatalf("rewards of %v, pool %v, %v burned", h.rewards, h.pool, h.burned)
		}
	})
	t.Logf("%d steps; valid records by type: %v; claims at the end by state: %v", steps, seen, claimsSeen)
}
