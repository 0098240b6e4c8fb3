package rules

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/casetest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// trial tries actions on a state, which it leaves as it was.
type trial struct {
	rapid.TB
	*State
	c      Context
	nonces uint64
	tried  map[string]int // how many actions were allowed, denied and so on
}

func newTrial(t rapid.TB, v View, c Context) *trial {
	return &trial{TB: t, State: NewState(v), c: c, nonces: 1 << 60, tried: map[string]int{}}
}

// key returns the key that signs now for an account.
func (w *trial) key(of record.Key) record.Key {
	a, err := GetAccount(w.State, of)
	if err != nil {
		w.Fatal(err)
	}
	return a.Key
}

func (w *trial) apply(author record.Key, p record.Payload) (record.ID, error) {
	a, err := GetAccount(w.State, author)
	if err != nil {
		w.Fatal(err)
	}
	r := record.New(record.Record{Version: p.Type().Version(), Seq: a.Seq, ValidUntil: 1 << 30, Key: a.Key, Payload: p})
	return r.ID(), Apply(w.State, w.c, r)
}

// try writes the record of an action at a time, and returns why it is rejected.
// It reports false if the record needs something that cannot be had.
func (w *trial) try(author record.Key, a Action, c Context) (reject.Reason, bool) {
	before, mark := w.c, w.Mark()
	defer func() { w.c = before; w.Revert(mark) }()
	w.c = c
	p, ok := w.complete(author, a)
	if !ok {
		return "", false
	}
	_, err := w.apply(author, p)
	reason, rejected := reject.Of(err)
	if err != nil && !rejected {
		w.Fatal(err)
	}
	if err == nil {
		if err := p.Check(); err != nil {
			w.Fatalf("%v %+v: %v", p.Type(), p, err)
		}
	}
	return reason, true
}

// complete fills in what an action leaves to its author.
func (w *trial) complete(author record.Key, a Action) (record.Payload, bool) {
	v := reflect.New(reflect.TypeOf(a.Payload)).Elem()
	v.Set(reflect.ValueOf(a.Payload))
	v.FieldByName("Time").SetUint(uint64(w.c.MedianTime))
	switch p := v.Interface().(type) {
	case record.ShipmentCreate:
		p.Carrier, p.PickupHash = w.key(theCarrier), casetest.PickupHash(pickupKey)
		if p.Leg != record.Outbound {
			p.PickupHash = casetest.PickupHash(backPickupKey)
		}
		return p, true
	case record.VoucherVoid:
		p.Cause = record.VoidCancelled
		return p, true
	case record.VoucherTransfer:
		v, err := GetVoucher(w.State, w.c, p.Voucher)
		if err != nil {
			w.Fatal(err)
		}
		if p.To = w.key(aStranger); v.Holder == aStranger {
			p.To = w.key(nextCarrier)
		}
		return p, true
	case record.Evaluate:
		p.Product, p.Service, p.Logistics = 1, 2, 3
		return p, true
	case record.EvaluateAmend:
		p.Product, p.Service, p.Logistics = 1, 2, 3
		return p, true
	case record.ClaimRespond:
		switch p.Action {
		case record.Reject:
			p.Cause = record.Misuse
		case record.Offer:
			p.Remedy = record.Repair
		}
		return p, true
	case record.Ruling:
		if p.Outcome == record.Ordered {
			p.Remedy, p.ExecuteDays = record.Repair, 5
		}
		return p, true
	case record.SettleExecute:
		return w.settlement(author, a, p)
	case record.CustodyHandover:
		if p.To == (record.Key{}) {
			p.To = w.key(nextCarrier)
		}
		return p, true
	case record.DeliveryConfirm:
		h, err := GetShipment(w.State, p.Shipment)
		if err != nil {
			w.Fatal(err)
		}
		if p.PickupKey = pickupKey; h.Leg != record.Outbound {
			p.PickupKey = backPickupKey
		}
		w.nonces++
		p.ChallengeHeight = w.c.Height - 1
		binary.BigEndian.PutUint64(p.ChallengeNonce[:], w.nonces)
		return p, true
	default:
		return p.(record.Payload), true
	}
}

