package feed

import (
	"context"
	"errors"
	"fmt"

	"stele/node/chain"
	"stele/node/store"
)

// Errors of a reader, to be tested with errors.Is.
var (
	// ErrDropped means that the reader was dropped; its last event said so.
	ErrDropped = errors.New("reader is dropped")
	// ErrEnded means that the feed has ended.
	ErrEnded = errors.New("feed has ended")
)

// A reader gets at most maxBatch events at a time, of maxScan that it passes.
const (
	maxBatch = 64
	maxScan  = 1024
)

// Reader reads the events of a feed at its own pace. Make one with [Feed.Read] or
// [Feed.ReadAfter]. Not safe for concurrent use.
type Reader struct {
	f      *Feed
	filter Filter

	at   place  // that it has reached
	seq  uint64 // number of the next event in the log
	gaps []*Event

	isReplaying bool // it is on its way to the log
	replayed    int  // blocks on that way
	isDropped   bool
}

// Read returns a reader of the events from now on. The caller must call [Reader.Close].
func (f *Feed) Read(filter Filter) *Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Readers++
	r := &Reader{f: f, filter: filter}
	r.goTo()
	return r
}

// ReadAfter returns a reader of the events after the one with an id. If that is not
// possible, the first event is one of the kind gap. The caller must call [Reader.Close].
func (f *Feed) ReadAfter(filter Filter, id string) *Reader {
	r := f.Read(filter)
	at, err := parsePlace(id)
	if err != nil {
		r.gap(GapUnknown, "the id is none that a feed sends; events may be missing")
		return r
	}
	f.mu.RLock()
	end := f.first + uint64(len(f.events))
	isInLog := at.run == f.run && at.seq+1 >= f.first && at.seq < end
	f.mu.RUnlock()
	r.at, r.seq = at, at.seq+1
	if isInLog {
		return r
	}
	r.isReplaying, r.seq = true, 0
	if filter.wantsLive() {
		r.gap(GapLive, "events of the pool and alerts since the id are not kept; those of the chain follow")
	}
	return r
}

// IsID reports whether a text has the form of an id.
func IsID(id string) bool {
	_, err := parsePlace(id)
	return err == nil
}

// ID returns the id of the place that the reader has reached: a reader after it gets
// exactly what this one would get.
func (r *Reader) ID() string { return r.at.String() }

// Close ends the reader.
func (r *Reader) Close() { r.f.count(func(s *Stats) { s.Readers-- }) }

// goTo lets the reader continue with the next event of the log. The caller must hold
// r.f.mu.
func (r *Reader) goTo() {
	r.at, r.seq = r.f.head, r.f.first+uint64(len(r.f.events))
	r.at.seq = r.seq - 1
	r.isReplaying, r.replayed = false, 0
}

// gap informs the reader that it misses events.
func (r *Reader) gap(reason GapReason, text string) {
	r.gaps = append(r.gaps, newGap(reason, text))
	r.f.count(func(s *Stats) { s.Gaps[reason]++ })
}

// skip informs the reader that it misses all events up to now.
func (r *Reader) skip(reason GapReason, text string) {
	r.gap(reason, text)
	r.f.mu.RLock()
	defer r.f.mu.RUnlock()
	r.goTo()
}

// Next waits for the next events, and returns at least one. Errors: that of ctx,
// [ErrDropped], [ErrEnded], those of the store.
func (r *Reader) Next(ctx context.Context) ([]*Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		events, wait, err := r.step(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
		if wait != nil {
			select {
			case <-wait:
			case <-ctx.Done():
			}
		}
	}
}

// step is Next without waiting. If there are no events now, it returns a channel that is
// closed when there may be some; nil if it is to be called again at once.
func (r *Reader) step(ctx context.Context) (events []*Event, wait <-chan struct{}, err error) {
	switch gaps := r.gaps; {
	case r.isDropped:
		return nil, nil, ErrDropped
	case len(gaps) > 0:
		r.gaps = nil
		return gaps, nil, nil
	case r.isReplaying:
		return r.replay(ctx)
	}
	return r.read()
}

// read is step in the log.
func (r *Reader) read() (events []*Event, wait <-chan struct{}, err error) {
	f := r.f
	f.mu.RLock()
	if r.seq < f.first {
		f.mu.RUnlock()
		return r.drop(), nil, nil
	}
	window := f.events[r.seq-f.first:]
	wait, ended := f.changed, f.ended
	f.mu.RUnlock()
	if len(window) == 0 {
		if ended {
			return nil, nil, ErrEnded
		}
		return nil, wait, nil
	}
	for _, e := range window[:min(len(window), maxScan)] {
		r.seq++
		if e.Kind == kindJump {
			r.isReplaying = true
			break
		}
		r.at = e.place
		if r.filter.lets(e) {
			if events = append(events, e); len(events) == maxBatch {
				break
			}
		}
	}
	return events, nil, nil
}

