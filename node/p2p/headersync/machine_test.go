package headersync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

// easy are rules under which every other hash is a block. Blocks 16 s apart keep the
// difficulty: the retarget counts 15 intervals of 15 s each as 16.
var easy = &pow.Params{
	Name: "easy", PowLimit: pow.ZeroBits(1), PowLimitBits: pow.ZeroBits(1).Bits(),
	TargetSpacing: 15, TargetTimespan: 16 * 15, RetargetInterval: 16,
}

const (
	genesisTime = 1_800_000_000
	spacing     = 16
)

var (
	genesis = pow.Header{Time: genesisTime, Bits: easy.PowLimitBits}
	maxWork = pow.Work{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	now0    = time.Unix(genesisTime+100*365*24*3600/10, 0)
)

// small are limits that make short chains long.
var small = limits{batch: 20, period: 8, depth: 3, ahead: 60}

// solve sets the nonce of a header.
func solve(h pow.Header) pow.Header {
	for h.CheckProofOfWork(easy.PowLimit) != nil {
		h.Nonce++
	}
	return h
}

// extend returns headers with n more on top. The tag makes branches differ.
func extend(on []pow.Header, n int, tag byte) []pow.Header {
	all := slices.Clone(on)
	for range n {
		last := all[len(all)-1]
		all = append(all, solve(pow.Header{
			Prev: last.Hash(), MerkleRoot: pow.Hash{tag}, Time: last.Time + spacing, Bits: last.Bits,
		}))
	}
	return all
}

// chainLength is the number of headers of the honest chain above genesis.
const chainLength = 300

// honest returns the honest chain, from the genesis block on.
var honest = sync.OnceValue(func() []pow.Header { return extend([]pow.Header{genesis}, chainLength, 0) })

// workOf returns the work of a chain up to a height.
func workOf(height int) (w pow.Work) {
	target, err := easy.PowLimitBits.Target()
	if err != nil {
		panic(err)
	}
	for range height + 1 {
		w = w.Add(target.Work())
	}
	return w
}

func encode(all []pow.Header) (encoded []byte) {
	for _, h := range all {
		b := h.Encode()
		encoded = append(encoded, b[:]...)
	}
	return encoded
}

// node is the side of the machine: a tree of headers.
type node struct {
	tree   *headertree.Tree
	best   *headertree.Node // by work, bodies or not
	enough pow.Work
	broken error // of the check
}

func newNode(enough pow.Work) *node {
	n := &node{tree: headertree.New(easy, genesis), enough: enough}
	n.best = n.tree.Best()
	return n
}

func (n *node) find(hash pow.Hash) (Point, bool) {
	at := n.tree.Get(hash)
	if at == nil {
		return Point{}, false
	}
	p := Point{
		Hash: hash, Height: at.Height, Work: at.Work, Bits: at.Header.Bits,
		PeriodTime: at.Ancestor(at.Height - at.Height%easy.RetargetInterval).Header.Time,
	}
	for i := uint32(0); i <= min(10, at.Height); i++ {
		p.Times = append(p.Times, at.Ancestor(at.Height-min(10, at.Height)+i).Header.Time)
	}
	return p, true
}

func (n *node) locator() (hashes []pow.Hash) {
	for at, step := n.best, uint32(1); ; step *= 2 {
		hashes = append(hashes, at.Hash)
		if at.Height == 0 {
			return hashes
		}
		at = at.Ancestor(at.Height - min(at.Height, step))
	}
}

func (n *node) add(t rapid.TB, a Add) {
	t.Helper()
	if len(a.Headers) == 0 || a.Proven.Cmp(pow.Work{}) == 0 {
		t.Fatalf("adds %d headers with the work %v", len(a.Headers), a.Proven)
	}
	for i, h := range a.Headers {
		if i > 0 && h.Prev != a.Headers[i-1].Hash() {
			t.Fatal("headers are added that are not linked")
		}
		added, err := n.tree.Add(h, h.Hash())
		if err != nil {
			t.Fatalf("the tree rejects a header: %v", err)
		}
		if added.Work.Cmp(n.best.Work) > 0 {
			n.best = added
		}
	}
}

func (n *node) machine(l limits, salt byte) *Machine {
	m := New(Options{
		Params: easy, GenesisTime: genesisTime,
		Find: n.find, Locator: n.locator, Enough: func() pow.Work { return n.enough },
		Verify: func(headers []byte, verdicts []pow.Verdict) error {
			pow.Verify(headers, true, verdicts)
			return n.broken
		},
		Salt: [32]byte{0: salt, 31: salt},
	})
	m.limits = l
	return m
}

// serve returns what a peer with this chain answers.
func serve(chain []pow.Header, locator []pow.Hash, batch int) []byte {
	for _, hash := range locator {
		for i, h := range chain {
			if h.Hash() == hash {
				return encode(chain[i+1 : min(len(chain), i+1+batch)])
			}
		}
	}
	return nil
}

// A peer with any chain, which may be another one in the second pass, end early or
// fall silent, in any order of events: an honest chain arrives whole and in order,
// never too far ahead of the bodies, and of another chain only headers with the same
// bits above them.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chain := honest()
		fork := rapid.IntRange(0, chainLength-1).Draw(t, "fork")
		second := chain
		kind := rapid.SampledFrom([]string{"honest", "other", "short", "silent", "grows"}).Draw(t, "kind")
		switch kind {
		case "other":
			second = extend(chain[:fork+1], chainLength-fork+rapid.IntRange(0, 40).Draw(t, "more"), 1)
		case "short":
			second = chain[:fork+1]
		case "grows":
			second = extend(chain, rapid.IntRange(1, 40).Draw(t, "more"), 2)
		}
		n := newNode(rapid.SampledFrom([]pow.Work{{}, workOf(50), workOf(chainLength), maxWork}).Draw(t, "enough"))
		m := n.machine(small, rapid.Byte().Draw(t, "salt"))
		now, connected := now0, uint32(0)
		serving := chain
		var asks []Ask
		var end *Disconnect
		offered := false
		wasPresynced := false

		handle := func(e Event) {
			for _, a := range m.Handle(now, e) {
				switch a := a.(type) {
				case Ask:
					if asks = append(asks, a); len(asks) > 1 {
						t.Fatal("two requests are open")
					}
				case Add:
					n.add(t, a)
					if limit := connected + small.ahead + uint32(small.batch); n.best.Height > limit || wasPresynced && m.state == Redownloading && n.best.Height > limit-uint32(small.batch) {
						t.Fatalf("height %d, %d connected", n.best.Height, connected)
					}
				case Offer:
					wasPresynced = true
					if m.State() != Ready || m.Work() != a.Work {
						t.Fatalf("offers %v in the state %v", a.Work, m.State())
					}
					if offered {
						break // in the meantime the peer has another chain
					}
					offered = true
					if a.Work.Cmp(workOf(chainLength)) != 0 {
						t.Fatalf("offers %v", a.Work)
					}
					if n.tree.Len() > 1 && n.enough == maxWork {
						t.Fatal("headers were added before their work was known")
					}
				case Disconnect:
					end = &a
				}
			}
			if len(m.buffer.headers) > m.lookahead()+small.batch {
				t.Fatalf("%d headers are buffered", len(m.buffer.headers))
			}
			if (m.state == Presync || m.state == Ready) && (m.buffer.headers != nil || len(m.memory.bits) > chainLength/64+1) {
				t.Fatal("a presync keeps more than bits")
			}
			if m.IsAsking() != (len(asks) == 1) && end == nil {
				t.Fatal("the machine is wrong about its request")
			}
		}
		isSilent := false
		answer := func() {
			if len(asks) > 0 {
				a := asks[0]
				asks = nil
				handle(Headers{serve(serving, a.Locator, small.batch)})
			}
		}
		handle(Start{})
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			now = now.Add(time.Second)
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				if !isSilent {
					answer()
				}
			case 3:
				connected = min(n.best.Height, connected+uint32(rapid.IntRange(0, 50).Draw(t, "connect")))
				handle(Connected{connected})
			case 4:
				handle(Tick{})
			case 5:
				if m.State() == Ready {
					serving, isSilent = second, kind == "silent"
					handle(Redownload{})
				}
			}
			if end != nil {
				break
			}
		}

		for h := fork + 1; kind == "other" && h < len(second); h++ {
			if n.tree.Get(second[h].Hash()) == nil {
				break
			}
			for c := fork + 1; c <= min(h+m.lookahead(), chainLength); c++ {
				if m.isCommitted(uint32(c)) && m.bit(second[c].Hash()) != m.bit(chain[c].Hash()) {
					t.Fatalf("header %d was added, although header %d differs", h, c)
				}
			}
		}
		if end == nil && kind == "honest" {
			for range chainLength {
				answer()
				connected = n.best.Height
				handle(Connected{connected})
				handle(Redownload{})
			}
			if end != nil || n.best.Height != chainLength || m.State() != Idle {
				t.Fatalf("height %d, state %v, %+v", n.best.Height, m.State(), end)
			}
		}
		switch {
		case kind == "silent" && end == nil && isSilent && m.IsAsking():
			now = now.Add(askTimeout)
			if handle(Tick{}); end == nil || end.Discourage {
				t.Fatalf("a silent peer stays: %+v", end)
			}
		case kind == "honest" || kind == "grows" || kind == "silent" || n.enough.Cmp(workOf(50)) < 0:
			if end != nil && end.Reason != Stalling {
				t.Fatalf("an honest peer goes: %+v", *end)
			}
		}
	})
}

