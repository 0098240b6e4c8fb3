package query

import (
	"fmt"
	"slices"
	"strconv"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
	"stele/node/views"
)

// Of narrows a list down to the things of one party or of one product. At most
// one of its fields is set; a list says which it knows. The zero value narrows
// nothing.
type Of struct {
	Seller  *record.Key // by any key of its account, as the others
	Holder  *record.Key
	Maker   *record.Key
	Carrier *record.Key
	Product *record.GTIN
}

// scope returns the scope of the views that o names.
func (r *Reader) scope(o Of) (views.Scope, error) {
	scope, set := views.All(), 0
	for _, party := range []struct {
		key *record.Key
		of  func(record.Key) views.Scope
	}{{o.Seller, views.OfSeller}, {o.Holder, views.OfHolder}, {o.Maker, views.OfMaker}, {o.Carrier, views.OfCarrier}} {
		if party.key == nil {
			continue
		}
		account, err := r.accountOf(*party.key)
		if err != nil {
			return scope, err
		}
		scope = party.of(account)
		set++
	}
	if o.Product != nil {
		scope = views.OfProduct(*o.Product)
		set++
	}
	if set > 1 {
		return scope, fail(ErrInvalid, "a list is narrowed down by one party or by a product, not by %d", set)
	}
	return scope, nil
}

// VoucherStates returns all states of a voucher.
func VoucherStates() []rules.VoucherState {
	return upTo(rules.VoucherIssued, rules.VoucherReplaced)
}

// ShipmentStates returns all states of a shipment.
func ShipmentStates() []rules.ShipmentState {
	return upTo(rules.ShipmentCreated, rules.ShipmentLost)
}

// ClaimStates returns all states of a claim.
func ClaimStates() []rules.ClaimState { return upTo(rules.ClaimOpen, rules.ClaimGivenUp) }

// LiveClaimStates returns the states of a claim that is not closed.
func LiveClaimStates() []rules.ClaimState { return ClaimStates()[:rules.ClaimSettled-1] }

// ClosedClaimStates returns the states of a claim that is closed.
func ClosedClaimStates() []rules.ClaimState { return ClaimStates()[rules.ClaimSettled-1:] }

func upTo[S ~uint8](first, last S) []S {
	var all []S
	for s := first; s <= last; s++ {
		all = append(all, s)
	}
	return all
}

// onlyStatesNow is onlyNow for lists by state.
func (r *Reader) onlyStatesNow() error {
	return r.onlyNow("things are listed by their states", "ask for those of a party, or of a voucher, or for each by its id")
}

// inStates is a list of things in some states, as a source.
func inStates[S ~uint8](r *Reader, kind views.Kind, scope views.Scope, states []S) source {
	numbers := make([]uint8, len(states))
	for i, s := range states {
		numbers[i] = uint8(s)
	}
	return func(from store.Place, limit int) ([]views.Entry, error) {
		if err := r.onlyStatesNow(); err != nil {
			return nil, err
		}
		v, err := r.lists()
		if err != nil {
			return nil, err
		}
		return v.InStates(kind, scope, numbers, from, limit)
	}
}

// Vouchers returns the vouchers in some states, of a seller, a holder or a product
// or of all, the oldest first. Errors: [ErrInvalid], [ErrNoViews], and those of the
// store.
func (r *Reader) Vouchers(of Of, states []rules.VoucherState, in Range) (Page[Voucher], error) {
	scope, err := r.scope(of)
	if err != nil {
		return Page[Voucher]{}, err
	}
	return things(r, inStates(r, views.Vouchers, scope, states), in, (*now).voucher, func(v *Voucher) bool {
		return slices.Contains(states, v.State) && (of.Holder == nil || scope == views.OfHolder(v.Holder))
	})
}

// Shipments returns the shipments in some states, of the carrier that has the
// goods or had them last or of all, the oldest first. Errors: those of
// [Reader.Vouchers].
func (r *Reader) Shipments(of Of, states []rules.ShipmentState, in Range) (Page[Shipment], error) {
	scope, err := r.scope(of)
	if err != nil {
		return Page[Shipment]{}, err
	}
	return things(r, inStates(r, views.Shipments, scope, states), in, (*now).shipment, func(h *Shipment) bool {
		return slices.Contains(states, h.State) && (of.Carrier == nil || scope == views.OfCarrier(h.Carrier))
	})
}