// settlement pays or sells what the remedy of a claim needs.
func (w *trial) settlement(author record.Key, a Action, p record.SettleExecute) (record.Payload, bool) {
	if p.Remedy == 0 {
		p.Remedy = record.Repair
	}
	claim, err := GetClaim(w.State, w.c, p.Claim)
	if err != nil {
		w.Fatal(err)
	}
	switch p.Remedy {
	case record.Refund:
		p.Payment = record.ID{1}
		if a.Allowed {
			from := author
			if from == claim.Holder {
				from = nextCarrier
			}
			if from == claim.Holder {
				from = aStranger
			}
			p.Payment, err = w.apply(from, record.Pay{To: claim.Holder, Amount: claim.Refund, Reference: p.Claim})
		}
	case record.Replace:
		p.Replacement = record.ID{1}
		if a.Allowed {
			p.Replacement, err = w.replacement(claim)
		}
	}
	return p, err == nil
}

func (w *trial) replacement(claim *Claim) (record.ID, error) {
	v, err := GetVoucher(w.State, w.c, claim.Voucher)
	if err != nil {
		w.Fatal(err)
	}
	return w.apply(v.Seller, record.VoucherIssue{
		Time: record.Time(w.c.MedianTime), GTIN: v.GTIN, Serial: "replacement", Buyer: w.key(claim.Holder), Price: v.Price, Quantity: 1,
		WarrantyDays: 365, Terms: record.Digest{7}, Burn: MinBurn(&w.c.Params.AfterSales, v.Price), Stipend: w.c.Params.AfterSales.MinStipend,
	})
}

// check fails unless each action of a party is as it says: the rules accept what
// is allowed, and reject the rest for the same reason; it begins and ends when it
// says. Some picks times at random.
func (w *trial) check(party record.Key, actions []Action, err error, some *rand.Rand) {
	if err != nil {
		w.Fatal(err)
	}
	for _, a := range actions {
		name := a.Payload.Type().String() + " " + a.Choice
		got, ok := w.try(party, a, w.c)
		switch {
		case !ok:
			w.tried["impossible"]++
			continue
		case got != a.Reason || a.Allowed != (got == ""):
			w.Fatalf("%s of %v by %v: %q, the action says %+v", name, a.Payload, party, got, a)
		}
		w.tried[map[bool]string{true: "allowed", false: "denied"}[a.Allowed]]++
		w.checkTimes(name, party, a, some)
		if a.Height != 0 {
			at := w.c
			at.Height = a.Height - 1
			early, _ := w.try(party, a, at)
			at.Height++
			if late, _ := w.try(party, a, at); early != reject.RewardTooEarly || late != "" && late != reject.RewardPoolShort {
				w.Fatalf("%s: %q before height %d, %q at it", name, early, a.Height, late)
			}
			w.tried["height"]++
		}
	}
}

func (w *trial) checkTimes(name string, party record.Key, a Action, some *rand.Rand) {
	a.Allowed = true // so that what it needs is bought
	now := uint64(w.c.MedianTime)
	bounded := a.From != 0 || a.Until != 0
	inside := func(t uint64) bool { return t >= a.From && (a.Until == 0 || t <= a.Until) }
	always := a.Reason == "" && !bounded
	switch {
	case a.Reason == "" && !inside(now):
		w.Fatalf("%s is allowed at %d, which is not in its time: %+v", name, now, a)
	case a.Reason != "" && bounded && inside(now):
		w.Fatalf("%s is not allowed at %d, which is in its time: %+v", name, now, a)
	}
	times := []uint64{now + some.Uint64N(100*day), now + some.Uint64N(10*day)}
	if bounded {
		w.tried["bounded"]++
		times = append(times, a.From-1, a.From, a.Until, a.Until+1)
	}
	for _, t := range times {
		if t < now || t >= 1<<32-1 {
			continue
		}
		if bounded && t > a.Until+1 && a.Until != 0 {
			continue // it may begin again
		}
		at := w.c
		at.MedianTime = uint32(t)
		got, ok := w.try(party, a, at)
		if want := always || bounded && inside(t); ok && (got == "") != want {
			w.Fatalf("%s %v by %v at %d, now %d: %q, the action says %+v", name, a.Payload, party, t, now, got, a)
		}
		w.tried["times"]++
	}
}