// fetch drives a machine with a peer that answers at once, until nothing happens.
// Blocks are connected as soon as their headers are in the tree.
func fetch(t *testing.T, n *node, m *Machine, first Event, chain []pow.Header) (end *Disconnect) {
	t.Helper()
	events := []Event{first}
	for len(events) > 0 {
		e := events[0]
		events = events[1:]
		for _, a := range m.Handle(now0, e) {
			switch a := a.(type) {
			case Ask:
				events = append(events, Headers{serve(chain, a.Locator, m.limits.batch)})
			case Add:
				n.add(t, a)
				events = append(events, Connected{n.best.Height})
			case Offer:
				events = append(events, Redownload{})
			case Disconnect:
				end = &a
			}
		}
	}
	return end
}

// The whole chain arrives, by either way.
func TestWhole(t *testing.T) {
	for _, enough := range []pow.Work{{}, workOf(100), workOf(chainLength), maxWork} {
		for _, length := range []int{1, 19, 20, 21, 60, chainLength} {
			n := newNode(enough)
			m := n.machine(small, 3)
			chain := honest()[:length+1]
			if end := fetch(t, n, m, Start{}, chain); end != nil {
				t.Fatalf("%d headers: %+v", length, *end)
			}
			if n.best.Height != uint32(length) || m.State() != Idle {
				t.Errorf("%d headers: height %d, state %v", length, n.best.Height, m.State())
			}
			// The next blocks are announced.
			more := extend(chain, 3, 9)
			n.enough = pow.Work{}
			if end := fetch(t, n, m, Headers{encode(more[length+1:])}, more); end != nil || n.best.Height != uint32(length)+3 {
				t.Errorf("%d headers: height %d after an announcement, %+v", length, n.best.Height, end)
			}
		}
	}
}

