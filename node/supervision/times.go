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
	err = r.ask(func(db pebble.Reader, v *views.Versions, at heights) error {
		buckets, err := bucketsIn(v, m, scope, at)
		if err != nil {
			return err
		}
		t = percentiles(buckets)
		key, ok, err := v.Next(timesName(m, scope), timesName(m, scope))
		if ok {
			t.Longest = secondsOf(key)
		}
		return err
	})
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
	var entries []views.Entry
	var seconds []uint32
	err = r.ask(func(db pebble.Reader, _ *views.Versions, at heights) error {
		iter, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: timeKey(m, scope, 0, store.Place{Height: math.MaxUint32, Index: math.MaxUint32})})
		if err != nil {
			return err
		}
		defer iter.Close()
		read := 0
		for ok := iter.First(); ok; ok = iter.Next() {
			place, took := placeOf(iter.Key()), secondsOf(iter.Key())
			if read++; len(entries) == in.Limit || read > maxTimes {
				page.Next = query.Cursor(fmt.Sprintf("%d.%v", took, cursorOf(place)))
				break
			}
			value, err := iter.ValueAndErr()
			if err != nil {
				return err
			}
			if len(value) != len(record.ID{}) {
				return errSize
			}
			if place.Height >= at.from && place.Height <= at.to {
				entries, seconds = append(entries, views.Entry{Place: place, ID: record.ID(value)}), append(seconds, took)
			}
		}
		return iter.Error()
	})
	if err != nil {
		return page, err
	}
	for i := range entries {
		t, err := r.timed(entries[i], seconds[i])
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, t)
	}
	return page, nil
}

// maxTimes bounds how many times are read for one page, of which not all may be in the
// span.
const maxTimes = 50_000

func (r *Reader) timed(e views.Entry, seconds uint32) (Timed, error) {
	events, err := r.query.Events([]views.Entry{e})
	if err != nil {
		return Timed{}, err
	}
	about, err := r.caseOf(e.ID)
	return Timed{seconds, events[0], about}, err
}

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
