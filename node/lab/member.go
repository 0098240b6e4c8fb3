package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/engine/pow"
	"stele/node"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/book"
	"stele/node/p2p/simnet"
	"stele/node/store"
	"stele/node/template"
)

// member is a node of a world in this process, with a disk in memory, on a host of a
// network in memory.
type member struct {
	number  int
	params  *network.Params
	host    *simnet.Host
	peers   []string // to stay connected to
	seeds   []string // to ask for others, if there are no peers
	now     func() time.Time
	payout  record.Key
	users   []record.PrivateKey // who send their records to this node
	log     *slog.Logger
	entropy *rand.Rand // of what a crash leaves

	fs   *vfs.MemFS
	full atomic.Bool // the disk

	// What follows is that of the present start.
	node    *node.Node // nil: it does not run
	changes *chain.Subscription
	cancel  context.CancelFunc
	done    chan error // of Run
	fresh   bool       // the tip was not observed since the start

	sending sync.Mutex // one record at a time, so that sequence numbers follow each other
	next    int        // of users
	sent    atomic.Uint64
}

const (
	peersPort  = 28699
	cacheBytes = 4 << 20 // of each store
	storeDir   = "store"
)

// disk returns the file system of the node, which has no space while full is set.
func (m *member) disk() vfs.FS {
	return errorfs.Wrap(m.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !m.full.Load() {
			return nil
		}
		switch op.Kind {
		case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpMkdirAll:
			return syscall.ENOSPC
		}
		return nil
	}))
}

// start starts the node, on what its files have.
func (m *member) start() error {
	o := node.Options{
		Params: m.params, Dir: storeDir, Payout: m.payout, Version: "lab",
		P2P: &node.P2P{
			Transport: m.host, Listen: fmt.Sprintf(":%d", peersPort), Private: true,
			Peers: m.peers, OnlyPeers: len(m.seeds) == 0, Seeds: m.seeds,
			Group: func(a netip.Addr) book.Group { return netip.PrefixFrom(a, 16).Masked() },
		},
		Store: store.Options{FS: m.disk(), CacheBytes: cacheBytes}, Log: m.log,
	}
	o.SetClock(m.now)
	n, err := node.Open(context.Background(), o)
	if err != nil {
		return err
	}
	m.changes, m.fresh = n.Chain().Subscribe(), true
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.done, m.node = cancel, make(chan error, 1), n
	go func(done chan<- error) { done <- n.Run(ctx) }(m.done)
	return nil
}

// stop stops the node and closes it. It does nothing if the node does not run.
func (m *member) stop() error {
	if m.node == nil {
		return nil
	}
	m.cancel()
	err := <-m.done
	m.changes.Close()
	err = errors.Join(err, m.node.Close())
	m.node = nil
	return err
}

// kill ends the node without warning. Its files are what a crash of the machine leaves:
// all that was synced, and some of the rest.
func (m *member) kill() {
	if m.node == nil {
		return
	}
	m.host.Kill()
	left := m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.entropy.IntN(101), RNG: m.entropy})
	_ = m.stop() // of files that nobody sees
	m.fs = left
}

// mine makes a block on the tip and gives it to the chain.
func (m *member) mine() error {
	var err error
	for range 3 { // the tip may change meanwhile
		var t *template.Template
		t, err = template.Build(m.node.Chain().Tip(), m.node.Pool(), m.node.Chain().View(), template.Options{
			Params: m.params, Payout: m.payout, MaxBytes: m.params.MaxBlockSize, Now: m.now,
		})
		if err != nil {
			continue
		}
		h := t.Header(0, t.Version, t.Time)
		if !solve(&h) {
			return fmt.Errorf("no nonce meets %s", h.Bits)
		}
		if _, err = m.node.Chain().Submit(t.Block(0, h)); err == nil {
			return nil
		}
	}
	return err
}

// send gives the pool a payment of the next user, and returns its id when the pool has
// acknowledged it.
func (m *member) send() (record.ID, error) {
	m.sending.Lock()
	defer m.sending.Unlock()
	if m.node == nil {
		return record.ID{}, errors.New("the node does not run")
	}
	if len(m.users) == 0 {
		return record.ID{}, errors.New("no user sends records to this node")
	}
	key := m.users[m.next%len(m.users)]
	m.next++
	author := record.PublicOf(key)
	seq, err := m.node.Pool().NextSeq(author)
	if err != nil {
		return record.ID{}, err
	}
	signed, err := payment(m.params, key, m.payout, seq, m.node.Chain().Tip().Height+100_000)
	if err != nil {
		return record.ID{}, err
	}
	m.sent.Add(1)
	return signed.ID(), m.node.Pool().Add(signed)[0]
}

