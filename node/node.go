package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine"
	"stele/engine/miner"
	"stele/engine/miner/health"
	"stele/engine/pow"
	"stele/internal/netguard"
	"stele/node/alert"
	"stele/node/api"
	"stele/node/blobkeeper"
	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/credit"
	"stele/node/feed"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/metrics"
	"stele/node/p2p"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/seen"
	"stele/node/store"
	"stele/node/stratum"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/template"
	"stele/node/traffic"
	"stele/node/views"
	"stele/node/web"
)

// Options say what a node does.
type Options struct {
	Params *network.Params
	Dir    string // of the store and the views; made if it does not exist
	Blobs  string // folder of recipients' sealed data, on the disk; "": none are taken. They come by the API
	Seen   string // file, on the disk, in which the node remembers when it saw records; "": only until it ends
	Alerts string // file of the alerts, on the disk; "": they are lost at the end
	Keep   uint32 // bodies of blocks that are kept, 0: all; see chain.Options

	// Engine mines; nil: the node does not mine. The caller closes it, after the node.
	Engine *engine.Engine
	Payout record.Key // which the coinbases pay
	Tag    []byte     // in the coinbases
	// What the devices of Engine must keep to, and what is run when something
	// happens to them. See miner.Options.
	Sensors func(uuid string) (miner.Sensors, error)
	// CPUEnergy returns the joules that the processor packages have used since a fixed
	// moment. Nil: they are not known.
	CPUEnergy func() (float64, error)
	Limits    health.Limits
	Rules     health.Rules
	Hooks     health.Hooks

	// Stratum is the address of the Stratum server, such as ":3333"; "": none. A
	// miner with the user name "node" mines for Payout.
	Stratum           string
	StratumTLS        *tls.Config // nil: connections are not encrypted
	StratumDifficulty float64     // see stratum.Options

	P2P *P2P // nil: the node has no peers

	API        string           // address to listen at, such as "127.0.0.1:8690"; "": no API
	APIToken   string           // see api.Options
	APIProxies netguard.Proxies // see api.Options
	Web        bool             // whether the API's address also serves the web pages
	Version    string           // of the program

	Traffic float64 // records per second that the node makes itself; 0: none
	Seed    uint64  // of the traffic

	Store store.Options // without its log
	Log   *slog.Logger  // nil: silent

	now func() time.Time // the clock that headers and blobs are compared with; nil: time.Now
}

// ViewsFolder is the name of the folder of the views, in the folder of the store.
const ViewsFolder = "views"

// verifierCacheSize is the number of records with good signatures that a node
// remembers: those of a full pool and a few blocks.
const verifierCacheSize = 1 << 17

// Node is a node. Safe for concurrent use.
type Node struct {
	o       Options
	log     *slog.Logger
	started time.Time

	genesis         pow.Hash
	store           *store.Store
	verifier        *record.Verifier // of chain, pool and peers
	chain           *chain.Chain
	changes         *chain.Subscription // for what mu guards
	pool            *pool.Pool
	views           *views.Views        // nil: none
	credit          *credit.Reader      // of views; nil: none
	supervision     *supervision.Reader // of views; nil: none
	feed            *feed.Feed          // that the API serves; nil: none
	seen            *seen.Book          // that the API shows; nil: none
	anomalies       *anomaly.Reader     // of views; nil: none
	alerts          *alert.Book         // nil: none
	custody         *blobkeeper.Keeper  // nil: none
	p2p             *p2p.Server         // nil: none
	connected       atomic.Int64        // peers
	templater       *templater          // for source and stratum
	source          *templateSource     // of miner
	miner           *miner.Miner        // nil: none
	stratum         *stratum.Server     // nil: none
	stratumListener net.Listener
	stratumMined    minedCounts
	metrics         *metrics.Metrics // that the API serves; nil: none
	api             *api.API         // nil: none
	apiListener     net.Listener
	traffic         *traffic.Generator // nil: none

	// Of the goroutine that measures.
	waited string // as waiting returned it last
	warned warningLog

	mu      sync.Mutex // guards what follows
	rates   rates
	blocks  blockTimes
	trouble string // that stays
	mined   uint64 // records in connected blocks
	tally   tally
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
	n = &Node{o: o, log: o.Log, started: time.Now(), rates: newRates(), tally: newTally()}
	// The addresses first, so that an address in use is reported at once.
	for _, open := range []func(context.Context) error{n.listen, n.openChain, n.openIndex, n.openPeers, n.openMining, n.openAPI, n.openTraffic} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, n.closeParts())
		}
	}
	n.warned.follow(n.firstWarnings(), n.log)
	n.changes = n.chain.Subscribe()
	n.blocks.seed(n.chain, n.started)
	if n.views != nil {
		n.tally.seed(n.views, n.chain.View(), n.chain.NextContext())
	}
	return n, nil
}

