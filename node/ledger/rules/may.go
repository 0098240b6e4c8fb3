package rules

import (
	"fmt"
	"math"
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Action is a record about a voucher, a claim or a shipment, and whether a party
// may write it now.
type Action struct {
	// Payload is the payload of the record as far as the case determines it: the
	// IDs, what the record chooses, and the keys that can only be those. The author
	// fills in the time, the digests of texts, and the fields in Missing.
	Payload record.Payload
	// Choice is what the record chooses: [ChoiceOf] the payload; of a
	// CUSTODY_HANDOVER "on" or "back".
	Choice string
	// Missing has the JSON names of the fields that the author must choose.
	Missing []string

	// Allowed reports whether the rules accept the record in the next block, if the
	// author fills it in correctly and can pay for it.
	Allowed bool
	// Reason is why the record is rejected; "" if it is allowed.
	Reason reject.Reason
	// From and Until are the first and the last second of median time, in seconds
	// since 1970, in which the record is allowed as long as the case does not
	// change but by time: the period that is running, or else the next one, or else
	// the last one that is over. From is 0 if the period has no beginning, Until if
	// it has no end. Both are 0 if time alone never allows the record.
	From, Until uint64
	// Height is the first height of a block that can have the record, if it is too
	// early for that; else 0.
	Height uint32
	// RepairsLeft is after how many more repairs of the same fault the record
	// becomes allowed; 0 if that is not what it waits for.
	RepairsLeft uint8
}

// Hint returns a few words about when the action is possible, at the median time
// now: "until", "from" or "ended on" and a time, "from height" and a height, or
// "after one more repair". It returns "" if there is nothing to say.
func (a *Action) Hint(now uint32) string {
	switch {
	case a.Allowed && a.Until != 0:
		return fmt.Sprintf("until %v", moment(a.Until))
	case a.Allowed:
		return ""
	case a.Height != 0:
		return fmt.Sprintf("from height %d", a.Height)
	case a.From > uint64(now):
		return fmt.Sprintf("from %v", moment(a.From))
	case a.RepairsLeft == 1:
		return "after one more repair"
	case a.RepairsLeft > 1:
		return fmt.Sprintf("after %d more repairs", a.RepairsLeft)
	case a.Until != 0:
		return fmt.Sprintf("ended on %v", moment(a.Until))
	}
	return ""
}

// moment returns a time of which the last one stands for all later ones.
func moment(seconds uint64) record.Time { return record.Time(min(seconds, math.MaxUint32)) }

// VoucherActions returns every kind of record about a voucher, its evaluation
// included, and whether a party may write it in the next block, for which c is
// meant. The party is an account, by any of its keys. If there is no such
// voucher, it returns a [reject.Error]. Other errors come from the View.
//
// The order is always the same. Records about the claims and shipments of a
// voucher are not among them: see [ClaimActions] and [ShipmentActions]. Nor are
// those that may be about anything (CORRECTION, RECALL_NOTICE, PAY), and claims
// that the terms never allow, as a repair without a reason.
func VoucherActions(v View, c Context, party record.Key, id record.ID) ([]Action, error) {
	s := NewState(v)
	voucher, err := loadVoucher(s, c, id)
	if err != nil {
		return nil, err
	}
	holder, err := GetAccount(s, voucher.Holder)
	if err != nil {
		return nil, err
	}
	actions := []Action{
		{Payload: record.ShipmentCreate{Voucher: id, Leg: record.Outbound}, Missing: []string{"carrier", "pickup_hash"}},
		{Payload: record.VoucherVoid{Voucher: id, Holder: holder.Key}, Missing: []string{"cause"}},
		{Payload: record.VoucherTransfer{Voucher: id}, Missing: []string{"to"}},
	}
	actions = append(actions, openings(c, voucher)...)
	actions = append(actions,
		Action{Payload: record.Evaluate{Voucher: id}, Missing: []string{"product", "service", "logistics"}},
		Action{Payload: record.EvaluateAmend{Voucher: id}, Missing: []string{"product", "service", "logistics"}},
		Action{Payload: record.SellerReply{Voucher: id}},
		Action{Payload: record.RewardClaim{Voucher: id}})
	return decideAll(s, c, party, id, record.ID{}, actions)
}

// HolderClaims returns what the holder of a voucher may claim, on each ground,
// and until when: the CLAIM_OPEN records of [VoucherActions].
func HolderClaims(v View, c Context, id record.ID) ([]Action, error) {
	s := NewState(v)
	voucher, err := loadVoucher(s, c, id)
	if err != nil {
		return nil, err
	}
	return decideAll(s, c, voucher.Holder, id, record.ID{}, openings(c, voucher))
}

// openings returns the claims that the terms know. Of a fault that was repaired,
// the number is known; whoever claims another one fills it in.
func openings(c Context, v *Voucher) []Action {
	var all []Action
	add := func(ground record.Ground, remedy record.Remedy, code uint16, missing ...string) *Action {
		all = append(all, Action{
			Payload: record.ClaimOpen{Voucher: v.ID, Ground: ground, FaultCode: code, Remedy: remedy}, Missing: missing,
		})
		return &all[len(all)-1]
	}
	limit, other := c.Params.AfterSales.RepairLimit, uint16(0)
	if v.Repairs > 0 && v.LastFault == other {
		other = 1
	}
	add(record.Fault, record.Refund, other, "fault_code")
	add(record.Fault, record.Replace, other, "fault_code").RepairsLeft = limit
	if v.Repairs > 0 {
		add(record.Fault, record.Replace, v.LastFault).RepairsLeft = limit - min(limit, v.Repairs)
	}
	add(record.Fault, record.Repair, other, "fault_code")
	add(record.NoReason, record.Refund, 0)
	add(record.Delivery, record.Refund, 0)
	add(record.Delivery, record.Replace, 0)
	add(record.Recall, record.Refund, 0)
	add(record.Recall, record.Replace, 0)
	add(record.Recall, record.Repair, 0)
	return all
}

// ClaimActions is [VoucherActions] for a claim.
func ClaimActions(v View, c Context, party record.Key, id record.ID) ([]Action, error) {
	s := NewState(v)
	claim, voucher, err := loadClaim(s, c, id)
	if err != nil {
		return nil, err
	}
	dealer, err := GetAccount(s, voucher.Seller)
	if err != nil {
		return nil, err
	}
	inspector, err := GetAccount(s, party)
	if err != nil {
		return nil, err
	}
	var consent record.Key // that an inspector needs whom nobody named
	if inspector.ID != voucher.Seller && inspector.ID != claim.Servicer {
		consent = dealer.Key
	}
	var refund record.Amount
	if claim.Asked == record.Refund {
		refund = voucher.Price
	}
	var settlement []string
	switch claim.Remedy {
	case record.Refund:
		settlement = []string{"payment"}
	case record.Replace:
		settlement = []string{"replacement"}
	}
	ship := []string{"carrier", "pickup_hash"}
	return decideAll(s, c, party, claim.Voucher, record.ID{}, []Action{
		{Payload: record.ClaimRespond{Claim: id, Action: record.Authorise, Remedy: claim.Asked, Refund: refund}},
		{Payload: record.ClaimRespond{Claim: id, Action: record.Reject}, Missing: []string{"cause"}},
		{Payload: record.ClaimRespond{Claim: id, Action: record.Offer}, Missing: []string{"remedy", "refund"}},
		{Payload: record.ClaimAnswer{Claim: id, Accept: true}},
		{Payload: record.ClaimAnswer{Claim: id}},
		{Payload: record.EvidenceAdd{Claim: id}},
		{Payload: record.ShipmentCreate{Voucher: claim.Voucher, Leg: record.Return, Claim: id}, Missing: ship},
		{Payload: record.InspectionReport{Claim: id, Finding: record.Confirmed, Seller: consent}},
		{Payload: record.InspectionReport{Claim: id, Finding: record.NoFault, Seller: consent}},
		{Payload: record.SettleExecute{Claim: id, Remedy: claim.Remedy}, Missing: settlement},
		{Payload: record.ShipmentCreate{Voucher: claim.Voucher, Leg: record.Replacement, Claim: id}, Missing: ship},
		{Payload: record.SettleConfirm{Claim: id, Accept: true}},
		{Payload: record.SettleConfirm{Claim: id}},
		{Payload: record.ClaimWithdraw{Claim: id}},
		{Payload: record.ClaimEscalate{Claim: id}},
		{Payload: record.Ruling{Subject: record.OnClaim, ID: id, Outcome: record.Ordered}, Missing: []string{"remedy", "refund", "execute_days"}},
		{Payload: record.Ruling{Subject: record.OnClaim, ID: id, Outcome: record.Dismissed}},
		{Payload: record.ClaimClose{Claim: id}},
	})
}

// ShipmentActions is [VoucherActions] for a shipment.
func ShipmentActions(v View, c Context, party record.Key, id record.ID) ([]Action, error) {
	s := NewState(v)
	h, err := loadShipment(s, id)
	if err != nil {
		return nil, err
	}
	handover := Action{Choice: "on"}
	var next Account
	switch h.State {
	case ShipmentCreated:
		next, err = GetAccount(s, h.Carrier)
	case ShipmentException:
		handover.Choice = "back"
		next, err = GetAccount(s, h.Sender)
	default:
		handover.Missing = []string{"to"}
	}
	if err != nil {
		return nil, err
	}
	handover.Payload = record.CustodyHandover{Shipment: id, To: next.Key}
	actions := []Action{
		handover,
		{Payload: record.DeliveryConfirm{Shipment: id}, Missing: []string{"pickup_key", "challenge_height", "challenge_nonce"}},
	}
	for kind := record.Lost; kind <= record.Misdelivered; kind++ {
		actions = append(actions, Action{Payload: record.DeliveryException{Shipment: id, Kind: kind}})
	}
	actions = append(actions,
		Action{Payload: record.ProofOfAttempt{Shipment: id}},
		Action{Payload: record.Ruling{Subject: record.OnShipment, ID: id, Outcome: record.RuledDelivered}},
		Action{Payload: record.Ruling{Subject: record.OnShipment, ID: id, Outcome: record.RuledLost}})
	return decideAll(s, c, party, h.Voucher, id, actions)
}

// RecordActions returns the actions of the author of a record that the record
// could be: those of its type and choice. If none of them is allowed, neither is
// the record. There are two for a fault that may have been repaired before, and
// none for a record that is about no case. The errors are those of
// [VoucherActions].
func RecordActions(v View, c Context, r *record.Record) ([]Action, error) {
	list, ids := VoucherActions, append(record.Subjects(r.Payload), record.ID{})
	id := ids[0]
	switch p := r.Payload.(type) {
	case record.ShipmentCreate:
		if p.Leg != record.Outbound {
			list, id = ClaimActions, p.Claim
		}
	case record.Ruling:
		if list = ClaimActions; p.Subject == record.OnShipment {
			list = ShipmentActions
		}
	case record.VoucherTransfer, record.VoucherVoid, record.ClaimOpen,
		record.Evaluate, record.EvaluateAmend, record.SellerReply, record.RewardClaim:
	case record.CustodyHandover, record.DeliveryConfirm, record.DeliveryException, record.ProofOfAttempt:
		list = ShipmentActions
	case record.ClaimRespond, record.ClaimAnswer, record.EvidenceAdd, record.InspectionReport, record.SettleExecute,
		record.SettleConfirm, record.ClaimWithdraw, record.ClaimEscalate, record.ClaimClose:
		list = ClaimActions
	default:
		return nil, nil
	}
	actions, err := list(v, c, r.Key, id)
	return slices.DeleteFunc(actions, func(a Action) bool {
		return a.Payload.Type() != r.Type() || ChoiceOf(a.Payload) != ChoiceOf(r.Payload)
	}), err
}

// ChoiceOf returns what a payload of an after-sales case chooses, where its type
// leaves a choice, in the words of its fields: "authorise", "fault refund", and
// "accept", "decline" or "dispute". It returns "" for all other payloads.
func ChoiceOf(payload record.Payload) string {
	switch p := payload.(type) {
	case record.ShipmentCreate:
		return p.Leg.String()
	case record.DeliveryException:
		return p.Kind.String()
	case record.ClaimOpen:
		return p.Ground.String() + " " + p.Remedy.String()
	case record.ClaimRespond:
		return p.Action.String()
	case record.ClaimAnswer:
		return accepted(p.Accept, "decline")
	case record.InspectionReport:
		return p.Finding.String()
	case record.SettleConfirm:
		return accepted(p.Accept, "dispute")
	case record.Ruling:
		return p.Outcome.String()
	}
	return ""
}

// admits checks what the rule of a payload's type asks of the case and of the
// author: all but the fields that an [Action] leaves to its author.
func admits(s *State, c Context, author Account, payload record.Payload) (err error) {
	switch p := payload.(type) {
	case record.VoucherTransfer:
		_, _, err = stepTransfer(s, c, author, p.Voucher)
	case record.VoucherVoid:
		_, _, err = stepVoid(s, c, author, p.Voucher)
	case record.ShipmentCreate:
		_, err = stepShip(s, c, author, p)
	case record.ClaimOpen:
		_, _, _, err = stepOpen(s, c, author, p)
	case record.Evaluate:
		_, err = stepEvaluate(s, c, author, p)
	case record.EvaluateAmend:
		_, err = stepAmend(s, c, author, p)
	case record.SellerReply:
		_, err = stepReply(s, c, author, p)
	case record.RewardClaim:
		_, err = stepReward(s, c, author, p)

	case record.ClaimRespond:
		_, err = stepClaim(s, c, author, p.Type(), p.Claim, p.Action.String())
	case record.ClaimAnswer:
		_, err = stepAnswer(s, c, author, p)
	case record.EvidenceAdd:
		_, _, err = stepEvidence(s, c, author, p)
	case record.InspectionReport:
		_, err = stepInspect(s, c, author, p)
	case record.SettleExecute:
		_, err = stepExecute(s, c, author, p)
	case record.SettleConfirm:
		_, err = stepSettle(s, c, author, p)
	case record.ClaimWithdraw:
		_, err = stepClaim(s, c, author, p.Type(), p.Claim, "")
	case record.ClaimEscalate:
		_, err = stepClaim(s, c, author, p.Type(), p.Claim, "")
	case record.ClaimClose:
		_, err = stepClaim(s, c, author, p.Type(), p.Claim, "")

	case record.CustodyHandover:
		err = admitsHandOver(s, c, author, p)
	case record.DeliveryConfirm:
		var h *Shipment
		if h, _, err = stepConfirm(s, c, author, p.Shipment); err == nil {
			err = admitsArrival(s, c, p.Type(), h)
		}
	case record.DeliveryException:
		_, _, err = stepException(s, c, author, p)
	case record.ProofOfAttempt:
		_, _, err = stepAttempt(s, c, author, p.Shipment)
	case record.Ruling:
		err = admitsRuling(s, c, author, p)
	default:
		err = fmt.Errorf("no case has records of type %v", p.Type())
	}
	return err
}

func admitsHandOver(s *State, c Context, author Account, p record.CustodyHandover) error {
	to, err := GetAccount(s, p.To)
	if err != nil {
		return err
	}
	h, row, err := stepHandOver(s, c, author, p.Shipment, to)
	if err == nil && p.To != (record.Key{}) {
		err = receives(to, h, row)
	}
	if err != nil {
		return err
	}
	return leaves(s, c, h)
}

func admitsArrival(s *State, c Context, on record.Type, h *Shipment) error {
	if h.Leg != record.Outbound {
		return nil
	}
	_, _, err := stepArrival(s, c, on, h)
	return err
}

func admitsRuling(s *State, c Context, author Account, p record.Ruling) error {
	if p.Subject == record.OnClaim {
		_, err := stepRuleOnClaim(s, c, author, p)
		return err
	}
	h, _, err := stepRuleOnShipment(s, c, author, p)
	if err == nil && p.Outcome == record.RuledDelivered {
		err = admitsArrival(s, c, p.Type(), h)
	}
	return err
}

// decideAll completes actions that have only their payloads.
func decideAll(s *State, c Context, party record.Key, voucher, shipment record.ID, actions []Action) ([]Action, error) {
	s.Revert(0) // what lapsed must not stand as written down: other times are tried
	author, err := GetAccount(s, party)
	if err != nil {
		return nil, err
	}
	ends, err := endsOf(s, c, voucher, shipment)
	if err != nil {
		return nil, err
	}
	for i := range actions {
		if a := &actions[i]; a.Choice == "" {
			a.Choice = ChoiceOf(a.Payload)
		}
		if err := decide(s, c, author, ends, &actions[i]); err != nil {
			return nil, err
		}
	}
	return actions, nil
}

// decide tries an action now and in the other periods of its case.
func decide(s *State, c Context, author Account, ends []uint32, a *Action) error {
	try := func(c Context) (reject.Reason, error) {
		mark := s.Mark()
		err := admits(s, c, author, a.Payload)
		s.Revert(mark)
		reason, ok := reject.Of(err)
		if ok {
			err = nil
		}
		return reason, err
	}
	var err error
	if a.Reason, err = try(c); err != nil {
		return err
	}
	a.Allowed = a.Reason == ""
	if a.Reason != reject.NotEntitled {
		a.RepairsLeft = 0
	}
	if a.Reason == reject.RewardTooEarly {
		e, err := GetEvaluation(s, a.Payload.(record.RewardClaim).Voucher)
		if err != nil {
			return err
		}
		a.Height = e.Height + c.Params.AfterSales.RewardDelay
	}
	a.From, a.Until = window(ends, c.MedianTime, func(time uint32) bool {
		if err != nil || time == c.MedianTime {
			return err == nil && a.Allowed
		}
		at, reason := c, reject.Reason("")
		at.MedianTime = time
		reason, err = try(at)
		return err == nil && reason == ""
	})
	return err
}

// window returns the first and the last second of the time in which something is
// allowed that changes only after one of the ends, which are in order: the time
// around now, or else the next one, or else the last one. From is 0 if it has no
// beginning, until if it has no end; both are 0 if it is never allowed.
func window(ends []uint32, now uint32, allowed func(time uint32) bool) (from, until uint64) {
	// Period i lasts until ends[i]; the last one has no end.
	current, _ := slices.BinarySearch(ends, now)
	in := func(period int) bool {
		switch {
		case period < 0 || period > len(ends):
			return false
		case period == current:
			return allowed(now)
		case period < len(ends):
			return allowed(ends[period])
		}
		return allowed(ends[period-1] + 1)
	}
	first := current
	for first <= len(ends) && !in(first) {
		first++
	}
	if first > len(ends) {
		for first = current - 1; first >= 0 && !in(first); {
			first--
		}
	}
	if first < 0 {
		return 0, 0
	}
	last := first
	for in(first - 1) {
		first--
	}
	for in(last + 1) {
		last++
	}
	if first > 0 {
		from = uint64(ends[first-1]) + 1
	}
	if last < len(ends) {
		until = uint64(ends[last])
	}
	return from, until
}

// endsOf returns the last seconds of all periods that matter to the records of a
// voucher, of its claims, and of one of its shipments, in order: what the rules
// say about them changes only after one of these seconds.
func endsOf(s *State, c Context, voucher, shipment record.ID) ([]uint32, error) {
	p := &c.Params.AfterSales
	var ends []uint32
	add := func(end uint64) {
		if end != 0 && end < math.MaxUint32 {
			ends = append(ends, uint32(end))
		}
	}
	v := &Voucher{ID: voucher}
	if _, err := getEntry(s, idKey(voucherEntry, v.ID), v); err != nil {
		return nil, err
	}
	late := c
	late.MedianTime = math.MaxUint32
	settled, _, err := voucherAt(s, late, v.ID) // by a claim that lapses, perhaps
	if err != nil || settled == nil {
		return nil, err
	}
	if v.Delivered == 0 {
		add(after(v.Issued, p.ShipDays, p))
	} else {
		add(after(v.Delivered, p.ReturnDays, p))
		add(after(v.Delivered, p.ExchangeDays, p))
		add(v.evaluationEnd(p))
		add(v.End(p))
		add(settled.End(p))
	}
	if v.ClaimLive { // the other claims are closed
		claim := &Claim{ID: v.Claim}
		if _, err := getEntry(s, idKey(claimEntry, claim.ID), claim); err != nil {
			return nil, err
		}
		claim.eachEnd(p, add)
	}
	for _, id := range []record.ID{v.Shipment, shipment} {
		h, err := GetShipment(s, id)
		if err != nil {
			return nil, err
		}
		if h != nil {
			add(h.LostFrom(p))
			add(h.AttemptFrom(p))
		}
	}
	slices.Sort(ends)
	return slices.Compact(ends), nil
}
