package supervision

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// Clock is the time by which a span is meant.
type Clock uint8

// The clocks. Median time is that by which the rules go, and the only one that never goes
// back. Block time is what a miner says, within two hours. Claimed time is what the author
// of a record says: nobody checks it.
const (
	MedianTime Clock = iota
	BlockTime
	ClaimedTime
)

// Span is a span of time, in seconds since 1970, with both ends. The zero value is all
// time.
type Span struct {
	By       Clock
	From, To uint64 // To 0: until now
}

// Reader answers questions about the whole market. Errors, where nothing else is said:
// [query.ErrInvalid], [query.ErrNotFound] for a seller, maker, carrier or product that the
// chain does not know, [query.ErrBusy] while the index is built or the chain changes its
// branch, [query.ErrNoViews], [views.ErrIncomplete], [store.ErrPruned], those of the
// disk. Safe for concurrent use.
type Reader struct {
	query *query.Reader
	views *views.Views
	span  Span
}

// NewReader returns a reader of an index, of the views whose table it is, and of the
// chain that they follow.
func NewReader(q *query.Reader, v *views.Views, _ *Index) *Reader { return &Reader{query: q, views: v} }

// Within returns a reader that answers for what is on the chain in a span of time: where
// that has a sense. Error: [query.ErrInvalid] for a span that ends before it begins.
func (r *Reader) Within(s Span) (*Reader, error) {
	if s.To != 0 && s.To < s.From {
		return nil, query.Errorf(query.ErrInvalid, "the span ends at %d, before it begins at %d", s.To, s.From)
	}
	within := *r
	within.span = s
	return &within, nil
}

// now is a question for what is so at the tip, which has no span.
func (r *Reader) now() error {
	if r.span != (Span{}) {
		return query.Errorf(query.ErrInvalid, "this is answered for the tip of the chain, not for a span of time")
	}
	return nil
}

// scope returns the scope of a question. Of names at most one that the chain knows.
func (r *Reader) scope(of query.Of) (views.Scope, error) {
	if of.Holder != nil {
		return views.All(), query.Errorf(query.ErrInvalid, "a holder is none that is counted")
	}
	scope, err := r.query.Scope(of)
	if err != nil {
		return scope, err
	}
	return scope, r.knows(of, scope)
}

// knows returns an error if the chain has nothing of those whom a question names.
func (r *Reader) knows(of query.Of, scope views.Scope) error {
	if of.Product != nil {
		_, err := r.query.Product(*of.Product)
		return err
	}
	var list views.List
	var role record.Role
	switch account := scope.Account(); {
	case of.Seller != nil:
		list, role = views.SoldBy(account), record.Seller
	case of.Maker != nil:
		list, role = views.ProductsOf(account), record.Manufacturer
	case of.Carrier != nil:
		list, role = views.ShipmentsOf(account), record.Carrier
	default:
		return nil
	}
	entries, err := r.views.List(list, store.Place{}, 1)
	if err != nil || len(entries) > 0 {
		return err
	}
	account, err := r.query.Account(scope.Account())
	if err == nil && !account.Roles.Has(role) {
		err = query.Errorf(query.ErrNotFound, "the account is no %v, and was none that did anything", role)
	}
	return err
}

// heights are a span of blocks, with both ends.
type heights struct{ from, to uint32 }