// listen opens the listeners of the API and the Stratum server.
func (n *Node) listen(ctx context.Context) (err error) {
	var l net.ListenConfig
	if n.o.API != "" {
		if n.apiListener, err = l.Listen(ctx, "tcp", n.o.API); err != nil {
			return fmt.Errorf("the API cannot listen: %w", err)
		}
	}
	if n.o.Stratum != "" {
		if n.stratumListener, err = l.Listen(ctx, "tcp", n.o.Stratum); err != nil {
			return fmt.Errorf("the Stratum server cannot listen: %w", err)
		}
	}
	return nil
}

// identity returns what the store and the views belong to.
func (n *Node) identity() store.Identity {
	return store.Identity{Network: n.o.Params.ID, Genesis: n.genesis}
}

// openChain opens the store, the chain and the pool.
func (n *Node) openChain(ctx context.Context) (err error) {
	o := n.o
	o.Store.Log = o.Log
	n.genesis = block.Genesis(o.Params).Hash()
	if n.store, err = store.Open(o.Dir, n.identity(), o.Store); err != nil {
		return err
	}
	n.verifier = record.NewVerifier(verifierCacheSize, 0)
	n.verifier.Warm()
	n.verifier.OnDisagreement = func(d *record.Disagreement) {
		n.log.Error("signature kernel disabled", "err", d)
	}
	n.chain, err = chain.Open(ctx, chain.Options{
		Store: n.store, Params: o.Params, Verifier: n.verifier, Keep: o.Keep, Needed: n.neededBody, Clock: o.now, Log: o.Log,
		OnChange: n.changed, Flush: n.flush,
	})
	if err != nil {
		return err
	}
	n.pool, err = pool.New(pool.Options{
		Params: o.Params, View: n.chain.View, Context: n.chain.NextContext, Verifier: n.verifier,
		Journal: pool.StoreJournal(n.store), Accepted: n.accepted, Log: o.Log,
	})
	return err
}

// flushViewsEvery is after how many blocks the views of a node that prunes are written to
// disk: well before the bodies of these are removed.
const flushViewsEvery = 200

// neededBody returns the height of the lowest block whose body the views need.
func (n *Node) neededBody() uint32 {
	switch {
	case n.apiListener == nil: // there will be no views
		return math.MaxUint32
	case n.views == nil: // they are not open yet
		return 0
	}
	return n.views.Needed()
}

// openMining makes the templater, the miner and the Stratum server.
func (n *Node) openMining(context.Context) error {
	o := n.o
	n.templater = newTemplater(n.chain, n.pool, template.Options{Params: o.Params, Payout: o.Payout, Tag: o.Tag, Now: o.now}, o.Log)
	n.templater.waiting = n.waiting
	submitter := newBlockSubmitter(n.chain, o.Params, o.now, o.Log)
	if o.Engine != nil {
		n.source = newTemplateSource(submitter, o.Payout)
		n.miner = miner.New(miner.Options{
			Engine: o.Engine, Sources: []miner.Source{n.source}, Log: o.Log, Version: o.Version,
			Sensors: o.Sensors, CPUEnergy: o.CPUEnergy, Limits: o.Limits, Rules: o.Rules, Hooks: o.Hooks,
			QuietShares: true, // the submitter logs
		})
	}
	if n.stratumListener != nil {
		n.stratum = stratum.New(stratum.Options{
			Params: o.Params, Payout: o.Payout, Difficulty: o.StratumDifficulty, TLS: o.StratumTLS, Now: o.now, Log: o.Log,
			Submit: func(b *block.Block, worker string) error {
				return submitter.submit(b, &n.stratumMined, slog.String("worker", worker))
			},
		})
	}
	return nil
}

