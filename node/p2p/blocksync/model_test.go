package blocksync

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// hashOf returns a hash for a height and a branch.
func hashOf(height, branch uint32) (h pow.Hash) {
	binary.LittleEndian.PutUint32(h[:], height)
	binary.LittleEndian.PutUint32(h[4:], branch)
	return h
}

// span returns the hashes of heights first to last of a branch.
func span(first, last, branch uint32) []pow.Hash {
	var all []pow.Hash
	for h := first; h <= last; h++ {
		all = append(all, hashOf(h, branch))
	}
	return all
}

// copyOf names a body that a peer has sent.
type copyOf struct {
	peer PeerID
	hash pow.Hash
}

type modelPeer struct {
	low, high uint32
	asked     map[pow.Hash]time.Time // when a body was last requested
	open      []pow.Hash
	since     int // bodies of others since it last had no open request
}

// model is what a caller of a machine knows, in the simplest form. It checks every
// action against the rules in the comment of the package.
type model struct {
	t interface{ Fatalf(string, ...any) }
	m *Machine

	now       time.Time
	first     uint32
	branch    []pow.Hash
	peers     map[PeerID]*modelPeer
	held      map[copyOf]int   // sizes of the bodies in the caller's memory
	copies    map[pow.Hash]int // how many of each body
	toCheck   map[copyOf]bool
	checked   map[copyOf]bool
	delivered []copyOf // not accepted yet
	dropped   []Drop
	total     int // bodies that were accepted
}

func newModel(t interface{ Fatalf(string, ...any) }) *model {
	return &model{
		t: t, m: New(), now: time.Unix(1e9, 0), first: 1, peers: map[PeerID]*modelPeer{},
		held: map[copyOf]int{}, copies: map[pow.Hash]int{}, toCheck: map[copyOf]bool{}, checked: map[copyOf]bool{},
	}
}

// heightOf returns the height of a hash in the branch.
func (w *model) heightOf(hash pow.Hash) (uint32, bool) {
	i := slices.Index(w.branch, hash)
	return w.first + uint32(i), i >= 0
}

func (w *model) handle(e Event) {
	for _, a := range w.m.Handle(w.now, e) {
		switch a := a.(type) {
		case Request:
			w.request(a)
		case Check:
			w.toCheck[copyOf{a.Peer, a.Hash}] = true
		case Deliver:
			w.deliver(a)
		case Discard:
			c := copyOf{a.Peer, a.Hash}
			if _, ok := w.held[c]; !ok {
				w.t.Fatalf("discarded %v, which is not held", c)
			}
			w.release(c)
			delete(w.toCheck, c)
			delete(w.checked, c)
		case Drop:
			p := w.peers[a.Peer]
			if p == nil {
				w.t.Fatalf("dropped peer %d, which is not connected", a.Peer)
			}
			if a.Reason != InvalidBlock && p.since == 0 {
				w.t.Fatalf("dropped peer %d as %s, although no other peer delivers", a.Peer, a.Reason)
			}
			delete(w.peers, a.Peer)
			w.dropped = append(w.dropped, a)
		}
	}
	w.check()
}

func (w *model) request(a Request) {
	p := w.peers[a.Peer]
	if p == nil {
		w.t.Fatalf("request to peer %d, which is not connected", a.Peer)
	}
	for _, hash := range a.Hashes {
		height, ok := w.heightOf(hash)
		switch {
		case !ok:
			w.t.Fatalf("request for %v, which is not in the branch", hash)
		case height >= w.first+Window:
			w.t.Fatalf("request for height %d, beyond the window from %d", height, w.first)
		case height < p.low || height > p.high:
			w.t.Fatalf("request for height %d to a peer with %d to %d", height, p.low, p.high)
		case slices.Contains(p.open, hash):
			w.t.Fatalf("second request to peer %d for height %d", a.Peer, height)
		}
		if w.copies[hash] > 0 {
			w.t.Fatalf("request for height %d, which is held", height)
		}
		if len(p.open) == 0 {
			p.since = 0
		}
		p.open = append(p.open, hash)
		p.asked[hash] = w.now
	}
}

func (w *model) deliver(a Deliver) {
	c := copyOf{a.Peer, a.Hash}
	if !w.checked[c] {
		w.t.Fatalf("delivered height %d, which is not checked", a.Height)
	}
	next := w.first + uint32(len(w.delivered))
	if height, ok := w.heightOf(a.Hash); !ok || height != a.Height || height != next {
		w.t.Fatalf("delivered height %d (in the branch: %t, %d), next is %d", a.Height, ok, height, next)
	}
	w.delivered = append(w.delivered, c)
}

