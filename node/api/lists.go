package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/query"
)

// Item is one item of a product.
type Item struct {
	GTIN     string        `json:"gtin"`
	Serial   record.Serial `json:"serial"`
	Product  *Product      `json:"product,omitempty" doc:"missing if nobody registered it"`
	Recalled bool          `json:"recalled" doc:"the item, or all of the product"`
	Voucher  *Voucher      `json:"voucher,omitempty" doc:"the last one; missing if it was never sold"`
	AnswerHeight
}

// Product is a product.
type Product struct {
	Maker        record.Key    `json:"maker"`
	WarrantyDays uint16        `json:"warranty_days" doc:"that a seller has to give at least"`
	Terms        record.Digest `json:"terms" doc:"SHA-256 of their text"`
	Recalled     bool          `json:"recalled" doc:"all items of it"`
}

type (
	thingInput struct {
		ID string `path:"id" minLength:"64" maxLength:"64" doc:"64 hex digits"`
		AsOf
	}
	oneItemInput struct {
		GTIN   string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Serial string `path:"serial" maxLength:"20"`
		AsOf
	}
	claimsInput struct {
		Seller string `query:"seller" maxLength:"80" doc:"a key of the seller: only claims under its vouchers"`
		Holder string `query:"holder" maxLength:"80" doc:"a key of the holder: only claims that it made"`
		Maker  string `query:"maker" maxLength:"80" doc:"a key of the maker: only claims about its products"`
		GTIN   string `query:"gtin" maxLength:"14" doc:"number of the product"`
		Status string `query:"status" enum:"live,closed,overdue,all" default:"live" doc:"live: not closed; overdue: its deadline has passed and somebody must act"`
		State  string `query:"state" doc:"only claims in this state, whatever the status" example:"authorised" maxLength:"30"`
		Order  string `query:"order" enum:"age,deadline" default:"age" doc:"the oldest first, or the most urgent; overdue claims are in the latter order"`
		Paging
	}
	partyClaimsInput struct {
		Key  string `path:"key" maxLength:"80" doc:"a key of the party, 72 hex digits"`
		Role string `query:"role" enum:"servicer" doc:"servicer: claims in which the party may inspect the goods; missing: those that it opened, or may answer as seller or maker"`
		Paging
		AsOf
	}
	vouchersInput struct {
		Key      string `path:"key" maxLength:"80" doc:"a key of the party, 72 hex digits"`
		Relation string `query:"relation" enum:"held,sold" default:"held"`
		Paging
		AsOf
	}
)

func (a *API) registerCases(api huma.API) {
	huma.Register(api, get("get-voucher", "/v1/vouchers/{id}", "A voucher as it is now, or was"), one(a, (*query.Reader).Voucher, newVoucher))
	huma.Register(api, get("get-claim", "/v1/claims/{id}", "A claim as it is now, or was, with its next deadline"), one(a, (*query.Reader).Claim, newClaim))
	huma.Register(api, get("get-claim-case", "/v1/claims/{id}/case", "A claim with the records that decided it: answer, inspection, ruling, settlement, evidence"), one(a, (*query.Reader).ClaimCase, newClaimCase))
	huma.Register(api, get("get-shipment", "/v1/shipments/{id}", "A shipment as it is now, or was"), one(a, (*query.Reader).Shipment, newShipment))
	huma.Register(api, get("get-item", "/v1/items/{gtin}/{serial}", "An item of a product, and its voucher"), a.getItem)

	claims := get("list-open-claims", "/v1/claims", "Claims: those that are not closed, or others, the oldest or the most urgent first")
	claims.Description = "At most one of seller, holder, maker and gtin narrows the list down. " +
		"A page may have fewer items than its limit, or none, although more follow: continue as long as there is next."
	huma.Register(api, claims, a.listClaims)
	huma.Register(api, get("list-party-vouchers", "/v1/parties/{key}/vouchers", "The vouchers that a party holds, or sold"), a.listVouchers)
	huma.Register(api, get("list-party-claims", "/v1/parties/{key}/claims", "The claims of a party as holder, seller or maker, or as servicer"), a.listPartyClaims)
	huma.Register(api, get("list-party-shipments", "/v1/parties/{key}/shipments", "The shipments that a party sent or carried"), ofParty(a, (*query.Reader).ShipmentsOf, newShipment))
}

