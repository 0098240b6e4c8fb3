package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/simnet"
)

// Inside is a world of nodes in this process, on a network in memory. In a bubble of
// testing/synctest its time is virtual. Make one with [OpenInside].
type Inside struct {
	stage   string
	poll    time.Duration
	p       *Plan
	params  *network.Params
	net     *simnet.Net
	logs    *logBook
	begin   time.Time
	members []*member
	offsets []atomic.Int64 // of the clocks, in nanoseconds
	cuts    map[[2]int]int // how many faults cut two nodes, the lower one first

	hostile swarms
	callers int // hostile hosts so far
}

// OpenInside returns a world for a plan. poll is how often nodes are looked at, which is
// the resolution of the figures; 5 ms in virtual time.
func OpenInside(p *Plan, stage string, poll time.Duration) (*Inside, error) {
	params, err := insideNetwork(p)
	if err != nil {
		return nil, err
	}
	return &Inside{
		stage: stage, poll: poll, p: p, params: params, offsets: make([]atomic.Int64, p.Nodes),
		cuts: make(map[[2]int]int), hostile: make(swarms),
	}, nil
}

// usersPerNode is how many accounts send records to each node. No account sends to two
// nodes, so that no two records have one sequence number.
const usersPerNode = 4

func userKey(node, i int) record.PrivateKey {
	return record.KeyFromSeed(sha256.Sum256(fmt.Appendf(nil, "stele lab user %d of node %d", i, node)))
}

// insideNetwork returns the network of an Inside: as dev, with a proof of work that costs
// nothing and stays so, and an account for each user.
func insideNetwork(p *Plan) (*network.Params, error) {
	n := *network.Dev
	n.Name, n.ID, n.GenesisMessage = "lab", 0x6c616273, "Stele laboratory"
	n.Pow = &pow.Params{
		Name: "lab", PowLimit: pow.ZeroBits(1), PowLimitBits: 0x207fffff,
		TargetSpacing: 1, TargetTimespan: 16, RetargetInterval: 16, NoRetarget: true,
	}
	n.Maturity = 5
	n.Alloc = nil
	for node := range p.Nodes {
		for i := range usersPerNode {
			n.Alloc = append(n.Alloc, network.Allocation{Key: record.PublicOf(userKey(node, i)), Amount: 1000 * record.Coin})
		}
	}
	return &n, n.SolveGenesis()
}

// Stage implements World.
func (w *Inside) Stage() string { return w.stage }

// Poll implements World.
func (w *Inside) Poll() time.Duration { return w.poll }

// address returns the address of a node. Each node is in a group of its own.
func (w *Inside) address(node int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(node + 1), 0, 1})
}

// nodeAt returns the node with an address, -1 if there is none.
func (w *Inside) nodeAt(address string) int {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1
	}
	b := a.Addr().Unmap().As4()
	if n := int(b[1]) - 1; b[0] == 10 && b[2] == 0 && b[3] == 1 && n >= 0 && n < w.p.Nodes {
		return n
	}
	return -1
}

// clock returns the clock of a node: a day after genesis at the begin.
func (w *Inside) clock(node int) func() time.Time {
	start := time.Unix(int64(w.params.GenesisTime), 0).Add(24 * time.Hour)
	return func() time.Time {
		return start.Add(time.Since(w.begin) + time.Duration(w.offsets[node].Load()))
	}
}

