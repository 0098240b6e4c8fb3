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
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p"
	"stele/node/p2p/book"
	"stele/node/p2p/simnet"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/template"
)

// member is a node of a world in this process: a store in memory, a chain, a pool and a
// peer-to-peer server, on a host of a network in memory.
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
	verifier *record.Verifier
	store    *store.Store
	chain    *chain.Chain
	changes  *chain.Subscription
	pool     *pool.Pool
	server   *p2p.Server // nil: the node does not run
	cancel   context.CancelFunc
	done     chan error // of Run of the server
	fresh    bool       // the tip was not observed since the start

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
func (m *member) start() (err error) {
	id := store.Identity{Network: m.params.ID, Genesis: block.Genesis(m.params).Hash()}
	if m.store, err = store.Open(storeDir, id, store.Options{FS: m.disk(), CacheBytes: cacheBytes, Log: m.log}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.store.Close())
		}
	}()
	m.verifier = record.NewVerifier(1<<15, 1)
	var server atomic.Pointer[p2p.Server]
	m.chain, err = chain.Open(context.Background(), chain.Options{
		Store: m.store, Params: m.params, Verifier: m.verifier, Clock: m.now, Log: m.log,
		OnChange: func(c chain.Change) {
			if m.pool == nil {
				return
			}
			if err := m.pool.Follow(c); err != nil {
				m.log.Error("pool does not follow the chain", "err", err)
			}
		},
		Flush: func() {
			if m.pool == nil {
				return
			}
			if err := m.pool.Flush(); err != nil {
				m.log.Error("pool journal not written", "err", err)
			}
		},
	})
	if err != nil {
		return err
	}
	m.pool, err = pool.New(pool.Options{
		Params: m.params, View: m.chain.View, Context: m.chain.NextContext, Verifier: m.verifier,
		Journal: pool.StoreJournal(m.store), Log: m.log,
		Accepted: func(records []*record.Record) {
			if s := server.Load(); s != nil {
				s.Accepted(records)
			}
		},
	})
	if err != nil {
		return err
	}
	m.server, err = p2p.New(p2p.Options{
		Params: m.params, Chain: m.chain, Pool: m.pool, Verifier: m.verifier,
		Transport: m.host, Listen: fmt.Sprintf(":%d", peersPort), Peers: m.peers, OnlyPeers: len(m.peers) > 0 || len(m.seeds) == 0, Seeds: m.seeds,
		Private: true, Group: func(a netip.Addr) book.Group { return netip.PrefixFrom(a, 16).Masked() },
		Agent: "stele/lab", Now: m.now, Log: m.log,
	})
	if err != nil {
		m.server = nil
		return err
	}
	server.Store(m.server)
	m.changes = m.chain.Subscribe()
	m.fresh = true
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.done = cancel, make(chan error, 1)
	go func(s *p2p.Server, done chan<- error) { done <- s.Run(ctx) }(m.server, m.done)
	return nil
}

// stop stops the node, and closes its store. It does nothing if the node does not run.
func (m *member) stop() error {
	if m.server == nil {
		return nil
	}
	m.cancel()
	err := <-m.done
	m.changes.Close()
	m.server = nil
	if m.store.Err() == nil {
		err = errors.Join(err, m.pool.Flush())
	}
	err = errors.Join(err, m.store.Close())
	m.pool = nil
	return err
}

// kill ends the node without warning. Its files are what a crash of the machine leaves:
// all that was synced, and some of the rest.
func (m *member) kill() {
	if m.server == nil {
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
		t, err = template.Build(m.chain.Tip(), m.pool, m.chain.View(), template.Options{
			Params: m.params, Payout: m.payout, MaxBytes: m.params.MaxBlockSize, Now: m.now,
		})
		if err != nil {
			continue
		}
		h := t.Header(0, t.Version, t.Time)
		if !solve(&h) {
			return fmt.Errorf("no nonce meets %s", h.Bits)
		}
		if _, err = m.chain.Submit(t.Block(0, h)); err == nil {
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
	if m.server == nil {
		return record.ID{}, errors.New("the node does not run")
	}
	if len(m.users) == 0 {
		return record.ID{}, errors.New("no user sends records to this node")
	}
	key := m.users[m.next%len(m.users)]
	m.next++
	author := record.PublicOf(key)
	seq, err := m.pool.NextSeq(author)
	if err != nil {
		return record.ID{}, err
	}
	payload := record.Pay{To: m.payout, Amount: 1}
	signed, err := record.Sign(record.New(record.Record{
		Network: m.params.ID, Version: payload.Type().Version(), Seq: seq, ValidUntil: m.chain.Tip().Height + 100_000,
		Fee: record.Coin / 1000, Key: author, Payload: payload,
	}), key)
	if err != nil {
		return record.ID{}, err
	}
	m.sent.Add(1)
	return signed.ID(), m.pool.Add(signed)[0]
}

// observe returns how the chain changed since the last call.
func (m *member) observe() (o Observation, err error) {
	if m.server == nil {
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
			b, err := m.chain.Block(p.Hash)
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
		o.Tip = m.chain.Tip().Hash
	}
	return o, nil
}

// ids returns the records of a block, without the coinbase; nil if it cannot be read.
func (m *member) ids(hash pow.Hash) []record.ID {
	b, err := m.chain.Block(hash)
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
func (m *member) has(id record.ID) bool { return m.server != nil && m.pool.Get(id) != nil }

// final returns the state of the node, closes it, and checks its files.
func (m *member) final(ctx context.Context) (*Final, error) {
	f := &Final{Node: m.number, Up: m.server != nil}
	if f.Up {
		tip, stats := m.chain.Tip(), m.verifier.Stats()
		f.Height, f.Tip, f.Digest = tip.Height, tip.Hash, tip.Digest
		f.Peers, f.Pooled, f.Checked = m.server.Status(), m.pool.Stats().Records, stats.Checked
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
