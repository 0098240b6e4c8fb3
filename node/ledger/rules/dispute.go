package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// stepOpen returns what a claim by an account does to a voucher, and the state
// in which the claim begins.
func stepOpen(s *State, c Context, author Account, p record.ClaimOpen) (*Voucher, *row[VoucherState], ClaimState, error) {
	v, who, err := voucherFor(s, c, p.Voucher, author)
	if err != nil {
		return nil, nil, 0, err
	}
	row, err := voucherBook.next(v.State, p.Type(), p.Ground.String(), who)
	if err != nil {
		return nil, nil, 0, err
	}
	if v.ClaimLive {
		return nil, nil, 0, reject.New(reject.SecondClaim, "the voucher %v has the open claim %v", v.ID, v.Claim)
	}
	if err := entitled(s, c, v, p); err != nil {
		return nil, nil, 0, err
	}
	first, err := claimBook.next(0, p.Type(), "", who)
	if err != nil {
		return nil, nil, 0, err
	}
	return v, row, first.To, nil
}

// openClaim makes a claim on a voucher.
func openClaim(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.ClaimOpen)
	v, row, first, err := stepOpen(s, c, author, p)
	if err != nil {
		return err
	}
	v.State, v.Claim, v.ClaimLive = row.To, r.ID(), true
	return putCase(s, v, &Claim{
		ID: r.ID(), State: first, Since: c.MedianTime,
		Voucher: v.ID, Holder: v.Holder, Ground: p.Ground, FaultCode: p.FaultCode, Asked: p.Remedy, Opened: c.MedianTime,
	})
}

// entitled checks that the terms give a remedy on a ground now: articles 9 to 11
// of the Provisions on Liability for Repair, Replacement and Return (1995), and
// article 25 of the Consumer Law.
func entitled(s *State, c Context, v *Voucher, p record.ClaimOpen) error {
	a := &c.Params.AfterSales
	within := func(days uint16) bool { return uint64(c.MedianTime) <= after(v.Delivered, days, a) }
	ok := false
	switch p.Ground {
	case record.Fault:
		switch p.Remedy {
		case record.Refund:
			ok = within(a.ReturnDays)
		case record.Replace:
			ok = within(a.ReturnDays) || within(a.ExchangeDays) || v.Repairs >= a.RepairLimit && v.LastFault == p.FaultCode
		case record.Repair:
			ok = true
		}
	case record.NoReason:
		ok = p.Remedy == record.Refund && v.Distance && within(a.ReturnDays)
	case record.Delivery:
		h, err := GetShipment(s, v.Shipment)
		if err != nil {
			return err
		}
		if !v.Late(h, c) {
			return reject.New(reject.NotDelivered, "the voucher %v is not delivered, and its delivery has not failed or taken too long yet", v.ID)
		}
		ok = p.Remedy != record.Repair
	case record.Recall:
		now, err := GetVoucher(s, c, v.ID)
		if err != nil {
			return err
		}
		if !now.Recalled {
			return reject.New(reject.NotRecalled, "neither the product %v nor its item %s is recalled", v.GTIN, v.Serial)
		}
		ok = true
	}
	if !ok {
		return reject.New(reject.NotEntitled, "no %v on the ground %v: the goods were delivered %v, the median time is %v, and %d repairs of the fault %d were made",
			p.Remedy, p.Ground, record.Time(v.Delivered), record.Time(c.MedianTime), v.Repairs, v.LastFault)
	}
	return nil
}

// enter changes the state.
func (c *Claim) enter(to ClaimState, now Context) {
	if c.State != to {
		c.State, c.Since = to, now.MedianTime
	}
}

// agree changes the state to one in which a remedy is owed.
func (c *Claim) agree(to ClaimState, now Context) {
	c.enter(to, now)
	c.Agreed, c.SendFrom = now.MedianTime, 0
	if c.ReturnNeeded {
		c.SendFrom = now.MedianTime
	}
	c.Round = min(c.Round, 254) + 1
}

// claimStep is what a record does to a claim.
type claimStep struct {
	claim   *Claim
	voucher *Voucher
	who     part
	row     *row[ClaimState]
}

// stepClaim returns what a record of an account does to a claim. It rejects one
// that comes before its period is over.
func stepClaim(s *State, c Context, author Account, on record.Type, id record.ID, choice string) (claimStep, error) {
	return stepClaimWith(s, c, author, on, id, choice, record.Key{})
}