// Claims returns the claims in some states, of a seller, a holder, a maker or a
// product or of all, the oldest first. Errors: those of [Reader.Vouchers].
func (r *Reader) Claims(of Of, states []rules.ClaimState, in Range) (Page[Claim], error) {
	scope, err := r.scope(of)
	if err != nil {
		return Page[Claim]{}, err
	}
	return things(r, inStates(r, views.Claims, scope, states), in, (*now).claim, func(c *Claim) bool {
		return slices.Contains(states, c.State)
	})
}

// ClaimsByDeadline returns the claims that wait for somebody until a time, the
// most urgent first, of a seller, a holder, a maker or a product or of all; with
// overdue only those whose time is over. Errors: those of [Reader.Vouchers].
func (r *Reader) ClaimsByDeadline(of Of, overdue bool, in Range) (Page[Claim], error) {
	page := Page[Claim]{Items: []Claim{}}
	if err := r.onlyNow("deadlines are sorted", "ask for the claims of a party or a voucher"); err != nil {
		return page, err
	}
	var at views.Deadline
	if in.From != "" {
		cursor := string(in.From)
		if _, err := fmt.Sscanf(cursor, "%d.%d.%d", &at.Time, &at.Height, &at.Index); err != nil || deadlineCursor(at) != in.From {
			return page, errCursor()
		}
	}
	scope, err := r.scope(of)
	if err != nil {
		return page, err
	}
	v, err := r.lists()
	if err != nil {
		return page, err
	}
	deadlines, err := v.Deadlines(scope, at, in.Limit+1)
	if err != nil {
		return page, err
	}
	n := now{r.chain.View(), r.chain.NextContext()}
	for i, d := range deadlines {
		if overdue && d.Time >= uint64(n.at.MedianTime) {
			break
		}
		if i == in.Limit {
			page.Next = deadlineCursor(d)
			break
		}
		c, err := n.claim(d.ID)
		if err != nil {
			return page, err
		}
		// Else the chain is a block ahead of the index.
		if c != nil && c.Deadline != nil && !c.State.Closed() && (!overdue || c.Deadline.Passed) {
			page.Items = append(page.Items, *c)
		}
	}
	return page, nil
}

func deadlineCursor(d views.Deadline) Cursor {
	return Cursor(fmt.Sprintf("%d.%d.%d", d.Time, d.Height, d.Index))
}

// VoucherClaims returns the claims under a voucher, the oldest first. Errors:
// those of [Reader.Vouchers].
func (r *Reader) VoucherClaims(voucher record.ID, in Range) (Page[Claim], error) {
	return things(r, r.listed(views.ClaimsUnder(voucher)), in, (*now).claim, nil)
}

// VoucherShipments returns the shipments of the goods of a voucher, the oldest
// first. Errors: those of [Reader.Vouchers].
func (r *Reader) VoucherShipments(voucher record.ID, in Range) (Page[Shipment], error) {
	return things(r, r.listed(views.ShipmentsFor(voucher)), in, (*now).shipment, nil)
}

// Evaluations returns the vouchers that were evaluated, of a seller or a product
// or of all, in the order of their first evaluations. Errors: those of
// [Reader.Vouchers].
func (r *Reader) Evaluations(of Of, in Range) (Page[Voucher], error) {
	if _, err := r.scope(of); err != nil {
		return Page[Voucher]{}, err
	}
	l := views.Evaluations()
	switch {
	case of.Seller != nil:
		account, err := r.accountOf(*of.Seller)
		if err != nil {
			return Page[Voucher]{}, err
		}
		l = views.EvaluationsOf(account)
	case of.Product != nil:
		l = views.EvaluationsOfProduct(*of.Product)
	}
	return things(r, r.listed(l), in, (*now).voucher, func(v *Voucher) bool { return v.Evaluation != nil })
}

// Rulings returns the rulings of supervisors on claims and shipments, in the order
// of the chain. Errors: [ErrInvalid], [ErrBusy], [ErrNoViews], [store.ErrPruned].
func (r *Reader) Rulings(in Range) (Page[Event], error) { return r.events(views.Rulings(), in) }

// Recalls returns the recalls of products and items. Errors: those of
// [Reader.Rulings].
func (r *Reader) Recalls(in Range) (Page[Event], error) { return r.events(views.Recalls(), in) }

// Suspensions returns the records that suspend a seller, or let it sell again.
// Errors: those of [Reader.Rulings].
func (r *Reader) Suspensions(in Range) (Page[Event], error) {
	return r.events(views.Suspensions(), in)
}

