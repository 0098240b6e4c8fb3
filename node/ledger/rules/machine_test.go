package rules

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// everybody are the accounts that try every record in every state, with the
// part that each plays. The carrier is a party once it has had the goods.
var everybody = []struct {
	part string
	key  record.Key
}{
	{"seller", theSeller}, {"maker", theMaker}, {"buyer", theBuyer}, {"holder", theHolder}, {"carrier", theCarrier},
	{"next", nextCarrier}, {"servicer", theServicer}, {"supervisor", theSupervisor}, {"stranger", aStranger}, {"dealer", otherSeller},
}

// try is a record that everybody tries in every state.
type try struct {
	name    string
	payload func(w *world) record.Payload
	// stranger is why those are rejected who play no part; state why it is rejected
	// in the states in which nobody may write it.
	stranger reject.Reason
	state    func(state string) reject.Reason
}

func always(r reject.Reason) func(string) reject.Reason {
	return func(string) reject.Reason { return r }
}

// among returns one reason in the states that are listed, and another else.
func among(states string, yes, no reject.Reason) func(string) reject.Reason {
	return func(state string) reject.Reason {
		if strings.Contains(" "+states+" ", " "+state+" ") {
			return yes
		}
		return no
	}
}

// walk lets everybody try everything in every state. Allowed says for a state
// and a record who may write it and what the state is then: "seller maker >
// closed". Parts are those that may write the record in some state: they are
// rejected for the state, others as strangers.
func walk(t *testing.T, states map[string]func(w *world), tries []try, allowed map[string]string, parts map[string]string, stateOf func(w *world) string) {
	used := map[string]bool{}
	for state, reach := range states {
		checkActions(t, reach)
		for _, try := range tries {
			name := state + " " + try.name
			rule := allowed[name]
			used[name] = true
			who, to, _ := strings.Cut(rule, " > ")
			for _, someone := range everybody {
				w := newWorld(t)
				reach(w)
				if got := stateOf(w); got != strings.SplitN(state, "/", 2)[0] {
					t.Fatalf("the way to %s leads to %s", state, got)
				}
				before := w.Mark()
				err := w.try(someone.key, try.payload(w))
				got, _ := reject.Of(err)
				may := strings.Fields(who)
				var want reject.Reason
				switch {
				case contains(may, someone.part):
				case rule != "" && who == "":
					want = reject.Reason(to)
					if !contains(strings.Fields(parts[try.name]), someone.part) {
						want = try.stranger
					}
				case rule == "" && contains(strings.Fields(parts[try.name]), someone.part):
					want = try.state(state)
				default:
					want = try.stranger
				}
				if got != want || err != nil && got == "" {
					t.Errorf("%s by %s: %v, want %q", name, someone.part, err, want)
				}
				if err != nil && w.Mark() != before {
					t.Errorf("%s by %s: rejected, but left a change", name, someone.part)
				}
				if err == nil {
					if now := stateOf(w); now != to {
						t.Errorf("%s by %s: leads to %s, want %s", name, someone.part, now, to)
					}
				}
			}
		}
	}
	for name := range allowed {
		if !used[name] {
			t.Errorf("%s was not tried", name)
		}
	}
}

