package anomaly

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/views"
)

// Reader lists findings. Safe for concurrent use.
type Reader struct {
	views *views.Views
	index *Index
}

// NewReader returns a reader of an index, and of the views whose table it is.
func NewReader(v *views.Views, x *Index) *Reader { return &Reader{v, x} }

// Params returns the numbers of the network.
func (r *Reader) Params() Params { return r.index.params }

// Filter narrows findings down. The zero value narrows nothing.
type Filter struct {
	Kind  Kind        // "": all
	Owner *record.Key // first key of the seller's account; nil: all
	Since uint32      // the window or period ends at this height or later
}

// List returns findings of a kind, or of all if it is "": those of the newest windows and
// periods first, as of the tip of the views. Errors: query.ErrInvalid, those of
// [views.Views.Ask].
func (r *Reader) List(kind Kind, in query.Range) (query.Page[Finding], error) {
	return r.Select(Filter{Kind: kind}, in)
}

// maxRead is how many entries are read for a page, of which not all may be on it.
const maxRead = 20_000

// Select is List with a filter.
func (r *Reader) Select(f Filter, in query.Range) (query.Page[Finding], error) {
	page := query.Page[Finding]{Items: []Finding{}}
	from, err := hex.DecodeString(string(in.From))
	if err != nil || len(from) > 0 && !bytes.HasPrefix(from, name(findingEntry)) {
		return page, fmt.Errorf("%w: from is not what next of a page was", query.ErrInvalid)
	}
	if f.Kind != "" && !slices.Contains(Kinds(), f.Kind) {
		return page, fmt.Errorf("%w: kind %.40q must be one of %q", query.ErrInvalid, f.Kind, Kinds())
	}
	err = r.views.Ask(func(db pebble.Reader, tip views.Tip) error {
		e, err := newEntries(db, int64(tip.Height))
		if err != nil {
			return err
		}
		next, err := r.read(e, f, from, in.Limit, &page.Items)
		page.Next = query.Cursor(hex.EncodeToString(next))
		if err == nil {
			err = r.complete(e, page.Items)
		}
		if closing := e.close(); err == nil {
			err = closing
		}
		return err
	})
	return page, err
}

// read appends the findings of a page, and returns the name at which the next one begins.
func (r *Reader) read(e *entries, f Filter, from []byte, limit int, to *[]Finding) (next []byte, err error) {
	if len(from) == 0 {
		from = name(findingEntry)
	}
	var last []byte
	read := 0
	for ok := e.iter.SeekGE(from); ok && bytes.HasPrefix(e.iter.Key(), name(findingEntry)); ok = e.iter.Next() {
		key := e.iter.Key()
		if len(key) < 2+4+33+views.VersionSize {
			return nil, errEntry(key, nil)
		}
		at := key[:len(key)-views.VersionSize]
		if bytes.Equal(at, last) {
			continue // an older version
		}
		if len(*to) == limit || read == maxRead {
			return slices.Clone(at), nil
		}
		last = append(last[:0], at...)
		read++
		value, err := e.iter.ValueAndErr()
		if err != nil {
			return nil, err
		}
		finding, err := r.finding(at, value)
		if err != nil {
			return nil, err
		}
		if finding.From+r.index.params.Period < f.Since {
			return nil, nil // the others are older
		}
		if len(value) > 0 && f.wants(&finding) {
			*to = append(*to, finding)
		}
	}
	return nil, e.iter.Error()
}

// wants reports whether a finding passes the filter.
func (f *Filter) wants(x *Finding) bool {
	return (f.Kind == "" || x.Kind == f.Kind) && (f.Owner == nil || x.Owner == *f.Owner) && x.end >= f.Since
}

// finding returns the finding of an entry, without its records. If the entry is empty, it
// has no figures.
func (r *Reader) finding(name, value []byte) (f Finding, err error) {
	of, rest, ok := decodeSubject(name[2+4:])
	if !ok || len(rest) > 0 || of.counted.kind() == "" {
		return f, errEntry(name, value)
	}
	f = Finding{Kind: of.counted.kind(), Owner: of.owner, With: of.with, From: ^binary.BigEndian.Uint32(name[2:]), of: of}
	p := r.index.params
	f.end = f.From + p.Period - 1
	if of.counted.windowed() {
		f.end = f.From + p.Window - 1
	}
	if len(value) > 0 {
		f.Measure, f.To, err = decodeFinding(value)
	}
	f.words(of.counted, p)
	return f, err
}

// complete adds the records to findings.
func (r *Reader) complete(e *entries, all []Finding) error {
	for i := range all {
		f := &all[i]
		begin := tallyName(f.of, r.index.params.span(f.of.counted, f.From))
		f.Records = []record.ID{}
		for ok := e.iter.SeekGE(begin); ok && len(f.Records) < MaxRecords; ok = e.iter.Next() {
			key := e.iter.Key()
			if len(key) != len(begin)+views.VersionSize || !bytes.HasPrefix(key, begin) {
				break
			}
			value, err := e.iter.ValueAndErr()
			if err != nil {
				return err
			}
			_, _, added, err := decodeTally(value)
			if err != nil {
				return errEntry(key, value)
			}
			for n := len(added); n > 0 && len(f.Records) < MaxRecords; n -= 32 {
				f.Records = append(f.Records, record.ID(added[n-32:]))
			}
		}
	}
	return e.iter.Error()
}