// The header tree and the machine agree about the rules.
func TestInvalid(t *testing.T) {
	chain := honest()
	for _, test := range []struct {
		name   string
		change func(h *pow.Header)
		at     int
		reason string
	}{
		{"time", func(h *pow.Header) { h.Time = genesisTime }, 30, string(reject.TimeTooOld)},
		{"warp", func(h *pow.Header) { h.Time = chain[16].Time - 1 }, 31, string(reject.TimeTooOld)},
		{"bits", func(h *pow.Header) { h.Bits-- }, 30, string(reject.BadBits)},
		{"no bits", func(h *pow.Header) { h.Bits = 0 }, 30, string(reject.BadBits)},
		{"hash", func(h *pow.Header) {
			for h.CheckProofOfWork(easy.PowLimit) == nil {
				h.Nonce++
			}
		}, 30, string(reject.HighHash)},
		{"link", func(h *pow.Header) { h.Prev = chain[3].Hash() }, 30, Protocol},
	} {
		for _, enough := range []pow.Work{{}, maxWork} {
			n := newNode(enough)
			m := n.machine(small, 1)
			bad := slices.Clone(chain[:test.at+1])
			h := chain[test.at]
			test.change(&h)
			if test.reason != string(reject.HighHash) && h.Bits != 0 {
				h = solve(h)
			}
			bad[test.at] = h
			end := fetch(t, n, m, Start{}, bad)
			if end == nil || end.Reason != test.reason || !end.Discourage || m.State() != Stopped {
				t.Errorf("%s: %+v", test.name, end)
			}
			if n.best.Height > 20 {
				t.Errorf("%s: height %d", test.name, n.best.Height)
			}
			if m.Handle(now0, Start{}) != nil {
				t.Errorf("%s: a stopped machine acts", test.name)
			}
		}
	}
}

