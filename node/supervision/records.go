package supervision

import (
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// record applies a record of the block.
func (s *step) record(r *record.Record, at store.Place) error {
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		return s.count(Sales, r.ID(), at, r.ID())
	case record.Evaluate:
		return s.count(Evaluations, p.Voucher, at, r.ID())
	case record.Correction:
		about, err := s.Subject(p.Record)
		if err != nil {
			return err
		}
		return s.count(Corrections, about.Voucher, at, r.ID())
	case record.CustodyHandover:
		return s.handOver(p, at, r.ID())
	case record.DeliveryConfirm:
		if err := s.carried(p.Shipment, at, r.ID()); err != nil {
			return err
		}
		s.parcels[p.Shipment] = &parcel{Held: s.median}
		return s.arrive(p.Shipment)
	case record.Ruling:
		return s.rule(p, at, r.ID())
	}
	return s.claimRecord(r, at)
}

// claimRecord applies a record about a claim.
func (s *step) claimRecord(r *record.Record, at store.Place) error {
	id := r.ID()
	switch p := r.Payload.(type) {
	case record.ClaimOpen:
		return s.open(id, p, at)
	case record.ClaimRespond:
		return s.change(p.Claim, func(c *claim) error {
			if p.Action == record.Authorise {
				c.Agreed = s.median
			}
			if err := s.count(Answers, c.Voucher, at, id); err != nil {
				return err
			}
			return s.measureClaim(Answer, c, c.Opened, at, id)
		})
	case record.ClaimAnswer:
		return s.change(p.Claim, func(c *claim) error {
			if p.Accept {
				c.Agreed = s.median
				return nil
			}
			return s.escalate(c, at, id)
		})
	case record.ClaimEscalate:
		return s.change(p.Claim, func(c *claim) error { return s.escalate(c, at, id) })
	case record.SettleExecute:
		return s.change(p.Claim, func(c *claim) error {
			c.State, c.Executed, c.Deadline = executed, true, after(s.median, s.after.ConfirmDays, s.after)
			if err := s.count(Remedies, c.Voucher, at, id); err != nil {
				return err
			}
			return s.measureClaim(Execution, c, c.Agreed, at, id)
		})
	case record.SettleConfirm:
		return s.change(p.Claim, func(c *claim) error {
			if p.Accept {
				return s.settle(c, at)
			}
			return s.escalate(c, at, id)
		})
	case record.ClaimWithdraw:
		return s.change(p.Claim, end)
	case record.ClaimClose:
		return s.change(p.Claim, end)
	}
	return nil
}

func end(c *claim) error {
	c.enter(over)
	return nil
}

// change changes a claim. One that the index does not have is none of the chain.
func (s *step) change(id record.ID, change func(*claim) error) error {
	c, err := s.claim(id)
	if err != nil || c == nil {
		return err
	}
	if err := change(c); err != nil {
		return err
	}
	s.claims[id] = c
	if c.Deadline != 0 {
		s.lapsing[string(deadlineName(c.Deadline, id))] = struct{}{}
	}
	return nil
}

// open keeps a new claim.
func (s *step) open(id record.ID, p record.ClaimOpen, at store.Place) error {
	s.claims[id] = &claim{Voucher: p.Voucher, Ground: p.Ground, State: waiting, Opened: s.median}
	if err := s.count(Claims, p.Voucher, at, id); err != nil {
		return err
	}
	if p.Ground != record.Delivery && p.Ground != record.Recall {
		return nil
	}
	v, err := s.voucher(p.Voucher)
	if err != nil {
		return err
	}
	s.vouchers[p.Voucher] = v
	if p.Ground == record.Delivery {
		v.Claim = id
		return nil
	}
	if v.Reached {
		return nil
	}
	v.Reached = true
	return s.count(Reached, p.Voucher, at, p.Voucher)
}

// escalate takes a claim to the supervisors.
func (s *step) escalate(c *claim, at store.Place, by record.ID) error {
	c.enter(waiting)
	c.Escalated = s.median
	return s.count(Escalations, c.Voucher, at, by)
}

// settle closes a claim with its remedy.
func (s *step) settle(c *claim, at store.Place) error {
	c.enter(over)
	if c.Ground != record.Recall {
		return nil
	}
	v, err := s.voucher(c.Voucher)
	if err != nil || v.Remedied {
		return err
	}
	v.Remedied = true
	s.vouchers[c.Voucher] = v
	return s.count(Remedied, c.Voucher, at, c.Voucher)
}

// rule applies a ruling.
func (s *step) rule(p record.Ruling, at store.Place, id record.ID) error {
	if p.Subject == record.OnShipment {
		about, err := s.Subject(p.ID)
		if err == nil {
			err = s.count(Rulings, about.Voucher, at, id)
		}
		if err != nil || p.Outcome != record.RuledDelivered {
			return err
		}
		s.parcels[p.ID] = &parcel{Held: s.median}
		return s.arrive(p.ID)
	}
	return s.change(p.ID, func(c *claim) error {
		outcome := Dismissals
		if p.Outcome == record.Ordered {
			outcome = Orders
			c.State, c.Agreed, c.Order = ordered, s.median, id
			c.Deadline = after(s.median, p.ExecuteDays, s.after)
		} else {
			c.enter(over)
		}
		for _, series := range []Series{Rulings, outcome} {
			if err := s.count(series, c.Voucher, at, id); err != nil {
				return err
			}
		}
		return s.measureClaim(Ruling, c, c.Escalated, at, id)
	})
}

// arrive closes the claim for goods that did not arrive, when they do, unless its remedy
// was given.
func (s *step) arrive(shipment record.ID) error {
	about, err := s.Subject(shipment)
	if err != nil || about.Claim != (record.ID{}) { // they come back for a claim, or go to the holder again
		return err
	}
	v, err := s.voucher(about.Voucher)
	if err != nil || v.Claim == (record.ID{}) {
		return err
	}
	return s.change(v.Claim, func(c *claim) error {
		if !c.Executed {
			c.enter(over)
		}
		return nil
	})
}

// handOver passes goods to a carrier, or back to their sender.
func (s *step) handOver(p record.CustodyHandover, at store.Place, id record.ID) error {
	if err := s.carried(p.Shipment, at, id); err != nil {
		return err
	}
	to, err := s.Account(p.To)
	if err == nil {
		s.parcels[p.Shipment] = &parcel{s.median, to}
	}
	return err
}

// carried measures how long a carrier had goods that leave it.
func (s *step) carried(shipment record.ID, at store.Place, by record.ID) error {
	p, err := s.parcel(shipment)
	if err != nil || p == nil || p.Carrier == (record.Key{}) {
		return err
	}
	s.measure(Carry, []views.Scope{views.All(), views.OfCarrier(p.Carrier)}, p.Held, at, by)
	return nil
}
