package supervision

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// Percentiles are how long answers, remedies and rulings took.
type Percentiles struct {
	Answer    Times // from the claim to the seller's or maker's answer
	Execution Times // from the agreement or the order to the remedy, with the way of goods that come back
	Ruling    Times // from the escalation to the ruling
}

// ResponseTimes returns how long answers, remedies and rulings took in claims of a seller, a
// product or a maker or of all, for those that were given in the span.
func (r *Reader) ResponseTimes(of query.Of) (p Percentiles, err error) {
	for m, to := range map[Measure]*Times{Answer: &p.Answer, Execution: &p.Execution, Ruling: &p.Ruling} {
		if *to, err = r.Times(m, of); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Times returns the times of a measure that ended in the span: of a seller, a product or a
// maker or of all, and of [Carry] of a carrier or of all.
func (r *Reader) Times(m Measure, of query.Of) (t Times, err error) {
	if err := r.byMedian("times"); err != nil {
		return t, err
	}
	scope, err := r.measured(m, of)
	if err != nil {
		return t, err
	}
	err = r.ask(func(_ pebble.Reader, v *views.Versions, at heights) error {
		t, err = timesIn(v, m, scope, at)
		return err
	})
	return t, err
}

// timesIn returns the times of a measure that ended in some blocks.
func timesIn(v *views.Versions, m Measure, scope views.Scope, in heights) (t Times, err error) {
	buckets, err := bucketsIn(v, m, scope, in)
	if err != nil {
		return t, err
	}
	t = percentiles(buckets)
	key, ok, err := v.Next(timesName(m, scope), timesName(m, scope))
	if ok {
		t.Longest = secondsOf(key)
	}
	return t, err
}

// measured returns the scope of the times of a measure.
func (r *Reader) measured(m Measure, of query.Of) (views.Scope, error) {
	switch {
	case m == Carry && of != (query.Of{Carrier: of.Carrier}):
		return views.All(), query.Errorf(query.ErrInvalid, "the times that goods are carried are those of a carrier")
	case m != Carry && of.Carrier != nil:
		return views.All(), query.Errorf(query.ErrInvalid, "a carrier answers no claims: its measure is %v", Carry)
	}
	return r.scope(of)
}

// bucketsIn returns the buckets of a measure, with the times of some blocks.
func bucketsIn(v *views.Versions, m Measure, scope views.Scope, in heights) (buckets []bucket, err error) {
	begins := bucketsName(m, scope)
	for next := begins; ; {
		key, ok, err := v.Next(next, begins)
		if !ok || err != nil {
			return buckets, err
		}
		if len(key) != len(begins)+2+views.VersionSize {
			return nil, errSize
		}
		number := binary.BigEndian.Uint16(key[len(begins):])
		n, err := counter(v, bucketName(m, scope, number), in)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			buckets = append(buckets, bucket{number, n})
		}
		next = bucketName(m, scope, number+1)
	}
}

// secondsOf returns the time that a key of the list of times has.
func secondsOf(key []byte) uint32 {
	return ^binary.BigEndian.Uint32(key[len(key)-placeSize-4:])
}

// Timed is a time, with the record that ended it.
type Timed struct {
	Seconds uint32
	query.Event
	Case
}

// Slowest returns the times of a measure that ended in the span, the longest first, with
// the records that ended them. A page may have fewer items than its limit although more
// follow.
func (r *Reader) Slowest(m Measure, of query.Of, in query.Range) (query.Page[Timed], error) {
	page := query.Page[Timed]{Items: []Timed{}}
	if err := r.byMedian("times"); err != nil {
		return page, err
	}
	scope, err := r.measured(m, of)
	if err != nil {
		return page, err
	}
	from, err := timesCursor(m, scope, in.From)
	if err != nil {
		return page, err
	}
	var list []ended
	err = r.ask(func(db pebble.Reader, _ *views.Versions, at heights) error {
		list, page.Next, err = slowestIn(db, from, timeKey(m, scope, 0, lastPlace), at, in.Limit)
		return err
	})
	if err != nil {
		return page, err
	}
	for _, e := range list {
		events, err := r.query.Events([]views.Entry{e.Entry})
		if err != nil {
			return page, err
		}
		about, err := r.caseOf(e.ID)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, Timed{e.seconds, events[0], about})
	}
	return page, nil
}

// lastPlace is after all others.
var lastPlace = store.Place{Height: math.MaxUint32, Index: math.MaxUint32}

// ended is a record that ended a time.
type ended struct {
	seconds uint32
	views.Entry
}

// slowestIn returns the first entries of a list of times from a key on, at most limit, of
// those in some blocks, and where the next page begins.
func slowestIn(db pebble.Reader, from, to []byte, in heights, limit int) (list []ended, next query.Cursor, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, "", err
	}
	defer iter.Close()
	read := 0
	for ok := iter.First(); ok; ok = iter.Next() {
		at, seconds := placeOf(iter.Key()), secondsOf(iter.Key())
		if read++; len(list) == limit || read > maxTimes {
			return list, query.Cursor(fmt.Sprintf("%d.%v", seconds, cursorOf(at))), nil
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, "", err
		}
		if len(value) != len(record.ID{}) {
			return nil, "", errSize
		}
		if at.Height >= in.from && at.Height <= in.to {
			list = append(list, ended{seconds, views.Entry{Place: at, ID: record.ID(value)}})
		}
	}
	return list, "", iter.Error()
}

// maxTimes bounds how many times are read for one page, of which not all may be in the
// span.
const maxTimes = 50_000

// timesCursor returns the key from which a page of times begins.
func timesCursor(m Measure, scope views.Scope, c query.Cursor) ([]byte, error) {
	if c == "" {
		return timesName(m, scope), nil
	}
	var seconds uint32
	var at store.Place
	_, err := fmt.Sscanf(string(c), "%d.%d.%d", &seconds, &at.Height, &at.Index)
	if err != nil || c != query.Cursor(fmt.Sprintf("%d.%v", seconds, cursorOf(at))) {
		return nil, errCursor()
	}
	return timeKey(m, scope, seconds, at), nil
}
