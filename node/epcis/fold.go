package epcis

import (
	"slices"

	"stele/node/ledger/record"
	"stele/node/query"
)

// fold makes events of records, one after the other. It keeps what earlier records say
// about the cases that later ones are about.
type fold struct {
	epc     string
	sales   map[record.ID]*sale
	parcels map[record.ID]*parcel
	claims  map[record.ID]*claim
	events  []Event
}

// sale is a voucher.
type sale struct{ holder record.Key }

// parcel is a shipment.
type parcel struct {
	voucher, claim record.ID
	leg            record.Leg
	sender         record.Key
}

// claim is a claim.
type claim struct {
	voucher record.ID
	offered record.Remedy
}

// Words of the Core Business Vocabulary for business transactions, sources and
// destinations.
const (
	invoice    = "inv"
	despatch   = "desadv"
	returns    = "rma"
	owner      = "owning_party"
	possessor  = "possessing_party"
	needsOther = "needs_replacement"
)

// add adds the event of a record, if it has one.
func (f *fold) add(r *query.Event) {
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		f.sales[r.ID()] = &sale{holder: p.Buyer}
		f.event(r, "retail_selling", "retail_sold").about(invoice, r.ID()).moves(owner, r.Key, p.Buyer)
	case record.VoucherTransfer:
		e := f.event(r, "accepting", "").about(invoice, p.Voucher)
		if s := f.sales[p.Voucher]; s != nil {
			e.moves(owner, s.holder, p.To)
			s.holder = p.To
		}
	case record.VoucherVoid:
		f.event(r, "", "available").about(invoice, p.Voucher).moves(owner, p.Holder, r.Key)
	case record.RecallNotice:
		f.event(r, "", "recalled").persists([]string{"recalled"}, nil)
	case record.Correction:
		f.correct(r, p)
	case record.ShipmentCreate, record.CustodyHandover, record.DeliveryConfirm, record.DeliveryException, record.ProofOfAttempt:
		f.addParcel(r)
	default:
		f.addClaim(r)
	}
}

// addParcel is add for records about shipments.
func (f *fold) addParcel(r *query.Event) {
	switch p := r.Payload.(type) {
	case record.ShipmentCreate:
		f.parcels[r.ID()] = &parcel{p.Voucher, p.Claim, p.Leg, r.Key}
		f.eventOf(r, r.ID(), "staging_outbound", "in_progress")
	case record.CustodyHandover:
		step, disposition := "shipping", "in_transit"
		h := f.parcels[p.Shipment]
		switch {
		case h == nil:
		case h.sender == p.To: // after an exception
			step, disposition = "receiving", "returned"
		case h.sender != r.Key: // from carrier to carrier
			step = "transporting"
		}
		f.eventOf(r, p.Shipment, step, disposition).moves(possessor, r.Key, p.To)
	case record.DeliveryConfirm:
		f.delivered(r, p.Shipment).moves(possessor, r.Key, p.PickupKey)
	case record.DeliveryException:
		switch p.Kind {
		case record.Lost:
			f.eventOf(r, p.Shipment, "", "unknown")
		case record.Damaged:
			f.eventOf(r, p.Shipment, "", "damaged")
		default: // refused or misdelivered: the carrier still has the goods
			f.eventOf(r, p.Shipment, "arriving", "in_transit")
		}
	case record.ProofOfAttempt:
		f.eventOf(r, p.Shipment, "arriving", "in_transit")
	}
}

// delivered adds the event of a delivery.
func (f *fold) delivered(r *query.Event, shipment record.ID) *Event {
	disposition := "retail_sold"
	if h := f.parcels[shipment]; h != nil && h.leg == record.Return {
		disposition = "returned"
	}
	return f.eventOf(r, shipment, "receiving", disposition)
}

