package credit

import (
	"stele/node/ledger/record"
)

// record applies a record of the block.
func (s *step) record(r *record.Record) error {
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		return s.issue(r, p)
	case record.VoucherVoid:
		return s.changeVoucher(p.Voucher, func(v *voucher) { v.Off = true })
	case record.Evaluate:
		return s.changeVoucher(p.Voucher, func(v *voucher) { v.Scores = p.Product + p.Service + p.Logistics })
	case record.EvaluateAmend:
		return s.changeVoucher(p.Voucher, func(v *voucher) { v.Scores = p.Product + p.Service + p.Logistics })
	case record.DeliveryConfirm:
		return s.arrive(p.Shipment)
	case record.SellerSuspend:
		return s.flag(p.Seller, suspended, true)
	case record.SellerRestore:
		return s.flag(p.Seller, suspended, false)
	case record.RoleRevoke:
		if p.Role == record.Seller {
			return s.flag(p.Key, revoked, true)
		}
	case record.RoleGrant:
		if p.Role == record.Seller {
			return s.flag(p.Key, revoked, false)
		}
	default:
		return s.claimRecord(r)
	}
	return nil
}

// changes returns the voucher that a record itself names and changes.
func changes(p record.Payload) (id record.ID, ok bool) {
	switch p := p.(type) {
	case record.VoucherVoid:
		return p.Voucher, true
	case record.Evaluate:
		return p.Voucher, true
	case record.EvaluateAmend:
		return p.Voucher, true
	case record.ClaimOpen:
		return p.Voucher, p.Ground == record.Delivery
	}
	return id, false
}

// claimRecord applies a record about a claim, if it can change how the claim ends.
func (s *step) claimRecord(r *record.Record) error {
	median, after := s.block.MedianTime, s.x.after
	switch p := r.Payload.(type) {
	case record.ClaimOpen:
		return s.open(r.ID(), p)
	case record.ClaimWithdraw:
		return s.changeClaim(p.Claim, func(c *claim) { c.enter(over) })
	case record.ClaimClose:
		return s.changeClaim(p.Claim, (*claim).close)
	case record.SettleExecute:
		return s.changeClaim(p.Claim, func(c *claim) { c.execute(median, p.Remedy, after) })
	case record.SettleConfirm:
		return s.changeClaim(p.Claim, func(c *claim) {
			if p.Accept {
				c.settle()
			} else {
				c.enter(waiting)
			}
		})
	case record.Ruling:
		switch {
		case p.Subject == record.OnClaim && p.Outcome == record.Dismissed:
			return s.changeClaim(p.ID, func(c *claim) { c.enter(over) })
		case p.Subject == record.OnClaim:
			return s.changeClaim(p.ID, func(c *claim) { c.order(median, p.ExecuteDays, after) })
		case p.Outcome == record.RuledDelivered:
			return s.arrive(p.ID)
		}
	}
	return nil
}

// issue keeps a new voucher, and that its seller has the product.
func (s *step) issue(r *record.Record, p record.VoucherIssue) error {
	seller, err := s.block.Account(r.Key)
	if err != nil {
		return err
	}
	at, err := s.block.Place(r.ID())
	if err != nil {
		return err
	}
	s.vouchers[at] = &voucher{Weight: s.x.params.Weight(p.Price), Home: never}
	return s.offer(offer{p.GTIN, seller})
}

// offer notes that a seller has a product, once in a period.
func (s *step) offer(o offer) error {
	if _, known := s.offers[o]; known {
		return nil
	}
	if !s.block.Leaves {
		known, sure := s.x.offers.has(o, s.period)
		if known {
			return nil
		}
		if sure {
			s.offers[o] = struct{}{}
			return nil
		}
	}
	_, known, err := s.old.Get(o.name(s.period))
	switch {
	case err != nil:
		return err
	case !known:
		s.offers[o] = struct{}{}
	case !s.block.Leaves:
		s.x.offers.add(o, s.period)
	}
	return nil
}

// open keeps a new claim, unless it is for a recall: that says nothing about the seller.
func (s *step) open(id record.ID, p record.ClaimOpen) error {
	if p.Ground != record.Recall {
		s.claims[id] = &claim{Voucher: p.Voucher, Ground: p.Ground, State: waiting}
	}
	if p.Ground != record.Delivery {
		return nil
	}
	return s.changeVoucher(p.Voucher, func(v *voucher) { v.Claim = id })
}

// arrive closes the claim for goods that did not arrive, when they do.
func (s *step) arrive(shipment record.ID) error {
	of, err := s.block.Subject(shipment)
	if err != nil || of.Claim != (record.ID{}) { // they come back for a claim, or go to the holder again
		return err
	}
	v, _, err := s.voucher(of.Voucher)
	if err != nil || v.Claim == (record.ID{}) {
		return err
	}
	return s.changeClaim(v.Claim, (*claim).arrive)
}

// flag sets a flag of the account of a key.
func (s *step) flag(key record.Key, f flags, on bool) error {
	account, err := s.block.Account(key)
	if err != nil {
		return err
	}
	now, known := s.flags[account]
	if !known {
		value, ok, err := s.old.Get(idName(flagsEntry, account))
		if ok {
			now, err = decodeFlags(value)
		}
		if err != nil {
			return err
		}
	}
	if on {
		now |= f
	} else {
		now &^= f
	}
	s.flags[account] = now
	return nil
}
