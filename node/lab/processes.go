package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/link"
)

// Processes is a world in which each node is a process of its own: node n has the
// address 127.A.0.1 with A = n+1, and a proxy stands for each connection. Blocks are
// mined on the CPU, by every fifth node. Make one with [OpenProcesses].
type Processes struct {
	p       *Plan
	program string
	dir     string
	nodes   []*process
	dials   [][]int
	proxies map[[2]int]*proxy // by who dials whom
	slow    map[int]int64     // rates of nodes, where not those of the plan
	logs    []interface{ Close() error }

	hostile swarms
	callers int
	book    *logBook
}

// OpenProcesses returns a world for a plan. program is the stele program, dir the folder
// for the nodes' data and logs.
func OpenProcesses(p *Plan, program, dir string) *Processes {
	return &Processes{p: p, program: program, dir: dir, proxies: make(map[[2]int]*proxy), slow: make(map[int]int64), hostile: make(swarms)}
}

const (
	apiPort     = 8690
	minerEvery  = 5
	noSuchNode  = "127.0.0.9:1" // a peer for nodes that call nobody
	pollProcess = 100 * time.Millisecond
)

// Stage implements World.
func (w *Processes) Stage() string { return "processes" }

// Poll implements World.
func (w *Processes) Poll() time.Duration { return pollProcess }

func loopback(a, b, c int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(a), byte(b), byte(c)})
}

// address returns the address of a node.
func (w *Processes) address(node int) netip.Addr { return loopback(node+1, 0, 1) }

// proxyAddress returns where the proxy of the connection from a to b listens: in the
// group of b, as the node that dials should see it.
func (w *Processes) proxyAddress(a, b int) string {
	return netip.AddrPortFrom(loopback(b+1, a+1, 2), peersPort).String()
}

// Open implements World.
func (w *Processes) Open(ctx context.Context, logs *logBook) (pow.Hash, error) {
	w.book, w.dials = logs, w.p.Dials()
	for a, others := range w.dials {
		for _, b := range others {
			x, err := newProxy(w.proxyAddress(a, b), &net.TCPAddr{IP: w.address(a).AsSlice()}, netip.AddrPortFrom(w.address(b), peersPort).String())
			if err != nil {
				return pow.Hash{}, err
			}
			w.proxies[[2]int{a, b}] = x
		}
	}
	w.setRates()
	for n := range w.p.Nodes {
		if err := w.open(n); err != nil {
			return pow.Hash{}, err
		}
	}
	for _, p := range w.nodes {
		if err := p.await(ctx); err != nil {
			return pow.Hash{}, err
		}
	}
	return block.Genesis(network.Dev).Hash(), nil
}

// open starts a node.
func (w *Processes) open(n int) error {
	dir := filepath.Join(w.dir, fmt.Sprintf("node%d", n))
	out, err := logWriter(filepath.Join(dir, "log.txt"), w.book.writer(n))
	if err != nil {
		return err
	}
	w.logs = append(w.logs, out)
	address := w.address(n)
	p := &process{
		apiClient: newAPIClient(netip.AddrPortFrom(address, apiPort).String()), number: n, program: w.program,
		dir: filepath.Join(dir, "data"), output: out, mines: n%minerEvery == 0,
	}
	p.args = []string{
		"node", "--network", "dev", "--data", p.dir, "--only-peers",
		"--listen", netip.AddrPortFrom(address, peersPort).String(), "--api", netip.AddrPortFrom(address, apiPort).String(),
	}
	if p.mines {
		p.args = append(p.args, "--mine", "--device", "cpu", "--threads", "1", "--payout", payoutKeys()[n].String())
	}
	for _, b := range w.dials[n] {
		p.args = append(p.args, "--peer", w.proxyAddress(n, b))
	}
	if len(w.dials[n]) == 0 {
		p.args = append(p.args, "--peer", noSuchNode)
	}
	for i, key := range network.DevFaucets() {
		if i%w.p.Nodes == n {
			p.users.keys = append(p.users.keys, key)
		}
	}
	w.nodes = append(w.nodes, p)
	return p.start()
}