// Open implements World.
func (w *Inside) Open(ctx context.Context, logs *logBook) (pow.Hash, error) {
	w.logs, w.begin, w.net = logs, time.Now(), simnet.New(w.p.Seed)
	dials := w.p.Dials()
	for n := range w.p.Nodes {
		m := &member{
			number: n, params: w.params, host: w.net.Host(w.address(n)), now: w.clock(n), payout: payoutKeys()[n],
			log: logs.logger(n), entropy: w.p.random(uint64(1000 + n)), fs: vfs.NewCrashableMem(),
		}
		for i := range usersPerNode {
			m.users = append(m.users, userKey(n, i))
		}
		for _, other := range dials[n] {
			m.peers = append(m.peers, netip.AddrPortFrom(w.address(other), peersPort).String())
		}
		if w.p.Links == 0 {
			m.seeds, m.peers = m.peers, nil
		}
		w.members = append(w.members, m)
	}
	w.setLines()
	for _, m := range w.members {
		if err := m.start(); err != nil {
			return pow.Hash{}, fmt.Errorf("node %d: %w", m.number, err)
		}
	}
	w.awaitConnections(ctx, dials)
	return block.Genesis(w.params).Hash(), nil
}

// awaitConnections waits until the nodes are connected, 10 s at most.
func (w *Inside) awaitConnections(ctx context.Context, dials [][]int) {
	want := 0
	for _, others := range dials {
		want += 2 * len(others)
	}
	for range 100 {
		open := 0
		for _, m := range w.members {
			open += len(m.node.Peers().Status().Connected)
		}
		if open >= want || !wait(ctx, 100*time.Millisecond) {
			return
		}
	}
}

// quality returns the line of a node by the plan.
func (p *Plan) quality(node int) (q Line) {
	for _, l := range p.Lines {
		if l.Nodes == nil || l.Nodes.Has(node) {
			q = l
		}
	}
	return q
}

// setLines sets the lines of the plan.
func (w *Inside) setLines() {
	for a, m := range w.members {
		qa := w.p.quality(a)
		m.host.SetRates(qa.Rate, qa.Rate)
		for b := range a {
			qb := w.p.quality(b)
			l := simnet.Line{Latency: max(qa.Latency, qb.Latency)}
			l.Jitter = l.Latency * time.Duration(max(qa.Jitter, qb.Jitter)) / 100
			w.net.SetLine(m.host, w.members[b].host, l)
		}
	}
}

// Begin implements World.
func (w *Inside) Begin(ctx context.Context, f Fault) error {
	switch f.Kind {
	case Cut:
		w.cut(f, 1)
	case Hostile:
		w.attack(ctx, f)
	default:
		for _, n := range f.Nodes {
			w.beginOn(w.members[n], f)
		}
	}
	return nil
}

func (w *Inside) beginOn(m *member, f Fault) {
	switch f.Kind {
	case Kill:
		m.sending.Lock()
		defer m.sending.Unlock()
		m.kill()
	case Stop:
		m.host.Freeze()
	case Slow:
		m.host.SetRates(f.Rate, f.Rate)
	case DiskFull:
		m.full.Store(true)
	case Clock:
		w.offsets[m.number].Store(int64(f.Offset))
	}
}

// End implements World.
func (w *Inside) End(_ context.Context, f Fault) (err error) {
	switch f.Kind {
	case Cut:
		w.cut(f, -1)
		return nil
	case Hostile:
		w.hostile.end(f)
		return nil
	}
	for _, n := range f.Nodes {
		m := w.members[n]
		switch f.Kind {
		case Kill:
			if m.node == nil {
				err = errors.Join(err, m.start())
			}
		case Stop:
			m.host.Thaw()
		case Slow:
			rate := w.p.quality(n).Rate
			m.host.SetRates(rate, rate)
		case DiskFull:
			m.full.Store(false)
		case Clock:
			w.offsets[n].Store(0)
		}
	}
	return err
}

// cut adds to the number of faults that cut the pairs of a fault, and cuts or heals
// where that makes a difference.
func (w *Inside) cut(f Fault, add int) {
	for _, a := range f.Nodes {
		for _, b := range f.From {
			pair := [2]int{min(a, b), max(a, b)}
			before := w.cuts[pair]
			w.cuts[pair] += add
			switch {
			case before == 0:
				w.net.Cut(w.members[a].host, w.members[b].host)
			case w.cuts[pair] == 0:
				w.net.Heal(w.members[a].host, w.members[b].host)
			}
		}
	}
}

