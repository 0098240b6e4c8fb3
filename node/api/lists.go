package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/views"
)

// Item is one item of a product.
type Item struct {
	GTIN     string        `json:"gtin"`
	Serial   record.Serial `json:"serial"`
	Product  *Product      `json:"product,omitempty" doc:"missing if nobody registered it"`
	Recalled bool          `json:"recalled" doc:"the item, or all of the product"`
	Voucher  *Voucher      `json:"voucher,omitempty" doc:"the last one; missing if it was never sold"`
}

// Product is a product.
type Product struct {
	Maker        record.Key    `json:"maker"`
	WarrantyDays uint16        `json:"warranty_days" doc:"that a seller has to give at least"`
	Terms        record.Digest `json:"terms" doc:"SHA-256 of their text"`
	Recalled     bool          `json:"recalled" doc:"all items of it"`
}

type (
	oneItemInput struct {
		GTIN   string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Serial string `path:"serial" maxLength:"20"`
	}
	claimsInput struct {
		Seller string `query:"seller" maxLength:"80" doc:"a key of the seller: only claims under its vouchers"`
		Paging
	}
	vouchersInput struct {
		Key      string `path:"key" maxLength:"80" doc:"a key of the party, 72 hex digits"`
		Relation string `query:"relation" enum:"held,sold" default:"held"`
		Paging
	}
)

func (a *API) registerCases(api huma.API) {
	huma.Register(api, get("get-voucher", "/v1/vouchers/{id}", "A voucher as it is now"), one(a, "voucher", (*cases).voucher))
	huma.Register(api, get("get-claim", "/v1/claims/{id}", "A claim as it is now, with its next deadline"), one(a, "claim", (*cases).claim))
	huma.Register(api, get("get-shipment", "/v1/shipments/{id}", "A shipment as it is now"), one(a, "shipment", (*cases).shipment))
	huma.Register(api, get("get-item", "/v1/items/{gtin}/{serial}", "An item of a product, and its voucher"), a.getItem)

	claims := get("list-open-claims", "/v1/claims", "Claims that are not closed, the oldest first")
	claims.Description = "A page may have fewer than limit items, or none, though there are more: go on as long as there is next."
	huma.Register(api, claims, a.listOpenClaims)
	huma.Register(api, get("list-party-vouchers", "/v1/parties/{key}/vouchers", "The vouchers that a party holds, or sold"), a.listVouchers)
	huma.Register(api, get("list-party-claims", "/v1/parties/{key}/claims", "The claims of a party, as holder, seller or maker"),
		func(_ context.Context, in *partyInput) (*answer[Page[Claim]], error) {
			account, err := a.account(in.Key)
			if err != nil {
				return nil, err
			}
			return list(a, views.ClaimsOf(account), &in.Paging, (*cases).claim, nil)
		})
	huma.Register(api, get("list-party-shipments", "/v1/parties/{key}/shipments", "The shipments that a party sent or carried"),
		func(_ context.Context, in *partyInput) (*answer[Page[Shipment]], error) {
			account, err := a.account(in.Key)
			if err != nil {
				return nil, err
			}
			return list(a, views.ShipmentsOf(account), &in.Paging, (*cases).shipment, nil)
		})
}

// one answers with a thing that an id names.
func one[T any](a *API, name string, read func(*cases, record.ID) (*T, error)) func(context.Context, *recordInput) (*answer[T], error) {
	return func(_ context.Context, in *recordInput) (*answer[T], error) {
		id, err := parseID(in.ID)
		if err != nil {
			return nil, err
		}
		c := a.cases()
		thing, err := read(&c, id)
		switch {
		case err != nil:
			return nil, storeProblem(err)
		case thing == nil:
			return nil, notFound("the chain has no " + name + " with this id")
		}
		return &answer[T]{*thing}, nil
	}
}

// mostRead is how many things are read for one page, of which not all may belong
// on it.
const mostRead = 2000

// list returns a page of a list of things: those that keep wants, each once. Keep
// may be nil.
func list[T any](a *API, l views.List, in *Paging, read func(*cases, record.ID) (*T, error), keep func(*T) bool) (*answer[Page[T]], error) {
	from, err := in.place()
	if err != nil {
		return nil, err
	}
	c := a.cases()
	page := Page[T]{Items: []T{}}
	seen := map[record.ID]bool{}
	for range mostRead / in.Limit {
		entries, err := a.views.List(l, from, in.Limit)
		if err != nil {
			return nil, viewsProblem(err)
		}
		for _, e := range entries {
			if from = e.Next(); seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			thing, err := read(&c, e.ID)
			if err != nil {
				return nil, storeProblem(err)
			}
			if thing == nil || keep != nil && !keep(thing) {
				continue // nil: the chain has changed its branch
			}
			page.Items = append(page.Items, *thing)
			if len(page.Items) == in.Limit {
				page.Next = formatPlace(from)
				return &answer[Page[T]]{page}, nil
			}
		}
		if len(entries) < in.Limit {
			return &answer[Page[T]]{page}, nil
		}
	}
	page.Next = formatPlace(from)
	return &answer[Page[T]]{page}, nil
}

func (a *API) listOpenClaims(_ context.Context, in *claimsInput) (*answer[Page[Claim]], error) {
	l := views.OpenClaims()
	if in.Seller != "" {
		seller, err := a.account(in.Seller)
		if err != nil {
			return nil, err
		}
		l = views.OpenClaimsOf(seller)
	}
	return list(a, l, &in.Paging, (*cases).claim, func(c *Claim) bool { return !c.Closed })
}

func (a *API) listVouchers(_ context.Context, in *vouchersInput) (*answer[Page[Voucher]], error) {
	account, err := a.account(in.Key)
	if err != nil {
		return nil, err
	}
	if in.Relation == "sold" {
		return list(a, views.SoldBy(account), &in.Paging, (*cases).voucher, nil)
	}
	return list(a, views.HeldBy(account), &in.Paging, (*cases).voucher, func(v *Voucher) bool { return v.Holder == account })
}

func (a *API) getItem(_ context.Context, in *oneItemInput) (*answer[Item], error) {
	gtin, err := parseGTIN(in.GTIN)
	if err != nil {
		return nil, err
	}
	c := a.cases()
	item, err := rules.GetItem(c.view, gtin, record.Serial(in.Serial))
	if err != nil {
		return nil, storeProblem(err)
	}
	product, err := rules.GetProduct(c.view, gtin)
	if err != nil {
		return nil, storeProblem(err)
	}
	res := Item{GTIN: gtin.String(), Serial: item.Serial, Recalled: item.Recalled}
	if product != nil {
		res.Product = &Product{product.Maker, product.WarrantyDays, product.Terms, product.Recalled}
		res.Recalled = res.Recalled || product.Recalled
	}
	if item.Voucher != (record.ID{}) {
		if res.Voucher, err = c.voucher(item.Voucher); err != nil {
			return nil, storeProblem(err)
		}
	}
	if res.Product == nil && res.Voucher == nil && !res.Recalled {
		return nil, newProblem(http.StatusNotFound, "nothing is known of this item")
	}
	return &answer[Item]{res}, nil
}