// one returns a handler that answers with what an id names.
func one[Q, T any](a *API, ask func(*query.Reader, record.ID) (*Q, error), show func(*Q) T) func(context.Context, *thingInput) (*answer[T], error) {
	return func(_ context.Context, in *thingInput) (*answer[T], error) {
		id, err := parseID(in.ID)
		if err != nil {
			return nil, err
		}
		return answerAsOf(a, in.AsOf, func(r *query.Reader) (*Q, error) { return ask(r, id) }, show)
	}
}

// ofParty returns a handler that answers with a list of a party.
func ofParty[Q, T any](a *API, ask func(*query.Reader, record.Key, query.Range) (query.Page[Q], error), show func(*Q) T) func(context.Context, *partyInput) (*answer[Page[T]], error) {
	return func(_ context.Context, in *partyInput) (*answer[Page[T]], error) {
		key, err := parseKey(in.Key)
		if err != nil {
			return nil, err
		}
		return pageAsOf(a, in.AsOf, func(r *query.Reader) (query.Page[Q], error) { return ask(r, key, in.part()) }, show)
	}
}

func (a *API) listClaims(_ context.Context, in *claimsInput) (*answer[Page[Claim]], error) {
	of, err := (&filter{seller: in.Seller, holder: in.Holder, maker: in.Maker, gtin: in.GTIN}).of()
	if err != nil {
		return nil, err
	}
	overdue := in.Status == "overdue"
	if in.State == "" && (overdue || in.Order == "deadline" && in.Status == "live") {
		page, err := a.query.ClaimsByDeadline(of, overdue, in.part())
		return newPage(page, err, newClaim)
	}
	if in.Order == "deadline" {
		return nil, newProblem(http.StatusUnprocessableEntity, "only live and overdue claims of all states are listed by deadline")
	}
	states := query.LiveClaimStates()
	switch {
	case in.State != "":
		if states, err = inState(in.State, query.ClaimStates()); err != nil {
			return nil, err
		}
	case in.Status == "closed":
		states = query.ClosedClaimStates()
	case in.Status == "all":
		states = query.ClaimStates()
	}
	page, err := a.query.Claims(of, states, in.part())
	return newPage(page, err, newClaim)
}

func (a *API) listVouchers(_ context.Context, in *vouchersInput) (*answer[Page[Voucher]], error) {
	key, err := parseKey(in.Key)
	if err != nil {
		return nil, err
	}
	ask := (*query.Reader).VouchersHeldBy
	if in.Relation == "sold" {
		ask = (*query.Reader).VouchersSoldBy
	}
	return pageAsOf(a, in.AsOf, func(r *query.Reader) (query.Page[query.Voucher], error) { return ask(r, key, in.part()) }, newVoucher)
}

func (a *API) listPartyClaims(ctx context.Context, in *partyClaimsInput) (*answer[Page[Claim]], error) {
	ask := (*query.Reader).ClaimsOf
	if in.Role != "" {
		ask = (*query.Reader).ClaimsServicedBy
	}
	return ofParty(a, ask, newClaim)(ctx, &partyInput{in.Key, in.Paging, in.AsOf})
}

func (a *API) getItem(_ context.Context, in *oneItemInput) (*answer[Item], error) {
	gtin, err := parseGTIN(in.GTIN)
	if err != nil {
		return nil, err
	}
	return answerAsOf(a, in.AsOf, func(r *query.Reader) (*query.Item, error) { return r.Item(gtin, record.Serial(in.Serial)) }, newItem)
}