// stepClaimWith is stepClaim for a record with which the seller consents to an
// inspector, if the key is not zero.
func stepClaimWith(s *State, c Context, author Account, on record.Type, id record.ID, choice string, consent record.Key) (claimStep, error) {
	claim, v, err := loadClaim(s, c, id)
	if err != nil {
		return claimStep{}, err
	}
	who, err := partsOf(s, v, author)
	if err != nil {
		return claimStep{}, err
	}
	who, err = partsInClaim(s, claim, v, author, who, on, consent)
	if err != nil {
		return claimStep{}, err
	}
	row, err := claimBook.next(claim.State, on, choice, who)
	if err != nil {
		return claimStep{}, err
	}
	if row.Period != 0 {
		if end := claim.end(row.Period, &c.Params.AfterSales); uint64(c.MedianTime) <= end {
			reason := reject.EscalationTooEarly
			if row.On == record.TypeClaimClose {
				reason = reject.CloseTooEarly
			}
			return claimStep{}, reject.New(reason, "the median time is %v, the period (%v) lasts until %v", record.Time(c.MedianTime), row.Period, record.Time(end))
		}
	}
	return claimStep{claim, v, who, row}, nil
}

// partsInClaim returns the parts that an account plays in a claim. Who are its
// parts for the voucher. For evidence and rulings, those who carried or inspected
// the goods count.
func partsInClaim(s *State, claim *Claim, v *Voucher, a Account, who part, on record.Type, consent record.Key) (part, error) {
	who &^= holder
	if a.ID == claim.Holder {
		who |= holder
	}
	switch on {
	case record.TypeInspectionReport:
		ok, err := mayInspect(s, claim, v, a, consent)
		if ok {
			who |= servicer
		}
		return who, err
	case record.TypeEvidenceAdd, record.TypeRuling:
	default:
		return who, nil
	}
	if a.ID == claim.Servicer || a.ID == claim.Inspector {
		who |= servicer
	}
	for _, id := range []record.ID{v.Shipment, claim.Return, claim.SendBack} {
		h, err := GetShipment(s, id)
		if err != nil {
			return 0, err
		}
		if h != nil && h.Carrier == a.ID {
			who |= custodian
		}
	}
	return who, nil
}

// mayInspect reports whether an account is a servicer that the response to the
// claim names, or to whom the seller consents now. Any other servicer is a
// stranger: it could decide the cases of its competitors.
func mayInspect(s *State, claim *Claim, v *Voucher, a Account, consent record.Key) (bool, error) {
	named := a.ID == claim.Servicer
	if consent != (record.Key{}) {
		consents, err := liveAccount(s, consent, "seller")
		if err != nil {
			return false, err
		}
		if consents.ID != v.Seller {
			return false, reject.New(reject.NotSeller, "%v signs as the seller, who is %v", consent, v.Seller)
		}
		named = true
	}
	return named && a.Roles.Has(record.Servicer), nil
}

// finish closes a claim in the state of its row.
func finish(s *State, c Context, now claimStep) error {
	now.claim.enter(now.row.To, c)
	now.voucher.close(now.claim)
	return putCase(s, now.voucher, now.claim)
}

// respondToClaim is the seller's or maker's answer.
func respondToClaim(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.ClaimRespond)
	now, err := stepClaim(s, c, author, p.Type(), p.Claim, p.Action.String())
	if err != nil {
		return err
	}
	claim := now.claim
	claim.Remedy, claim.Refund, claim.ReturnNeeded = p.Remedy, p.Refund, p.ReturnNeeded
	if p.Servicer != (record.Key{}) {
		a, err := liveAccount(s, p.Servicer, "servicer")
		if err != nil {
			return err
		}
		if err := requireRole(a, record.Servicer); err != nil {
			return err
		}
		claim.Servicer = a.ID
	}
	switch {
	case p.ReturnNeeded && now.voucher.Delivered == 0:
		return reject.New(reject.ReturnUnneeded, "the goods of voucher %v have not arrived, and cannot come back", now.voucher.ID)
	case p.Action != record.Authorise:
		claim.enter(now.row.To, c)
	case p.Remedy != claim.Asked || p.Remedy == record.Refund && p.Refund != now.voucher.Price:
		return reject.New(reject.RemedyDiffers, "the holder asks for %v at a price of %v; anything else is an offer", claim.Asked, now.voucher.Price)
	default:
		claim.agree(now.row.To, c)
	}
	return putClaim(s, claim)
}

// accepted returns the choice of the tables: "accept", or no.
func accepted(yes bool, no string) string {
	if yes {
		return "accept"
	}
	return no
}

