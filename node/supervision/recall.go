package supervision

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/views"
)

// Recall is a recall of a product or an item, and how far it has come: as of the tip. If a
// product or an item was recalled before, the numbers are those of all its recalls.
type Recall struct {
	query.Event // a [record.RecallNotice]
	GTIN        record.GTIN
	Serial      record.Serial // "": all items

	Total    uint64 // vouchers of the product, or the present one of the item; not void
	Reached  uint64 // whose holders made a claim for a recall
	Remedied uint64 // and for which such a claim was settled
	Undone   uint64 // refunded or replaced, for whatever reason: nothing is left to recall
}

// Recalls returns the recalls, the oldest first.
func (r *Reader) Recalls(in query.Range) (query.Page[Recall], error) {
	page := query.Page[Recall]{Items: []Recall{}}
	events, err := r.query.Recalls(in)
	if err != nil {
		return page, err
	}
	page.Next = events.Next
	for i := range events.Items {
		if !r.holds(&events.Items[i]) {
			continue
		}
		recall, err := r.recall(&events.Items[i])
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, recall)
	}
	return page, nil
}

// recall returns how far a recall has come.
func (r *Reader) recall(e *query.Event) (recall Recall, err error) {
	p, ok := e.Payload.(record.RecallNotice)
	if !ok {
		return recall, errSize
	}
	recall = Recall{Event: *e, GTIN: p.GTIN, Serial: p.Serial}
	if p.Serial != "" {
		return recall, r.recallItem(&recall)
	}
	for _, s := range query.VoucherStates() {
		n, err := r.views.Count(views.Vouchers, views.OfProduct(p.GTIN), uint8(s))
		if err != nil {
			return recall, err
		}
		recall.add(s, n)
	}
	all := *r
	all.span = Span{}
	err = all.ask(func(_ pebble.Reader, v *views.Versions, at heights) error {
		reached, err := counter(v, counterName(Reached, 0, views.OfProduct(p.GTIN)), at)
		if err != nil {
			return err
		}
		recall.Reached = reached
		recall.Remedied, err = counter(v, counterName(Remedied, 0, views.OfProduct(p.GTIN)), at)
		return err
	})
	return recall, err
}

// add counts vouchers in a state.
func (r *Recall) add(s rules.VoucherState, n uint64) {
	if s == rules.VoucherVoid {
		return
	}
	r.Total += n
	if s == rules.VoucherRefunded || s == rules.VoucherReplaced {
		r.Undone += n
	}
}

// recallItem fills in how far the recall of an item has come.
func (r *Reader) recallItem(recall *Recall) error {
	item, err := r.query.Item(recall.GTIN, recall.Serial)
	if errors.Is(err, query.ErrNotFound) || err == nil && item.Voucher == nil {
		return nil // nobody has sold it
	}
	if err != nil {
		return err
	}
	recall.add(item.Voucher.State, 1)
	all := *r
	all.span = Span{}
	return all.ask(func(_ pebble.Reader, v *views.Versions, _ heights) error {
		value, ok, err := v.Get(idName(voucherEntry, item.Voucher.ID))
		if !ok {
			return err
		}
		known, err := decodeVoucher(value)
		if err != nil {
			return err
		}
		if known.Reached {
			recall.Reached = 1
		}
		if known.Remedied {
			recall.Remedied = 1
		}
		return nil
	})
}

// ReachedBy returns the vouchers of a product whose holders made a claim for a recall, in
// the order of the first such claims. A span is by median time.
func (r *Reader) ReachedBy(product record.GTIN, in query.Range) (query.Page[query.Voucher], error) {
	page := query.Page[query.Voucher]{Items: []query.Voucher{}}
	if err := r.byMedian("vouchers"); err != nil {
		return page, err
	}
	at, err := placeOfCursor(in.From)
	if err != nil {
		return page, err
	}
	scope, err := r.scope(query.Of{Product: &product})
	if err != nil {
		return page, err
	}
	entries, err := r.list(Reached, scope, at, in.Limit+1)
	if err != nil {
		return page, err
	}
	for i, e := range entries {
		if i == in.Limit {
			page.Next = cursorOf(e.Place)
			break
		}
		v, err := r.query.Voucher(e.ID)
		if err != nil {
			return page, moved(err)
		}
		page.Items = append(page.Items, *v)
	}
	return page, nil
}