// Product returns a product. Errors: [ErrNotFound], and those of the store.
func (r *Reader) Product(gtin record.GTIN) (*rules.Product, error) {
	p, err := looked(r, func(n *now) (*rules.Product, error) { return rules.GetProduct(n.view, gtin) })
	if err == nil && p == nil {
		err = fail(ErrNotFound, "nobody registered this product")
	}
	return p, err
}

// Products returns the registered products: all by their numbers, or those that an
// account registered in the order of the chain. Errors: those of
// [Reader.Vouchers].
func (r *Reader) Products(maker *record.Key, in Range) (Page[rules.Product], error) {
	page := Page[rules.Product]{Items: []rules.Product{}}
	var gtins []record.GTIN
	if maker != nil {
		account, err := r.accountOf(*maker)
		if err != nil {
			return page, err
		}
		entries, next, err := r.entries(views.ProductsOf(account), in)
		if err != nil {
			return page, err
		}
		for _, e := range entries {
			gtins = append(gtins, views.ProductID(e.ID))
		}
		page.Next = next
	} else {
		from, err := strconv.ParseUint(string("0"+in.From), 10, 64)
		if err != nil {
			return page, errCursor()
		}
		v, err := r.lists()
		if err != nil {
			return page, err
		}
		if gtins, err = v.Products(record.GTIN(from), in.Limit+1); err != nil {
			return page, err
		}
		if len(gtins) > in.Limit {
			page.Next = Cursor(strconv.FormatUint(uint64(gtins[in.Limit]), 10))
			gtins = gtins[:in.Limit]
		}
	}
	err := r.look(func(n *now) error {
		for _, gtin := range gtins {
			p, err := rules.GetProduct(n.view, gtin)
			if err != nil {
				return err
			}
			if p != nil { // else it was registered later, or on another branch
				page.Items = append(page.Items, *p)
			}
		}
		return nil
	})
	return page, err
}

// AccountsWith returns the accounts that have a role, by their first keys. Errors:
// those of [Reader.Vouchers].
func (r *Reader) AccountsWith(role record.Role, in Range) (Page[Account], error) {
	return r.accounts(in, func(v *views.Views, from record.Key, limit int) ([]record.Key, error) {
		return v.WithRole(role, from, limit)
	})
}

// SuspendedSellers returns the accounts that a supervisor keeps from selling, by
// their first keys. Errors: those of [Reader.Vouchers].
func (r *Reader) SuspendedSellers(in Range) (Page[Account], error) {
	return r.accounts(in, (*views.Views).Suspended)
}

func (r *Reader) accounts(in Range, list func(*views.Views, record.Key, int) ([]record.Key, error)) (Page[Account], error) {
	page := Page[Account]{Items: []Account{}}
	if err := r.onlyNow("roles are listed", "ask for each account"); err != nil {
		return page, err
	}
	var from record.Key
	if in.From != "" {
		var err error
		if from, err = record.ParseKey(string(in.From)); err != nil {
			return page, errCursor()
		}
	}
	v, err := r.lists()
	if err != nil {
		return page, err
	}
	keys, err := list(v, from, in.Limit+1)
	if err != nil {
		return page, err
	}
	if len(keys) > in.Limit {
		page.Next = Cursor(keys[in.Limit].String())
		keys = keys[:in.Limit]
	}
	for _, key := range keys {
		account, err := r.Account(key)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, *account)
	}
	return page, nil
}

// Payment is a payment from or to an account, or a coinbase that pays it.
type Payment struct {
	Event
	From   record.Key // as the record names it; zero: a coinbase
	To     record.Key // as the record names it
	Amount record.Amount
	// Spendable is the height of the first block that may spend the amount.
	Spendable uint32
}

// Payments returns the payments from and to the account of a key, and the
// coinbases that pay it, in the order of the chain. Errors: those of
// [Reader.Rulings].
func (r *Reader) Payments(key record.Key, in Range) (Page[Payment], error) {
	page := Page[Payment]{Items: []Payment{}}
	account, err := r.accountOf(key)
	if err != nil {
		return page, err
	}
	events, err := r.events(views.Payments(account), in)
	if err != nil {
		return page, err
	}
	page.Next = events.Next
	for _, e := range events.Items {
		p := Payment{Event: e, Spendable: e.Place.Height}
		switch payload := e.Payload.(type) {
		case record.Pay:
			p.From, p.To, p.Amount = e.Key, payload.To, payload.Amount
		case record.Coinbase:
			p.To, p.Amount, p.Spendable = e.Key, payload.Value, e.Place.Height+r.params.Maturity
		}
		page.Items = append(page.Items, p)
	}
	return page, nil
}