func stepAnswer(s *State, c Context, author Account, p record.ClaimAnswer) (claimStep, error) {
	return stepClaim(s, c, author, p.Type(), p.Claim, accepted(p.Accept, "decline"))
}

// answerOffer is the holder's answer to an offer.
func answerOffer(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.ClaimAnswer)
	now, err := stepAnswer(s, c, author, p)
	if err != nil {
		return err
	}
	if p.Accept {
		now.claim.agree(now.row.To, c)
	} else {
		now.claim.enter(now.row.To, c)
	}
	return putClaim(s, now.claim)
}

// stepEvidence returns the claim, and how much evidence the account has added to
// it. Each account has a limit of its own: no party can use up that of another.
func stepEvidence(s *State, c Context, author Account, p record.EvidenceAdd) (now claimStep, count uint64, err error) {
	if now, err = stepClaim(s, c, author, p.Type(), p.Claim, ""); err != nil {
		return claimStep{}, 0, err
	}
	count, err = getUint(s, evidenceKey(p.Claim, author.ID)...)
	if limit := uint64(c.Params.AfterSales.EvidenceLimit); err == nil && count >= limit {
		err = reject.New(reject.EvidenceLimit, "%v has added evidence %d times to claim %v, at most %d", author.Key, count, p.Claim, limit)
	}
	return now, count, err
}

// addEvidence counts a piece of evidence.
func addEvidence(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.EvidenceAdd)
	now, count, err := stepEvidence(s, c, author, p)
	if err != nil {
		return err
	}
	if err := putClaim(s, now.claim); err != nil {
		return err
	}
	return putUint(s, count+1, evidenceKey(p.Claim, author.ID)...)
}

// evidenceKey is the key of the entry that counts the evidence of an account.
func evidenceKey(claim record.ID, account record.Key) []byte {
	return append(idKey(evidenceEntry, claim), account[:]...)
}

func stepInspect(s *State, c Context, author Account, p record.InspectionReport) (claimStep, error) {
	return stepClaimWith(s, c, author, p.Type(), p.Claim, p.Finding.String(), p.Seller)
}

// inspect keeps what was found out about goods that came back.
func inspect(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.InspectionReport)
	now, err := stepInspect(s, c, author, p)
	if err != nil {
		return err
	}
	if now.who&seller == 0 {
		now.claim.Inspector = author.ID
	}
	now.claim.enter(now.row.To, c)
	return putClaim(s, now.claim)
}

// withdrawClaim gives a claim up.
func withdrawClaim(s *State, c Context, r *record.Record, author Account) error {
	now, err := stepClaim(s, c, author, r.Type(), r.Payload.(record.ClaimWithdraw).Claim, "")
	if err != nil {
		return err
	}
	return finish(s, c, now)
}

// closeClaim ends a claim on which nobody ruled.
func closeClaim(s *State, c Context, r *record.Record, author Account) error {
	now, err := stepClaim(s, c, author, r.Type(), r.Payload.(record.ClaimClose).Claim, "")
	if err != nil {
		return err
	}
	return finish(s, c, now)
}

// escalateClaim takes a claim to the supervisors.
func escalateClaim(s *State, c Context, r *record.Record, author Account) error {
	now, err := stepClaim(s, c, author, r.Type(), r.Payload.(record.ClaimEscalate).Claim, "")
	if err != nil {
		return err
	}
	now.claim.enter(now.row.To, c)
	return putClaim(s, now.claim)
}

// stepRuleOnClaim returns what a ruling by an account does to a claim.
func stepRuleOnClaim(s *State, c Context, author Account, p record.Ruling) (claimStep, error) {
	now, err := stepClaim(s, c, author, p.Type(), p.ID, p.Outcome.String())
	if err == nil && now.who&involved != 0 {
		err = rulingByParty(author, now.who)
	}
	return now, err
}

// ruleOnClaim decides an escalated claim.
func ruleOnClaim(s *State, c Context, author Account, p record.Ruling) error {
	now, err := stepRuleOnClaim(s, c, author, p)
	if err != nil {
		return err
	}
	now.claim.Ruled = true
	if p.Outcome == record.Dismissed {
		return finish(s, c, now)
	}
	now.claim.Remedy, now.claim.Refund, now.claim.OrderDays, now.claim.ReturnNeeded = p.Remedy, p.Refund, p.ExecuteDays, false
	now.claim.agree(now.row.To, c)
	return putClaim(s, now.claim)
}

func rulingByParty(author Account, who part) error {
	return reject.New(reject.RulingByParty, "the supervisor %v is %v of the case", author.Key, who&involved)
}
