package p2p

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"stele/node/ledger/reject"
	"stele/node/p2p/wire"
	"stele/node/query"
)

// maxTimes is how many times from a header to its block are kept.
const maxTimes = 1000

// traffic counts the messages and bytes of one kind. Safe for concurrent use.
type traffic struct{ messages, bytes atomic.Uint64 }

// counters count what the server does, since its start. The loop calls their methods,
// except for received and sent.
type counters struct {
	in, out [1 + maxKind]traffic // by kind; 0: kinds of later versions

	disconnects       map[string]uint64
	rebuilds          map[string]uint64
	records           map[reject.Reason]uint64
	recordsAccepted   uint64
	orphans           int
	calls, failed     uint64
	accepted, refused uint64
	times             []time.Duration
}

func newCounters() *counters {
	return &counters{disconnects: map[string]uint64{}, rebuilds: map[string]uint64{}, records: map[reject.Reason]uint64{}}
}

// received counts a frame from a peer. Safe for concurrent use.
func (c *counters) received(k wire.Kind, n int) { count(&c.in, k, n) }

// sent counts a frame to a peer. Safe for concurrent use.
func (c *counters) sent(k wire.Kind, n int) { count(&c.out, k, n) }

func count(all *[1 + maxKind]traffic, k wire.Kind, n int) {
	if k > maxKind {
		k = 0
	}
	all[k].messages.Add(1)
	all[k].bytes.Add(uint64(n))
}

// welcomed counts an inbound connection that got a slot.
func (c *counters) welcomed(p *peer) {
	if !p.isOutbound() {
		c.accepted++
	}
}

// ended counts a connection that has ended, or a failed call. Peers cannot add reasons
// of theirs.
func (c *counters) ended(p *peer) {
	reason := string(p.end.reason)
	if p.end.byPeer && p.end.reason != reasonClosed && !slices.Contains(peerReasons, p.end.reason) {
		reason = "other"
	}
	c.disconnects[reason]++
	switch {
	case p.isReady:
	case p.isOutbound():
		c.failed++
	default:
		c.refused++
	}
}

// peerReasons are the reasons of peers that are counted by their words.
var peerReasons = []wire.Reason{
	wire.ReasonBehind, wire.ReasonDuplicate, wire.ReasonFull, wire.ReasonLate, wire.ReasonProtocol, wire.ReasonPruned, wire.ReasonSelf,
	wire.ReasonStalling, wire.ReasonTooMuch, wire.ReasonTooSlow, wire.ReasonUseless, wire.ReasonWrongNetwork,
}

// rebuilt counts a compact block: whole, parts, full or failed.
func (c *counters) rebuilt(how string) { c.rebuilds[how]++ }

// recordAccepted counts a record of a peer that the pool took.
func (c *counters) recordAccepted() { c.recordsAccepted++ }

// recordRejected counts a record of a peer that the pool did not take.
func (c *counters) recordRejected(r reject.Reason) { c.records[r]++ }

// setOrphans sets the number of records that wait for an earlier one.
func (c *counters) setOrphans(n int) { c.orphans = n }

// connected notes how long a block took from the first sight of its header until it
// was connected.
func (c *counters) connected(d time.Duration) {
	if len(c.times) == maxTimes {
		c.times = slices.Delete(c.times, 0, 1)
	}
	c.times = append(c.times, d)
}

// status returns a copy.
func (c *counters) status() query.PeerCounts {
	q := query.PeerCounts{
		Disconnects: maps.Clone(c.disconnects), Rebuilds: maps.Clone(c.rebuilds), Records: maps.Clone(c.records),
		RecordsAccepted: c.recordsAccepted, Orphans: c.orphans, Calls: c.calls, FailedCalls: c.failed,
		Accepted: c.accepted, NotAccepted: c.refused, HeaderToConnected: slices.Clone(c.times),
	}
	q.Received, q.MessagesIn = byKind(&c.in)
	q.Sent, q.MessagesOut = byKind(&c.out)
	return q
}

func byKind(all *[1 + maxKind]traffic) (bytes, messages map[string]uint64) {
	bytes, messages = map[string]uint64{}, map[string]uint64{}
	for k := range all {
		if all[k].messages.Load() == 0 {
			continue
		}
		name := wire.Kind(k).String()
		if k == 0 {
			name = "other"
		}
		bytes[name], messages[name] = all[k].bytes.Load(), all[k].messages.Load()
	}
	return bytes, messages
}
