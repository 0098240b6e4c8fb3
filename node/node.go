package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/internal/netguard"
	"stele/node/api"
	"stele/node/blobkeeper"
	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/stratum"
	"stele/node/template"
	"stele/node/traffic"
	"stele/node/views"
)

// Options say what a node does.
type Options struct {
	Params *network.Params
	Dir    string // of the store and the views; made if it does not exist
	Blobs  string // folder of recipients' sealed data, on the disk; "": none are taken. They come by the API
	Keep   uint32 // bodies of blocks that are kept, 0: all; see chain.Options

	// Engine mines, if there is one. The caller closes it, after the node.
	Engine *engine.Engine
	Payout record.Key // whom the coinbases pay
	Tag    []byte     // in the coinbases

	// Stratum is the address at which miners get work by Stratum, as ":3333"; "":
	// none get any. Those who call themselves "node" mine for Payout.
	Stratum           string
	StratumTLS        *tls.Config // nil: connections are not encrypted
	StratumDifficulty float64     // see stratum.Options

	API        string           // address to listen at, as "127.0.0.1:8690"; "": no API
	APIToken   string           // see api.Options
	APIProxies netguard.Proxies // see api.Options
	Version    string           // of the program

	Traffic float64 // records per second that the node makes by itself; 0: none
	Seed    uint64  // of the traffic

	Store store.Options // but not its log
	Log   *slog.Logger  // nil: silent

	now func() time.Time // the clock that headers and blobs are held against; nil: time.Now
}

// ViewsFolder is where the views of the chain are, in the folder of the store.
const ViewsFolder = "views"

// verified is how many records with good signatures a node remembers: those of
// a full pool and some blocks.
const verified = 1 << 17

// Node is a node. Its methods may be called by several goroutines at once.
type Node struct {
	o       Options
	log     *slog.Logger
	started time.Time

	genesis  pow.Hash
	store    *store.Store
	chain    *chain.Chain
	pool     *pool.Pool
	views    *views.Views       // nil: none
	custody  *blobkeeper.Keeper // nil: none
	feed     *feed              // for miner and stratum
	miner    *miner             // nil: none
	stratum  *stratum.Server    // nil: none
	api      *api.API           // nil: none
	listener net.Listener       // of the API
	workers  net.Listener       // of stratum
	solved   found              // blocks of stratum
	traffic  *traffic.Generator // nil: none

	mu        sync.Mutex // guards what follows
	meters    meters
	blocks    blockTimes
	trouble   string // that stays
	connected uint64 // records in connected blocks
	tally     tally
}

// Open opens a node. Errors: those of store.Open and chain.Open, and of
// listening.
func Open(ctx context.Context, o Options) (n *Node, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	n = &Node{o: o, log: o.Log, started: time.Now(), tally: newTally()}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.closeParts())
			n = nil
		}
	}()

	// The addresses first: to learn that one is taken should not take long.
	var l net.ListenConfig
	if o.API != "" {
		if n.listener, err = l.Listen(ctx, "tcp", o.API); err != nil {
			return n, fmt.Errorf("the API cannot listen: %w", err)
		}
	}
	if o.Stratum != "" {
		if n.workers, err = l.Listen(ctx, "tcp", o.Stratum); err != nil {
			return n, fmt.Errorf("the Stratum server cannot listen: %w", err)
		}
	}
	o.Store.Log = o.Log
	n.genesis = block.Genesis(o.Params).Hash()
	id := store.Identity{Network: o.Params.ID, Genesis: n.genesis}
	if n.store, err = store.Open(o.Dir, id, o.Store); err != nil {
		return n, err
	}
	verifier := record.NewVerifier(verified, 0)
	n.chain, err = chain.Open(ctx, chain.Options{
		Store: n.store, Params: o.Params, Verifier: verifier, Keep: o.Keep, Clock: o.now, Log: o.Log, OnChange: n.changed,
	})
	if err != nil {
		return n, err
	}
	n.pool, err = pool.New(pool.Options{
		Params: o.Params, View: n.chain.View, Context: n.chain.NextContext, Verifier: verifier,
		Journal: pool.StoreJournal(n.store), Log: o.Log,
	})
	if err != nil {
		return n, err
	}
	n.feed = newFeed(n.chain, n.pool, template.Options{Params: o.Params, Payout: o.Payout, Tag: o.Tag, Now: o.now}, o.Log)
	finds := newFinds(n.chain, o.Params, o.now, o.Log)
	if o.Engine != nil {
		n.miner = newMiner(o.Engine, finds, o.now)
	}
	if n.workers != nil {
		n.stratum = stratum.New(stratum.Options{
			Params: o.Params, Payout: o.Payout, Difficulty: o.StratumDifficulty, TLS: o.StratumTLS, Now: o.now, Log: o.Log,
			Submit: func(b *block.Block, worker string) error { return finds.submit(b, &n.solved, worker) }, // which counts and logs
		})
	}
	if n.listener != nil {
		n.views, err = views.Open(filepath.Join(o.Dir, ViewsFolder), views.Options{Chain: n.chain, Identity: id, FS: o.Store.FS, Log: o.Log})
		if err != nil {
			return n, err
		}
		if o.Blobs != "" {
			n.custody, err = blobkeeper.Open(o.Blobs, blobkeeper.Options{
				Params: o.Params, Chain: n.chain, Views: n.views, Blobs: blobs.Options{Now: o.now}, Log: o.Log,
			})
			if err != nil {
				return n, err
			}
		}
		served := api.Options{
			Params: o.Params, Chain: n.chain, Pool: n.pool, Views: n.views, Custody: n.custody, Health: n.health,
			Version: o.Version, Token: o.APIToken, Proxies: o.APIProxies, Log: o.Log,
		}
		if n.stratum != nil {
			served.Miners = n.miners
		}
		n.api, err = api.New(served)
		if err != nil {
			return n, err
		}
	}
	if o.Traffic > 0 {
		users := traffic.Options{
			Params: o.Params, Rate: o.Traffic, Seed: o.Seed, Accounts: network.DevFaucets(), Roots: network.DevRoots(),
			Chain: n.chain, Pool: n.pool, Log: o.Log,
		}
		if n.custody != nil {
			users.Custody = n.custody
		}
		n.traffic, err = traffic.New(users)
		if err != nil {
			return n, err
		}
	}
	for _, w := range warnings(o.Params, 0, 0) { // at a start a tip is often old
		n.log.Warn(w.Text, "warning", w.Kind)
	}
	n.blocks.seed(n.chain, n.started)
	if n.views != nil {
		n.tally.seed(n.views, n.chain.View(), n.chain.NextContext())
	}
	return n, nil
}