// addClaim is add for records about claims.
func (f *fold) addClaim(r *query.Event) {
	switch p := r.Payload.(type) {
	case record.ClaimOpen:
		f.claims[r.ID()] = &claim{voucher: p.Voucher}
	case record.ClaimRespond:
		switch c := f.claims[p.Claim]; {
		case p.Action == record.Authorise && p.Remedy == record.Replace:
			f.replacement(r, p.Claim)
		case p.Action == record.Offer && c != nil:
			c.offered = p.Remedy
		}
	case record.ClaimAnswer:
		if c := f.claims[p.Claim]; p.Accept && c != nil && c.offered == record.Replace {
			f.replacement(r, p.Claim)
		}
	case record.InspectionReport:
		disposition := "non_conformant"
		if p.Finding == record.NoFault {
			disposition = "conformant"
		}
		f.event(r, "inspecting", disposition).about(returns, p.Claim)
	case record.SettleExecute:
		switch p.Remedy {
		case record.Repair:
			f.event(r, "repairing", "").about(returns, p.Claim)
		case record.Replace:
			f.event(r, "replacing", "").about(returns, p.Claim).about(invoice, p.Replacement).persists(nil, []string{needsOther})
		}
	case record.Ruling:
		switch {
		case p.Outcome == record.Ordered && p.Remedy == record.Replace:
			f.replacement(r, p.ID)
		case p.Outcome == record.RuledDelivered:
			f.delivered(r, p.ID)
		case p.Outcome == record.RuledLost:
			f.eventOf(r, p.ID, "", "unknown")
		}
	}
}

// replacement adds the event that an item will be replaced.
func (f *fold) replacement(r *query.Event, claim record.ID) {
	f.event(r, "", "").about(returns, claim).persists([]string{needsOther}, nil)
}

// correct repeats the event of the record that is wrong, with the declaration of the
// error, as EPCIS has it: under the same id.
func (f *fold) correct(r *query.Event, p record.Correction) {
	wrong := slices.IndexFunc(f.events, func(e Event) bool { return e.ID == Name(p.Record) })
	if wrong < 0 {
		return // that record has no event
	}
	e := f.events[wrong]
	reason := "incorrect_data"
	if p.Cause == record.DidNotOccur {
		reason = "did_not_occur"
	}
	e.RecordTime = timeText(r.BlockTime)
	e.Error = &ErrorDeclaration{timeText(r.BlockTime), reason}
	f.events = append(f.events, e)
}

// event adds an event and returns it. It is valid until the next one is added.
func (f *fold) event(r *query.Event, step, disposition string) *Event {
	f.events = append(f.events, Event{
		Type: "ObjectEvent", ID: Name(r.ID()), EPCs: []string{f.epc}, Action: "OBSERVE",
		Time: timeText(uint32(r.ClaimedTime())), Offset: "+00:00", RecordTime: timeText(r.BlockTime),
		BizStep: step, Disposition: disposition,
	})
	return &f.events[len(f.events)-1]
}

// eventOf adds an event about a shipment, with what the goods travel for.
func (f *fold) eventOf(r *query.Event, shipment record.ID, step, disposition string) *Event {
	e := f.event(r, step, disposition).about(despatch, shipment)
	if h := f.parcels[shipment]; h != nil {
		e.about(invoice, h.voucher)
		if h.claim != (record.ID{}) {
			e.about(returns, h.claim)
		}
	}
	return e
}

// about adds a business transaction.
func (e *Event) about(kind string, id record.ID) *Event {
	e.BizTransactions = append(e.BizTransactions, BizTransaction{kind, Name(id)})
	return e
}

// moves says from whom the item went to whom: as its owner, or as who has it.
func (e *Event) moves(as string, from, to record.Key) *Event {
	e.Sources = append(e.Sources, Source{as, Party(from)})
	e.Destinations = append(e.Destinations, Destination{as, Party(to)})
	return e
}

// persists says what the item is from then on, and what it no longer is.
func (e *Event) persists(set, unset []string) *Event {
	e.PersistentDisposition = &PersistentDisposition{set, unset}
	return e
}
