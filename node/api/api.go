package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"stele/internal/netguard"
	"stele/node/alert"
	"stele/node/blobkeeper"
	"stele/node/chain"
	"stele/node/credit"
	"stele/node/feed"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/seen"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/views"
)

// Options are the parts of a node that an API shows, and its limits.
type Options struct {
	Params *network.Params
	Chain  *chain.Chain
	Pool   *pool.Pool
	Views  *views.Views   // nil: no cases, parties and evidence
	Credit *credit.Reader // of Views; nil: no scores
	// Supervision asks Views about the whole market; nil: no supervision.
	Supervision *supervision.Reader
	// Anomalies are findings of Views; nil: none are listed.
	Anomalies *anomaly.Reader
	Alerts    *alert.Book // nil: none
	// Custody keeps sealed recipients' data. Nil: none are accepted.
	Custody *blobkeeper.Keeper
	Finder  Finder              // of what Custody does not have; nil: nobody is asked
	Status  func() query.Status // of the node; quick
	Feed    *feed.Feed          // of events; nil: there is no stream of them
	Seen    *seen.Book          // of when the node saw records; nil: it does not remember that
	// Judged is called with records that clients have sent, when they came, and the verdicts
	// of the pool. Nil: nobody needs to know.
	Judged func(came time.Time, records []*record.Record, verdicts []error)
	Miners func() query.Miners // of its Stratum server; nil: none
	Peers  func() query.Peers  // of its peer-to-peer server; nil: none
	// Forget removes an address from the discouraged ones of the peer-to-peer server, and
	// reports whether it was one. Nil if Peers is.
	Forget func(netip.Addr) bool
	// Metrics serves /metrics. Nil: the path does not exist.
	Metrics http.Handler
	// Pages answers for all paths that the API does not have, but for those below /v1/.
	// Everybody may post to VerifyPath, which writes nothing. Nil: these paths do not
	// exist.
	Pages http.Handler
	// Answered is called after each request, with the pattern of its route (empty if
	// there is none, or a limit was exceeded), the status of the answer, and how long it
	// took. Nil: nobody counts.
	Answered func(route string, status int, took time.Duration)

	Version string           // of the program
	Token   string           // that writes need; "": they are accepted from loopback addresses only
	Proxies netguard.Proxies // reverse proxies whose X-Forwarded-For is trusted
	Rate    float64          // requests per second and address, with a burst of half a second; ten entries of a list count as one; 0: 2000
	Log     *slog.Logger
}

const defaultRate = 2000

// Limits of signatures that were checked for records that are then rejected, per
// address: per second, which is about 5 % of a processor, and as a burst.
const (
	wastedPerSecond = 500
	wastedBurst     = 2000
)

// API answers requests about a node. Safe for concurrent use.
type API struct {
	query       *query.Reader
	params      *network.Params
	chain       *chain.Chain
	pool        *pool.Pool
	views       *views.Views        // nil: none
	credit      *credit.Reader      // nil: none
	supervision *supervision.Reader // nil: none
	anomalies   *anomaly.Reader     // nil: none
	alerts      *alert.Book         // nil: none
	custody     *blobkeeper.Keeper
	finder      Finder
	status      func() query.Status
	feed        *feed.Feed // nil: none
	seen        *seen.Book // nil: none
	judged      func(came time.Time, records []*record.Record, verdicts []error)
	streams     streams
	miners      func() query.Miners
	peers       func() query.Peers
	forget      func(netip.Addr) bool
	pages       http.Handler  // nil: none
	verifying   chan struct{} // has room for the files that are being checked
	access      atomic.Pointer[access]
	log         *slog.Logger
	rates       *netguard.Rates
	wasted      *netguard.Rates // signatures of rejected records
	rejections  rejections
	coming      coming
	version     string
	verifiers   places
	exports     chan struct{} // has an element for each export that runs
	exporters   places
	handler     http.Handler
	spec        []byte // OpenAPI
}

// New returns the API of a node.
func New(o Options) (*API, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	a := &API{
		query:       query.New(query.Options{Params: o.Params, Chain: o.Chain, Pool: o.Pool, Views: o.Views}),
		params:      o.Params,
		chain:       o.Chain,
		pool:        o.Pool,
		views:       o.Views,
		credit:      o.Credit,
		supervision: o.Supervision,
		anomalies:   o.Anomalies,
		alerts:      o.Alerts,
		custody:     o.Custody,
		finder:      o.Finder,
		status:      o.Status,
		feed:        o.Feed,
		seen:        o.Seen,
		judged:      o.Judged,
		miners:      o.Miners,
		peers:       o.Peers,
		forget:      o.Forget,
		pages:       o.Pages,
		verifying:   make(chan struct{}, maxVerifying),
		log:         o.Log,
		rates:       netguard.NewRates(o.Rate, max(1, int(o.Rate/2))),
		wasted:      netguard.NewRates(wastedPerSecond, wastedBurst),
		version:     o.Version,
		exports:     make(chan struct{}, maxExports),
	}
	a.SetAccess(o.Token, o.Proxies)
	mux := http.NewServeMux()
	api := humago.New(mux, config(o.Version))
	a.registerNode(api)
	a.registerPeers(api)
	a.registerChain(api)
	a.registerRecords(api)
	a.registerState(api)
	a.registerNetwork(api)
	a.registerExports(api)
	if a.views != nil {
		a.registerCases(api)
		a.registerLedger(api)
		a.registerActions(api)
		a.registerSearch(api)
		a.registerHistories(api)
		a.registerBundles(api)
		a.registerEPCIS(api)
	}
	if a.views != nil && a.credit != nil {
		a.registerCredit(api)
		a.registerAudits(api)
	}
	if a.views != nil && a.anomalies != nil {
		a.registerAnomalies(api)
	}
	if a.alerts != nil {
		a.registerAlerts(api)
	}
	if a.views != nil && a.supervision != nil {
		a.registerSupervision(api)
	}
	if a.custody != nil {
		a.registerBlobs(api)
	}
	if a.feed != nil {
		a.registerEvents(api)
	}
	var err error
	if a.spec, err = json.Marshal(api.OpenAPI()); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.spec)
	})
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	a.handler = a.guard(mux)
	if o.Answered != nil {
		a.handler = counted(a.handler, o.Answered)
	}
	return a, nil
}

// Handler returns the handler of all requests.
func (a *API) Handler() http.Handler { return a.handler }

// config configures huma without documentation pages, which load scripts from
// elsewhere, without schema links in answers, and without its own route for the
// description, which it would generate during a request.
func config(version string) huma.Config {
	c := huma.DefaultConfig("Stele node", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	c.AllowAdditionalPropertiesByDefault = true // later versions may add fields to answers
	c.Info.Description = "Chain, pool and state of a node. Hashes are hex in display order, " +
		"the reverse of their bytes; amounts are decimal texts; times are seconds since 1970 UTC."
	return c
}

// get describes an operation that reads.
func get(id, path, summary string) huma.Operation {
	op := huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Errors: guardErrors()}
	if strings.Contains(path, "{") { // it names something, which may be unknown or pruned
		op.Errors = append(op.Errors, http.StatusNotFound, http.StatusGone)
	}
	return op
}

// post describes an operation that writes.
func post(id, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: path, Summary: summary,
		Errors: append(guardErrors(), http.StatusUnauthorized),
	}
}

// guardErrors returns the status codes that any operation can answer with: those
// of the guard, of invalid parameters, and of a store that has stopped.
func guardErrors() []int {
	return []int{
		http.StatusBadRequest, http.StatusForbidden, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable,
	}
}

// answer is a JSON answer.
type answer[T any] struct{ Body T }
