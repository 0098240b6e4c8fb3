package rules

import (
	"slices"

	"stele/node/ledger/record"
)

// Move is a transition from a state to another one.
type Move[S ~uint8] struct {
	From, To S
	ByTime   bool // time alone can make it
}

// ClaimMoves returns every transition between two states of a claim.
func ClaimMoves() []Move[ClaimState] { return moves(claimTable) }

// ShipmentMoves returns every transition between two states of a shipment.
func ShipmentMoves() []Move[ShipmentState] { return moves(shipmentTable) }

// VoucherMoves returns every transition between two states of a voucher.
func VoucherMoves() []Move[VoucherState] { return moves(voucherTable) }

func moves[S ~uint8](table machine[S]) (all []Move[S]) {
	for _, r := range table {
		if r.From == 0 || r.From == r.To {
			continue
		}
		m := Move[S]{r.From, r.To, r.On == 0 && r.Choice == ""}
		i := slices.IndexFunc(all, func(other Move[S]) bool { return other.From == m.From && other.To == m.To })
		if i < 0 {
			all = append(all, m)
		} else {
			all[i].ByTime = all[i].ByTime || m.ByTime
		}
	}
	return all
}

// Way returns the states that the claim has been in, the first one first. The records
// are those about it in the order of the chain. If several orders were not executed in
// time, only the last one is among them.
func (c *Claim) Way(records []*record.Record) []ClaimState {
	way := claimTable.way(records, ClaimOpen, c.State)
	if c.Defaulted && !slices.Contains(way, ClaimDefaulted) { // it was executed later
		for i := len(way) - 1; i >= 0; i-- {
			if way[i] == ClaimOrdered {
				return slices.Insert(way, i+1, ClaimDefaulted)
			}
		}
	}
	return way
}

// Way is [Claim.Way] for a shipment.
func (h *Shipment) Way(records []*record.Record) []ShipmentState {
	return shipmentTable.way(records, ShipmentCreated, h.State)
}

// Way returns the states that the voucher has been in. A warranty that was over before a
// claim was settled is not among them.
func (v *Voucher) Way() []VoucherState {
	way := []VoucherState{VoucherIssued}
	if v.Delivered != 0 {
		way = append(way, VoucherActive)
	}
	if way[len(way)-1] != v.State {
		way = append(way, v.State)
	}
	return way
}

// way follows the records through the table. What time alone decides is between them:
// it is what leads to a state that knows the next record.
func (m machine[S]) way(records []*record.Record, first, now S) []S {
	way := []S{first}
	legs := map[record.ID]string{}
	enter := func(states ...S) {
		for _, s := range states {
			if s != way[len(way)-1] {
				way = append(way, s)
			}
		}
	}
	for _, r := range records {
		if p, ok := r.Payload.(record.ShipmentCreate); ok {
			legs[r.ID()] = p.Leg.String()
		}
		enter(m.toRecord(way[len(way)-1], r, legs)...)
	}
	if last := way[len(way)-1]; last != now {
		enter(m.lapses(last, func(s S) bool { return s == now })...)
		enter(now)
	}
	return way
}

// toRecord returns the states from one, which is not among them, to that after a record;
// none if the record changes nothing.
func (m machine[S]) toRecord(from S, r *record.Record, legs map[record.ID]string) []S {
	var to S
	path := m.lapses(from, func(s S) bool {
		i := slices.IndexFunc(m, func(row row[S]) bool {
			return row.From == s && row.On == r.Type() && row.says(r.Payload, legs)
		})
		if i >= 0 {
			to = m[i].To
		}
		return i >= 0
	})
	if to == 0 {
		return nil
	}
	return append(path, to)
}

// lapses returns the states to which time alone leads from one, until one fits. There are
// none if the first one fits, or none does.
func (m machine[S]) lapses(from S, fits func(S) bool) []S {
	if fits(from) {
		return nil
	}
	for _, row := range m {
		if row.From != from || row.On != 0 || row.Choice != "" {
			continue
		}
		if fits(row.To) {
			return []S{row.To}
		}
		if rest := m.lapses(row.To, fits); rest != nil {
			return append([]S{row.To}, rest...)
		}
	}
	return nil
}

// says reports whether a row is that of what a payload chooses. Legs has the legs of the
// shipments whose records are known; others are outbound.
func (r *row[S]) says(p record.Payload, legs map[record.ID]string) bool {
	leg := func(id record.ID) string {
		if l, ok := legs[id]; ok {
			return l
		}
		return record.Outbound.String()
	}
	if r.Choice == "" {
		return true
	}
	switch p := p.(type) {
	case record.CustodyHandover: // on or back: only one of them is possible in a state
		return true
	case record.DeliveryConfirm:
		return r.Choice == leg(p.Shipment)
	case record.Ruling:
		if p.Subject == record.OnShipment && r.Choice == p.Outcome.String()+" "+leg(p.ID) {
			return true
		}
	}
	return r.Choice == ChoiceOf(p)
}
