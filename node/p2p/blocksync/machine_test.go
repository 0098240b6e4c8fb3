package blocksync

import (
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
)

// size is the size of a body in the tests where it does not matter.
const size = 1000

// requests returns the peers that have an open request for a height of branch 0, in
// the order of the requests.
func (w *model) requests(height uint32) []PeerID {
	var ids []PeerID
	for _, r := range w.m.byHash[hashOf(height, 0)].requests {
		ids = append(ids, r.peer.id)
	}
	return ids
}

// pass lets time pass, with ticks.
func (w *model) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(TickEvery)
		w.handle(Tick{})
	}
}

// serve lets a peer send all bodies that it is asked for, one each millisecond, and
// the chain accept what is delivered.
func (w *model) serve(id PeerID) {
	for p := w.peers[id]; p != nil && len(p.open) > 0; {
		w.now = w.now.Add(time.Millisecond)
		w.receive(id, p.open[0], size)
		w.settle()
	}
}

// settle checks and accepts all that it can.
func (w *model) settle() {
	for _, c := range sortedCopies(w.toCheck) {
		w.verdict(c, true)
	}
	for len(w.delivered) > 0 {
		w.accept()
	}
}

func TestOnePeerGivesAll(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 5000, 0))
	w.join(1, 0, 5000)
	if got := len(w.peers[1].open); got != 2 {
		t.Errorf("%d requests to a new peer, want 2", got)
	}
	w.serve(1)
	if w.total != 5000 || !w.m.Idle() || len(w.dropped) > 0 {
		t.Errorf("%d bodies, idle %t, dropped %v", w.total, w.m.Idle(), w.dropped)
	}
	if s := w.m.Status(); s.Received != 5000 || s.Bytes != 5000*size || s.Late != minLate {
		t.Errorf("status %+v", s)
	}
}

// A peer gets as many requests as it answers in two seconds.
func TestAllowance(t *testing.T) {
	for _, c := range []struct {
		perBody time.Duration
		want    int
	}{{10 * time.Millisecond, 16}, {250 * time.Millisecond, 8}, {time.Second, 2}, {5 * time.Second, 1}} {
		w := newModel(t)
		w.setBranch(1, span(1, 400, 0))
		w.join(1, 0, 400)
		for range 60 {
			w.now = w.now.Add(c.perBody)
			w.receive(1, w.peers[1].open[0], size)
			w.settle()
		}
		// The lowest missing body may always be requested, so a slow peer has one.
		if got := len(w.peers[1].open); got < c.want-1 || got > c.want {
			t.Errorf("a body each %v: %d open requests, want %d", c.perBody, got, c.want)
		}
	}
}

// The lowest missing body is requested from a second peer when it is late, from a
// third when that is late too, and from no other one, if all have sent bodies before. The
// first complete body wins.
func TestLateCopies(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 3, 0))
	for id := range PeerID(5) {
		w.join(id, 0, 3)
	}
	for _, p := range w.m.peers {
		p.received = 1
	}
	expect := func(want ...PeerID) {
		t.Helper()
		if got := w.requests(1); !slices.Equal(got, want) {
			t.Fatalf("requests to %v, want %v", got, want)
		}
	}
	expect(0)
	w.pass(minLate - TickEvery)
	expect(0)
	w.pass(TickEvery)
	if got := w.requests(1); len(got) != 2 {
		t.Fatalf("requests to %v after %v, want two", got, minLate)
	}
	w.pass(minLate)
	three := w.requests(1)
	if len(three) != 3 {
		t.Fatalf("requests to %v after %v, want three", three, 2*minLate)
	}
	w.pass(minDropLate - 2*minLate - TickEvery)
	expect(three...)
	w.pass(TickEvery)
	if got := w.requests(1); len(got) != 4 {
		t.Fatalf("requests to %v, want a fourth when the first is %v old", got, minDropLate)
	}

	w.receive(three[1], hashOf(1, 0), size)
	w.receive(three[0], hashOf(1, 0), size)
	if len(w.held) != 1 || !w.toCheck[copyOf{three[1], hashOf(1, 0)}] {
		t.Errorf("held %v, want the first copy only", w.held)
	}
	// The second copy is needed after all: its peer is asked again.
	w.verdict(copyOf{three[1], hashOf(1, 0)}, false)
	if !slices.Equal(w.dropped, []Drop{{three[1], InvalidBlock}}) {
		t.Errorf("dropped %v", w.dropped)
	}
	if len(w.requests(1)) == 0 {
		t.Error("the body is not requested again")
	}
}

