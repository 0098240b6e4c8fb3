package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// ProductLine is a product in a list.
type ProductLine struct {
	GTIN string `json:"gtin"`
	Product
	AnswerHeight
}

// Evaluated is a voucher that was evaluated.
type Evaluated struct {
	Voucher string        `json:"voucher"`
	GTIN    string        `json:"gtin"`
	Serial  record.Serial `json:"serial"`
	Seller  record.Key    `json:"seller" doc:"parties are named by the first keys of their accounts"`
	Buyer   record.Key    `json:"buyer"`
	Evaluation
}

// Payment is a payment from or to an account, or a coinbase that pays it.
type Payment struct {
	ID            string        `json:"id" doc:"of the record"`
	Type          string        `json:"type" enum:"PAY,COINBASE"`
	From          string        `json:"from,omitempty" doc:"the key that the record names; missing: a coinbase"`
	To            record.Key    `json:"to" doc:"the key that the record names"`
	Amount        record.Amount `json:"amount"`
	Fee           record.Amount `json:"fee" doc:"that the payer paid beside it"`
	Height        uint32        `json:"height"`
	Index         uint32        `json:"index" doc:"in the block"`
	Confirmations uint32        `json:"confirmations" doc:"1: the tip has it"`
	Spendable     uint32        `json:"spendable" doc:"height of the first block that may spend the amount"`
	BlockTime     uint32        `json:"block_time" doc:"as the miner says"`
}

type (
	vouchersFilter struct {
		Seller string `query:"seller" maxLength:"80" doc:"a key of the seller"`
		Holder string `query:"holder" maxLength:"80" doc:"a key of the holder"`
		GTIN   string `query:"gtin" maxLength:"14" doc:"number of the product"`
		State  string `query:"state" enum:"issued,active,expired,void,refunded,replaced" doc:"only vouchers in this state"`
		Paging
	}
	shipmentsFilter struct {
		Carrier string `query:"carrier" maxLength:"80" doc:"a key of the carrier that has the goods, had them last, or is to get them"`
		State   string `query:"state" enum:"created,in-transit,attempted,exception,delivered,returned,lost" doc:"only shipments in this state"`
		Paging
	}
	evaluationsFilter struct {
		Seller string `query:"seller" maxLength:"80" doc:"a key of the seller"`
		GTIN   string `query:"gtin" maxLength:"14" doc:"number of the product"`
		Paging
	}
	productsFilter struct {
		Maker string `query:"maker" maxLength:"80" doc:"a key of the maker: only products that it registered first"`
		Paging
	}
	accountsFilter struct {
		Role      string `query:"role" enum:"supervisor,manufacturer,seller,carrier,servicer" doc:"that the accounts have"`
		Suspended bool   `query:"suspended" doc:"instead: sellers that a supervisor keeps from issuing vouchers"`
		Paging
	}
	gtinInput struct {
		GTIN string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		AsOf
	}
)

// filter is what a request narrows a list down to, as texts.
type filter struct{ seller, holder, maker, carrier, gtin string }

// of reads a filter.
func (f *filter) of() (of query.Of, err error) {
	for _, party := range []struct {
		text string
		to   **record.Key
	}{{f.seller, &of.Seller}, {f.holder, &of.Holder}, {f.maker, &of.Maker}, {f.carrier, &of.Carrier}} {
		if party.text == "" {
			continue
		}
		key, err := parseKey(party.text)
		if err != nil {
			return of, err
		}
		*party.to = &key
	}
	if f.gtin != "" {
		gtin, err := parseGTIN(f.gtin)
		if err != nil {
			return of, err
		}
		of.Product = &gtin
	}
	return of, nil
}

// inState returns the state that a word names, or all of them for "".
func inState[S fmt.Stringer](word string, all []S) ([]S, error) {
	if word == "" {
		return all, nil
	}
	i := slices.IndexFunc(all, func(s S) bool { return s.String() == word })
	if i < 0 {
		known := make([]string, 0, len(all))
		for _, s := range all {
			known = append(known, s.String())
		}
		return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("invalid state %.40q: must be one of %s", word, strings.Join(known, ", ")))
	}
	return all[i : i+1], nil
}