// What a peer may not send ends the connection.
func TestProtocol(t *testing.T) {
	chain := honest()
	for _, test := range []struct {
		name       string
		ask        bool
		message    []byte
		discourage bool
	}{
		{"length", true, make([]byte, 81), true},
		{"too many", true, encode(chain[1:22]), true},
		{"too many without a request", false, encode(chain[1:10]), true},
		{"not after the locator", true, encode(chain[50:60]), false},
	} {
		n := newNode(pow.Work{})
		m := n.machine(small, 1)
		if test.ask {
			m.Handle(now0, Start{})
		}
		got := m.Handle(now0, Headers{test.message})
		if len(got) != 1 {
			t.Errorf("%s: %v", test.name, got)
			continue
		}
		if d, ok := got[0].(Disconnect); !ok || d.Reason != Protocol || d.Discourage != test.discourage {
			t.Errorf("%s: %+v", test.name, got[0])
		}
	}
}

// An announced block with an unknown parent leads to a request, at most one in 2 s.
func TestUnknownParent(t *testing.T) {
	n := newNode(pow.Work{})
	m := n.machine(small, 1)
	block := Headers{encode(honest()[50:51])}
	for _, step := range []struct {
		after time.Duration
		asks  int
	}{{0, 1}, {time.Second, 0}, {2 * time.Second, 1}} {
		if got := m.Handle(now0.Add(step.after), block); len(got) != step.asks {
			t.Errorf("after %v: %v", step.after, got)
		}
		m.Handle(now0, Headers{}) // the answer, if one is due
	}
}

// Announcements can cross a request. The answer that comes after them is taken, however
// long it is.
func TestCrossingAnnouncement(t *testing.T) {
	chain := honest()
	for _, test := range []struct {
		name      string
		announced []pow.Header
	}{
		{"unknown parent", chain[250:251]},
		{"known parent", chain[2:3]},
	} {
		n := newNode(pow.Work{})
		m := n.machine(limits{batch: 100, period: 8, depth: 3, ahead: 10_000}, 1)
		for _, a := range m.Handle(now0, Headers{encode(chain[1:2])}) {
			n.add(t, a.(Add))
		}
		m.Handle(now0, Start{})
		for _, a := range m.Handle(now0, Headers{encode(test.announced)}) {
			n.add(t, a.(Add))
		}
		for _, a := range m.Handle(now0, Headers{encode(chain[1:60])}) {
			if d, isEnd := a.(Disconnect); isEnd {
				t.Fatalf("%s: %+v", test.name, d)
			}
			n.add(t, a.(Add))
		}
		if n.best.Height != 59 {
			t.Errorf("%s: height %d after the answer", test.name, n.best.Height)
		}
		if got := m.Handle(now0, Headers{encode(chain[60:80])}); len(got) != 1 || got[0].(Disconnect).Reason != Protocol {
			t.Errorf("%s: a second answer: %v", test.name, got)
		}
	}
}

// Headers that the tree has forgotten meanwhile are asked for again, and cost the peer
// nothing.
func TestForgottenHeaders(t *testing.T) {
	chain := honest()
	for _, event := range []Event{Start{}, Connected{Height: 100}} {
		n := newNode(pow.Work{})
		m := n.machine(limits{batch: 100, period: 8, depth: 3, ahead: 100}, 1)
		m.Handle(now0, Start{})
		for _, a := range m.Handle(now0, Headers{encode(chain[1:101])}) {
			n.add(t, a.(Add))
		}
		last := n.best
		for n.best = n.tree.Best(); last.Parent != nil; last = last.Parent {
			n.tree.Remove(last)
		}
		if _, isConnected := event.(Connected); !isConnected {
			m.hasMore = false
		}
		got := m.Handle(now0, event)
		if len(got) != 1 || len(got[0].(Ask).Locator) != 1 {
			t.Fatalf("%T: %v", event, got)
		}
		for _, a := range m.Handle(now0, Headers{encode(chain[1:60])}) {
			n.add(t, a.(Add))
		}
		if n.best.Height != 59 {
			t.Errorf("%T: height %d", event, n.best.Height)
		}
	}
}