// drop ends the reader with an event that says why.
func (r *Reader) drop() []*Event {
	r.isDropped = true
	r.f.count(func(s *Stats) { s.Dropped[DropSlow]++ })
	return []*Event{newEvent(KindDropped, "", Dropped{DropSlow, "the reader is too slow: connect again with the id of the last event"})}
}

// replay is step on the way from the place of the reader to that of the feed: it returns
// the events of the next block. When the reader is there, it goes on with the log.
func (r *Reader) replay(ctx context.Context) (events []*Event, wait <-chan struct{}, err error) {
	f := r.f
	f.mu.RLock()
	head, wait, ended := f.head, f.changed, f.ended
	isThere := r.at.done == whole && r.at.block == head.block
	isComplete := isThere && r.goLive()
	f.mu.RUnlock()
	switch {
	case isComplete:
		return nil, nil, nil
	case isThere:
		r.gap(GapLive, "events of the pool and alerts were passed over")
		return nil, nil, nil
	case ended:
		return nil, nil, ErrEnded
	}
	s, done, ok := r.nextSide(head)
	if len(r.gaps) > 0 {
		return nil, nil, nil
	}
	if !ok {
		return nil, wait, nil
	}
	if r.replayed++; r.replayed > MaxReplay {
		r.skip(GapTooFar, errTooFar)
		return nil, nil, nil
	}
	all, err := f.blockEvents(ctx, s)
	if errors.Is(err, store.ErrPruned) || errors.Is(err, store.ErrNotFound) {
		r.skip(GapPruned, "this node has no longer the blocks since the id")
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for i, e := range all {
		if uint32(i) >= done && r.filter.lets(e) {
			events = append(events, e)
		}
	}
	r.at = all[len(all)-1].place
	return events, nil, nil
}

var errTooFar = fmt.Sprintf("more than %d blocks since the id: read them with /v1/blocks", MaxReplay)

// goLive lets the reader go on with the log, behind the events of the chain that it has,
// and reports whether it passes over nothing else. The caller must hold r.f.mu.
func (r *Reader) goLive() (isComplete bool) {
	f := r.f
	after := max(r.seq, f.head.seq+1, f.first)
	isComplete = r.seq == 0 || after == r.seq || !r.filter.wantsLive()
	r.seq, r.isReplaying, r.replayed = after, false, 0
	r.at.run, r.at.seq = f.run, after-1
	return isComplete
}

// nextSide returns the next block on the way to a place of the feed, and how many of its
// events the reader has. False means that the reader has to wait, or gets a gap.
func (r *Reader) nextSide(to place) (s side, done uint32, ok bool) {
	c := r.f.o.Chain
	from, known := c.Header(r.at.block)
	if !known {
		r.skip(GapUnknown, "the id names no block that this node knows")
		return s, 0, false
	}
	s = side{block: r.at.block, leaving: r.at.leaving}
	switch {
	case r.at.leaving:
		return s, r.at.done, true
	case r.at.done != whole && from.InChain:
		return s, r.at.done, true
	case r.at.done != whole:
		s.leaving = true
		return s, 0, true
	}
	target, known := c.Header(to.block)
	if !known {
		return s, 0, false
	}
	if r.isTooFar(from, target) {
		r.skip(GapTooFar, errTooFar)
		return s, 0, false
	}
	s, ok = r.f.next(from, target)
	return s, 0, ok && (s.leaving || target.InChain)
}

// isTooFar reports whether there are more than MaxReplay blocks between two.
func (r *Reader) isTooFar(from, to chain.Header) bool {
	return from.InChain && to.InChain && to.Height > from.Height+MaxReplay
}

// blockEvents returns the events of a block for readers that are on their way to the log.
// Only some of them read blocks at a time.
func (f *Feed) blockEvents(ctx context.Context, s side) ([]*Event, error) {
	select {
	case f.building <- struct{}{}:
		defer func() { <-f.building }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.count(func(c *Stats) { c.Replayed++ })
	f.builtMu.Lock()
	events, ok := f.built.Get(s)
	f.builtMu.Unlock()
	if ok {
		return events, nil
	}
	events, err := f.build(s, 0, 0)
	if err != nil {
		return nil, err
	}
	f.builtMu.Lock()
	defer f.builtMu.Unlock()
	f.built.Put(s, events)
	return events, nil
}
