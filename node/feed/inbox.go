package feed

import (
	"sync"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// item is an event that is not encoded yet.
type item struct {
	kind    Kind
	payload any            // nil: made from what follows
	record  *record.Record // of KindPooled and KindRejected
	reason  reject.Reason  // of KindRejected
}

// inbox has the items that wait. The zero value is empty. Safe for concurrent use.
type inbox struct {
	mu       sync.Mutex
	items    []item
	rejected int // of them, rejected records
	lost     int // for which there was no room
}

// put adds items, as far as there is room.
func (f *Feed) put(items ...item) {
	if len(items) == 0 {
		return
	}
	in := &f.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, x := range items {
		isRejected := x.kind == KindRejected
		if len(in.items) >= maxInbox || isRejected && in.rejected >= maxRejected {
			in.lost++
			continue
		}
		if isRejected {
			in.rejected++
		}
		in.items = append(in.items, x)
	}
	f.wake.Wake()
}

// drain adds what is in the inbox to the log.
func (f *Feed) drain() {
	in := &f.inbox
	in.mu.Lock()
	items, lost := in.items, in.lost
	in.items, in.rejected, in.lost = nil, 0, 0
	in.mu.Unlock()
	events := make([]*Event, 0, len(items)+1)
	for _, x := range items {
		at := f.number()
		e := newEvent(x.kind, at.String(), x.content())
		e.place = at
		if x.record != nil {
			e.about = &about{typ: x.record.Type()}
		}
		events = append(events, e)
	}
	if lost > 0 {
		f.count(func(s *Stats) { s.Gaps[GapFlood]++ })
		e := newGap(GapFlood, "more events of the pool than the feed handles")
		e.place = f.number()
		events = append(events, e)
	}
	f.add(events...)
}

// content returns the payload.
func (x *item) content() any {
	switch {
	case x.payload != nil:
		return x.payload
	case x.kind == KindRejected:
		return Rejected{x.record.ID().String(), x.record.Type().String(), x.reason}
	}
	return Pooled{x.record.ID().String(), x.record.Type().String(), x.record.Fee, x.record.Size()}
}

func newGap(reason GapReason, text string) *Event { return newEvent(KindGap, "", Gap{reason, text}) }
