package rules

import (
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// requireRole rejects an account without the role.
func requireRole(a Account, role record.Role) error {
	if !a.Roles.Has(role) {
		return reject.New(reject.RoleNotHeld, "%v is not %v", a.Key, role)
	}
	return nil
}

// registerProduct adds a product, or changes its terms.
func registerProduct(s *State, _ Context, r *record.Record, author Account) error {
	p := r.Payload.(record.ProductRegister)
	if err := requireRole(author, record.Manufacturer); err != nil {
		return err
	}
	product, err := GetProduct(s, p.GTIN)
	switch {
	case err != nil:
		return err
	case product == nil:
		product = &Product{GTIN: p.GTIN, Maker: author.ID}
	case product.Maker != author.ID:
		return reject.New(reject.ProductTaken, "product %v is registered by %v", p.GTIN, product.Maker)
	}
	product.WarrantyDays, product.Terms = p.WarrantyDays, p.Terms
	return putProduct(s, product)
}

// issueVoucher sells an item. The seller burns a part of the price, and gives
// the buyer's key what it needs for the fees of its records.
func issueVoucher(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.VoucherIssue)
	if err := checkSale(s, c, p, author); err != nil {
		return err
	}
	author.Balance -= p.Burn + p.Stipend
	if err := putAccount(s, &author); err != nil {
		return err
	}
	if err := burn(s, c.Params, p.Burn); err != nil {
		return err
	}
	customer, err := liveAccount(s, p.Buyer, "buyer")
	switch {
	case err != nil:
		return err
	case customer.ID == author.ID:
		return reject.New(reject.SelfSale, "the seller %v is the buyer", p.Buyer)
	}
	customer.Roles |= past
	if err := credit(s, customer, p.Stipend); err != nil {
		return err
	}
	if err := bindItem(s, c, p, r.ID()); err != nil {
		return err
	}
	return putVoucher(s, &Voucher{
		ID: r.ID(), State: VoucherIssued,
		GTIN: p.GTIN, Serial: p.Serial, Seller: author.ID, Buyer: customer.ID, Holder: customer.ID,
		Price: p.Price, Quantity: p.Quantity, Distance: p.Distance, WarrantyDays: p.WarrantyDays, Burn: p.Burn,
		Issued: c.MedianTime,
	})
}

// checkSale checks that the seller may sell the product on these terms.
func checkSale(s *State, c Context, p record.VoucherIssue, author Account) error {
	if err := requireRole(author, record.Seller); err != nil {
		return err
	}
	if author.Roles.Suspended() {
		return reject.New(reject.SellerSuspended, "the seller %v is suspended", author.Key)
	}
	product, err := GetProduct(s, p.GTIN)
	if err != nil {
		return err
	}
	if product == nil {
		return reject.New(reject.ProductUnknown, "nobody registered the product %v", p.GTIN)
	}
	maker, err := GetAccount(s, product.Maker)
	a := &c.Params.AfterSales
	switch {
	case err != nil:
		return err
	case !maker.Roles.Has(record.Manufacturer):
		return reject.New(reject.MakerRevoked, "the maker %v of product %v is no manufacturer any more", product.Maker, p.GTIN)
	case p.WarrantyDays < product.WarrantyDays:
		return reject.New(reject.WarrantyTooShort, "a warranty of %d days, the product's is %d", p.WarrantyDays, product.WarrantyDays)
	case p.Terms != product.Terms:
		return reject.New(reject.TermsDiffer, "the terms %x are not the product's, %x", p.Terms, product.Terms)
	case p.Burn < MinBurn(a, p.Price):
		return reject.New(reject.BurnTooSmall, "%v are burned, a price of %v asks for %v", p.Burn, p.Price, MinBurn(a, p.Price))
	case p.Stipend < a.MinStipend:
		return reject.New(reject.StipendTooSmall, "the buyer gets %v, want at least %v", p.Stipend, a.MinStipend)
	case p.Burn > author.Balance || p.Stipend > author.Balance-p.Burn:
		return reject.New(reject.InsufficientFunds, "the burn is %v and the stipend %v, but after its fee %v has only %v", p.Burn, p.Stipend, author.Key, author.Balance)
	}
	return nil
}

