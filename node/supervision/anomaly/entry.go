package anomaly

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/views"
)

// Each entry is kept in all its versions (see [views.Versions]). In the keys of tallies
// and findings, the span or height before that of the version is inverted too, so that the
// newest ones come first. Integers are big-endian.
//
// After the prefix comes the kind:
//
//	b  buyer voucher                      nothing: the account bought the voucher
//	c  counted owner (with) ^span         tally, and the records that the block added
//	f  ^from counted owner (with)         measure and last height; empty: no longer a finding
//	l  account other                      nothing: one of both paid the other
//	v  voucher                            seller, buyer, height of the delivery
const (
	prefix = 'W'

	boughtEntry  = 'b'
	tallyEntry   = 'c'
	findingEntry = 'f'
	linkEntry    = 'l'
	voucherEntry = 'v'
)

// errDamaged means that an entry is none that the index writes.
var errDamaged = errors.New("entry of anomalies is damaged")

func errEntry(key, value []byte) error {
	return fmt.Errorf("%w: %x has the value %x", errDamaged, key, value)
}

func name(kind byte) []byte { return append(make([]byte, 0, 80), prefix, kind) }

// subject is what is counted of whom.
type subject struct {
	counted counted
	owner   record.Key
	with    record.Key // zero if not counted.paired
}

func (s subject) append(b []byte) []byte {
	b = append(append(b, byte(s.counted)), s.owner[:]...)
	if s.counted.paired() {
		b = append(b, s.with[:]...)
	}
	return b
}

// decodeSubject returns the subject at the beginning of b, and what follows.
func decodeSubject(b []byte) (s subject, rest []byte, ok bool) {
	if len(b) < 33 {
		return s, nil, false
	}
	s.counted, s.owner = counted(b[0]), record.Key(b[1:])
	b = b[33:]
	if s.counted.paired() {
		if len(b) < 32 {
			return s, nil, false
		}
		s.with, b = record.Key(b), b[32:]
	}
	return s, b, true
}

// tallyName is the name of a tally; without its span it begins the names of all of the
// subject.
func tallyName(s subject, span uint32) []byte {
	return binary.BigEndian.AppendUint32(s.append(name(tallyEntry)), ^span)
}

func findingName(from uint32, s subject) []byte {
	return s.append(binary.BigEndian.AppendUint32(name(findingEntry), ^from))
}

func idName(kind byte, id [32]byte) []byte { return append(name(kind), id[:]...) }

func pairName(kind byte, a, b [32]byte) []byte { return append(append(name(kind), a[:]...), b[:]...) }

const tallySize = 1 + 8 + 8 + 4

// encode appends the records that the block added. Found is whether there is a finding.
func (t Tally) encode(found bool, added []record.ID) []byte {
	b := append(make([]byte, 0, tallySize+32*len(added)), 0)
	if found {
		b[0] = 1
	}
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, t.Count), t.Before)
	b = binary.BigEndian.AppendUint32(b, t.First)
	for _, id := range added {
		b = append(b, id[:]...)
	}
	return b
}

func decodeTally(b []byte) (t Tally, found bool, added []byte, err error) {
	if len(b) < tallySize || (len(b)-tallySize)%32 != 0 || b[0] > 1 {
		return t, false, nil, errDamaged
	}
	t = Tally{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint32(b[17:])}
	return t, b[0] == 1, b[tallySize:], nil
}

const findingSize = 3*8 + 4

func encodeFinding(m Measure, to uint32) []byte {
	b := make([]byte, 0, findingSize)
	for _, n := range []uint64{m.Count, m.Total, m.Bound} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(b, to)
}

func decodeFinding(b []byte) (m Measure, to uint32, err error) {
	if len(b) != findingSize {
		return m, 0, errDamaged
	}
	m = Measure{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
	return m, binary.BigEndian.Uint32(b[24:]), nil
}

// voucher is what the index knows of a sale.
type voucher struct {
	seller, buyer record.Key // first keys of the accounts
	delivered     uint32     // height of the last delivery; 0: none
}

const voucherSize = 32 + 32 + 4

func (v *voucher) encode() []byte {
	b := append(append(make([]byte, 0, voucherSize), v.seller[:]...), v.buyer[:]...)
	return binary.BigEndian.AppendUint32(b, v.delivered)
}

func decodeVoucher(b []byte) (*voucher, error) {
	if len(b) != voucherSize {
		return nil, errDamaged
	}
	return &voucher{record.Key(b), record.Key(b[32:]), binary.BigEndian.Uint32(b[64:])}, nil
}

// entries reads entries as they were after the blocks up to a height.
type entries struct {
	iter   *pebble.Iterator
	height int64 // -1: before genesis
	key    []byte
}

// newEntries returns a reader, which the caller closes.
func newEntries(db pebble.Reader, height int64) (*entries, error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	return &entries{iter: iter, height: height}, err
}

func (e *entries) close() error { return e.iter.Close() }

// get returns the newest value of an entry, and false if there is none. It is good until
// the next call.
func (e *entries) get(name []byte) (value []byte, ok bool, err error) {
	key, value, err := e.seek(name, len(name))
	return value, err == nil && len(key) == len(name)+views.VersionSize, err
}

// seek returns the first entry at or after the newest version of name, if its key begins
// with the first bytes of name; else nil. They are good until the next call.
func (e *entries) seek(name []byte, same int) (key, value []byte, err error) {
	if e.height < 0 {
		return nil, nil, nil
	}
	e.key = views.Version(append(e.key[:0], name...), uint32(e.height))
	if !e.iter.SeekGE(e.key) {
		return nil, nil, e.iter.Error()
	}
	if key = e.iter.Key(); !bytes.HasPrefix(key, name[:same]) {
		return nil, nil, nil
	}
	value, err = e.iter.ValueAndErr()
	return key, value, err
}

// tally returns the newest tally of a subject in a span or an earlier one, the span, and
// whether there was a finding. Ok is false if nothing was counted up to then.
func (e *entries) tally(s subject, span uint32) (t Tally, in uint32, found, ok bool, err error) {
	name := tallyName(s, span)
	key, value, err := e.seek(name, len(name)-4)
	if err != nil || key == nil {
		return t, 0, false, false, err
	}
	if len(key) != len(name)+views.VersionSize {
		return t, 0, false, false, errEntry(key, value)
	}
	t, found, _, err = decodeTally(value)
	return t, ^binary.BigEndian.Uint32(key[len(name)-4:]), found, err == nil, err
}

// others returns the last 32 bytes of the names of entries that begin with a name: at
// most limit.
func (e *entries) others(kind byte, a [32]byte, limit int) (all [][32]byte, err error) {
	begin := idName(kind, a)
	size := len(begin) + 32 + views.VersionSize
	for ok := e.iter.SeekGE(begin); ok && len(all) < limit; ok = e.iter.Next() {
		key := e.iter.Key()
		if len(key) != size || !bytes.HasPrefix(key, begin) {
			break
		}
		if int64(views.VersionOf(key)) <= e.height {
			all = append(all, [32]byte(key[len(begin):]))
		}
	}
	return all, e.iter.Error()
}
