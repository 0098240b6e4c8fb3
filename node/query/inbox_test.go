package query_test

import (
	"slices"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// A scan of all claims and shipments finds what the inboxes have: each in those of the
// accounts whose turn it is, and in no other as something that must be done.
func TestInbox(t *testing.T) {
	n := openCorpus(t)
	type duty struct {
		account record.Key
		thing   record.ID
	}
	want, accounts := map[duty]bool{}, map[record.Key]bool{}
	all := query.Range{Limit: 10_000}
	supervisors, err := n.AccountsWith(record.Supervisor, all)
	if err != nil {
		t.Fatal(err)
	}
	need := func(account record.Key, thing record.ID, actions *query.Actions, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		accounts[account] = true
		if slices.ContainsFunc(actions.List, func(a rules.Action) bool { return a.Allowed }) {
			want[duty{account, thing}] = true
		}
	}
	claims, err := n.Claims(query.Of{}, query.LiveClaimStates(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims.Items {
		turn, err := n.Turn(c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range turn.Accounts {
			if turn.Role == "custodian" || account == c.Servicer {
				continue // it has the goods; no list has the claims of a servicer
			}
			actions, err := n.ClaimActions(c.ID, account)
			need(account, c.ID, actions, err)
		}
		for _, s := range supervisors.Items {
			if c.State == rules.ClaimEscalated {
				actions, err := n.ClaimActions(c.ID, s.ID)
				need(s.ID, c.ID, actions, err)
			}
		}
	}
	shipments, err := n.Shipments(query.Of{}, []rules.ShipmentState{rules.ShipmentCreated, rules.ShipmentInTransit, rules.ShipmentException}, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range shipments.Items {
		actions, err := n.ShipmentActions(h.ID, h.Custodian())
		need(h.Custodian(), h.ID, actions, err)
	}
	got := map[duty]bool{}
	for account := range accounts {
		inbox, err := n.Inbox(account, 10_000)
		if err != nil || !inbox.Complete {
			t.Fatalf("%v: %v, complete: %v", account, err, inbox.Complete)
		}
		checkOrder(t, inbox)
		for _, w := range inbox.Items {
			if w.Must && w.Kind != "voucher" && !want[duty{account, w.ID}] {
				t.Errorf("%s %v waits for %v, whose turn it is not", w.Kind, w.ID, account)
			}
			got[duty{account, w.ID}] = w.Must
		}
	}
	for d := range want {
		if !got[d] {
			t.Errorf("%v waits for %v, and is not in its inbox", d.thing, d.account)
		}
	}
	if len(want) < 3 {
		t.Errorf("the corpus has only %d things that wait", len(want))
	}
}

// checkOrder fails if something stands before what is more urgent.
func checkOrder(t *testing.T, inbox *query.Inbox) {
	t.Helper()
	for i := 1; i < len(inbox.Items); i++ {
		a, b := inbox.Items[i-1], inbox.Items[i]
		if b.Must && !a.Must || a.Must == b.Must && b.Until != 0 && (a.Until == 0 || a.Until > b.Until) {
			t.Errorf("%v until %d stands before %v until %d", a.ID, a.Until, b.ID, b.Until)
		}
	}
}

// Of each list an inbox looks at a few things only, and says so.
func TestInboxIsBounded(t *testing.T) {
	n := openCorpus(t)
	claims, err := n.Claims(query.Of{}, query.ClaimStates(), query.Range{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := n.Inbox(claims.Items[0].Seller, 1)
	if err != nil || inbox.Complete {
		t.Errorf("%+v, %v", inbox, err)
	}
}
