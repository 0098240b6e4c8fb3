package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/words"
)

// Event is a record of a case, with the times that belong to it.
type Event struct {
	ID            string       `json:"id"`
	Type          string       `json:"type" example:"CLAIM_OPEN"`
	Height        uint32       `json:"height" doc:"of the block"`
	Index         uint32       `json:"index" doc:"in the block"`
	Confirmations uint32       `json:"confirmations" doc:"1: the tip has it"`
	BlockTime     uint32       `json:"block_time" doc:"as the miner claims"`
	MedianTime    uint32       `json:"median_time" doc:"of the eleven blocks before, by which the rules judge"`
	ClaimedTime   uint32       `json:"claimed_time,omitempty" doc:"as the author claims; nothing proves it"`
	Signers       []Signer     `json:"signers"`
	Words         string       `json:"words" doc:"what the record does, in English" example:"The holder asks for a repair (fault 3)"`
	Record        SignedRecord `json:"record"`
}

// Signer is a key that signed a record, and its part.
type Signer struct {
	Key  record.Key `json:"key"`
	Part string     `json:"part" example:"seller"`
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items" doc:"in the order of the chain"`
	Next  string `json:"next,omitempty" doc:"from of the next page; missing on the last one"`
	AnswerHeight
}

// Paging are the parameters of a list.
type Paging struct {
	From  string `query:"from" maxLength:"80" doc:"next of the previous page"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"how many at most"`
}

// part returns the requested part of the list.
func (in *Paging) part() query.Range {
	return query.Range{From: query.Cursor(in.From), Limit: in.Limit}
}

// newPage answers with a page of a list.
func newPage[Q, T any](page query.Page[Q], err error, show func(*Q) T) (*answer[Page[T]], error) {
	if err != nil {
		return nil, queryProblem(err)
	}
	return &answer[Page[T]]{shownPage(&page, show)}, nil
}

func shownPage[Q, T any](page *query.Page[Q], show func(*Q) T) Page[T] {
	res := Page[T]{Items: []T{}, Next: string(page.Next)}
	for i := range page.Items {
		res.Items = append(res.Items, show(&page.Items[i]))
	}
	return res
}

type (
	historyInput struct {
		ID string `path:"id" minLength:"64" maxLength:"64" doc:"64 hex digits"`
		Paging
		AsOf
	}
	itemInput struct {
		GTIN   string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Serial string `path:"serial" maxLength:"20"`
		Paging
		AsOf
	}
	productInput struct {
		GTIN string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Paging
		AsOf
	}
	partyInput struct {
		Key string `path:"key" maxLength:"80" doc:"a key of the party, 72 hex digits"`
		Paging
		AsOf
	}
)

func (a *API) registerHistories(api huma.API) {
	for _, h := range []struct {
		name string
		ask  func(*query.Reader, record.ID, query.Range) (query.Page[query.Event], error)
	}{
		{"voucher", (*query.Reader).VoucherHistory}, {"claim", (*query.Reader).ClaimHistory}, {"shipment", (*query.Reader).ShipmentHistory},
	} {
		op := get("list-"+h.name+"-history", "/v1/"+h.name+"s/{id}/history", "The records about a "+h.name)
		huma.Register(api, op, ofThing(a, h.ask, newEvent))
	}
	huma.Register(api, get("list-item-history", "/v1/items/{gtin}/{serial}/history", "The records about an item: its vouchers, and recalls that name it"),
		func(_ context.Context, in *itemInput) (*answer[Page[Event]], error) {
			gtin, err := parseGTIN(in.GTIN)
			if err != nil {
				return nil, err
			}
			return pageAsOf(a, in.AsOf, func(r *query.Reader) (query.Page[query.Event], error) {
				return r.ItemHistory(gtin, record.Serial(in.Serial), in.part())
			}, newEvent)
		})
	huma.Register(api, get("list-product-history", "/v1/products/{gtin}/history", "Registrations and recalls of a product"),
		func(_ context.Context, in *productInput) (*answer[Page[Event]], error) {
			gtin, err := parseGTIN(in.GTIN)
			if err != nil {
				return nil, err
			}
			return pageAsOf(a, in.AsOf, func(r *query.Reader) (query.Page[query.Event], error) { return r.ProductHistory(gtin, in.part()) }, newEvent)
		})
	huma.Register(api, get("list-party-history", "/v1/parties/{key}/history", "The records that a party signed, or that name it"), ofParty(a, (*query.Reader).PartyHistory, newEvent))
}

// ofThing answers with a list of a voucher, a claim or a shipment.
func ofThing[Q, T any](a *API, ask func(*query.Reader, record.ID, query.Range) (query.Page[Q], error), show func(*Q) T) func(context.Context, *historyInput) (*answer[Page[T]], error) {
	return func(_ context.Context, in *historyInput) (*answer[Page[T]], error) {
		id, err := parseID(in.ID)
		if err != nil {
			return nil, err
		}
		return pageAsOf(a, in.AsOf, func(r *query.Reader) (query.Page[Q], error) { return ask(r, id, in.part()) }, show)
	}
}

func parseGTIN(digits string) (record.GTIN, error) {
	gtin, err := record.ParseGTIN(digits)
	if err != nil {
		return 0, rejection(err)
	}
	return gtin, nil
}

func parseKey(text string) (record.Key, error) {
	key, err := record.ParseKey(text)
	if err != nil {
		return key, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	return key, nil
}

func newEvent(e *query.Event) Event {
	return Event{
		ID: e.ID().String(), Type: e.Type().String(), Height: e.Place.Height, Index: e.Place.Index,
		Confirmations: e.Confirmations, BlockTime: e.BlockTime, MedianTime: e.MedianTime, ClaimedTime: uint32(e.ClaimedTime()),
		Signers: newSigners(e.Record), Words: words.In(words.English).Record(e.Payload), Record: SignedRecord{e.Record},
	}
}

func newSigners(r *record.Record) []Signer {
	signers := []Signer{}
	for _, s := range query.Signers(r) {
		signers = append(signers, Signer{s.Key, s.Part})
	}
	return signers
}