// setRates sets the rates of all proxies: the lower one of both nodes.
func (w *Processes) setRates() {
	of := func(node int) int64 {
		if r, ok := w.slow[node]; ok {
			return r
		}
		return w.p.quality(node).Rate
	}
	for pair, x := range w.proxies {
		a, b := of(pair[0]), of(pair[1])
		if a == 0 || b != 0 && b < a {
			a = b
		}
		x.rate.Store(a)
	}
}

// Begin implements World.
func (w *Processes) Begin(ctx context.Context, f Fault) (err error) {
	switch f.Kind {
	case Cut:
		w.cut(f, 1)
		return nil
	case Hostile:
		w.attack(ctx, f)
		return nil
	}
	for _, n := range f.Nodes {
		p := w.nodes[n]
		switch f.Kind {
		case Kill:
			err = errors.Join(err, p.kill())
		case Stop:
			if p.command != nil {
				err = errors.Join(err, freeze(p.command.Process))
			}
		case Slow:
			w.slow[n] = f.Rate
			w.setRates()
		default:
			return fmt.Errorf("%w by processes", errors.ErrUnsupported)
		}
	}
	return err
}

// End implements World.
func (w *Processes) End(ctx context.Context, f Fault) (err error) {
	switch f.Kind {
	case Cut:
		w.cut(f, -1)
		return nil
	case Hostile:
		w.hostile.end(f)
		return nil
	}
	for _, n := range f.Nodes {
		p := w.nodes[n]
		switch f.Kind {
		case Kill:
			if p.command == nil {
				if err = errors.Join(err, p.start()); err == nil {
					err = p.await(ctx)
				}
			}
		case Stop:
			if p.command != nil {
				err = errors.Join(err, thaw(p.command.Process))
			}
		case Slow:
			delete(w.slow, n)
			w.setRates()
		}
	}
	return err
}

func (w *Processes) cut(f Fault, add int32) {
	for _, a := range f.Nodes {
		for _, b := range f.From {
			for _, pair := range [][2]int{{a, b}, {b, a}} {
				if x := w.proxies[pair]; x != nil {
					x.cuts.Add(add)
				}
			}
		}
	}
}

// attack starts the hostile peers of a fault.
func (w *Processes) attack(ctx context.Context, f Fault) {
	w.hostile.start(ctx, w.p, f, func(i, target int) *Attacker {
		w.callers++
		from := loopback(251+w.callers/250%4, w.callers%250, 1)
		a := &Attacker{
			Attack: f.Attack, Params: network.Dev, Transport: boundTCP{from}, Seed: w.p.Seed + uint64(w.callers),
			Target: netip.AddrPortFrom(w.address(target), peersPort).String(),
		}
		w.book.add(target, "called by hostile peer "+attackName(f, i))
		return a
	})
}

// boundTCP dials from an address.
type boundTCP struct{ from netip.Addr }

func (b boundTCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: handshakeTime, LocalAddr: &net.TCPAddr{IP: b.from.AsSlice()}}
	return d.DialContext(ctx, "tcp", addr)
}

func (b boundTCP) Listen(string) (net.Listener, error) { return nil, errors.ErrUnsupported }

var _ link.Transport = boundTCP{}

// Mine implements World: the devices mine when they find a block.
func (w *Processes) Mine(context.Context, int) error { return errors.ErrUnsupported }

// Send implements World.
func (w *Processes) Send(ctx context.Context, node int) (record.ID, error) {
	p := w.nodes[node]
	p.users.mu.Lock()
	defer p.users.mu.Unlock()
	if len(p.users.keys) == 0 {
		return record.ID{}, errors.New("no user sends records to this node")
	}
	key := p.users.keys[p.users.next%len(p.users.keys)]
	p.users.next++
	author := record.PublicOf(key)
	seq, err := p.nextSeq(ctx, author)
	if err != nil {
		return record.ID{}, err
	}
	signed, err := payment(network.Dev, key, payoutKeys()[node], seq, 100_000)
	if err != nil {
		return record.ID{}, err
	}
	return signed.ID(), p.send(ctx, signed)
}

