package supervision

import (
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/views"
)

// Ruled is a ruling of a supervisor on a claim or a shipment.
type Ruled struct {
	query.Event // a [record.Ruling]
	Case
	// Claim is the claim as the next block finds it; nil if the ruling is on a shipment.
	Claim *query.Claim
}

// Rulings returns the rulings on claims and shipments of a seller, a product or a maker or
// of all, the oldest first.
func (r *Reader) Rulings(of query.Of, in query.Range) (query.Page[Ruled], error) {
	return recordsOf(r, Rulings, of, in, func(e *query.Event) (Ruled, error) {
		ruled := Ruled{Event: *e}
		var err error
		if ruled.Case, err = r.caseOf(e.ID()); err != nil {
			return ruled, err
		}
		if p, ok := e.Payload.(record.Ruling); ok && p.Subject == record.OnClaim {
			ruled.Claim, err = r.query.Claim(p.ID)
		}
		return ruled, moved(err)
	})
}

// Corrected is a CORRECTION, with what it is about.
type Corrected struct {
	query.Event // a [record.Correction]
	Case
	Of record.Type // of the record that is corrected
}

// Corrections is [Reader.CorrectionsOf] all.
func (r *Reader) Corrections(in query.Range) (query.Page[Corrected], error) {
	return r.CorrectionsOf(query.Of{}, in)
}

// CorrectionsOf returns the corrections of records about vouchers of a seller, a product or
// a maker, or of all records, the oldest first.
func (r *Reader) CorrectionsOf(of query.Of, in query.Range) (query.Page[Corrected], error) {
	return recordsOf(r, Corrections, of, in, func(e *query.Event) (Corrected, error) {
		c := Corrected{Event: *e}
		p, ok := e.Payload.(record.Correction)
		if !ok {
			return c, errSize
		}
		wrong, err := r.query.Record(p.Record)
		if err != nil {
			return c, moved(err)
		}
		c.Of = wrong.Record.Type()
		c.Case, err = r.caseOf(p.Record)
		return c, err
	})
}

// Default is an order that was not carried out in time.
type Default struct {
	Height     uint32 // of the block with which the time was over
	MedianTime uint32 // by which that was so
	Deadline   uint64 // last second in which the order was to be carried out
	Ruling     record.ID
	Claim      query.Claim // as the next block finds it
}

// Late reports whether the remedy was given after all.
func (d *Default) Late() bool { return d.Claim.Executed != 0 }

// Defaults returns the orders under vouchers of a seller, a product or a maker or of all
// that were not carried out in time, the oldest first. No record says so: a span is by
// median time.
func (r *Reader) Defaults(of query.Of, in query.Range) (query.Page[Default], error) {
	page := query.Page[Default]{Items: []Default{}}
	if err := r.byMedian("defaults, which no record reports,"); err != nil {
		return page, err
	}
	at, err := placeOfCursor(in.From)
	if err != nil {
		return page, err
	}
	scope, err := r.scope(of)
	if err != nil {
		return page, err
	}
	entries, err := r.list(Defaults, scope, at, in.Limit+1)
	if err != nil {
		return page, err
	}
	if len(entries) > in.Limit {
		page.Next = cursorOf(entries[in.Limit].Place)
		entries = entries[:in.Limit]
	}
	for _, e := range entries {
		d, err := r.defaultAt(e.Height, e.ID)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, *d)
	}
	return page, nil
}

// defaultAt returns the default of a claim with the block at a height.
func (r *Reader) defaultAt(height uint32, id record.ID) (*Default, error) {
	d := &Default{Height: height}
	err := r.ask(func(_ pebble.Reader, v *views.Versions, _ heights) error {
		value, ok, err := v.At(idName(claimEntry, id), int64(height)-1)
		if err == nil && !ok {
			err = moved(query.ErrNotFound)
		}
		if err != nil {
			return err
		}
		c, err := decodeClaim(value)
		if err == nil {
			d.Deadline, d.Ruling = c.Deadline, c.Order
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	parent, err := r.query.Header(strconv.FormatUint(uint64(height-1), 10))
	if err != nil {
		return nil, moved(err)
	}
	d.MedianTime = parent.MedianTime
	c, err := r.query.Claim(id)
	if err != nil {
		return nil, moved(err)
	}
	d.Claim = *c
	return d, nil
}