// A machine that is reset begins again, and the answers that are owed may still come.
func TestReset(t *testing.T) {
	chain := honest()
	n := newNode(pow.Work{})
	m := n.machine(limits{batch: 100, period: 8, depth: 3, ahead: 10_000}, 1)
	m.Handle(now0, Start{})
	m.Reset()
	if m.State() != Idle || m.IsAsking() {
		t.Fatalf("%v, asking: %v", m.State(), m.IsAsking())
	}
	if got := m.Handle(now0, Start{}); len(got) != 1 || got[0].(Ask).Locator[0] != chain[0].Hash() {
		t.Errorf("%v", got)
	}
	for i := range 3 {
		got := m.Handle(now0, Headers{encode(chain[1:91])})
		if _, isEnd := got[0].(Disconnect); isEnd != (i == 2) {
			t.Errorf("answer %d to two requests: %v", i, got)
		}
	}
}

// A peer that does not answer for 20 s goes.
func TestStalling(t *testing.T) {
	n := newNode(maxWork)
	m := n.machine(small, 1)
	if got := m.Handle(now0.Add(time.Hour), Tick{}); got != nil {
		t.Errorf("without a request: %v", got)
	}
	m.Handle(now0, Start{})
	if got := m.Handle(now0.Add(askTimeout-1), Tick{}); got != nil {
		t.Errorf("before the time: %v", got)
	}
	got := m.Handle(now0.Add(askTimeout), Tick{})
	if len(got) != 1 || got[0].(Disconnect).Reason != Stalling || got[0].(Disconnect).Discourage {
		t.Errorf("%v", got)
	}
}

// A failed check is not the peer's fault, and a new start works.
func TestBrokenCheck(t *testing.T) {
	n := newNode(maxWork)
	n.broken = errors.New("stopped")
	m := n.machine(small, 1)
	if end := fetch(t, n, m, Start{}, honest()); end != nil || m.State() != Idle {
		t.Errorf("%+v, %v", end, m.State())
	}
	n.broken = nil
	if end := fetch(t, n, m, Start{}, honest()); end != nil || n.best.Height != chainLength {
		t.Errorf("%+v, height %d", end, n.best.Height)
	}
}

// present presyncs a chain and returns the machine, which is ready.
func present(t *testing.T, n *node, chain []pow.Header) *Machine {
	t.Helper()
	m := n.machine(small, 5)
	for actions := m.Handle(now0, Start{}); m.State() != Ready; {
		if len(actions) != 1 {
			t.Fatalf("%v in the state %v", actions, m.State())
		}
		actions = m.Handle(now0, Headers{serve(chain, actions[0].(Ask).Locator, small.batch)})
	}
	return m
}

// Blocks that are announced while a machine waits belong to the offer.
func TestReadyGrows(t *testing.T) {
	n := newNode(maxWork)
	m := present(t, n, honest())
	longer := extend(honest(), 5, 0)
	got := m.Handle(now0, Headers{encode(longer[chainLength+1:])})
	if len(got) != 1 || got[0] != (Offer{workOf(chainLength + 5)}) {
		t.Fatalf("%v", got)
	}
	// Then it misses some.
	longer = extend(longer, 9, 7)
	last := Headers{encode(longer[chainLength+14:])}
	if got := m.Handle(now0, last); got != nil {
		t.Errorf("a gap, too soon after a request: %v", got)
	}
	later := now0.Add(minAskInterval)
	got = m.Handle(later, last)
	if len(got) != 1 || m.Handle(later, Redownload{}) != nil {
		t.Fatalf("a gap: %v", got)
	}
	got = m.Handle(later, Headers{serve(longer, got[0].(Ask).Locator, small.batch)})
	if len(got) != 1 || got[0] != (Offer{workOf(chainLength + 14)}) {
		t.Fatalf("the gap is closed: %v", got)
	}
	if end := fetch(t, n, m, Redownload{}, longer); end != nil || n.best.Height != chainLength+14 {
		t.Errorf("%+v, height %d", end, n.best.Height)
	}
}

