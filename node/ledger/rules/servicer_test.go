package rules

import (
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Goods that came back are inspected by the seller, by the servicer that the
// response names, or by one to whom the seller consents: by no other servicer.
func TestServicer(t *testing.T) {
	begin := func(change func(p *record.ClaimRespond)) *world {
		w := newWorld(t)
		w.complain(record.Repair)
		p := w.Authorise(record.Repair, true)
		change(&p)
		w.do(theSeller, p)
		w.send(theBuyer, record.Return)
		w.do(theCarrier, w.Confirm(backPickupKey))
		return w
	}
	other := func(w *world) record.Key {
		w.setRoles(aStranger, 1<<record.Servicer)
		return aStranger
	}
	consented := func(w *world, by record.Key) record.InspectionReport {
		p := w.Inspection(record.NoFault)
		p.Seller = by
		return p
	}

	w := begin(func(p *record.ClaimRespond) { p.Servicer = record.Key{} })
	w.reject(reject.NotInspector, theServicer, w.Inspection(record.NoFault)) // a stranger
	w.reject(reject.EvidenceByOther, theServicer, w.Evidence())
	w.reject(reject.NotSeller, theServicer, consented(w, otherSeller))
	w.reject(reject.NotSeller, theServicer, consented(w, theBuyer))
	w.reject(reject.NotInspector, theBuyer, consented(w, theSeller)) // is no servicer
	w.do(theServicer, consented(w, theSeller))
	if c := w.getClaim(); c.State != ClaimRejected || c.Servicer != (record.Key{}) || c.Inspector != theServicer {
		t.Errorf("%+v", c)
	}
	w.do(theServicer, w.Evidence())

	w = begin(func(*record.ClaimRespond) {})
	w.do(theServicer, w.Evidence()) // a party from the response on
	w.reject(reject.NotInspector, other(w), w.Inspection(record.NoFault))
	mark := w.Mark()
	w.do(other(w), consented(w, theSeller))
	if c := w.getClaim(); c.Servicer != theServicer || c.Inspector != aStranger {
		t.Errorf("%+v", c)
	}
	w.do(theServicer, w.Evidence()) // is still a party, and so is the one that inspected
	w.do(aStranger, w.Evidence())
	w.do(theBuyer, w.Escalate())
	for _, party := range []record.Key{theServicer, aStranger} {
		w.setRoles(party, 1<<record.Servicer|1<<record.Supervisor)
		w.reject(reject.RulingByParty, party, w.Dismissal())
	}
	w.Revert(mark)
	mark = w.Mark()
	w.setRoles(theServicer, 0)
	w.reject(reject.NotInspector, theServicer, w.Inspection(record.Confirmed)) // was revoked
	w.reject(reject.NotInspector, theServicer, consented(w, theSeller))
	w.Revert(mark)
	w.do(theSeller, record.KeyRotate{New: someKey(125)})
	w.reject(reject.KeyRotated, theServicer, consented(w, theSeller))
	w.do(theServicer, w.Inspection(record.Confirmed))

	w = newWorld(t)
	w.complain(record.Repair)
	p := w.Authorise(record.Repair, true)
	p.Servicer = aStranger
	w.reject(reject.RoleNotHeld, theSeller, p)
	w.do(theServicer, record.KeyRotate{New: someKey(126)})
	p.Servicer = theServicer
	w.reject(reject.KeyRotated, theSeller, p)
}