// checkActions checks what everybody may do, and in which time.
func checkActions(t *testing.T, reach func(w *world)) {
	w := newWorld(t)
	reach(w)
	for _, someone := range everybody {
		trial := newTrial(t, w.State, w.c)
		of := caseIDs{voucher: w.Voucher, claim: w.Claim, shipment: w.Shipment}
		trial.checkCase(someone.key, of, rand.New(rand.NewPCG(1, 2)))
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// Vouchers: who may do what in which state. The first buyer gave the voucher to
// the holder where that is possible.
func TestVoucherMachine(t *testing.T) {
	passOn := func(w *world) { w.deliver(); w.do(theBuyer, w.Transfer(theHolder)) }
	states := map[string]func(w *world){
		"issued":      func(w *world) { w.sell() },
		"issued/late": func(w *world) { w.sell(); w.later(30, 1) },
		"issued/failed": func(w *world) {
			w.sell()
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.Damaged())
		},
		"active":  passOn,
		"expired": func(w *world) { passOn(w); w.later(365, 1) },
		"expired/recalled": func(w *world) {
			passOn(w)
			w.later(365, 1)
			w.do(theSupervisor, w.Recall(""))
		},
		"void": func(w *world) { w.sell(); w.do(theSeller, w.Void(theBuyer)) },
		"refunded": func(w *world) {
			passOn(w)
			w.Claim = w.do(theHolder, w.Open(record.Fault, record.Refund))
			w.do(theSeller, w.Authorise(record.Refund, false))
			w.do(theSeller, w.Refunded(w.pay(theHolder, price)))
			w.do(theHolder, w.Settle(true))
		},
		"replaced": func(w *world) {
			passOn(w)
			w.Claim = w.do(theHolder, w.Open(record.Fault, record.Replace))
			w.do(theSeller, w.Authorise(record.Replace, false))
			p := w.Sale()
			p.Buyer = theHolder
			w.do(theSeller, w.Replaced(w.do(theSeller, p)))
			w.do(theHolder, w.Settle(true))
		},
	}
	// In states before a transfer the buyer is the holder.
	claimState := func(state string) reject.Reason {
		return map[string]reject.Reason{
			"issued": reject.NotDelivered, "issued/late": reject.NotDelivered, "issued/failed": reject.NotDelivered, "active": reject.NotEntitled,
			"expired": reject.WarrantyOver, "expired/recalled": reject.WarrantyOver,
			"void": reject.ClaimOnVoid, "refunded": reject.ClaimOnRefunded, "replaced": reject.ClaimOnReplaced,
		}[state]
	}
	claim := func(g record.Ground, r record.Remedy) func(w *world) record.Payload {
		return func(w *world) record.Payload { return w.Open(g, r) }
	}
	tries := []try{
		{"SHIPMENT_CREATE", func(w *world) record.Payload { return w.Ship(record.Outbound) }, reject.NotSender,
			among("void", reject.ShipmentOfVoid, reject.AlreadyShipped)},
		{"VOUCHER_VOID", func(w *world) record.Payload { return w.Void(w.getVoucher().Holder) }, reject.NotSeller,
			among("active expired expired/recalled", reject.VoidAfterShipment, reject.WrongState)},
		{"VOUCHER_TRANSFER", func(w *world) record.Payload { return w.Transfer(aStranger) }, reject.NotHolder, always(reject.WrongState)},
		{"CLAIM_OPEN fault", claim(record.Fault, record.Repair), reject.ClaimByOther, claimState},
		{"CLAIM_OPEN delivery", claim(record.Delivery, record.Refund), reject.ClaimByOther, claimState},
		{"CLAIM_OPEN no-reason", claim(record.NoReason, record.Refund), reject.ClaimByOther, claimState},
		{"CLAIM_OPEN recall", claim(record.Recall, record.Repair), reject.ClaimByOther, claimState},
	}
	allowed := map[string]string{
		"issued SHIPMENT_CREATE":             "seller > issued",
		"issued/late SHIPMENT_CREATE":        "seller > issued",
		"issued/late VOUCHER_VOID":           "seller > void",
		"issued/late CLAIM_OPEN delivery":    "holder > issued",
		"issued/failed SHIPMENT_CREATE":      " > already-shipped",
		"refunded SHIPMENT_CREATE":           " > wrong-state",
		"replaced SHIPMENT_CREATE":           " > wrong-state",
		"issued VOUCHER_VOID":                "seller > void",
		"issued/failed VOUCHER_VOID":         " > void-after-shipment",
		"active VOUCHER_TRANSFER":            "holder > active",
		"active CLAIM_OPEN fault":            "holder > active",
		"active CLAIM_OPEN no-reason":        "holder > active",
		"active CLAIM_OPEN recall":           " > not-recalled",
		"expired CLAIM_OPEN recall":          " > not-recalled",
		"expired/recalled CLAIM_OPEN recall": "holder > expired",
		"issued CLAIM_OPEN delivery":         " > not-delivered",
		"issued/failed CLAIM_OPEN delivery":  "holder > issued",
	}
	parts := map[string]string{"SHIPMENT_CREATE": "seller", "VOUCHER_VOID": "seller"}
	for _, try := range tries[2:] {
		parts[try.name] = "holder"
	}
	// Split by who holds the voucher: everybody plays the same part in all states.
	before, after := map[string]func(w *world){}, map[string]func(w *world){}
	for state, reach := range states {
		if strings.HasPrefix(state, "issued") || state == "void" {
			before[state] = reach
		} else {
			after[state] = reach
		}
	}
	pick := func(states map[string]func(w *world), change func(string) string) map[string]string {
		picked := map[string]string{}
		for name, rule := range allowed {
			if state, _, _ := strings.Cut(name, " "); states[state] != nil {
				picked[name] = change(rule)
			}
		}
		return picked
	}
	stateOf := func(w *world) string { return w.getVoucher().State.String() }
	walk(t, after, tries, pick(after, func(r string) string { return r }), parts, stateOf)
	for name, part := range parts {
		parts[name] = strings.ReplaceAll(part, "holder", "buyer")
	}
	walk(t, before, tries, pick(before, func(r string) string { return strings.ReplaceAll(r, "holder >", "buyer >") }), parts, stateOf)
}

// Shipments: who may do what in which state.
func TestShipmentMachine(t *testing.T) {
	sent := func(w *world) { w.sell(); w.send(theSeller, record.Outbound) }
	attempted := func(w *world) { sent(w); w.later(14, 1); w.do(theCarrier, w.Attempt()) }
	states := map[string]func(w *world){
		"created":           func(w *world) { w.sell(); w.Shipment = w.do(theSeller, w.Ship(record.Outbound)) },
		"created/silent":    func(w *world) { w.sell(); w.Shipment = w.do(theSeller, w.Ship(record.Outbound)); w.later(30, 1) },
		"in-transit":        func(w *world) { sent(w); w.later(14, 1) },
		"in-transit/silent": func(w *world) { sent(w); w.later(30, 1) },
		"attempted":         attempted,
		"attempted/silent":  func(w *world) { attempted(w); w.later(30, 1) },
		"exception/lost":    func(w *world) { sent(w); w.later(30, 1); w.do(theSeller, w.Lost()) },
		"exception/kept": func(w *world) {
			w.sell()
			w.Shipment = w.do(theSeller, w.Ship(record.Outbound))
			w.do(theSeller, w.Lost())
		},
		"exception": func(w *world) { sent(w); w.do(theCarrier, w.Damaged()) },
		"delivered": func(w *world) { sent(w); w.do(theCarrier, w.Confirm(pickupKey)) },
		"returned":  func(w *world) { sent(w); w.do(theCarrier, w.Damaged()); w.do(theCarrier, w.HandOver(theSeller)) },
		"lost":      func(w *world) { attempted(w); w.do(theSupervisor, w.RuleShipment(record.RuledLost)) },
	}
	// In these the sender has the goods.
	atSender := map[string]bool{"created": true, "created/silent": true, "exception/kept": true, "returned": true}
	tries := []try{
		{"CUSTODY_HANDOVER", func(w *world) record.Payload {
			if w.getShipment().State == ShipmentCreated {
				return w.HandOver(theCarrier)
			}
			return w.HandOver(nextCarrier)
		}, reject.NotCustodian, always(reject.WrongState)},
		{"CUSTODY_HANDOVER back", func(w *world) record.Payload { return w.HandOver(theSeller) }, reject.NotCustodian, always(reject.WrongState)},
		{"DELIVERY_CONFIRM", func(w *world) record.Payload { return w.Confirm(pickupKey) }, reject.NotCustodian,
			among("delivered", reject.AlreadyDelivered, reject.WrongState)},
		{"DELIVERY_EXCEPTION", func(w *world) record.Payload { return w.Damaged() }, reject.NotCustodian, always(reject.WrongState)},
		{"DELIVERY_EXCEPTION lost", func(w *world) record.Payload { return w.Lost() }, reject.NotCustodian, always(reject.WrongState)},
		{"PROOF_OF_ATTEMPT", func(w *world) record.Payload { return w.Attempt() }, reject.NotCustodian, always(reject.WrongState)},
		{"RULING delivered", func(w *world) record.Payload { return w.RuleShipment(record.RuledDelivered) }, reject.NotSupervisor, always(reject.WrongState)},
		{"RULING lost", func(w *world) record.Payload { return w.RuleShipment(record.RuledLost) }, reject.NotSupervisor, always(reject.WrongState)},
	}
	allowed := map[string]string{
		"created CUSTODY_HANDOVER":         "seller > in-transit",
		"created CUSTODY_HANDOVER back":    " > wrong-carrier",
		"created DELIVERY_EXCEPTION":       "seller > exception",
		"in-transit CUSTODY_HANDOVER":      "carrier > in-transit",
		"in-transit CUSTODY_HANDOVER back": " > role-not-held",
		"in-transit DELIVERY_CONFIRM":      "carrier > delivered",
		"in-transit DELIVERY_EXCEPTION":    "carrier > exception",
		"in-transit PROOF_OF_ATTEMPT":      "carrier > attempted",
		"exception CUSTODY_HANDOVER back":  "carrier > returned",
		"attempted RULING delivered":       "supervisor > delivered",
		"attempted RULING lost":            "supervisor > lost",

		"created RULING lost":                       " > lost-too-early",
		"created DELIVERY_EXCEPTION lost":           "seller > exception",
		"created/silent CUSTODY_HANDOVER":           "seller > in-transit",
		"created/silent CUSTODY_HANDOVER back":      " > wrong-carrier",
		"created/silent DELIVERY_EXCEPTION":         "seller > exception",
		"created/silent DELIVERY_EXCEPTION lost":    "seller > exception",
		"created/silent RULING lost":                "supervisor > lost",
		"in-transit RULING lost":                    " > lost-too-early",
		"in-transit/silent CUSTODY_HANDOVER":        "carrier > in-transit",
		"in-transit/silent CUSTODY_HANDOVER back":   " > role-not-held",
		"in-transit/silent DELIVERY_CONFIRM":        "carrier > delivered",
		"in-transit/silent DELIVERY_EXCEPTION":      "carrier > exception",
		"in-transit/silent DELIVERY_EXCEPTION lost": "seller carrier > exception",
		"in-transit/silent PROOF_OF_ATTEMPT":        "carrier > attempted",
		"in-transit/silent RULING lost":             "supervisor > lost",
		"attempted/silent RULING delivered":         "supervisor > delivered",
		"attempted/silent RULING lost":              "supervisor > lost",
		"exception DELIVERY_CONFIRM":                " > wrong-state",
		"exception/lost DELIVERY_CONFIRM":           "carrier > delivered",
		"exception/lost CUSTODY_HANDOVER back":      "carrier > returned",
		"exception/kept CUSTODY_HANDOVER back":      "seller > returned",
		"exception/kept DELIVERY_CONFIRM":           " > wrong-state",
	}
	for state, reach := range states {
		has := "carrier"
		if atSender[state] {
			has = "seller"
		}
		parts := map[string]string{"RULING delivered": "supervisor", "RULING lost": "supervisor"}
		for _, try := range tries[:6] {
			parts[try.name] = has
		}
		tries := tries
		if has == "carrier" {
			parts["DELIVERY_EXCEPTION lost"] = "seller carrier"
		}
		switch state {
		case "in-transit", "attempted", "attempted/silent": // TestSilentCarrier has the reasons, which differ by author
			tries = slices.DeleteFunc(slices.Clone(tries), func(t try) bool { return t.name == "DELIVERY_EXCEPTION lost" })
		}
		rules := map[string]string{}
		for name, rule := range allowed {
			if strings.HasPrefix(name, state+" ") {
				rules[name] = rule
			}
		}
		walk(t, map[string]func(w *world){state: reach}, tries, rules, parts, func(w *world) string { return w.getShipment().State.String() })
	}
}

// waysToClaim are ways to each state of a claim for a repair by the holder, to
// whom the buyer gave the voucher. Where no silence ends a state, all periods
// are over.
var waysToClaim = func() map[string]func(w *world) {
	open := func(w *world) {
		w.deliver()
		w.do(theBuyer, w.Transfer(theHolder))
		w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
	}
	long := func(w *world) { w.later(64, 0) }
	authorised := func(back bool) func(w *world) {
		return func(w *world) { open(w); w.do(theSeller, w.Authorise(record.Repair, back)) }
	}
	received := func(w *world) {
		authorised(true)(w)
		w.send(theHolder, record.Return)
		w.do(theCarrier, w.Confirm(backPickupKey))
	}
	executed := func(w *world) { authorised(false)(w); w.do(theSeller, w.Repaired()) }
	rejected := func(w *world) { open(w); w.do(theSeller, w.Rejection()) }
	escalated := func(w *world) { rejected(w); w.do(theHolder, w.Escalate()) }
	ordered := func(w *world) { escalated(w); w.do(theSupervisor, w.Order(record.Repair, 0)) }
	return map[string]func(w *world){
		"open":                     func(w *world) { open(w); long(w) },
		"offered":                  func(w *world) { open(w); w.do(theSeller, w.Offer(record.Repair)) },
		"authorised":               func(w *world) { authorised(false)(w); long(w) },
		"authorised/return":        authorised(true),
		"authorised/sent":          func(w *world) { authorised(true)(w); w.send(theHolder, record.Return); long(w) },
		"rejected":                 rejected,
		"rejected/received":        func(w *world) { received(w); w.do(theServicer, w.Inspection(record.NoFault)) },
		"closed-rejected/received": func(w *world) { received(w); w.do(theSeller, w.Inspection(record.NoFault)); long(w) },
		"closed-defaulted":         func(w *world) { ordered(w); long(w); w.do(theHolder, w.CloseClaim()) },
		"received":                 func(w *world) { received(w); long(w) },
		"inspected":                func(w *world) { received(w); w.do(theServicer, w.Inspection(record.Confirmed)); long(w) },
		"executed":                 executed,
		"escalated":                func(w *world) { escalated(w); long(w) },
		"ordered":                  ordered,
		"defaulted":                func(w *world) { ordered(w); long(w) },
		"closed-settled":           func(w *world) { executed(w); w.do(theHolder, w.Settle(true)) },
		"closed-settled/silence":   func(w *world) { executed(w); long(w) },
		"closed-rejected":          func(w *world) { rejected(w); long(w) },
		"closed-dismissed":         func(w *world) { escalated(w); w.do(theSupervisor, w.Dismissal()) },
		"closed-unresolved":        func(w *world) { escalated(w); long(w); w.do(theMaker, w.CloseClaim()) },
		"closed-withdrawn":         func(w *world) { open(w); w.do(theHolder, w.Withdraw()) },
		"closed-withdrawn/silence": func(w *world) { authorised(true)(w); long(w) },
	}
}()

// Claims: who may do what in which state.
func TestClaimMachine(t *testing.T) {
	const live = "open offered authorised authorised/return authorised/sent rejected rejected/received received inspected executed escalated ordered defaulted"
	responded := among("escalated ordered defaulted", reject.ResponseAfterEscalation, reject.AlreadyResponded)
	ruled := among("ordered defaulted closed-dismissed", reject.AlreadyRuled, reject.RulingNotEscalated)
	wrong := always(reject.WrongState)
	tries := []try{
		{"authorise", func(w *world) record.Payload { return w.Authorise(record.Repair, false) }, reject.ResponseByOther, responded},
		{"reject", func(w *world) record.Payload { return w.Rejection() }, reject.ResponseByOther, responded},
		{"offer", func(w *world) record.Payload { return w.Offer(record.Replace) }, reject.ResponseByOther, responded},
		{"accept", func(w *world) record.Payload { return w.Answer(true) }, reject.NotHolder, wrong},
		{"decline", func(w *world) record.Payload { return w.Answer(false) }, reject.NotHolder, wrong},
		{"evidence", func(w *world) record.Payload { return w.Evidence() }, reject.EvidenceByOther, always(reject.EvidenceAfterClose)},
		{"fault found", func(w *world) record.Payload { return w.Inspection(record.Confirmed) }, reject.NotInspector, wrong},
		{"no fault found", func(w *world) record.Payload { return w.Inspection(record.NoFault) }, reject.NotInspector, wrong},
		{"withdraw", func(w *world) record.Payload { return w.Withdraw() }, reject.NotHolder,
			among("received inspected", reject.WithdrawAfterReceipt, reject.WrongState)},
		{"escalate", func(w *world) record.Payload { return w.Escalate() }, reject.NotHolder, wrong},
		{"order", func(w *world) record.Payload { return w.Order(record.Repair, 0) }, reject.NotSupervisor, ruled},
		{"dismiss", func(w *world) record.Payload { return w.Dismissal() }, reject.NotSupervisor, ruled},
		{"execute", func(w *world) record.Payload { return w.Repaired() }, reject.NotAParty, wrong},
		{"confirm", func(w *world) record.Payload { return w.Settle(true) }, reject.ConfirmByOther, wrong},
		{"dispute", func(w *world) record.Payload { return w.Settle(false) }, reject.ConfirmByOther, wrong},
		{"close", func(w *world) record.Payload { return w.CloseClaim() }, reject.NotAParty, wrong},
		{"send back", func(w *world) record.Payload { return w.Ship(record.Return) }, reject.NotSender, wrong},
		{"send again", func(w *world) record.Payload { return w.Ship(record.Replacement) }, reject.NotSender, wrong},
	}
	parts := map[string]string{
		"authorise": "seller maker", "reject": "seller maker", "offer": "seller maker", "accept": "holder", "decline": "holder",
		"evidence": "seller maker holder carrier", "fault found": "seller", "no fault found": "seller",
		"withdraw": "holder", "escalate": "holder", "order": "supervisor", "dismiss": "supervisor", "execute": "seller maker",
		"confirm": "holder", "dispute": "holder", "close": "seller maker holder", "send back": "holder", "send again": "seller maker",
	}
	allowed := map[string]string{
		"open authorise": "seller maker > authorised",
		"open reject":    "seller maker > rejected",
		"open offer":     "seller maker > offered",
		"open escalate":  "holder > escalated",
		"open withdraw":  "holder > closed-withdrawn",

		"offered accept":   "holder > authorised",
		"offered decline":  "holder > escalated",
		"offered withdraw": "holder > closed-withdrawn",

		"rejected escalate": "holder > escalated",

		"authorised execute":          "seller maker > executed",
		"authorised escalate":         "holder > escalated",
		"authorised withdraw":         "holder > closed-withdrawn",
		"authorised send back":        " > return-unneeded",
		"authorised/return execute":   " > return-outstanding",
		"authorised/return escalate":  " > escalation-too-early",
		"authorised/sent execute":     " > return-outstanding",
		"authorised/sent escalate":    "holder > escalated",
		"authorised/sent withdraw":    "holder > closed-withdrawn",
		"authorised/sent send back":   " > already-shipped",
		"authorised/return withdraw":  "holder > closed-withdrawn",
		"authorised/return send back": "holder > authorised",

		"received fault found":    "seller servicer > inspected",
		"received no fault found": "seller servicer > rejected",
		"received escalate":       "holder > escalated",
		"received send again":     "seller maker > received",
		"inspected execute":       "seller maker > executed",
		"inspected escalate":      "holder > escalated",
		"inspected send again":    "seller maker > inspected",

		"executed confirm":    "holder > closed-settled",
		"executed dispute":    "holder > escalated",
		"executed send again": "seller maker > executed",

		"escalated order":   "supervisor > ordered",
		"escalated dismiss": "supervisor > closed-dismissed",
		"escalated close":   "seller maker holder > closed-unresolved",
		"ordered execute":   "seller maker > executed",
		"defaulted execute": "seller maker > executed",
		"defaulted close":   "holder > closed-defaulted",

		"rejected/received escalate":          "holder > escalated",
		"rejected/received send again":        "seller maker > rejected",
		"closed-rejected/received send again": "seller maker > closed-rejected",
	}
	for _, state := range strings.Fields(live) {
		who := parts["evidence"]
		if contains(strings.Fields("authorised/return authorised/sent received inspected rejected/received"), state) {
			who += " servicer" // whom the seller named
		}
		allowed[state+" evidence"] = fmt.Sprintf("%s > %s", who, strings.SplitN(state, "/", 2)[0])
	}
	for _, state := range strings.Fields("rejected escalated ordered defaulted closed-settled closed-settled/silence closed-rejected closed-dismissed " +
		"closed-unresolved closed-withdrawn closed-withdrawn/silence closed-defaulted") {
		allowed[state+" send again"] = " > return-outstanding"
	}
	// In the states on the way of a return the seller has named a servicer, who is a
	// party from then on.
	for _, named := range []bool{false, true} {
		ways, rules, who := map[string]func(w *world){}, map[string]string{}, maps.Clone(parts)
		for state, reach := range waysToClaim {
			w := newWorld(t)
			reach(w)
			if named == (w.getClaim().Servicer == theServicer) {
				ways[state] = reach
			}
		}
		for name, rule := range allowed {
			if state, _, _ := strings.Cut(name, " "); ways[state] != nil {
				rules[name] = rule
			}
		}
		if named {
			for _, try := range []string{"fault found", "no fault found", "evidence"} {
				who[try] += " servicer"
			}
		}
		walk(t, ways, tries, rules, who, func(w *world) string { return w.getClaim().State.String() })
	}
}

// Evaluations: who may do what in which state.
func TestEvaluationMachine(t *testing.T) {
	delivered := func(w *world) {
		w.deliver()
		w.do(theBuyer, w.Transfer(theHolder))
		w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
		w.do(theHolder, w.Withdraw())
	}
	given := func(w *world) {
		delivered(w)
		w.do(theBuyer, w.Evaluation())
		w.c.Height += caseParams.AfterSales.RewardDelay
	}
	states := map[string]func(w *world){
		"none":    delivered,
		"given":   given,
		"amended": func(w *world) { given(w); w.do(theBuyer, w.Amendment()) },
	}
	tries := []try{
		{"EVALUATE", func(w *world) record.Payload { return w.Evaluation() }, reject.NotBuyer, always(reject.AlreadyEvaluated)},
		{"EVALUATE_AMEND", func(w *world) record.Payload { return w.Amendment() }, reject.NotBuyer, among("amended", reject.AlreadyAmended, reject.EvaluationUnknown)},
		{"SELLER_REPLY", func(w *world) record.Payload { return w.Reply() }, reject.NotSeller, always(reject.EvaluationUnknown)},
		{"REWARD_CLAIM", func(w *world) record.Payload { return w.Reward() }, reject.NotBuyer, always(reject.EvaluationUnknown)},
	}
	allowed := map[string]string{
		"none EVALUATE":        "buyer > given",
		"given EVALUATE_AMEND": "buyer > amended",
		"given SELLER_REPLY":   "seller > given",
		"amended SELLER_REPLY": "seller > amended",
		"given REWARD_CLAIM":   "buyer > given",
		"amended REWARD_CLAIM": "buyer > amended",
	}
	parts := map[string]string{"EVALUATE": "buyer", "EVALUATE_AMEND": "buyer", "SELLER_REPLY": "seller", "REWARD_CLAIM": "buyer"}
	stateOf := func(w *world) string {
		e, err := GetEvaluation(w.State, w.Voucher)
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return "none"
		}
		return e.State.String()
	}
	// The later holder's evaluation has a reason of its own.
	everybodyElse := everybody
	defer func() { everybody = everybodyElse }()
	everybody = append(everybody[:3:3], everybody[4:]...)
	walk(t, states, tries, allowed, parts, stateOf)
}
