package p2p

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"stele/node/p2p/wire"
)

// allowance is what a peer may send without limit in the long run, and at once.
type allowance struct {
	perSecond rate.Limit
	burst     int
}

func (a allowance) limiter() *rate.Limiter { return rate.NewLimiter(a.perSecond, a.burst) }

// What one peer may send. Frames and their bytes count unless a request for them is
// open.
var (
	allowedFrames     = allowance{300, 2000}
	allowedBytes      = allowance{256 << 10, 2 << 20}
	allowedGetHeaders = allowance{5, 50}
	allowedBodies     = allowance{512, 2048}           // that it asks for
	allowedForms      = allowance{1, 32}               // requests for which a whole block is read: for a compact form, or parts
	allowedServed     = allowance{8 << 20, 32 << 20}   // bytes of the answers
	allowedHaves      = allowance{2000, 2 * 10 * 1000} // hashes
	allowedRecords    = allowance{200, 2000}           // pushed
	allowedAddrs      = allowance{0.1, wire.MaxAddrs}
)

const (
	maxPause   = 2 * time.Second // of the reader of a peer that sends more than it may
	maxPauses  = 3               // so long within pausesTime end the connection
	pausesTime = time.Minute
	// maxDebt is the longest pause of the reader of a peer that was sent more than it may.
	// That is no fault: the peer cannot know it.
	maxDebt = 10 * time.Second
)

// meter limits what one peer sends. The reader of the peer owns it, except for served.
type meter struct {
	frame  int // bytes of the frame that is being handled
	pauses []time.Time

	frames, bytes, getHeaders, bodies, forms, haves, records, addrs *rate.Limiter
	served                                                          *rate.Limiter
}

func newMeter() *meter {
	return &meter{
		frames: allowedFrames.limiter(), bytes: allowedBytes.limiter(), getHeaders: allowedGetHeaders.limiter(),
		bodies: allowedBodies.limiter(), forms: allowedForms.limiter(), haves: allowedHaves.limiter(), records: allowedRecords.limiter(),
		addrs: allowedAddrs.limiter(), served: allowedServed.limiter(),
	}
}

// sent counts what was sent as an answer that costs. It is called by the writer.
func (t *meter) sent(k wire.Kind, n int) {
	switch k {
	case wire.KindBlock, wire.KindParts, wire.KindRecords:
		t.served.ReserveN(time.Now(), n)
	}
}

// wait waits as long as a peer that sends too much has to, before its message is
// handled. It returns a fault if that happens too often.
func (t *meter) wait(ctx context.Context, p *peer, m wire.Message) *fault {
	now := time.Now()
	pause := t.pause(now, p, m)
	if pause > maxPause {
		pause = maxPause
		t.pauses = append(t.pauses, now)
		if n := len(t.pauses) - maxPauses; n >= 0 {
			if now.Sub(t.pauses[n]) < pausesTime {
				return broke(wire.ReasonTooMuch, "more %s than the limits allow", m.Kind())
			}
			t.pauses = t.pauses[n+1:]
		}
	}
	if pause = max(pause, t.debt(now, m)); pause == 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// pause takes a message from what the peer may send, and returns how long to wait until
// it may.
func (t *meter) pause(now time.Time, p *peer, m wire.Message) (pause time.Duration) {
	take := func(l *rate.Limiter, n int) {
		r := l.ReserveN(now, min(n, l.Burst()))
		if pause = max(pause, r.DelayFrom(now)); r.DelayFrom(now) > maxPause {
			r.CancelAt(now) // the debt of a peer does not grow beyond what it waits for
		}
	}
	if !p.expects(m.Kind()) {
		take(t.frames, 1)
		take(t.bytes, t.frame)
	}
	switch m := m.(type) {
	case *wire.GetHeaders:
		take(t.getHeaders, 1)
	case *wire.GetBlocks:
		take(t.bodies, len(m.Hashes))
	case *wire.GetCompact, *wire.GetParts:
		take(t.forms, 1)
	case *wire.Have:
		take(t.haves, len(m.Hashes))
	case *wire.Records:
		if !p.expects(m.Kind()) {
			take(t.records, len(m.Records))
		}
	case *wire.Addrs:
		take(t.addrs, len(m.Addrs))
	}
	return pause
}

// debt returns how long to wait before a request is handled, until what was sent to the
// peer is not more than it may have.
func (t *meter) debt(now time.Time, m wire.Message) time.Duration {
	switch m.(type) {
	case *wire.GetBlocks, *wire.GetCompact, *wire.GetParts, *wire.Want:
		return min(t.served.ReserveN(now, 0).DelayFrom(now), maxDebt)
	}
	return 0
}
