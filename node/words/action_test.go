package words

import (
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

const anHour = 60 * 60

// Periods are counted in days of the network, and in hours and less only if those are
// real days.
func TestSpan(t *testing.T) {
	for _, test := range []struct {
		seconds uint64
		day     uint32
		want    string
	}{
		{0, 0, "0 seconds"}, {1, 0, "1 second"}, {59, 0, "59 seconds"}, {60, 0, "1 minute"}, {2 * anHour, 0, "2 hours"}, {2*anHour - 1200, 0, "1 h 40 min"},
		{47 * anHour, 0, "47 hours"}, {48 * anHour, 0, "2 days"}, {24_000 * anHour, 86_400, "1,000 days"},
		{1, 2, "less than a day"}, {2, 2, "1 day"}, {3, 2, "1 day"}, {24, 2, "12 days"},
	} {
		if got := In(English).Span(test.seconds, Clock{Day: test.day}); got != test.want {
			t.Errorf("%d s, a day of %d: %q, want %q", test.seconds, test.day, got, test.want)
		}
	}
}

func TestWhen(t *testing.T) {
	clock := Clock{Now: 1000, Day: 10}
	for _, test := range []struct {
		a    Action
		want string
	}{
		{Action{Allowed: true}, "any time"},
		{Action{Allowed: true, Until: 1<<32 + 5}, "any time"},
		{Action{Allowed: true, Until: 1120}, "12 days left"},
		{Action{Height: 1234}, "from block 1,234 on"},
		{Action{From: 1050}, "in 5 days"},
		{Action{RepairsLeft: 1}, "after one more repair of this fault"},
		{Action{RepairsLeft: 2}, "after 2 more repairs of one fault"},
		{Action{Until: 900}, "ended 10 days ago"},
		{Action{}, ""},
	} {
		if got := In(English).When(test.a, clock); got != test.want {
			t.Errorf("%+v: %q, want %q", test.a, got, test.want)
		}
	}
}

// For any times there is an answer, and an end that is not over leaves some time.
func TestWhenProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := Clock{Now: rapid.Uint32().Draw(t, "now"), Day: rapid.Uint32().Draw(t, "day")}
		a := Action{
			Allowed: rapid.Bool().Draw(t, "allowed"), From: rapid.Uint64().Draw(t, "from"), Until: rapid.Uint64().Draw(t, "until"),
			Height: rapid.Uint32().Draw(t, "height"), RepairsLeft: rapid.Byte().Draw(t, "repairs"),
		}
		for _, l := range Languages() {
			c := In(l)
			text := c.When(a, clock)
			if a.Allowed && text == "" {
				t.Fatalf("%s: nothing for %+v at %+v", l, a, clock)
			}
			if placeholder.MatchString(text + c.Until(a.Until, clock) + c.Left(a.Until, clock)) {
				t.Fatalf("%s: %q", l, text)
			}
		}
	})
}

// Every action that the rules know has an instruction.
func TestDo(t *testing.T) {
	for _, p := range variants() {
		choice := rules.ChoiceOf(p)
		a := ActionOf(&rules.Action{Payload: p, Choice: choice, Missing: []string{"carrier"}})
		switch p.(type) {
		case record.Coinbase, record.Pay, record.RoleGrant, record.RoleRevoke, record.KeyRotate, record.ProductRegister, record.VoucherIssue,
			record.RecallNotice, record.SellerSuspend, record.SellerRestore, record.Correction:
			continue // about no case
		case record.CustodyHandover:
			a.Choice = "back"
		}
		for _, l := range Languages() {
			complete(t, In(l), a.Type+" "+a.Choice, In(l).Do(a))
			complete(t, In(l), "missing", In(l).Missing(a))
		}
	}
	same := ActionOf(&rules.Action{Payload: record.ClaimOpen{Ground: record.Fault, Remedy: record.Replace, FaultCode: 3}, Choice: "fault replace"})
	if got := In(English).Do(same); got != "Ask for a replacement for fault 3 again" {
		t.Errorf("%q", got)
	}
	if got := In(English).Do(Action{Type: "CLAIM_OPEN", Choice: "recall refund+replace+repair"}); got != "Ask for a refund, a replacement or a repair because of a recall" {
		t.Errorf("%q", got)
	}
	other := ActionOf(&rules.Action{Payload: record.ClaimOpen{FaultCode: 1}, Missing: []string{"fault_code"}, Reason: reject.WarrantyOver})
	if other.FaultCode != 0 || other.SameFault || other.Reason != reject.WarrantyOver {
		t.Errorf("%+v", other)
	}
}

// Each state of a claim that is not closed says what is next.
func TestNext(t *testing.T) {
	roles := []string{"seller or maker", "seller or servicer", "supervisor", "holder", "custodian"}
	for s := rules.ClaimOpen; s <= rules.ClaimGivenUp; s++ {
		for _, l := range Languages() {
			c := In(l)
			if s.Closed() {
				if got := c.Next(s, record.Repair, Turn{}); got != "" {
					t.Errorf("%s, %v: %q", l, s, got)
				}
				continue
			}
			for _, role := range roles {
				complete(t, c, s.String(), c.Next(s, record.Repair, Turn{Role: role}))
			}
		}
	}
	if got := In(English).Next(rules.ClaimAuthorised, record.Repair, Turn{Role: "holder"}); got != "The holder sends the goods back" {
		t.Errorf("%q", got)
	}
	turn := TurnOf(&rules.Turn{Role: "seller or maker", Period: rules.RespondPeriod, Until: 5, Then: record.TypeClaimEscalate, ThenBy: "holder"})
	if got := In(English).Silence(turn); got != "the holder may take the claim to the supervisors" {
		t.Errorf("%q", got)
	}
	turn = TurnOf(&rules.Turn{Period: rules.OrderPeriod, Silence: rules.ClaimDefaulted})
	if got := In(Chinese).Silence(turn); got == "" || got == "silence.defaulted" {
		t.Errorf("%q", got)
	}
}