// heights returns the blocks that can have something of the span: by median time exactly
// those, else all up to the last that can. None are from 1 to 0.
func (r *Reader) heights(tip uint32) (heights, error) {
	all := heights{0, tip}
	if r.span == (Span{}) {
		return all, nil
	}
	var failed error
	median := func(height uint32) uint64 { // by which the records of a block are judged
		if height == 0 {
			return 0
		}
		h, err := r.query.Header(strconv.FormatUint(uint64(height-1), 10))
		if err != nil {
			failed = moved(err)
		}
		return uint64(h.MedianTime)
	}
	search := func(reached func(uint64) bool) uint32 {
		return uint32(sort.Search(int(tip)+1, func(h int) bool { return reached(median(uint32(h))) }))
	}
	to := uint64(math.MaxUint64)
	if r.span.To != 0 {
		to = r.span.To
	}
	switch r.span.By {
	case ClaimedTime:
		return all, nil
	case BlockTime: // the time of a block is above the median of those before
		all.to = search(func(t uint64) bool { return t >= to })
	default:
		all.from = search(func(t uint64) bool { return t >= r.span.From })
		all.to = search(func(t uint64) bool { return t > to })
	}
	if all.to == 0 || all.from >= all.to {
		return heights{1, 0}, failed
	}
	all.to--
	return all, failed
}

// holds reports whether a record is in the span, which the heights alone do not say.
func (r *Reader) holds(e *query.Event) bool {
	at := uint64(e.MedianTime)
	switch r.span.By {
	case BlockTime:
		at = uint64(e.BlockTime)
	case ClaimedTime:
		at = uint64(e.ClaimedTime())
	}
	return at >= r.span.From && (r.span.To == 0 || at <= r.span.To)
}

// moved returns the error for what the index has and the chain has not: the chain has
// changed its branch.
func moved(err error) error {
	if errors.Is(err, query.ErrNotFound) {
		return query.Errorf(query.ErrBusy, "the chain has just changed its branch; try again")
	}
	return err
}

// byMedian is a question that has only a span by median time.
func (r *Reader) byMedian(what string) error {
	if r.span.By != MedianTime {
		return query.Errorf(query.ErrInvalid, "%s are counted by median time alone", what)
	}
	return nil
}

// ask calls f with the entries of the index as they are at one moment, and the blocks of
// the span.
func (r *Reader) ask(f func(db pebble.Reader, v *views.Versions, at heights) error) error {
	if err := r.query.Lists(); err != nil {
		return err
	}
	return r.views.Ask(func(db pebble.Reader, tip views.Tip) error {
		at, err := r.heights(tip.Height)
		if err != nil {
			return err
		}
		v, err := views.NewVersions(db, prefix, int64(tip.Height))
		if err != nil {
			return err
		}
		err = f(db, v, at)
		if closing := v.Close(); err == nil {
			err = closing
		}
		return err
	})
}

// counter returns how many events a counter has in some blocks.
func counter(v *views.Versions, name []byte, in heights) (uint64, error) {
	if in.from > in.to {
		return 0, nil
	}
	var counts [2]uint64
	for i, height := range []int64{int64(in.from) - 1, int64(in.to)} {
		value, ok, err := v.At(name, height)
		if err != nil {
			return 0, err
		}
		if ok {
			if len(value) != 8 {
				return 0, errSize
			}
			counts[i] = binary.BigEndian.Uint64(value)
		}
	}
	return counts[1] - counts[0], nil
}

// Counts are how many events of each series there are. What is not in it is 0.
type Counts map[Series]uint64

// Counts returns the counts of all, of a seller, a product or a maker, in the span.
func (r *Reader) Counts(of query.Of) (Counts, error) {
	if err := r.byMedian("events"); err != nil {
		return nil, err
	}
	scope, err := r.scope(of)
	if err != nil {
		return nil, err
	}
	var counts Counts
	err = r.ask(func(_ pebble.Reader, v *views.Versions, at heights) (err error) {
		counts, err = countsIn(v, scope, at)
		return err
	})
	return counts, err
}

// countsIn returns the counts of a scope in some blocks.
func countsIn(v *views.Versions, of views.Scope, in heights) (Counts, error) {
	counts := Counts{}
	for _, s := range []Series{Sales, Evaluations, Claims, Answers, Escalations, Rulings, Orders, Dismissals, Remedies, Defaults, Corrections, Reached, Remedied} {
		n, err := counter(v, counterName(s, 0, of), in)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			counts[s] = n
		}
	}
	return counts, nil
}

