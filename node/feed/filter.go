package feed

import (
	"slices"

	"stele/node/ledger/record"
)

// Filter chooses events. The zero value lets all through.
type Filter struct {
	Kinds []Kind // empty: all, or with a subject those of confirmed records
	// The subject: only events of records that are about these, that concern the party,
	// and that have one of the types. Zero: any.
	Voucher, Claim, Shipment record.ID
	Party                    record.Key // the first key of an account
	Types                    []record.Type
}

// hasSubject reports whether the filter is by subject.
func (f *Filter) hasSubject() bool {
	none := record.ID{}
	return f.Voucher != none || f.Claim != none || f.Shipment != none || f.Party != (record.Key{}) || len(f.Types) > 0
}

// wants reports whether the filter lets a kind through, if the subject fits.
func (f *Filter) wants(k Kind) bool {
	switch {
	case k == KindGap: // in the log only for want of room
		return f.wantsLive()
	case len(f.Kinds) > 0:
		return slices.Contains(f.Kinds, k)
	case f.hasSubject():
		return k == KindRecord || k == KindRecordDisconnected
	}
	return true
}

// wantsLive reports whether the filter lets through what the chain does not have.
func (f *Filter) wantsLive() bool {
	return slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.isLive() && f.wants(k) })
}

// lets reports whether the filter lets an event through. What is only admitted or
// rejected has a type, but its subject is not known: kinds that are asked for pass.
func (f *Filter) lets(e *Event) bool {
	if !f.wants(e.Kind) {
		return false
	}
	a := e.about
	if a == nil {
		return true
	}
	if len(f.Types) > 0 && !slices.Contains(f.Types, a.typ) {
		return false
	}
	if a.isUnknown || e.Kind != KindRecord && e.Kind != KindRecordDisconnected {
		return true
	}
	is := func(want, got record.ID) bool { return want == (record.ID{}) || want == got }
	return is(f.Voucher, a.subject.Voucher) && is(f.Claim, a.subject.Claim) && is(f.Shipment, a.subject.Shipment) &&
		(f.Party == (record.Key{}) || slices.Contains(a.parties, f.Party))
}