// MinBurn returns the minimum that a seller has to burn for a voucher with a price.
func MinBurn(p *network.AfterSales, price record.Amount) record.Amount {
	return max(p.VoucherFee, price*record.Amount(p.FeePermille)/1000)
}

// burn moves a part of an amount that was burned into the reward pool. The rest
// leaves the supply.
func burn(s *State, p *network.Params, amount record.Amount) error {
	kept := amount * record.Amount(p.AfterSales.BurnToPool) / 100
	if err := addTo(s, rewardPoolEntry, kept); err != nil {
		return err
	}
	return takeFrom(s, supplyEntry, amount-kept)
}

// bindItem makes a voucher that of its item, which must have no other one that is
// not final.
func bindItem(s *State, c Context, p record.VoucherIssue, id record.ID) error {
	item, err := GetItem(s, p.GTIN, p.Serial)
	if err != nil {
		return err
	}
	if item.Voucher != (record.ID{}) {
		other, err := loadVoucher(s, c, item.Voucher)
		switch {
		case err != nil:
			return err
		case !other.State.Final():
			return reject.New(reject.ItemSold, "the item %v %s has the voucher %v, which is %v", p.GTIN, p.Serial, other.ID, other.State)
		}
	}
	item.Voucher = id
	return putItem(s, &item)
}

// stepTransfer returns what a transfer by an account does to a voucher.
func stepTransfer(s *State, c Context, author Account, id record.ID) (*Voucher, *row[VoucherState], error) {
	v, who, err := voucherFor(s, c, id, author)
	if err != nil {
		return nil, nil, err
	}
	row, err := voucherBook.next(v.State, record.TypeVoucherTransfer, "", who)
	if err == nil && v.ClaimLive {
		err = claimLive(v)
	}
	return v, row, err
}

// transferVoucher gives a voucher to another holder.
func transferVoucher(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.VoucherTransfer)
	v, row, err := stepTransfer(s, c, author, p.Voucher)
	if err != nil {
		return err
	}
	to, err := liveAccount(s, p.To, "new holder")
	switch {
	case err != nil:
		return err
	case to.ID == v.Holder:
		return reject.New(reject.SelfTransfer, "%v holds the voucher already", p.To)
	}
	if to.Roles&past == 0 {
		to.Roles |= past
		if err := putAccount(s, &to); err != nil {
			return err
		}
	}
	v.Holder, v.State = to.ID, row.To
	return putVoucher(s, v)
}

func claimLive(v *Voucher) error {
	return reject.New(reject.ClaimLive, "the claim %v on voucher %v is not closed", v.Claim, v.ID)
}

// stepVoid returns what a VOUCHER_VOID by an account does to a voucher.
func stepVoid(s *State, c Context, author Account, id record.ID) (*Voucher, *row[VoucherState], error) {
	v, who, err := voucherFor(s, c, id, author)
	if err != nil {
		return nil, nil, err
	}
	row, err := voucherBook.next(v.State, record.TypeVoucherVoid, "", who)
	if err != nil {
		return nil, nil, err
	}
	shipment, gone, err := onItsWay(s, v.Shipment)
	switch {
	case err != nil:
	case v.ClaimLive:
		err = claimLive(v)
	case gone:
		err = reject.New(reject.VoidAfterShipment, "the shipment %v is %v", shipment.ID, shipment.State)
	}
	return v, row, err
}

// voidVoucher undoes a sale before the goods leave.
func voidVoucher(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.VoucherVoid)
	v, row, err := stepVoid(s, c, author, p.Voucher)
	if err != nil {
		return err
	}
	other, err := liveAccount(s, p.Holder, "holder")
	switch {
	case err != nil:
		return err
	case other.ID != v.Holder:
		return reject.New(reject.NotHolder, "%v signs as the holder, who is %v", p.Holder, v.Holder)
	}
	v.State = row.To
	return putVoucher(s, v)
}