// placeOfCursor returns the place that a cursor names.
func placeOfCursor(c query.Cursor) (at store.Place, err error) {
	if c == "" {
		return at, nil
	}
	if _, err := fmt.Sscanf(string(c), "%d.%d", &at.Height, &at.Index); err != nil || c != cursorOf(at) {
		return at, errCursor()
	}
	return at, nil
}

func cursorOf(p store.Place) query.Cursor {
	return query.Cursor(fmt.Sprintf("%d.%d", p.Height, p.Index))
}

func errCursor() error {
	return query.Errorf(query.ErrInvalid, "from is not what next of a page was")
}

// list returns the first entries of a listed series at or after a place, at most limit,
// in the blocks of the span.
func (r *Reader) list(s Series, scope views.Scope, from store.Place, limit int) (entries []views.Entry, err error) {
	err = r.ask(func(db pebble.Reader, _ *views.Versions, at heights) error {
		entries, err = listIn(db, listName(s, scope), from, at, limit)
		return err
	})
	return entries, err
}

// listIn returns the first entries of a list at or after a place in some blocks.
func listIn(db pebble.Reader, list []byte, from store.Place, in heights, limit int) (entries []views.Entry, err error) {
	if in.from > in.to {
		return nil, nil
	}
	if from.Height < in.from {
		from = store.Place{Height: in.from}
	}
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: appendPlace(slices.Clone(list), from), UpperBound: appendPlace(slices.Clone(list), store.Place{Height: in.to, Index: math.MaxUint32}),
	})
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	for ok := iter.First(); ok && len(entries) < limit; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, err
		}
		if len(value) != len(record.ID{}) {
			return nil, errSize
		}
		entries = append(entries, views.Entry{Place: placeOf(iter.Key()), ID: record.ID(value)})
	}
	return entries, iter.Error()
}

// maxRead bounds how many records are read for one page, of which not all may be in the
// span.
const maxRead = 2000

// recordsOf returns a page of a listed series of records: those in the span.
func recordsOf[T any](r *Reader, s Series, of query.Of, in query.Range, show func(*query.Event) (T, error)) (query.Page[T], error) {
	page := query.Page[T]{Items: []T{}}
	at, err := placeOfCursor(in.From)
	if err != nil {
		return page, err
	}
	scope, err := r.scope(of)
	if err != nil {
		return page, err
	}
	for read := 0; read < maxRead; read += in.Limit {
		entries, err := r.list(s, scope, at, in.Limit+1)
		if err != nil {
			return page, err
		}
		more := len(entries) > in.Limit
		if more {
			entries = entries[:in.Limit]
		}
		events, err := r.query.Events(entries)
		if err != nil {
			return page, err
		}
		for i := range events {
			if !r.holds(&events[i]) {
				continue
			}
			item, err := show(&events[i])
			if err != nil {
				return page, err
			}
			if page.Items = append(page.Items, item); len(page.Items) == in.Limit {
				if more || i+1 < len(events) {
					page.Next = cursorOf(entries[i].Next())
				}
				return page, nil
			}
		}
		if !more {
			return page, nil
		}
		at = entries[len(entries)-1].Next()
	}
	page.Next = cursorOf(at)
	return page, nil
}

// Case is what a record or a time is about. Ids are zero where there is none, and accounts
// are named by their first keys.
type Case struct {
	views.Subject
	Seller, Maker record.Key
	GTIN          record.GTIN
}

// caseOf returns what a record is about.
func (r *Reader) caseOf(id record.ID) (c Case, err error) {
	if c.Subject, err = r.views.SubjectOf(id); err != nil || c.Voucher == (record.ID{}) {
		return c, err
	}
	sale, ok, err := r.views.SaleOf(c.Voucher)
	if ok {
		c.Seller, c.Maker, c.GTIN = sale.Seller, sale.Maker, sale.GTIN
	}
	return c, err
}