// release forgets a body.
func (w *model) release(c copyOf) {
	delete(w.held, c)
	w.copies[c.hash]--
}

// check checks what holds after every event.
func (w *model) check() {
	waiting, requests := 0, map[pow.Hash]int{}
	for _, size := range w.held {
		waiting += size
	}
	if waiting > WindowBytes {
		w.t.Fatalf("%d bytes wait", waiting)
	}
	open := 0
	for id, p := range w.peers {
		open += len(p.open)
		if len(p.open) > MaxOpen {
			w.t.Fatalf("peer %d has %d open requests", id, len(p.open))
		}
		for _, hash := range p.open {
			if w.now.Sub(p.asked[hash]) < minDropLate {
				requests[hash]++
			}
			if !w.m.HasRequest(id, hash) {
				w.t.Fatalf("the machine forgot the request to peer %d for %v", id, hash)
			}
		}
	}
	for hash, n := range requests {
		if n > MaxCopies+MaxUntestedCopies {
			w.t.Fatalf("%d requests for %v", n, hash)
		}
	}
	if s := w.m.Status(); s.Waiting != waiting || s.Open != open || s.Held != len(w.held) || s.Needed != len(w.branch) {
		w.t.Fatalf("status %+v; the model has %d bytes, %d open, %d held, %d needed", s, waiting, open, len(w.held), len(w.branch))
	}
	if got, want := len(w.m.byHash), len(w.branch); got < want || got > want+open {
		w.t.Fatalf("the machine knows %d bodies, the branch has %d and %d requests are open", got, want, open)
	}
	w.checkLowest()
}

// checkLowest checks that the lowest missing body is requested whenever a peer can be
// asked for it.
func (w *model) checkLowest() {
	for i, hash := range w.branch[:min(len(w.branch), Window)] {
		if w.copies[hash] > 0 {
			continue
		}
		height, requested, possible := w.first+uint32(i), false, false
		for _, p := range w.peers {
			requested = requested || slices.Contains(p.open, hash)
			possible = possible || p.low <= height && height <= p.high && len(p.open) == 0
		}
		if w.m.Status().Waiting == 0 && possible && !requested && !w.anyBusy() {
			w.t.Fatalf("nobody is asked for height %d", height)
		}
		return
	}
}

func (w *model) anyBusy() bool {
	return slices.ContainsFunc(w.m.peers, func(p *peer) bool { return w.now.Before(p.retry) })
}

func (w *model) join(id PeerID, low, high uint32) {
	p := w.peers[id]
	if p == nil {
		p = &modelPeer{asked: map[pow.Hash]time.Time{}}
		w.peers[id] = p
	}
	p.low, p.high = max(p.low, low), high
	w.handle(PeerReady{Peer: id, Low: low, High: high})
}

func (w *model) leave(id PeerID) {
	delete(w.peers, id)
	w.handle(PeerGone{id})
}

// answer ends an open request of a peer.
func (w *model) answer(id PeerID, hash pow.Hash) {
	p := w.peers[id]
	i := slices.Index(p.open, hash)
	p.open = slices.Delete(p.open, i, i+1)
}

func (w *model) receive(id PeerID, hash pow.Hash, size int) {
	w.answer(id, hash)
	for other, p := range w.peers {
		if other != id {
			p.since++
		}
	}
	w.held[copyOf{id, hash}] = size
	w.copies[hash]++
	w.handle(Received{id, hash, size})
}

func (w *model) absent(id PeerID, hash pow.Hash, busy bool) {
	w.answer(id, hash)
	if p := w.peers[id]; !busy {
		p.low = max(p.low, w.m.byHash[hash].height+1)
	}
	w.handle(Absent{id, hash, busy})
}

func (w *model) verdict(c copyOf, valid bool) {
	delete(w.toCheck, c)
	w.checked[c] = valid
	w.handle(Checked{c.peer, c.hash, valid})
}

func (w *model) accept() {
	c := w.delivered[0]
	w.delivered = w.delivered[1:]
	w.release(c)
	w.branch = w.branch[1:]
	w.first++
	w.total++
	w.handle(Accepted{c.hash})
}

// setBranch replaces the branch from a height on.
func (w *model) setBranch(from uint32, hashes []pow.Hash) {
	w.branch = append(slices.Clone(w.branch[:from-w.first]), hashes...)
	for len(w.delivered) > 0 {
		last := w.delivered[len(w.delivered)-1]
		if _, ok := w.heightOf(last.hash); ok {
			break
		}
		w.delivered = w.delivered[:len(w.delivered)-1]
		w.release(last)
	}
	w.handle(Branch{w.first, w.branch})
}