// A machine that waits asks again if the peer claims more than it offers. If the tree has
// got what it offers from others, it adds what comes.
func TestReadyStartsAgain(t *testing.T) {
	for _, inTree := range []bool{false, true} {
		n := newNode(maxWork)
		m := present(t, n, honest())
		longer := extend(honest(), 5, 0)
		if inTree {
			n.add(t, Add{honest()[1:], maxWork})
			n.enough = workOf(chainLength)
		}
		got := m.Handle(now0, Start{})
		if len(got) != 1 || m.Handle(now0, Start{}) != nil {
			t.Fatalf("%v", got)
		}
		got = m.Handle(now0, Headers{serve(longer, got[0].(Ask).Locator, small.batch)})
		want := Action(Offer{workOf(chainLength + 5)})
		if inTree {
			want = Add{longer[chainLength+1:], workOf(chainLength + 5)}
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// A machine that asked in vain whether there is more offers what it has.
func TestReadyAsksInVain(t *testing.T) {
	m := present(t, newNode(maxWork), honest())
	m.Handle(now0.Add(minAskInterval), Headers{encode(extend(honest(), 3, 7)[chainLength+2:])})
	got := m.Handle(now0, Headers{})
	if len(got) != 1 || got[0] != (Offer{workOf(chainLength)}) || m.State() != Ready {
		t.Errorf("%v in the state %v", got, m.State())
	}
}

// Another machine takes over where a first one stopped, or finds nothing left to do.
func TestTakeOver(t *testing.T) {
	for _, have := range []int{0, 1, 100, 299, chainLength} {
		n := newNode(maxWork)
		m := present(t, n, honest())
		if have > 0 {
			n.add(t, Add{honest()[1 : have+1], maxWork})
			m.Handle(now0, Connected{uint32(have)})
		}
		if end := fetch(t, n, m, Redownload{}, honest()); end != nil || n.best.Height != chainLength || m.State() != Idle {
			t.Errorf("from %d: %+v, height %d, %v", have, end, n.best.Height, m.State())
		}
	}
}

// A peer that shows another chain in the second pass goes, and is discouraged unless
// the difference is near the end.
func TestOtherChain(t *testing.T) {
	for _, test := range []struct {
		fork       int
		discourage bool
	}{{0, true}, {120, false}} {
		n := newNode(maxWork)
		long := extend(honest(), 100, 0)
		m := present(t, n, long)
		end := fetch(t, n, m, Redownload{}, extend(long[:test.fork+1], 400, 1))
		if end == nil || end.Reason != Protocol || end.Discourage != test.discourage {
			t.Errorf("fork at %d: %+v", test.fork, end)
		}
		if n.best.Height > uint32(test.fork) {
			t.Errorf("fork at %d: height %d", test.fork, n.best.Height)
		}
	}
	// The same headers, but fewer.
	n := newNode(maxWork)
	m := present(t, n, honest())
	end := fetch(t, n, m, Redownload{}, honest()[:250])
	if end == nil || end.Reason != string(reject.LowWork) || end.Discourage {
		t.Errorf("%+v", end)
	}
}

// A peer that goes over to another branch within the presync starts again, but not
// for ever.
func TestRestart(t *testing.T) {
	n := newNode(maxWork)
	m := n.machine(small, 1)
	actions := m.Handle(now0, Start{})
	for i := range 100 {
		d, ok := actions[0].(Disconnect)
		if ok {
			if i < maxRestarts || d.Reason != Protocol || d.Discourage {
				t.Errorf("batch %d: %+v", i, d)
			}
			return
		}
		branch := extend(honest()[:1], small.batch, byte(10+i))
		actions = m.Handle(now0, Headers{encode(branch[1:])})
	}
	t.Error("it starts again and again")
}

// The batches of a machine stay below the limit above the connected blocks, also of
// those that are added at once.
func TestAhead(t *testing.T) {
	n := newNode(pow.Work{})
	m := n.machine(small, 1)
	actions := m.Handle(now0, Start{})
	for len(actions) > 0 {
		var next []Action
		for _, a := range actions {
			switch a := a.(type) {
			case Ask:
				next = m.Handle(now0, Headers{serve(honest(), a.Locator, small.batch)})
			case Add:
				n.add(t, a)
			}
		}
		actions = next
	}
	if n.best.Height != small.ahead {
		t.Fatalf("height %d, want %d", n.best.Height, small.ahead)
	}
	announcement := Headers{encode(honest()[small.ahead+1 : small.ahead+5])}
	other := n.machine(small, 1)
	if got := other.Handle(now0, announcement); got != nil {
		t.Errorf("an announcement above the limit: %v", got)
	}
	other.Handle(now0, Connected{1})
	if got := other.Handle(now0, announcement); len(got) != 1 {
		t.Errorf("an announcement at the limit: %v", got)
	}
	if got := m.Handle(now0, Connected{1}); len(got) != 1 {
		t.Errorf("one block is connected: %v", got)
	}
}

// A million cheap headers from one peer leave 490 bytes of bits, and nothing in the
// tree. A chain with more than one header for each second is not even measured.
func TestMillionHeaders(t *testing.T) {
	count := 1_000_000
	if testing.Short() {
		count = 100_000
	}
	params := *easy
	params.NoRetarget = true
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	n := newNode(maxWork)
	m := n.machine(New(Options{}).limits, 9)
	m.o.Params = &params
	begin := now0
	if end := time.Unix(genesisTime+int64(count), 0); begin.Before(end) {
		begin = end
	}
	before := heap()
	actions := m.Handle(begin, Start{})
	last := genesis
	encoded := make([]byte, 0, MaxBatch*pow.HeaderSize)
	for sent := 0; ; {
		if _, ok := actions[0].(Ask); !ok {
			break
		}
		encoded = encoded[:0]
		prev := last.Hash()
		for range min(MaxBatch, count-sent) {
			b := pow.Header{Prev: prev, Time: last.Time + 1, Bits: last.Bits}.Encode()
			for {
				prev = pow.Sum(b[:])
				if prev[31] < 0x80 {
					break
				}
				b[76]++
			}
			encoded = append(encoded, b[:]...)
			last.Time++
			sent++
		}
		if len(encoded) > 0 {
			last, _ = pow.DecodeHeader(encoded[len(encoded)-pow.HeaderSize:])
		}
		actions = m.Handle(begin, Headers{encoded})
	}
	if _, ok := actions[0].(Offer); !ok || m.tail.height != uint32(count) {
		t.Fatalf("%v at height %d", actions, m.tail.height)
	}
	if want := count/256/8 + 2; len(m.memory.bits) > want || n.tree.Len() != 1 || m.buffer.headers != nil {
		t.Errorf("%d bytes of bits, want at most %d; %d headers in the tree", len(m.memory.bits), want, n.tree.Len())
	}
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	runtime.KeepAlive(m)
}

// A chain with more than one header for each second since the genesis block, and two
// hours, is not measured.
func TestTooManyHeaders(t *testing.T) {
	n := newNode(maxWork)
	m := n.machine(small, 1)
	early := time.Unix(genesisTime+20-futureLimit, 0)
	actions := m.Handle(early, Start{})
	for range 2 {
		actions = m.Handle(early, Headers{serve(honest(), actions[0].(Ask).Locator, small.batch)})
	}
	if d, ok := actions[0].(Disconnect); !ok || d.Reason != string(reject.LowWork) || d.Discourage {
		t.Errorf("%v", actions)
	}
}

// Text of states, for logs.
func TestStateString(t *testing.T) {
	var words []string
	for s := Idle; s <= Stopped; s++ {
		words = append(words, fmt.Sprint(s))
	}
	if got := strings.Join(words, " "); got != "idle presync ready redownloading stopped" {
		t.Error(got)
	}
}

// Any message in any state leads to an end, or leaves the machine consistent.
func FuzzHeaders(f *testing.F) {
	f.Add(encode(honest()[1:21]), byte(1))
	f.Add(encode(honest()[1:4]), byte(0))
	f.Add([]byte{1}, byte(2))
	f.Fuzz(func(t *testing.T, message []byte, state byte) {
		n := newNode(maxWork)
		m := n.machine(small, state)
		if state&1 != 0 {
			m.Handle(now0, Start{})
		}
		if state&2 != 0 {
			n.enough = pow.Work{}
		}
		for range 3 {
			for _, a := range m.Handle(now0, Headers{message}) {
				switch a := a.(type) {
				case Add:
					n.add(t, a)
				case Offer:
					m.Handle(now0, Redownload{})
				case Disconnect:
					if m.State() != Stopped || a.Text == "" || binary.Size(m.buffer.headers) > 0 {
						t.Fatalf("%+v in the state %v", a, m.State())
					}
				}
			}
		}
	})
}