// Chain returns the chain of the node.
func (n *Node) Chain() *chain.Chain { return n.chain }

// Pool returns the pool of the node.
func (n *Node) Pool() *pool.Pool { return n.pool }

// Run runs the node until ctx ends, and then returns nil. It returns before,
// with an error, if the API or the Stratum server ended by itself. When it
// returns, nothing that it started runs any more. It is called once.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	parts.Go(func() { n.measure(ctx) })
	if n.miner != nil {
		parts.Go(func() { n.mine(ctx) })
	}
	if n.miner != nil || n.stratum != nil {
		parts.Go(func() { n.feed.run(ctx, n.take) })
	}
	if n.traffic != nil {
		parts.Go(func() { n.makeTraffic(ctx) })
	}
	if n.views != nil {
		parts.Go(func() { n.views.Run(ctx) })
	}
	if n.custody != nil {
		parts.Go(func() { n.custody.Run(ctx) })
	}
	var apiFailed, stratumFailed error
	serve := func(failed *error, what string, server func(context.Context, net.Listener) error, l net.Listener) {
		parts.Go(func() {
			if err := server(ctx, l); err != nil {
				*failed = fmt.Errorf("%s ended: %w", what, err)
				cancel()
			}
		})
	}
	if n.api != nil {
		serve(&apiFailed, "the API", n.api.Serve, n.listener)
	}
	if n.stratum != nil {
		serve(&stratumFailed, "the Stratum server", n.stratum.Serve, n.workers)
	}
	parts.Wait()
	return errors.Join(apiFailed, stratumFailed)
}

// take gives a template to all who mine. The server comes first, as it does not
// wait.
func (n *Node) take(t *template.Template) {
	if n.stratum != nil {
		n.stratum.Take(t)
	}
	if n.miner != nil {
		n.miner.take(t)
	}
}

// mine mines until ctx ends. Without a device the node goes on, and says so.
func (n *Node) mine(ctx context.Context) {
	if err := n.miner.run(ctx); ctx.Err() == nil {
		n.log.Error("mining has ended", "error", err)
		n.mu.Lock()
		defer n.mu.Unlock()
		n.trouble = fmt.Sprintf("mining has ended: %v", err)
	}
}

// makeTraffic makes records until ctx ends. If the state cannot be read for
// now, it tries again.
func (n *Node) makeTraffic(ctx context.Context) {
	for {
		err := n.traffic.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		n.log.Warn("traffic pauses", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// Close seals the store. Run must have returned.
func (n *Node) Close() error { return n.closeParts() }

func (n *Node) closeParts() error {
	var errs []error
	for _, l := range []net.Listener{n.listener, n.workers} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if n.pool != nil && n.store.Err() == nil {
		errs = append(errs, n.pool.Flush()) // so that the journal has only what waits
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.views != nil {
		// The last, as their seal can take long: the store must have its own even if
		// the process is killed meanwhile. Views without a seal lose nothing.
		errs = append(errs, n.views.Close())
	}
	return errors.Join(errs...)
}

// changed follows a change of the chain, which calls it with its lock held.
func (n *Node) changed(change chain.Change) {
	if n.pool == nil {
		return // Open is still at it, and the pool will read what there is then
	}
	if err := n.pool.Follow(change); err != nil {
		n.log.Error("the pool does not follow the chain", "error", err)
	}
	if !change.Partial { // a tip in between is nothing to mine on
		n.feed.wake()
	}
	if err := n.pool.Flush(); err != nil {
		n.log.Error("the pool's journal cannot be written, records could be lost in a crash", "error", err)
	}
	if n.views != nil {
		n.views.Wake()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocks.change(change, time.Now())
	n.tally.change(change)
	for _, b := range change.Connected {
		n.connected += uint64(len(b.Records) - 1)
	}
}