func (a *API) registerLedger(api huma.API) {
	huma.Register(api, get("list-products", "/v1/products", "Registered products"), a.listProducts)
	huma.Register(api, get("get-product", "/v1/products/{gtin}", "A product"), a.getProduct)
	huma.Register(api, get("list-vouchers", "/v1/vouchers", "Vouchers, the oldest first"), a.listAllVouchers)
	huma.Register(api, get("list-voucher-claims", "/v1/vouchers/{id}/claims", "The claims under a voucher"), ofThing(a, (*query.Reader).VoucherClaims, newClaim))
	huma.Register(api, get("list-voucher-shipments", "/v1/vouchers/{id}/shipments", "The shipments of the goods of a voucher"), ofThing(a, (*query.Reader).VoucherShipments, newShipment))
	huma.Register(api, get("list-shipments", "/v1/shipments", "Shipments, the oldest first"), a.listAllShipments)
	huma.Register(api, get("list-evaluations", "/v1/evaluations", "Evaluations, the oldest first"), a.listEvaluations)
	for _, l := range []struct {
		id, path, summary string
		ask               func(query.Range) (query.Page[query.Event], error)
	}{
		{"list-rulings", "/v1/rulings", "Rulings of supervisors on claims and shipments", a.query.Rulings},
		{"list-recalls", "/v1/recalls", "Recalls of products and items", a.query.Recalls},
		{"list-suspensions", "/v1/suspensions", "Records that suspend a seller, or let it sell again", a.query.Suspensions},
	} {
		huma.Register(api, get(l.id, l.path, l.summary), func(_ context.Context, in *Paging) (*answer[Page[Event]], error) {
			page, err := l.ask(in.part())
			return newPage(page, err, newEvent)
		})
	}
	huma.Register(api, get("list-accounts", "/v1/accounts", "The accounts that have a role, by their first keys"), a.listAccounts)
	huma.Register(api, get("list-payments", "/v1/accounts/{key}/payments", "Payments from and to an account, and coinbases that pay it"), ofParty(a, (*query.Reader).Payments, newPayment))
}

func (a *API) listProducts(_ context.Context, in *productsFilter) (*answer[Page[ProductLine]], error) {
	of, err := (&filter{maker: in.Maker}).of()
	if err != nil {
		return nil, err
	}
	page, err := a.query.Products(of.Maker, in.part())
	return newPage(page, err, newProductLine)
}

func (a *API) getProduct(_ context.Context, in *gtinInput) (*answer[ProductLine], error) {
	gtin, err := parseGTIN(in.GTIN)
	if err != nil {
		return nil, err
	}
	return answerAsOf(a, in.AsOf, func(r *query.Reader) (*rules.Product, error) { return r.Product(gtin) }, newProductLine)
}

func newProductLine(p *rules.Product) ProductLine {
	return ProductLine{GTIN: p.GTIN.String(), Product: newProduct(p)}
}

func (a *API) listAllVouchers(_ context.Context, in *vouchersFilter) (*answer[Page[Voucher]], error) {
	of, err := (&filter{seller: in.Seller, holder: in.Holder, gtin: in.GTIN}).of()
	if err != nil {
		return nil, err
	}
	states, err := inState(in.State, query.VoucherStates())
	if err != nil {
		return nil, err
	}
	page, err := a.query.Vouchers(of, states, in.part())
	return newPage(page, err, newVoucher)
}

func (a *API) listAllShipments(_ context.Context, in *shipmentsFilter) (*answer[Page[Shipment]], error) {
	of, err := (&filter{carrier: in.Carrier}).of()
	if err != nil {
		return nil, err
	}
	states, err := inState(in.State, query.ShipmentStates())
	if err != nil {
		return nil, err
	}
	page, err := a.query.Shipments(of, states, in.part())
	return newPage(page, err, newShipment)
}

func (a *API) listEvaluations(_ context.Context, in *evaluationsFilter) (*answer[Page[Evaluated]], error) {
	of, err := (&filter{seller: in.Seller, gtin: in.GTIN}).of()
	if err != nil {
		return nil, err
	}
	page, err := a.query.Evaluations(of, in.part())
	return newPage(page, err, func(v *query.Voucher) Evaluated {
		return Evaluated{v.ID.String(), v.GTIN.String(), v.Serial, v.Seller, v.Buyer, newEvaluation(v.Evaluation)}
	})
}

func (a *API) listAccounts(_ context.Context, in *accountsFilter) (*answer[Page[Account]], error) {
	show := func(account *query.Account) Account { return newAccount(account) }
	if in.Suspended {
		page, err := a.query.SuspendedSellers(in.part())
		return newPage(page, err, show)
	}
	role, err := record.ParseRole(in.Role)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, "a list of accounts needs a role, or suspended=true")
	}
	page, err := a.query.AccountsWith(role, in.part())
	return newPage(page, err, show)
}

func newPayment(p *query.Payment) Payment {
	return Payment{
		ID: p.ID().String(), Type: p.Type().String(), From: keyText(p.From), To: p.To, Amount: p.Amount, Fee: p.Fee,
		Height: p.Place.Height, Index: p.Place.Index, Confirmations: p.Confirmations, Spendable: p.Spendable, BlockTime: p.BlockTime,
	}
}