// openIndex opens what only the API needs: the views, and the custody of recipients'
// data.
func (n *Node) openIndex(context.Context) (err error) {
	if n.apiListener == nil {
		return nil
	}
	o := n.o
	index, counts, patterns := credit.NewIndex(o.Params), supervision.NewIndex(o.Params), anomaly.NewIndex(o.Params)
	n.views, err = views.Open(filepath.Join(o.Dir, ViewsFolder), views.Options{
		Chain: n.chain, Identity: n.identity(), FS: o.Store.FS, Log: o.Log, FlushEvery: min(o.Keep, flushViewsEvery),
		Tables: []views.Table{index, counts, patterns}, Updated: func() { n.feed.Wake() },
	})
	if err != nil {
		return err
	}
	n.openLive()
	n.credit = credit.NewReader(n.views, index)
	reader := query.New(query.Options{Params: o.Params, Chain: n.chain, Pool: n.pool, Views: n.views})
	n.supervision = supervision.NewReader(reader, n.views, counts)
	n.anomalies = anomaly.NewReader(n.views, patterns)
	n.alerts = n.newAlerts(reader)
	if o.Blobs != "" {
		n.custody, err = blobkeeper.Open(o.Blobs, blobkeeper.Options{
			Params: o.Params, Chain: n.chain, Views: n.views, Blobs: blobs.Options{Now: o.now}, Log: o.Log,
		})
	}
	return err
}

// openAPI makes the API.
func (n *Node) openAPI(context.Context) (err error) {
	if n.apiListener == nil {
		return nil
	}
	o := n.o
	n.metrics = n.newMetrics()
	served := api.Options{
		Params: o.Params, Chain: n.chain, Pool: n.pool, Views: n.views, Credit: n.credit, Supervision: n.supervision, Custody: n.custody, Status: n.Status,
		Feed: n.feed, Seen: n.seen, Judged: n.judgedFrom(seen.API),
		Anomalies: n.anomalies, Alerts: n.alerts,
		Metrics: n.metrics.Handler(), Answered: n.metrics.Answered,
		Version: o.Version, Token: o.APIToken, Proxies: o.APIProxies, Log: o.Log,
	}
	if n.stratum != nil {
		served.Miners = n.miners
	}
	if n.p2p != nil {
		served.Peers, served.Forget, served.Finder = n.p2p.Status, n.p2p.Forget, n.p2p
	}
	if o.Web {
		pages, err := web.New(web.Options{
			Params: o.Params, Chain: n.chain, Pool: n.pool, Views: n.views, Credit: n.credit, Supervision: n.supervision, Seen: n.seen, Anomalies: n.anomalies, Alerts: n.alerts,
			Status: n.Status, Miners: served.Miners, Peers: served.Peers, Version: o.Version, Log: o.Log,
		})
		if err != nil {
			return err
		}
		served.Pages = pages.Handler()
	}
	n.api, err = api.New(served)
	return err
}

// openTraffic makes the generator of traffic.
func (n *Node) openTraffic(context.Context) (err error) {
	o := n.o
	if o.Traffic <= 0 {
		return nil
	}
	users := traffic.Options{
		Params: o.Params, Rate: o.Traffic, Seed: o.Seed, Accounts: network.DevFaucets(), Roots: network.DevRoots(),
		Chain: n.chain, Pool: n.pool, Judged: n.judgedFrom(seen.Traffic), Log: o.Log,
	}
	if n.custody != nil {
		users.Custody = n.custody
	}
	n.traffic, err = traffic.New(users)
	return err
}

// Miner returns the miner of the node, to pause and resume it and to change its
// limits; nil if the node does not mine. Its Run is the node's.
func (n *Node) Miner() *miner.Miner { return n.miner }

// SetAPIAccess replaces the token and the trusted proxies of the API.
func (n *Node) SetAPIAccess(token string, proxies netguard.Proxies) {
	if n.api != nil {
		n.api.SetAccess(token, proxies)
	}
}

// Close seals the store. Run must have returned.
func (n *Node) Close() error { return n.closeParts() }

func (n *Node) closeParts() error {
	var errs []error
	for _, l := range []net.Listener{n.apiListener, n.stratumListener} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if n.p2p != nil {
		n.p2p.Close() // if Run was never called
	}
	if n.changes != nil {
		n.changes.Close()
	}
	n.closeLive()
	if n.pool != nil && n.store.Err() == nil {
		errs = append(errs, n.pool.Flush()) // so that the journal only has pooled records
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.views != nil {
		// The views come last, as sealing them can take long: the store must have its
		// seal even if the process is killed meanwhile. Views without a seal lose
		// nothing.
		errs = append(errs, n.views.Close())
	}
	return errors.Join(errs...)
}