// Observe implements World.
func (w *Processes) Observe(ctx context.Context, node int) (Observation, error) {
	p := w.nodes[node]
	return p.chain.observe(ctx, p.apiClient)
}

// Has implements World. It reports records in the chain, too.
func (w *Processes) Has(ctx context.Context, node int, id record.ID) bool {
	fate, err := w.nodes[node].fate(ctx, id)
	return err == nil && fate != FateLost
}

// nodeAt returns the node at the other end of a connection of a node.
func (w *Processes) nodeAt(node int, address string) int {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1
	}
	b := a.Addr().Unmap().As4()
	other := int(b[1]) - 1
	isNode := b[2] == 0 && b[3] == 1 || int(b[2]) == node+1 && b[3] == 2
	if b[0] != 127 || !isNode || other < 0 || other >= w.p.Nodes {
		return -1
	}
	return other
}

// Connected implements World.
func (w *Processes) Connected(ctx context.Context, node int) (Set, error) {
	peers, err := w.nodes[node].peers(ctx)
	if err != nil {
		return nil, err
	}
	var s Set
	for _, p := range peers.Peers {
		if n := w.nodeAt(node, p.Address); n >= 0 && n != node {
			s = append(s, n)
		}
	}
	slices.Sort(s)
	return slices.Compact(s), nil
}

// Finish implements World.
func (w *Processes) Finish(ctx context.Context, records []*Record) ([]*Final, error) {
	w.hostile.stop()
	ctx = context.WithoutCancel(ctx) // what runs must be stopped in any case
	w.judge(ctx, records)
	var finals []*Final
	var errs []error
	for _, p := range w.nodes {
		finals = append(finals, w.final(ctx, p))
	}
	var stopping sync.WaitGroup
	for i, p := range w.nodes {
		stopping.Go(func() {
			took, err := p.stop()
			if finals[i].CloseTime = took; err != nil {
				finals[i].CloseErr = err.Error()
			}
			p.close()
		})
	}
	stopping.Wait()
	for i, p := range w.nodes {
		damage, err := p.check(ctx)
		finals[i].Damage, finals[i].Replayed = damage, damage == "" && err == nil
		errs = append(errs, err)
	}
	for _, x := range w.proxies {
		x.close()
	}
	for _, l := range w.logs {
		errs = append(errs, l.Close())
	}
	return finals, errors.Join(errs...)
}

// judge sets the fates of the records.
func (w *Processes) judge(ctx context.Context, records []*Record) {
	for _, rec := range records {
		rec.Fate = FateLost
		for _, p := range w.nodes {
			if p.command == nil {
				continue
			}
			fate, err := p.fate(ctx, rec.ID)
			if err == nil && fate != FateLost {
				rec.Fate = fate
			}
			if fate == FateChain {
				break
			}
		}
	}
}

// final returns the state of a node.
func (w *Processes) final(ctx context.Context, p *process) *Final {
	f := &Final{Node: p.number}
	tip, err := p.tip(ctx)
	if err != nil {
		return f
	}
	f.Up, f.Height = true, tip.Height
	f.Tip, _ = parseHash(tip.Hash)
	f.Digest, _ = parseHash(tip.Digest)
	if peers, err := p.peers(ctx); err == nil {
		f.Peers.Discouraged = peers.Discouraged
		for _, gone := range peers.Gone {
			if n := w.nodeAt(p.number, gone.Address); n >= 0 && gone.By == "node" && isAccusation(gone.Reason) {
				f.Faults = append(f.Faults, fmt.Sprintf("node %d, %s: %s", n, gone.Reason, gone.Text))
			}
		}
	}
	if counts, err := p.counts(ctx); err == nil {
		f.Peers.Counts = counts
	}
	return f
}

// Remove removes the folder of the world.
func (w *Processes) Remove() error { return os.RemoveAll(w.dir) }