// checkTurn fails unless those whose turn it is in a claim can do something about
// it, and silence does what it says.
func (w *trial) checkTurn(id record.ID) {
	turn, err := GetTurn(w.State, w.c, id)
	if err != nil {
		w.Fatal(err)
	}
	claim, err := GetClaim(w.State, w.c, id)
	if err != nil {
		w.Fatal(err)
	}
	if closed := claim.State.Closed(); closed != (turn.Role == "") || closed && turn.Until != 0 {
		w.Fatalf("the claim is %v: %+v", claim.State, turn)
	}
	if turn.Role == "" {
		return
	}
	if turn.Until != 0 && turn.Until < 1<<32-1 {
		w.checkSilence(claim, turn)
	}
	able := turn.Role == "supervisor" // who must be no party
	for _, account := range turn.Accounts {
		actions, err := ClaimActions(w.State, w.c, account, id)
		if err != nil {
			w.Fatal(err)
		}
		if claim.Return != (record.ID{}) {
			more, err := ShipmentActions(w.State, w.c, account, claim.Return)
			if err != nil {
				w.Fatal(err)
			}
			actions = append(actions, more...)
		}
		for _, a := range actions {
			switch a.Payload.Type() {
			case record.TypeEvidenceAdd, record.TypeClaimWithdraw:
			default:
				able = able || a.Allowed || a.Reason == reject.EscalationTooEarly
			}
		}
	}
	if !able {
		w.Fatalf("it is the turn of %+v in the claim %+v, who cannot do anything", turn, claim)
	}
}

func (w *trial) checkSilence(claim *Claim, turn Turn) {
	at := w.c
	for after, want := range []ClaimState{claim.State, turn.Silence} {
		if want == 0 {
			want = claim.State
		}
		at.MedianTime = uint32(turn.Until) + uint32(after)
		if at.MedianTime < w.c.MedianTime {
			continue
		}
		if got, err := GetClaim(w.State, at, claim.ID); err != nil || got.State != want {
			w.Fatalf("%d seconds after the end of the turn %+v the claim is %v, %v, want %v", after, turn, got.State, err, want)
		}
	}
	if turn.Then == 0 {
		return
	}
	at.MedianTime = max(uint32(turn.Until)+1, w.c.MedianTime)
	able := false
	for _, account := range []record.Key{claim.Holder} {
		actions, err := ClaimActions(w.State, at, account, claim.ID)
		if err != nil {
			w.Fatal(err)
		}
		for _, a := range actions {
			able = able || a.Allowed && a.Payload.Type() == turn.Then
		}
	}
	if !able {
		w.Fatalf("after the end of the turn %+v, no %v is possible", turn, turn.Then)
	}
}

// caseIDs names what the records of a case are about. Zero stands for nothing.
type caseIDs struct{ voucher, claim, shipment record.ID }

// checkCase checks the actions of a party in a case, of which there may not be
// everything.
func (w *trial) checkCase(party record.Key, of caseIDs, some *rand.Rand) {
	if of.voucher != (record.ID{}) {
		actions, err := VoucherActions(w.State, w.c, party, of.voucher)
		w.check(party, actions, err, some)
	}
	if of.claim != (record.ID{}) {
		actions, err := ClaimActions(w.State, w.c, party, of.claim)
		w.check(party, actions, err, some)
		w.checkTurn(of.claim)
	}
	if of.shipment != (record.ID{}) {
		actions, err := ShipmentActions(w.State, w.c, party, of.shipment)
		w.check(party, actions, err, some)
	}
}

