package query

import (
	"errors"

	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// Event is a record of a history, with the times that belong to it.
type Event struct {
	*record.Record
	Place         store.Place
	Confirmations uint32 // 1: the tip has it
	BlockTime     uint32 // as the miner says
	MedianTime    uint32 // of the eleven blocks before: what the rules went by
}

// VoucherHistory returns the records about a voucher in the order of the chain,
// those about its claims and shipments included. Errors: [ErrNotFound] if the
// first page is empty, [ErrInvalid], [ErrBusy], [ErrNoViews], [store.ErrPruned].
func (r *Reader) VoucherHistory(id record.ID, in Range) (Page[Event], error) {
	return r.historyOf("voucher", views.Voucher(id), in)
}

// ClaimHistory returns the records about a claim, its return shipments and
// payments included. Errors: those of [Reader.VoucherHistory].
func (r *Reader) ClaimHistory(id record.ID, in Range) (Page[Event], error) {
	return r.historyOf("claim", views.Claim(id), in)
}

// ShipmentHistory returns the records about a shipment. Errors: those of
// [Reader.VoucherHistory].
func (r *Reader) ShipmentHistory(id record.ID, in Range) (Page[Event], error) {
	return r.historyOf("shipment", views.Shipment(id), in)
}

// ItemHistory returns the records about all vouchers of an item, and the recalls
// that name it. Errors: [ErrInvalid], [ErrBusy], [ErrNoViews], [store.ErrPruned].
func (r *Reader) ItemHistory(gtin record.GTIN, serial record.Serial, in Range) (Page[Event], error) {
	return r.events(views.Item(gtin, serial), in)
}

// ProductHistory returns the registrations and recalls of a product. Errors:
// those of [Reader.ItemHistory].
func (r *Reader) ProductHistory(gtin record.GTIN, in Range) (Page[Event], error) {
	return r.events(views.Product(gtin), in)
}

// PartyHistory returns the records that the account of a key signed, or that name
// it. Errors: those of [Reader.ItemHistory].
func (r *Reader) PartyHistory(key record.Key, in Range) (Page[Event], error) {
	account, err := r.accountOf(key)
	if err != nil {
		return Page[Event]{}, err
	}
	return r.events(views.Party(account), in)
}

// historyOf is events for a thing that must be known.
func (r *Reader) historyOf(kind string, l views.List, in Range) (Page[Event], error) {
	page, err := r.events(l, in)
	if err == nil && len(page.Items) == 0 && in.From == "" {
		err = fail(ErrNotFound, "the chain has no %s with this id", kind)
	}
	return page, err
}

// entries returns a page of a list.
func (r *Reader) entries(l views.List, in Range) (entries []views.Entry, next Cursor, err error) {
	from, err := in.From.place()
	if err != nil {
		return nil, "", err
	}
	v, err := r.lists()
	if err != nil {
		return nil, "", err
	}
	if entries, err = v.List(l, from, in.Limit+1); err != nil {
		return nil, "", err
	}
	if entries, err = r.upTo(entries); err != nil {
		return nil, "", err
	}
	if len(entries) > in.Limit {
		entries = entries[:in.Limit]
		next = placeCursor(entries[in.Limit-1].Next())
	}
	return entries, next, nil
}

// events returns a page of a list of records.
func (r *Reader) events(l views.List, in Range) (Page[Event], error) {
	entries, next, err := r.entries(l, in)
	if err != nil {
		return Page[Event]{}, err
	}
	page := Page[Event]{Items: make([]Event, 0, len(entries)), Next: next}
	for len(entries) > 0 {
		height := entries[0].Height
		n := 1
		for n < len(entries) && entries[n].Height == height {
			n++
		}
		events, err := r.eventsAt(height, entries[:n])
		if err != nil {
			return Page[Event]{}, err
		}
		page.Items = append(page.Items, events...)
		entries = entries[n:]
	}
	return page, nil
}

// errMoved means that a record is no longer where the views had it.
func errMoved() error {
	return fail(ErrBusy, "the chain has just changed its branch; try again")
}

// eventsAt returns records of the block at a height. It decodes no others: a page
// can have records of hundreds of blocks.
func (r *Reader) eventsAt(height uint32, entries []views.Entry) ([]Event, error) {
	indexes := make([]uint32, len(entries))
	for i, e := range entries {
		indexes[i] = e.Index
	}
	header, records, err := r.chain.RecordsAt(height, indexes...)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errMoved()
	}
	if err != nil {
		return nil, err
	}
	var median uint32
	if parent, ok := r.chain.Header(header.Prev); ok {
		median = parent.MedianTime
	}
	events := make([]Event, len(entries))
	for i, rec := range records {
		if rec == nil || rec.ID() != entries[i].ID {
			return nil, errMoved()
		}
		events[i] = Event{
			Record: rec, Place: entries[i].Place, Confirmations: r.confirmations(height),
			BlockTime: header.Time, MedianTime: median,
		}
	}
	return events, nil
}