// attack starts the hostile peers of a fault. Each has an address in a group of its own.
func (w *Inside) attack(ctx context.Context, f Fault) {
	w.hostile.start(ctx, w.p, f, func(i, target int) *Attacker {
		w.callers++
		host := w.net.Host(netip.AddrFrom4([4]byte{byte(11 + w.callers>>8), byte(w.callers), 0, 1}))
		for _, m := range w.members {
			w.net.SetLine(host, m.host, simnet.Line{Latency: w.p.quality(m.number).Latency})
		}
		a := &Attacker{
			Attack: f.Attack, Params: w.params, Transport: host, Seed: w.p.Seed + uint64(w.callers), Now: w.clock(target),
			Target: netip.AddrPortFrom(w.address(target), peersPort).String(),
		}
		w.logs.add(target, "called by hostile peer "+attackName(f, i))
		return a
	})
}

// Mine implements World.
func (w *Inside) Mine(_ context.Context, node int) error {
	m := w.members[node]
	if m.node == nil {
		return errors.New("the node does not run")
	}
	return m.mine()
}

// Send implements World.
func (w *Inside) Send(_ context.Context, node int) (record.ID, error) { return w.members[node].send() }

// Observe implements World.
func (w *Inside) Observe(_ context.Context, node int) (Observation, error) {
	return w.members[node].observe()
}

// Has implements World.
func (w *Inside) Has(_ context.Context, node int, id record.ID) bool { return w.members[node].has(id) }

// Connected implements World.
func (w *Inside) Connected(_ context.Context, node int) (Set, error) {
	m := w.members[node]
	if m.node == nil {
		return nil, nil
	}
	var s Set
	for _, p := range m.node.Peers().Status().Connected {
		if n := w.nodeAt(p.Address); n >= 0 && n != node {
			s = append(s, n)
		}
	}
	slices.Sort(s)
	return slices.Compact(s), nil
}

// Finish implements World.
func (w *Inside) Finish(ctx context.Context, records []*Record) (finals []*Final, err error) {
	w.hostile.stop()
	w.judge(records)
	var sent uint64
	for _, m := range w.members {
		sent += m.sent.Load()
	}
	for _, m := range w.members {
		f, checkErr := m.final(ctx)
		err = errors.Join(err, checkErr)
		f.Distinct = sent
		f.Faults = w.honestFaults(f)
		finals = append(finals, f)
	}
	if w.net != nil {
		w.net.Close()
	}
	return finals, err
}

// judge sets the fates of the records. As no two records have one sequence number, there
// is no reason for which one could be impossible: it is in the chain, in a pool, or lost.
func (w *Inside) judge(records []*Record) {
	for _, rec := range records {
		rec.Fate = FateLost
		for _, m := range w.members {
			if m.node == nil {
				continue
			}
			if _, err := m.node.Chain().FindRecord(rec.ID); err == nil {
				rec.Fate = FateChain
				break
			}
			if m.has(rec.ID) {
				rec.Fate = FatePool
			}
		}
	}
}

// honestFaults returns the honest nodes that a node has accused of breaking the rules.
func (w *Inside) honestFaults(f *Final) (faults []string) {
	for _, gone := range f.Peers.Gone {
		if n := w.nodeAt(gone.Address); n >= 0 && !gone.ByPeer && isAccusation(gone.Reason) {
			faults = append(faults, fmt.Sprintf("node %d, %s: %s", n, gone.Reason, gone.Text))
		}
	}
	return faults
}

// isAccusation reports whether a reason for a disconnect means that the peer broke a
// rule.
func isAccusation(reason string) bool {
	switch reason {
	case "protocol", "too-much", "invalid-block", "invalid-parent", "bad-merkle-root", "bad-witness-root", "merkle-twin":
		return true
	}
	return reject.Reason(reason).Fault()
}