// Peers that only say what they have do not keep a body from being asked of one that has
// sent its header, nor of one that has sent bodies.
func TestLiars(t *testing.T) {
	const honest = 1000
	for _, shows := range []bool{true, false} {
		w := newModel(t)
		start := w.now
		for id := range PeerID(100) {
			w.join(id, 0, 1<<20)
		}
		w.join(honest, 0, 300)
		if shows {
			w.handle(PeerReady{Peer: honest, Low: 0, High: 300, Shown: 300})
		}
		w.setBranch(1, span(1, 300, 0))
		limit := time.Second
		if !shows { // each 20 s, eight that have sent nothing are asked
			limit = 5 * time.Minute
		}
		for w.now.Sub(start) < limit {
			w.pass(TickEvery)
			w.serve(honest)
			if w.total > 0 {
				break
			}
		}
		if w.total == 0 {
			t.Errorf("headers sent: %t; no body after %v", shows, limit)
		}
		begun := w.now
		for next := PeerID(honest + 1); w.total < 300 && w.now.Sub(begun) < time.Minute; next++ {
			w.leave(next - honest) // another liar comes
			w.join(next, 0, 1<<20)
			w.pass(TickEvery)
			w.serve(honest)
		}
		if w.total < 300 {
			t.Errorf("headers sent: %t; %d bodies after a minute", shows, w.total)
		}
	}
}

// Late grows with the median time of the last bodies.
func TestLateFollowsMedian(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 100, 0))
	w.join(1, 0, 100)
	for range 40 {
		w.now = w.now.Add(3 * time.Second)
		w.receive(1, w.peers[1].open[0], size)
		w.settle()
	}
	if got := w.m.Status().Late; got != 9*time.Second {
		t.Errorf("late after %v, want 9s", got)
	}
}

// A silent peer that holds up the window is dropped as stalling, and its bodies are
// requested elsewhere.
func TestStalling(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 2*Window, 0))
	w.join(1, 0, 2*Window) // silent
	// The others have no body below 3: the first two are the silent one's alone.
	w.join(2, 3, 2*Window)
	w.serve(2)
	if s := w.m.Status(); s.Held != Window-2 {
		t.Fatalf("%+v, want a full window but for two bodies", s)
	}
	w.pass(minLate - TickEvery)
	if len(w.dropped) > 0 {
		t.Fatalf("dropped %v too early", w.dropped)
	}
	w.pass(2 * TickEvery)
	if !slices.Equal(w.dropped, []Drop{{1, Stalling}}) {
		t.Fatalf("dropped %v, want peer 1 as stalling", w.dropped)
	}
	if got := w.m.Status().Stall; got != 2*minLate {
		t.Errorf("the next peer may stall for %v, want %v", got, 2*minLate)
	}
	w.join(3, 0, 2*Window)
	w.serve(3)
	for len(w.branch) > 0 {
		w.serve(2)
		w.serve(3)
	}
	if got := w.m.Status().Stall; got != minLate {
		t.Errorf("%v after many bodies, want %v", got, minLate)
	}
}

// A peer that fills the window but for one body is not dropped while no other peer
// delivers.
func TestStallingAlone(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 2*Window, 0))
	w.join(1, 0, 2*Window)
	for p := w.peers[1]; len(p.open) > 1; {
		w.now = w.now.Add(time.Millisecond)
		w.receive(1, p.open[1], size)
	}
	if s := w.m.Status(); s.Held != Window-1 {
		t.Fatalf("%+v, want a full window but for one body", s)
	}
	w.pass(10 * time.Minute)
	if len(w.dropped) > 0 {
		t.Errorf("dropped %v", w.dropped)
	}
}

