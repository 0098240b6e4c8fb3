package supervision

import (
	"fmt"

	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/views"
)

// Parcels are the shipments by their states, and the times that carriers had goods.
type Parcels struct {
	States map[rules.ShipmentState]uint64 // what is not in it is 0
	// Gaps is how many are under way, and have not changed hands for longer than the
	// network's carry period.
	Gaps uint64
	// Carried are the times that a carrier had goods until it handed them over, or
	// delivered them.
	Carried Times
}

// UnderWay returns how many shipments are under way: created, in transit, or tried and
// not delivered. Nobody has confirmed their delivery.
func (p *Parcels) UnderWay() uint64 {
	return p.States[rules.ShipmentCreated] + p.States[rules.ShipmentInTransit] + p.States[rules.ShipmentAttempted]
}

// Parcels returns the shipments as of the tip, and the times that ended in the span.
func (r *Reader) Parcels() (*Parcels, error) {
	p := &Parcels{States: map[rules.ShipmentState]uint64{}}
	var err error
	if p.Carried, err = r.Times(Carry, query.Of{}); err != nil {
		return nil, err
	}
	for _, s := range query.ShipmentStates() {
		n, err := r.views.Count(views.Shipments, views.All(), uint8(s))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			p.States[s] = n
		}
	}
	p.Gaps, err = r.views.CountHeld(views.All(), uint64(r.query.Tip().MedianTime))
	return p, err
}

// CustodyGap is a shipment under way whose goods have not changed hands for longer than
// the network's carry period.
type CustodyGap struct {
	query.Shipment
	Over uint64     // seconds of median time since the end of the period
	Sale views.Sale // of the goods
}

// CustodyGaps is [Reader.CustodyGapsOf] all.
func (r *Reader) CustodyGaps(in query.Range) (query.Page[CustodyGap], error) {
	return r.CustodyGapsOf(query.Of{}, in)
}

// CustodyGapsOf returns the custody gaps of a carrier or of all, the longest first: as of
// the tip. It has no span. A shipment that its sender has not handed over yet is one of
// the carrier that it names. A page may have fewer items than its limit although more
// follow.
func (r *Reader) CustodyGapsOf(of query.Of, in query.Range) (query.Page[CustodyGap], error) {
	page := query.Page[CustodyGap]{Items: []CustodyGap{}}
	if err := r.now(); err != nil {
		return page, err
	}
	if of != (query.Of{Carrier: of.Carrier}) {
		return page, query.Errorf(query.ErrInvalid, "custody gaps are those of a carrier")
	}
	var from views.Deadline
	if in.From != "" {
		_, err := fmt.Sscanf(string(in.From), "%d.%d.%d", &from.Time, &from.Height, &from.Index)
		if err != nil || heldCursor(from) != in.From {
			return page, errCursor()
		}
	}
	scope, err := r.scope(of)
	if err != nil {
		return page, err
	}
	held, err := r.views.Held(scope, from, in.Limit+1)
	if err != nil {
		return page, err
	}
	now := uint64(r.query.Tip().MedianTime)
	for i, h := range held {
		if h.Time >= now {
			break
		}
		if i == in.Limit {
			page.Next = heldCursor(h)
			break
		}
		shipment, err := r.query.Shipment(h.ID)
		if err != nil {
			return page, moved(err)
		}
		if shipment.LostFrom == 0 || shipment.LostFrom >= now {
			continue // the chain is a block ahead of the index
		}
		gap := CustodyGap{Shipment: *shipment, Over: now - shipment.LostFrom}
		if gap.Sale, _, err = r.views.SaleOf(shipment.Voucher); err != nil {
			return page, err
		}
		page.Items = append(page.Items, gap)
	}
	return page, nil
}

func heldCursor(d views.Deadline) query.Cursor {
	return query.Cursor(fmt.Sprintf("%d.%d.%d", d.Time, d.Height, d.Index))
}