// sortedCopies returns the keys in an order that does not depend on the run.
func sortedCopies[V any](of map[copyOf]V) []copyOf {
	return slices.SortedFunc(maps.Keys(of), func(a, b copyOf) int {
		return slices.Compare(append(a.hash[:], byte(a.peer)), append(b.hash[:], byte(b.peer)))
	})
}

// Whatever happens, every action is one that the rules allow; and with one good peer
// in the end every body of the branch comes.
func TestMachineAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newModel(t)
		nextPeer, branch := PeerID(0), uint32(0)
		big := rapid.Bool().Draw(t, "big bodies")
		size := func() int {
			if big {
				return rapid.IntRange(1, 8<<20).Draw(t, "size")
			}
			return rapid.IntRange(1, 1000).Draw(t, "size")
		}
		last := func() uint32 { return w.first + uint32(len(w.branch)) - 1 }
		somePeer := func(t *rapid.T) PeerID {
			if len(w.peers) == 0 {
				t.Skip("no peers")
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(w.peers))).Draw(t, "peer")
		}
		someRequest := func(t *rapid.T) (PeerID, pow.Hash) {
			id := somePeer(t)
			if len(w.peers[id].open) == 0 {
				t.Skip("no request")
			}
			return id, rapid.SampledFrom(w.peers[id].open).Draw(t, "hash")
		}
		receive := func(t *rapid.T) {
			id, hash := someRequest(t)
			w.receive(id, hash, size())
		}
		check := func(t *rapid.T) {
			if len(w.toCheck) == 0 {
				t.Skip("nothing to check")
			}
			c := rapid.SampledFrom(sortedCopies(w.toCheck)).Draw(t, "copy")
			w.verdict(c, rapid.IntRange(0, 19).Draw(t, "valid") > 0)
		}
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
				w.handle(Tick{})
			},
			"longer branch": func(t *rapid.T) {
				if len(w.branch) > Window {
					t.Skip("long enough")
				}
				n := uint32(rapid.SampledFrom([]int{1, 10, Window + 50}).Draw(t, "n"))
				w.setBranch(last()+1, span(last()+1, last()+n, branch))
			},
			"other branch": func(t *rapid.T) {
				branch++
				from := w.first + uint32(rapid.IntRange(0, len(w.branch)).Draw(t, "from"))
				w.setBranch(from, span(from, from+uint32(rapid.IntRange(0, 100).Draw(t, "n")), branch))
			},
			"join": func(t *rapid.T) {
				nextPeer++
				low := uint32(rapid.SampledFrom([]int{0, 0, 5, 300}).Draw(t, "low"))
				w.join(nextPeer, low, low+uint32(rapid.IntRange(0, 2000).Draw(t, "high")))
			},
			"more":     func(t *rapid.T) { w.join(somePeer(t), 0, last()) },
			"leave":    func(t *rapid.T) { w.leave(somePeer(t)) },
			"receive":  receive,
			"receive2": receive,
			"check":    check,
			"check2":   check,
			"absent": func(t *rapid.T) {
				id, hash := someRequest(t)
				w.absent(id, hash, rapid.Bool().Draw(t, "busy"))
			},
			"accept": func(t *rapid.T) {
				if len(w.delivered) == 0 {
					t.Skip("nothing delivered")
				}
				w.accept()
			},
		})
		w.finish(nextPeer+1, size)
	})
}

// finish lets one good peer join and serve. The others are silent.
func (w *model) finish(good PeerID, size func() int) {
	want := w.total + len(w.branch)
	w.join(good, 0, 1<<31)
	for steps := 0; w.total < want; steps++ {
		if steps > 100*want+10000 {
			w.t.Fatalf("%d of %d bodies are missing; %+v", want-w.total, want, w.m.Status())
		}
		switch p := w.peers[good]; {
		case len(w.delivered) > 0:
			w.accept()
		case len(w.toCheck) > 0:
			w.verdict(sortedCopies(w.toCheck)[0], true)
		case len(p.open) > 0:
			w.now = w.now.Add(10 * time.Millisecond)
			w.receive(good, p.open[0], size())
		default:
			w.now = w.now.Add(TickEvery)
			w.handle(Tick{})
		}
	}
	if s := fmt.Sprint(w.branch, w.held); s != "[] map[]" {
		w.t.Fatalf("left over: %s", s)
	}
}