// In random histories of cases, whatever a party may do applies, at the times
// that are given, and whatever it may not do is rejected for that reason.
func TestActions(t *testing.T) {
	tried := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		view := mapView(maps.Clone(caseView))
		h := &history{cases: newCases(), keys: 10_000}
		for _, seed := range rapid.SliceOfN(rapid.Uint64(), 20, 30).Draw(t, "blocks") {
			h.Rand = rand.New(rand.NewPCG(seed, 0))
			h.height += uint32(pickOf(h.Rand, 1, 1, 1, 1, 20))
			h.pass(uint32(pickOf(h.Rand, 0, 0, 0, 1, 1, 6, 8, 12, 31, 64, 94)*day + h.IntN(2)))
			s := NewState(view)
			c := Context{Params: caseParams, Height: h.height, MedianTime: h.now}
			for range h.IntN(20) {
				r := h.next()
				wantAction(t, s, c, r)
				if Apply(s, c, r) == nil {
					h.apply(r)
				}
			}
			view.connect(s.Changes())
			w := newTrial(t, view, c)
			w.tried = tried
			var of caseIDs // one of the three, to save time
			switch h.IntN(3) {
			case 0:
				of.voucher = someID(h, h.vouchers)
			case 1:
				of.claim = someID(h, h.claims)
			case 2:
				of.shipment = someID(h, h.shipments)
			}
			w.checkCase(h.party(of).keys[0], of, h.Rand)
		}
	})
	for _, what := range []string{"allowed", "denied", "times", "bounded", "height"} {
		if tried[what] == 0 {
			t.Errorf("nothing was %s: %v", what, tried)
		}
	}
	t.Logf("actions: %v", tried)
}

// party returns somebody who mostly has a part in the case.
func (h *history) party(of caseIDs) *person {
	var all []*person
	if v := h.sale(of.voucher); v != nil {
		all = append(all, v.seller, v.holder, v.buyer)
	}
	if c := h.complaint(of.claim); c != nil {
		all = append(all, c.sale.seller, c.holder, h.named("maker"), h.named("supervisor"), h.named("servicer"))
	}
	if p := h.parcel(of.shipment); p != nil {
		all = append(all, p.custodian(), p.sender, h.named("supervisor"))
	}
	if len(all) == 0 {
		return h.some()
	}
	return h.mostly(pickOf(h.Rand, all...))
}

// someID returns the id of one of the last things, or zero if there are none.
func someID[T any](h *history, all []*T) record.ID {
	if len(all) == 0 {
		return record.ID{}
	}
	one := all[max(0, len(all)-1-h.IntN(3))]
	return record.ID(reflect.ValueOf(one).Elem().FieldByName("id").Bytes())
}

// wantAction fails unless the record of a party that applies is among what it may
// do.
func wantAction(t rapid.TB, s *State, c Context, r *record.Record) {
	mark := s.Mark()
	rejection := Apply(s, c, r)
	s.Revert(mark)
	actions, err := RecordActions(s.Frozen(), c, r)
	if _, ok := reject.Of(err); err != nil && !ok {
		t.Fatal(err)
	}
	allowed := func(a Action) bool { return a.Allowed }
	if rejection == nil && (err != nil || len(actions) > 0 && !slices.ContainsFunc(actions, allowed)) {
		t.Fatalf("%v %+v applies, but the actions are %+v, %v", r.Type(), r.Payload, actions, err)
	}
}

// The actions are all records that the tables have for what exists already, but
// for those that are about something else: arrivals, which are records about
// shipments.
func TestActionsAreTheTables(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
	listed := func(actions []Action, err error) map[string]bool {
		if err != nil {
			t.Fatal(err)
		}
		words := map[string]bool{}
		for _, a := range actions {
			ground, _, _ := strings.Cut(a.Choice, " ")
			words[a.Payload.Type().String()+" "+ground] = true
			words[a.Payload.Type().String()+" "] = true // of which the table may say nothing more
		}
		return words
	}
	check := func(name string, words map[string]bool, on record.Type, choice string) {
		if !words[on.String()+" "+choice] {
			t.Errorf("there is no action for %v %q of a %s", on, choice, name)
		}
	}
	arrival := func(on record.Type, choice string) bool {
		return on == record.TypeDeliveryConfirm || on == record.TypeRuling && strings.HasPrefix(choice, "delivered ")
	}
	vouchers := listed(VoucherActions(w.State, w.c, theBuyer, w.Voucher))
	for _, row := range voucherTable {
		if row.On != 0 && row.On != record.TypeVoucherIssue && !arrival(row.On, row.Choice) {
			check("voucher", vouchers, row.On, row.Choice)
		}
	}
	for _, row := range evaluationTable {
		check("voucher", vouchers, row.On, row.Choice)
	}
	claims := listed(ClaimActions(w.State, w.c, theBuyer, w.Claim))
	for _, row := range claimTable {
		if row.On != 0 && row.On != record.TypeClaimOpen && !arrival(row.On, row.Choice) {
			check("claim", claims, row.On, row.Choice)
		}
	}
	shipments := listed(ShipmentActions(w.State, w.c, theBuyer, w.Shipment))
	for _, row := range shipmentTable {
		if row.On != record.TypeShipmentCreate && row.Choice != "back" { // which is listed when it is possible
			check("shipment", shipments, row.On, row.Choice)
		}
	}
}

