package rules

import (
	"stele/node/ledger/fields"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// refundPay is a PAY that names a live claim as its reference.
type refundPay struct {
	Claim  record.ID
	To     record.Key // the account
	Amount record.Amount
	Round  uint8 // of the claim, when it was paid
	Used   bool  // a SETTLE_EXECUTE named it
}

func (p *refundPay) layout(f *fields.Coder) {
	fields.Hash(f, &p.Claim)
	fields.Hash(f, &p.To)
	f.Uint64((*uint64)(&p.Amount))
	f.Uint8(&p.Round)
	f.Flags(&p.Used)
}

// keepPayment stores a PAY whose reference is a live claim.
func keepPayment(s *State, c Context, r *record.Record, to Account) error {
	p := r.Payload.(record.Pay)
	if p.Reference == (record.ID{}) {
		return nil
	}
	claim, err := GetClaim(s, c, p.Reference)
	if err != nil || claim == nil || claim.State.Closed() {
		return err
	}
	return putEntry(s, idKey(paymentEntry, r.ID()), &refundPay{Claim: claim.ID, To: to.ID, Amount: p.Amount, Round: claim.Round})
}

// stepExecute returns what a SETTLE_EXECUTE by an account does to a claim.
func stepExecute(s *State, c Context, author Account, p record.SettleExecute) (claimStep, error) {
	now, err := stepClaim(s, c, author, p.Type(), p.Claim, "")
	if err == nil && now.claim.State == ClaimAuthorised && now.claim.ReturnNeeded {
		err = reject.New(reject.ReturnOutstanding, "the goods of claim %v have to come back and be inspected first", p.Claim)
	}
	return now, err
}

// executeSettlement gives the holder the remedy that was agreed or ordered.
func executeSettlement(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.SettleExecute)
	now, err := stepExecute(s, c, author, p)
	if err != nil {
		return err
	}
	claim := now.claim
	if p.Remedy != claim.Remedy {
		return reject.New(reject.RemedyDiffers, "the remedy is %v, but %v was agreed or ordered", p.Remedy, claim.Remedy)
	}
	switch p.Remedy {
	case record.Refund:
		claim.Settlement, err = p.Payment, usePayment(s, claim, p.Payment)
	case record.Replace:
		claim.Settlement, err = p.Replacement, useReplacement(s, c, now, author, p)
	default:
		claim.Settlement = record.ID{}
	}
	if err != nil {
		return err
	}
	claim.Executed = c.MedianTime
	claim.enter(now.row.To, c)
	return putClaim(s, claim)
}

// usePayment checks the payment of a refund, and marks it as used: it serves once.
func usePayment(s *State, claim *Claim, id record.ID) error {
	key, p := idKey(paymentEntry, id), refundPay{}
	ok, err := getEntry(s, key, &p)
	switch {
	case err != nil:
		return err
	case !ok:
		return reject.New(reject.PaymentUnknown, "%v is no PAY with a live claim as its reference", id)
	case p.Claim != claim.ID:
		return reject.New(reject.PaymentForOther, "the payment %v is for claim %v, not %v", id, p.Claim, claim.ID)
	case p.Used:
		return reject.New(reject.PaymentUsed, "the payment %v served for claim %v before", id, p.Claim)
	case p.To != claim.Holder:
		return reject.New(reject.PaymentToOther, "the payment %v is to %v, not to the holder %v", id, p.To, claim.Holder)
	case p.Round != claim.Round:
		return reject.New(reject.PaymentTooEarly, "the payment %v is from before the refund was agreed or ordered", id)
	case p.Amount < claim.Refund:
		return reject.New(reject.PaymentTooSmall, "the payment %v is of %v, the refund is %v", id, p.Amount, claim.Refund)
	}
	p.Used = true
	return putEntry(s, key, &p)
}

// useReplacement checks the voucher of a replacement, and marks it as used: it
// serves once.
func useReplacement(s *State, c Context, now claimStep, author Account, p record.SettleExecute) error {
	claim := now.claim
	v, err := loadVoucher(s, c, p.Replacement)
	if err != nil {
		return err
	}
	if p.Holder != (record.Key{}) {
		a, err := liveAccount(s, p.Holder, "holder")
		if err != nil {
			return err
		}
		if a.ID != claim.Holder {
			return reject.New(reject.NotHolder, "%v signs as the holder, who is %v", p.Holder, claim.Holder)
		}
	}
	unfit := func(why string) error {
		return reject.New(reject.ReplacementUnfit, "the voucher %v %s", v.ID, why)
	}
	switch {
	case v.Replaces != (record.ID{}):
		return reject.New(reject.ReplacementUsed, "the voucher %v served for claim %v before", v.ID, v.Replaces)
	case v.ID == now.voucher.ID || v.Issued < claim.Agreed:
		return unfit("was issued before the replacement was agreed or ordered")
	case v.State != VoucherIssued && v.State != VoucherActive:
		return unfit("is " + v.State.String())
	case v.Holder != claim.Holder:
		return unfit("is not held by the holder of the claim")
	case v.Seller != now.voucher.Seller && v.Seller != author.ID:
		return unfit("is of another seller")
	case v.GTIN != now.voucher.GTIN && p.Holder == (record.Key{}):
		return reject.New(reject.ReplacementDiffers, "the replacement is %v instead of %v, and the holder does not consent", v.GTIN, now.voucher.GTIN)
	}
	v.Replaces = claim.ID
	return putVoucher(s, v)
}

func stepSettle(s *State, c Context, author Account, p record.SettleConfirm) (claimStep, error) {
	return stepClaim(s, c, author, p.Type(), p.Claim, accepted(p.Accept, "dispute"))
}

// confirmSettlement accepts or disputes the remedy that was given.
func confirmSettlement(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.SettleConfirm)
	now, err := stepSettle(s, c, author, p)
	if err != nil {
		return err
	}
	if p.Accept {
		return finish(s, c, now)
	}
	now.claim.enter(now.row.To, c)
	return putClaim(s, now.claim)
}