// Silent peers are dropped one after the other.
func TestDropsAreApart(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 300, 0))
	for id := range PeerID(5) {
		w.join(id, 0, 300)
	}
	var drops []time.Time
	for range 1000 {
		w.pass(TickEvery)
		if p := w.peers[4]; len(p.open) > 0 {
			w.receive(4, p.open[0], size) // but the chain accepts nothing
		}
		if len(w.dropped) > len(drops) {
			drops = append(drops, w.now)
		}
	}
	if len(drops) != 4 {
		t.Fatalf("dropped %v, want the four silent peers", w.dropped)
	}
	for i, want := 1, 2*minLate; i < len(drops); i, want = i+1, 2*want {
		if got := drops[i].Sub(drops[i-1]); got < want {
			t.Errorf("drop %d is %v after the one before, want at least %v", i, got, want)
		}
	}
}

// Without another peer that delivers, silence is nobody's fault.
func TestSilenceAlone(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 2*Window, 0))
	w.join(1, 0, 2*Window)
	w.join(2, 0, 2*Window)
	w.pass(10 * time.Minute)
	if len(w.dropped) > 0 {
		t.Errorf("dropped %v", w.dropped)
	}
}

// A peer that answers all but one request is dropped as late, although the window is
// not full.
func TestWithheldBody(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 300, 0))
	w.join(1, 0, 300)
	w.join(2, 200, 300) // no help for the withheld body
	withheld := hashOf(1, 0)
	for range 200 {
		w.now = w.now.Add(TickEvery)
		w.handle(Tick{})
		for id := range PeerID(3) {
			if p := w.peers[id]; p != nil {
				if i := slices.IndexFunc(p.open, func(h pow.Hash) bool { return h != withheld }); i >= 0 {
					w.receive(id, p.open[i], size)
				}
			}
		}
		w.settle()
	}
	if !slices.Equal(w.dropped, []Drop{{1, Late}}) {
		t.Errorf("dropped %v, want peer 1 as late", w.dropped)
	}
}

// On a line that all peers share, and that is too slow for the usual times, few peers
// are dropped, and all bodies arrive.
func TestSlowLine(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 700, 0))
	const peers = 8
	for id := range PeerID(peers) {
		w.join(id, 0, 700)
	}
	// The line carries one body in five seconds, of each peer in turn.
	for turn := PeerID(0); len(w.branch) > 0; turn++ {
		w.pass(5 * time.Second)
		for i := range PeerID(peers) {
			if p := w.peers[(turn+i)%peers]; p != nil && len(p.open) > 0 {
				w.receive((turn+i)%peers, p.open[0], size)
				break
			}
		}
		w.settle()
		if w.total > 0 && len(w.peers) < peers/2 {
			t.Fatalf("dropped %v after %d bodies", w.dropped, w.total)
		}
	}
}

// A peer without a body is not asked for it or lower ones again, one that is busy only
// after a pause.
func TestAbsent(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 10, 0))
	w.join(1, 0, 10)
	w.absent(1, hashOf(2, 0), false)
	if w.m.HasRequest(1, hashOf(2, 0)) || len(w.peers[1].open) == 0 {
		t.Errorf("open requests %v", w.peers[1].open)
	}
	w.join(1, 0, 10) // which the peer has said before
	w.absent(1, w.peers[1].open[len(w.peers[1].open)-1], true)
	before := len(w.peers[1].open)
	w.pass(busyPause - TickEvery)
	if got := len(w.peers[1].open); got != before {
		t.Errorf("%d open requests during the pause, want %d", got, before)
	}
	w.join(2, 0, 10)
	for len(w.branch) > 0 {
		w.pass(busyPause)
		w.serve(1)
		w.serve(2)
	}
}