// What the holder may claim changes with the days after the delivery and with
// the repairs.
func TestHolderClaims(t *testing.T) {
	w := newWorld(t)
	hints := func() map[string]string {
		t.Helper()
		actions, err := HolderClaims(w.State, w.c, w.Voucher)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, a := range actions {
			p := a.Payload.(record.ClaimOpen)
			name := a.Choice
			if w.getVoucher().Repairs > 0 && p.FaultCode == w.getVoucher().LastFault && p.Remedy == record.Replace && p.Ground == record.Fault {
				name = "same " + name
			}
			all[name] = strings.TrimSpace(fmt.Sprint(a.Allowed, " ", a.Reason, " ", a.Hint(w.c.MedianTime)))
		}
		return all
	}
	want := func(name, want string) {
		t.Helper()
		if got := hints()[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	on := func(days int) string { return record.Time(began + days*day).String() }
	w.sell()
	want("delivery refund", "false not-delivered from "+record.Time(began+30*day+1).String())
	w.send(theSeller, record.Outbound)
	w.do(theCarrier, w.Confirm(pickupKey))
	want("fault refund", "true  until "+on(7))
	want("no-reason refund", "true  until "+on(7))
	want("fault replace", "true  until "+on(15))
	want("fault repair", "true  until "+on(365))
	want("recall repair", "false not-recalled")
	want("delivery refund", "false not-entitled")
	w.later(16, 0)
	want("fault refund", "false not-entitled ended on "+on(7))
	want("fault replace", "false not-entitled after 2 more repairs")
	for range 2 {
		w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
		want("fault repair", "false second-claim")
		w.do(theSeller, w.Authorise(record.Repair, false))
		w.do(theSeller, w.Repaired())
		w.do(theBuyer, w.Settle(true))
		if w.getVoucher().Repairs == 1 {
			want("same fault replace", "false not-entitled after one more repair")
		}
	}
	want("same fault replace", "true  until "+on(365))
	want("fault replace", "false not-entitled after 2 more repairs")
	w.later(400, 0)
	want("same fault replace", "false warranty-over ended on "+on(365))
}

// action returns what a party may do with a record of the world's case.
func (w *world) action(of func(View, Context, record.Key, record.ID) ([]Action, error), party record.Key, id record.ID, on record.Type) Action {
	w.Helper()
	actions, err := of(w.State, w.c, party, id)
	if err != nil {
		w.Fatal(err)
	}
	newTrial(w, w.State, w.c).check(party, actions, nil, rand.New(rand.NewPCG(1, 2)))
	for _, a := range actions {
		if a.Payload.Type() == on {
			return a
		}
	}
	w.Fatalf("no action %v", on)
	return Action{}
}

// A period that is over is named, also when the case went on by its end.
func TestActionThatEnded(t *testing.T) {
	w := newWorld(t)
	w.complain(record.Repair)
	w.do(theSeller, w.Rejection())
	w.later(30, 1)
	a := w.action(ClaimActions, theBuyer, w.Claim, record.TypeClaimEscalate)
	if a.Allowed || a.Reason != reject.WrongState || a.Until != began+30*day || w.getClaim().State != ClaimRefused {
		t.Errorf("%+v", a)
	}
}

// A repair makes the warranty longer as soon as the claim is settled, also by
// silence: until then the voucher cannot be transferred.
func TestActionAfterSilence(t *testing.T) {
	w := newWorld(t)
	w.complain(record.Repair)
	w.do(theSeller, w.Authorise(record.Repair, true))
	w.send(theBuyer, record.Return)
	w.do(theCarrier, w.Confirm(backPickupKey))
	w.do(theServicer, w.Inspection(record.Confirmed))
	w.later(20, 0)
	w.do(theSeller, w.Repaired())
	a := w.action(VoucherActions, theBuyer, w.Voucher, record.TypeVoucherTransfer)
	if a.Allowed || a.Reason != reject.ClaimLive || a.From != began+27*day+1 || a.Until != began+(365+20)*day {
		t.Errorf("%+v", a)
	}
}

// Goods cannot arrive whose price was refunded meanwhile.
func TestActionOfRefundedGoods(t *testing.T) {
	w := newWorld(t)
	w.sell()
	w.send(theSeller, record.Outbound)
	w.later(30, 1)
	w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
	w.do(theSeller, w.Authorise(record.Refund, false))
	w.do(theSeller, w.Refunded(w.pay(theBuyer, price)))
	w.do(theBuyer, w.Settle(true))
	a := w.action(ShipmentActions, theCarrier, w.Shipment, record.TypeDeliveryConfirm)
	if a.Allowed || a.Reason != reject.WrongState {
		t.Errorf("%+v", a)
	}
	w.do(theCarrier, w.Attempt())
	w.reject(reject.WrongState, theSupervisor, w.RuleShipment(record.RuledDelivered))
	w.action(ShipmentActions, theSupervisor, w.Shipment, record.TypeRuling)
}

// While goods come back, it is the turn of who has them.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	turn := func(role string, period Period, silence ClaimState, accounts ...record.Key) {
		t.Helper()
		got, err := GetTurn(w.State, w.c, w.Claim)
		if err != nil {
			t.Fatal(err)
		}
		if got.Role != role || got.Period != period || got.Silence != silence || !slices.Equal(got.Accounts, accounts) {
			t.Errorf("%+v, want %s, %v, %v, %v", got, role, period, silence, accounts)
		}
		newTrial(t, w.State, w.c).checkTurn(w.Claim)
	}
	w.complain(record.Repair)
	turn("seller or maker", RespondPeriod, 0, theSeller, theMaker)
	w.do(theSeller, w.Authorise(record.Repair, true))
	turn("holder", SendPeriod, ClaimWithdrawn, theBuyer)
	w.Shipment = w.do(theBuyer, w.Ship(record.Return))
	turn("holder", SendPeriod, ClaimWithdrawn, theBuyer)
	w.do(theBuyer, w.Damaged())
	turn("holder", SendPeriod, ClaimWithdrawn, theBuyer)
	w.send(theBuyer, record.Return)
	turn("custodian", ArrivePeriod, ClaimWithdrawn, theCarrier)
	w.do(theCarrier, w.Damaged())
	turn("custodian", ArrivePeriod, ClaimWithdrawn, theCarrier)
	w.do(theCarrier, w.HandOver(theBuyer))
	turn("holder", SendPeriod, ClaimWithdrawn, theBuyer)
	w.send(theBuyer, record.Return)
	w.later(14, 1)
	w.do(theCarrier, w.Attempt())
	turn("supervisor", ArrivePeriod, ClaimWithdrawn)
	w.do(theSupervisor, w.RuleShipment(record.RuledDelivered))
	turn("seller or servicer", ExecutePeriod, 0, theSeller, theServicer)
	w.do(theServicer, w.Inspection(record.NoFault))
	turn("holder", EscalatePeriod, ClaimRefused, theBuyer)
	w.do(theBuyer, w.Escalate())
	turn("supervisor", RulingPeriod, 0)
	w.do(theSupervisor, w.Order(record.Repair, 0))
	turn("seller or maker", OrderPeriod, ClaimDefaulted, theSeller, theMaker)
	w.do(theSeller, w.Repaired())
	turn("holder", ConfirmPeriod, ClaimSettled, theBuyer)
	w.do(theBuyer, w.Settle(true))
	turn("", 0, 0)
}
