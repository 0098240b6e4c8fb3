package supervision

import (
	"encoding/binary"

	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// Series is a kind of events that are counted for all, each seller, each product and
// each maker.
type Series byte

// The series. They are part of the format.
const (
	Sales       Series = 's'
	Evaluations Series = 'v'
	Claims      Series = 'c'
	Answers     Series = 'a' // of the seller or maker, each claim's first and only one
	Escalations Series = 'e'
	Rulings     Series = 'r' // on claims and shipments
	Orders      Series = 'o' // rulings that order a remedy
	Dismissals  Series = 'm' // rulings that dismiss a claim
	Remedies    Series = 'x' // given
	Defaults    Series = 'd' // orders that were not carried out in time
	Corrections Series = 'k' // of records about vouchers; without a voucher they count for all alone
	Reached     Series = 'b' // vouchers whose holder claimed for a recall, each once
	Remedied    Series = 'B' // of these, vouchers whose claim for a recall was settled
)

// records is the series of the records of a type.
const records Series = 'T'

// listed reports whether a series has the list of its events. The others are in lists of
// the views.
func (s Series) listed() bool {
	switch s {
	case Rulings, Defaults, Corrections, Reached, Remedied:
		return true
	}
	return false
}

// Measure is a kind of times.
type Measure byte

// The measures, in seconds of median time. They are part of the format.
const (
	Answer    Measure = 'a' // from the claim to the answer
	Execution Measure = 'x' // from the agreement or the order to the remedy
	Ruling    Measure = 'r' // from the escalation to the ruling
	Carry     Measure = 'c' // that a carrier had goods, until it handed them over or delivered them
)

// String returns the word for it.
func (m Measure) String() string {
	switch m {
	case Answer:
		return "answer"
	case Execution:
		return "execution"
	case Ruling:
		return "ruling"
	case Carry:
		return "carry"
	}
	return ""
}

// MarshalText returns String.
func (m Measure) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// MeasureOf returns the measure with a word, and false if there is none.
func MeasureOf(word string) (Measure, bool) {
	for _, m := range []Measure{Answer, Execution, Ruling, Carry} {
		if m.String() == word {
			return m, true
		}
	}
	return 0, false
}

// After the prefix comes the kind of the entry. Integers are big-endian. A "version" is
// as package views has it (views.Versions).
//
//	c  claim                  version: see claim
//	d  deadline claim         version, nothing: the claim may lapse then
//	h  measure scope bucket   version: how many times are in the bucket
//	l  series scope place     id of what is listed
//	n  series sub scope       version: how many events the series has
//	p  shipment               version: see parcel
//	t  measure scope ^seconds place    id of the record that ended the time
//	v  voucher                version: see voucher
const (
	prefix = 'S'

	claimEntry    = 'c'
	deadlineEntry = 'd'
	bucketEntry   = 'h'
	listEntry     = 'l'
	counterEntry  = 'n'
	parcelEntry   = 'p'
	timeEntry     = 't'
	voucherEntry  = 'v'
)

func name(kind byte) []byte { return append(make([]byte, 0, 64), prefix, kind) }

func idName(kind byte, id [32]byte) []byte { return append(name(kind), id[:]...) }

func deadlineName(deadline uint64, claim record.ID) []byte {
	return append(binary.BigEndian.AppendUint64(name(deadlineEntry), deadline), claim[:]...)
}

const deadlineNameSize = 2 + 8 + 32

// counterName is the name of a counter. Sub is the type of the records, 0 for other
// series.
func counterName(s Series, sub record.Type, of views.Scope) []byte {
	return of.Append(append(name(counterEntry), byte(s), byte(sub)))
}

// bucketsName begins the names of the buckets of a measure.
func bucketsName(m Measure, of views.Scope) []byte {
	return of.Append(append(name(bucketEntry), byte(m)))
}

func bucketName(m Measure, of views.Scope, bucket uint16) []byte {
	return binary.BigEndian.AppendUint16(bucketsName(m, of), bucket)
}

// listName begins the keys of a list.
func listName(s Series, of views.Scope) []byte {
	return of.Append(append(name(listEntry), byte(s)))
}

// timesName begins the keys of the times of a measure, the longest first.
func timesName(m Measure, of views.Scope) []byte {
	return of.Append(append(name(timeEntry), byte(m)))
}

func timeKey(m Measure, of views.Scope, seconds uint32, at store.Place) []byte {
	return appendPlace(binary.BigEndian.AppendUint32(timesName(m, of), ^seconds), at)
}

const placeSize = 8

func appendPlace(b []byte, p store.Place) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.Height), p.Index)
}

// placeOf returns the place with which a key ends.
func placeOf(key []byte) store.Place {
	b := key[len(key)-placeSize:]
	return store.Place{Height: binary.BigEndian.Uint32(b), Index: binary.BigEndian.Uint32(b[4:])}
}
