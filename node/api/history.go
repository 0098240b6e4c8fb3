package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/engine/headerchain"
	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// Event is a record of a case, with the times that belong to it.
type Event struct {
	ID            string       `json:"id"`
	Type          string       `json:"type" example:"CLAIM_OPEN"`
	Height        uint32       `json:"height" doc:"of the block"`
	Index         uint32       `json:"index" doc:"in the block"`
	Confirmations uint32       `json:"confirmations" doc:"1: the tip has it"`
	BlockTime     uint32       `json:"block_time" doc:"as the miner says"`
	MedianTime    uint32       `json:"median_time" doc:"of the eleven blocks before: what the rules go by"`
	ClaimedTime   uint32       `json:"claimed_time,omitempty" doc:"as the author says; nothing proves it"`
	Signers       []Signer     `json:"signers"`
	Record        SignedRecord `json:"record"`
}

// Signer is a key that signed a record, and as what.
type Signer struct {
	Key  record.Key `json:"key"`
	Part string     `json:"part" example:"seller"`
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items" doc:"in the order of the chain"`
	Next  string `json:"next,omitempty" doc:"what from is for the next page; missing on the last one"`
}

// Paging are the parameters of a list.
type Paging struct {
	From  string `query:"from" maxLength:"21" doc:"where to begin: next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"how many at most"`
}

// place returns where a page begins.
func (in *Paging) place() (at store.Place, err error) {
	if in.From == "" {
		return at, nil
	}
	if _, err := fmt.Sscanf(in.From, "%d.%d", &at.Height, &at.Index); err != nil || in.From != formatPlace(at) {
		return at, newProblem(http.StatusUnprocessableEntity, "from is not what next of a page was")
	}
	return at, nil
}

func formatPlace(p store.Place) string { return fmt.Sprintf("%d.%d", p.Height, p.Index) }

type (
	historyInput struct {
		ID string `path:"id" minLength:"64" maxLength:"64" doc:"64 hex digits"`
		Paging
	}
	itemInput struct {
		GTIN   string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Serial string `path:"serial" maxLength:"20"`
		Paging
	}
	productInput struct {
		GTIN string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Paging
	}
	partyInput struct {
		Key string `path:"key" maxLength:"80" doc:"a key of the party, 72 hex digits"`
		Paging
	}
)

func (a *API) registerHistories(api huma.API) {
	for _, h := range []struct {
		name string
		list func(record.ID) views.List
	}{
		{"voucher", views.Voucher}, {"claim", views.Claim}, {"shipment", views.Shipment},
	} {
		op := get("list-"+h.name+"-history", "/v1/"+h.name+"s/{id}/history", "The records about a "+h.name)
		huma.Register(api, op, func(_ context.Context, in *historyInput) (*answer[Page[Event]], error) {
			id, err := parseID(in.ID)
			if err != nil {
				return nil, err
			}
			page, err := a.events(h.list(id), &in.Paging)
			if err == nil && len(page.Body.Items) == 0 && in.From == "" {
				err = notFound("the chain has no " + h.name + " with this id")
			}
			return page, err
		})
	}
	huma.Register(api, get("list-item-history", "/v1/items/{gtin}/{serial}/history", "The records about an item: its vouchers, and recalls that name it"),
		func(_ context.Context, in *itemInput) (*answer[Page[Event]], error) {
			gtin, err := parseGTIN(in.GTIN)
			if err != nil {
				return nil, err
			}
			return a.events(views.Item(gtin, record.Serial(in.Serial)), &in.Paging)
		})
	huma.Register(api, get("list-product-history", "/v1/products/{gtin}/history", "Registrations and recalls of a product"),
		func(_ context.Context, in *productInput) (*answer[Page[Event]], error) {
			gtin, err := parseGTIN(in.GTIN)
			if err != nil {
				return nil, err
			}
			return a.events(views.Product(gtin), &in.Paging)
		})
	huma.Register(api, get("list-party-history", "/v1/parties/{key}/history", "The records that a party signed, or that name it"),
		func(_ context.Context, in *partyInput) (*answer[Page[Event]], error) {
			account, err := a.account(in.Key)
			if err != nil {
				return nil, err
			}
			return a.events(views.Party(account), &in.Paging)
		})
}

func parseGTIN(digits string) (record.GTIN, error) {
	gtin, err := record.ParseGTIN(digits)
	if err != nil {
		return 0, refusal(err)
	}
	return gtin, nil
}

// account returns the first key of the account of a key.
func (a *API) account(text string) (record.Key, error) {
	key, err := record.ParseKey(text)
	if err != nil {
		return key, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	account, err := a.views.Account(key)
	if err != nil {
		return key, viewsProblem(err)
	}
	return account, nil
}

// events returns a page of a list of records.
func (a *API) events(l views.List, in *Paging) (*answer[Page[Event]], error) {
	from, err := in.place()
	if err != nil {
		return nil, err
	}
	entries, err := a.views.List(l, from, in.Limit+1)
	if err != nil {
		return nil, viewsProblem(err)
	}
	page := Page[Event]{Items: []Event{}}
	if len(entries) > in.Limit {
		entries = entries[:in.Limit]
		page.Next = formatPlace(entries[in.Limit-1].Next())
	}
	reader := blockReader{a: a}
	for _, e := range entries {
		event, err := reader.event(e)
		if errors.Is(err, errMoved) {
			return nil, newProblem(http.StatusServiceUnavailable, "the chain has just changed its branch; try again")
		}
		if err != nil {
			return nil, storeProblem(err)
		}
		page.Items = append(page.Items, event)
	}
	return &answer[Page[Event]]{page}, nil
}

// errMoved means that a record is no longer where the views had it.
var errMoved = errors.New("the chain has changed")

// blockReader reads records that lie in the same blocks, or in blocks that
// follow each other.
type blockReader struct {
	a      *API
	height uint32
	block  *block.Block
	median uint32
}

func (r *blockReader) event(e views.Entry) (Event, error) {
	if r.block == nil || r.height != e.Height {
		b, err := r.a.chain.BlockAt(e.Height)
		if errors.Is(err, store.ErrNotFound) {
			return Event{}, errMoved
		}
		if err != nil {
			return Event{}, err
		}
		r.height, r.block, r.median = e.Height, b, r.a.medianBefore(e.Height)
	}
	if int(e.Index) >= len(r.block.Records) || r.block.Records[e.Index].ID() != e.ID {
		return Event{}, errMoved
	}
	rec := r.block.Records[e.Index]
	event := Event{
		ID: e.ID.String(), Type: rec.Type().String(), Height: e.Height, Index: e.Index,
		BlockTime: r.block.Header.Time, MedianTime: r.median, ClaimedTime: uint32(rec.ClaimedTime()),
		Signers: []Signer{}, Record: SignedRecord{rec},
	}
	if tip := r.a.chain.Tip(); tip.Height >= e.Height {
		event.Confirmations = tip.Height - e.Height + 1
	}
	parts := record.SignerParts(rec.Payload)
	for i, key := range rec.Signers() {
		event.Signers = append(event.Signers, Signer{key, parts[i]})
	}
	return event, nil
}

// medianBefore returns the median time past of the block at a height (BIP 113):
// that of its parent and the ten blocks before.
func (a *API) medianBefore(height uint32) uint32 {
	var times []uint32
	for h := max(height, headerchain.MedianSpan) - headerchain.MedianSpan; h < height; h++ {
		if header, ok := a.chain.HeaderAt(h); ok {
			times = append(times, header.Time)
		}
	}
	return pow.MedianTime(times)
}