// payment returns a signed payment of a small amount.
func payment(p *network.Params, from record.PrivateKey, to record.Key, seq uint64, until uint32) (*record.Record, error) {
	payload := record.Pay{To: to, Amount: 1}
	return record.Sign(record.New(record.Record{
		Network: p.ID, Version: payload.Type().Version(), Seq: seq, ValidUntil: until, Fee: record.Coin / 1000,
		Key: record.PublicOf(from), Payload: payload,
	}), from)
}

// observe returns how the chain changed since the last call.
func (m *member) observe() (o Observation, err error) {
	if m.node == nil {
		return o, nil
	}
	for {
		e, ok := m.changes.Poll()
		if !ok {
			break
		}
		if len(e.Connected) == 0 && len(e.Disconnected) == 0 {
			continue
		}
		o.Tip = e.Position.Hash
		o.Depth = max(o.Depth, len(e.Disconnected))
		for i, p := range e.Disconnected {
			if i+1 >= depth6 { // that many blocks were on it, itself included
				o.Deep = append(o.Deep, m.ids(p.Hash)...)
			}
		}
		for _, p := range e.Connected {
			b, err := m.node.Chain().Block(p.Hash)
			if err != nil {
				continue // disconnected and gone meanwhile
			}
			c := Connected{Hash: p.Hash, Parent: b.Header.Prev, Height: p.Height, Miner: m.minerOf(b), Bytes: b.Size(), Records: len(b.Records) - 1}
			for _, r := range b.Records[1:] {
				c.IDs = append(c.IDs, r.ID())
			}
			o.Connected = append(o.Connected, c)
		}
	}
	if m.fresh {
		m.fresh = false
		o.Tip = m.node.Chain().Tip().Hash
	}
	return o, nil
}

// ids returns the records of a block, without the coinbase; nil if it cannot be read.
func (m *member) ids(hash pow.Hash) []record.ID {
	b, err := m.node.Chain().Block(hash)
	if err != nil {
		return nil
	}
	var ids []record.ID
	for _, r := range b.Records[1:] {
		ids = append(ids, r.ID())
	}
	return ids
}

// minerOf returns the node that made a block, by whom the coinbase pays.
func (m *member) minerOf(b *block.Block) int {
	for n := range maxNodes {
		if payoutKeys()[n] == b.Records[0].Key {
			return n
		}
	}
	return -1
}

// payoutKeys are the keys that the blocks of nodes pay, by the number of the node.
var payoutKeys = sync.OnceValue(func() []record.Key {
	keys := make([]record.Key, maxNodes)
	for i := range keys {
		keys[i] = record.PublicOf(record.KeyFromSeed(sha256.Sum256(fmt.Appendf(nil, "stele lab miner %d", i))))
	}
	return keys
})

// has reports whether a record is in the pool.
func (m *member) has(id record.ID) bool { return m.node != nil && m.node.Pool().Get(id) != nil }

// final returns the state of the node, closes it, and checks its files.
func (m *member) final(ctx context.Context) (*Final, error) {
	f := &Final{Node: m.number, Up: m.node != nil}
	if f.Up {
		tip, stats := m.node.Chain().Tip(), m.node.Verifier().Stats()
		f.Height, f.Tip, f.Digest = tip.Height, tip.Hash, tip.Digest
		f.Peers, f.Pooled, f.Checked = m.node.Peers().Status(), m.node.Pool().Stats().Records, stats.Checked
		closing := time.Now()
		if err := m.stop(); err != nil {
			f.CloseErr = err.Error()
		}
		f.CloseTime = time.Since(closing)
	}
	report, err := chain.CheckFolder(ctx, storeDir, m.params, store.Options{FS: m.disk(), CacheBytes: cacheBytes}, chain.CheckOptions{Workers: 1})
	if err != nil {
		return f, fmt.Errorf("check of node %d: %w", m.number, err)
	}
	switch {
	case report.Damage != nil:
		f.Damage = report.Damage.Error()
	case len(report.Files) > 0:
		f.Damage = report.Files[0].Error()
	default:
		f.Replayed = report.From == 0 && report.Tip == f.Tip
	}
	return f, nil
}