// Bodies that the chain got another way are not requested again, and those that are
// held are discarded.
func TestAcceptedElsewhere(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 4, 0))
	w.join(1, 2, 4)
	w.receive(1, hashOf(2, 0), size)
	w.branch, w.first = w.branch[2:], 3
	w.handle(Accepted{hashOf(2, 0)})
	if len(w.held) > 0 {
		t.Errorf("held %v", w.held)
	}
	w.serve(1)
	if len(w.branch) > 0 {
		t.Errorf("missing %v", w.branch)
	}
}

// Bodies larger than expected displace the highest ones, never the first.
func TestLargeBodies(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 100, 0))
	for id := range PeerID(20) {
		w.join(id, 0, 100)
	}
	const large = WindowBytes / 10
	for id := range PeerID(20) {
		for _, hash := range slices.Clone(w.peers[id].open) {
			if hash != hashOf(1, 0) && w.m.HasRequest(id, hash) {
				w.receive(id, hash, large)
			}
		}
	}
	if s := w.m.Status(); s.Held < 8 || s.Held > 10 {
		t.Errorf("%d large bodies are held, want about 10", s.Held)
	}
	id := w.requests(1)[0]
	w.receive(id, hashOf(1, 0), large)
	if _, ok := w.held[copyOf{id, hashOf(1, 0)}]; !ok {
		t.Error("the first body was discarded")
	}
	for len(w.branch) > 0 {
		w.settle()
		for id := range PeerID(20) {
			if p := w.peers[id]; len(p.open) > 0 {
				w.receive(id, p.open[0], large)
			}
		}
	}
}

// Nothing is requested that would not fit, except the first body of the branch.
func TestWindowBytes(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 100, 0))
	w.join(1, 2, 100)
	const large = WindowBytes / 10
	for p := w.peers[1]; len(p.open) > 0; {
		w.now = w.now.Add(time.Millisecond)
		w.receive(1, p.open[0], large)
	}
	if s := w.m.Status(); s.Held != 10 || s.Received != 10 {
		t.Errorf("%+v, want 10 bodies that were requested and held", s)
	}
	w.join(2, 0, 100)
	if !w.m.HasRequest(2, hashOf(1, 0)) || len(w.peers[2].open) != 1 {
		t.Errorf("requests %v, want the first body", w.peers[2].open)
	}
}

// The bodies of an abandoned branch are discarded, their open requests still count
// for the peer, and requests of a branch that comes back are not made twice.
func TestOtherBranchAndBack(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 10, 0))
	w.join(1, 0, 10)
	first := slices.Clone(w.peers[1].open)
	w.setBranch(1, span(1, 10, 1))
	if got := w.peers[1].open; len(got) > MaxOpen || !slices.Contains(got, first[1]) {
		t.Errorf("open requests %v", got)
	}
	w.setBranch(1, span(1, 10, 0))
	w.receive(1, first[0], size)
	if len(w.held) != 1 {
		t.Errorf("held %v, want the body of the branch that came back", w.held)
	}
	w.setBranch(1, span(1, 10, 1))
	if len(w.held) != 0 {
		t.Errorf("held %v, want none", w.held)
	}
}

// Events about what the machine does not know have no effect.
func TestUnknown(t *testing.T) {
	w := newModel(t)
	w.setBranch(1, span(1, 3, 0))
	for _, e := range []Event{
		Tick{}, PeerGone{9}, Received{9, hashOf(1, 0), size}, Received{9, hashOf(1, 7), size}, Absent{9, hashOf(1, 0), false},
		Absent{9, hashOf(1, 7), false}, Checked{9, hashOf(1, 0), true}, Checked{9, hashOf(1, 7), true}, Accepted{hashOf(1, 7)},
	} {
		if actions := w.m.Handle(w.now, e); len(actions) > 0 {
			t.Errorf("%#v leads to %v", e, actions)
		}
	}
}
