package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func requireSupervisor(a Account) error {
	if !a.Roles.Has(record.Supervisor) {
		return reject.New(reject.NotSupervisor, "%v is no supervisor", a.Key)
	}
	return nil
}

// giveRuling applies a ruling on a claim or a shipment.
func giveRuling(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.Ruling)
	if p.Subject == record.OnClaim {
		return ruleOnClaim(s, c, author, p)
	}
	return ruleOnShipment(s, c, r, author, p)
}

// stepRuleOnShipment returns what a ruling by an account does to a shipment.
func stepRuleOnShipment(s *State, c Context, author Account, p record.Ruling) (*Shipment, *row[ShipmentState], error) {
	h, err := loadShipment(s, p.ID)
	if err != nil {
		return nil, nil, err
	}
	_, who, err := voucherFor(s, c, h.Voucher, author)
	if err != nil {
		return nil, nil, err
	}
	if author.ID == h.Sender {
		who |= sender
	}
	if author.ID == h.Carrier {
		who |= custodian
	}
	row, err := shipmentBook.next(h.State, p.Type(), p.Outcome.String(), who)
	switch {
	case err != nil:
	case who&involved != 0:
		err = rulingByParty(author, who)
	default:
		err = waitLongEnough(c, h, row)
	}
	return h, row, err
}

// ruleOnShipment decides whether goods arrived that the carrier could not hand
// over, or are lost because they do not move.
func ruleOnShipment(s *State, c Context, r *record.Record, author Account, p record.Ruling) error {
	h, row, err := stepRuleOnShipment(s, c, author, p)
	switch {
	case err != nil:
		return err
	case p.Outcome == record.RuledDelivered:
		return deliver(s, c, r, h, row)
	}
	h.State, h.Since = row.To, c.MedianTime
	if err := putShipment(s, h); err != nil {
		return err
	}
	return returnMoved(s, c, h)
}

// recall marks a product or an item as recalled.
func recall(s *State, _ Context, r *record.Record, author Account) error {
	p := r.Payload.(record.RecallNotice)
	product, err := GetProduct(s, p.GTIN)
	switch {
	case err != nil:
		return err
	case product == nil:
		return reject.New(reject.ProductUnknown, "nobody registered the product %v", p.GTIN)
	case author.Roles.Has(record.Supervisor):
	case product.Maker == author.ID && !author.Roles.Has(record.Manufacturer):
		return reject.New(reject.MakerRevoked, "the maker %v of product %v is no manufacturer any more", author.Key, p.GTIN)
	case product.Maker != author.ID:
		return reject.New(reject.NotSupervisor, "%v is neither a supervisor nor the maker of product %v", author.Key, p.GTIN)
	}
	if p.Serial == "" {
		product.Recalled = true
		return putProduct(s, product)
	}
	item, err := GetItem(s, p.GTIN, p.Serial)
	if err != nil {
		return err
	}
	item.Recalled = true
	return putItem(s, &item)
}

// suspendSeller suspends a seller: it cannot issue vouchers. A rotated key names it
// too.
func suspendSeller(s *State, _ Context, r *record.Record, author Account) error {
	a, err := supervised(s, author, r.Payload.(record.SellerSuspend).Seller)
	if err != nil {
		return err
	}
	if err := requireRole(a, record.Seller); err != nil {
		return err
	}
	if a.Roles.Suspended() {
		return reject.New(reject.AlreadySuspended, "the seller %v is suspended", a.Key)
	}
	a.Roles |= suspended
	return putAccount(s, &a)
}

// restoreSeller lets a suspended seller issue vouchers again.
func restoreSeller(s *State, _ Context, r *record.Record, author Account) error {
	a, err := supervised(s, author, r.Payload.(record.SellerRestore).Seller)
	if err != nil {
		return err
	}
	if !a.Roles.Suspended() {
		return reject.New(reject.NotSuspended, "the seller %v is not suspended", a.Key)
	}
	a.Roles &^= suspended
	return putAccount(s, &a)
}

// supervised returns the account of a key that a supervisor acts on.
func supervised(s *State, author Account, k record.Key) (Account, error) {
	if err := requireSupervisor(author); err != nil {
		return Account{}, err
	}
	return GetAccount(s, k)
}

// correct says that a record of the author is wrong. It changes nothing.
func correct(s *State, _ Context, r *record.Record, author Account) error {
	p := r.Payload.(record.Correction)
	of, ok, err := GetAuthor(s, p.Record)
	switch {
	case err != nil:
		return err
	case !ok:
		return reject.New(reject.RecordUnknown, "no after-sales record has the id %v", p.Record)
	case of != author.ID:
		return reject.New(reject.CorrectionByOther, "the record %v is by %v, not by %v", p.Record, of, author.ID)
	}
	return nil
}
