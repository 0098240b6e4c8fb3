package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"stele/node/alert"
	"stele/node/chain"
	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/seen"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/views"
)

// Options are the parts of a node that the pages show.
type Options struct {
	Params      *network.Params
	Chain       *chain.Chain
	Pool        *pool.Pool
	Views       *views.Views        // nil: no lists, histories and counts
	Credit      *credit.Reader      // of Views; nil: no scores
	Supervision *supervision.Reader // of Views; nil: none
	Anomalies   *anomaly.Reader     // of Views; nil: none
	Alerts      *alert.Book         // nil: none
	Seen        *seen.Book          // nil: when records came is not known
	Status      func() query.Status // of the node; quick
	Miners      func() query.Miners // of its Stratum server; nil: none
	Peers       func() query.Peers  // of its peer-to-peer server; nil: none
	Now         func() time.Time    // nil: time.Now

	Version string // of the program
	Log     *slog.Logger
}

// Pages answers requests for pages and for the files that they need. Safe for
// concurrent use.
type Pages struct {
	Options
	query     *query.Reader
	languages []*language
	assets    *assets
	templates map[templateName]*pageTemplate
	verifying gate
	coming    cached[[]query.ComingBlock]
	handler   http.Handler
}

// page makes a page. An error becomes an error page: see statusOf.
type page func(*Pages, *request) (*view, error)

// routes are the patterns of all pages.
var routes = map[string]page{
	"GET /search":       (*Pages).search,
	"GET /verify":       (*Pages).verify,
	"POST /verify":      (*Pages).verify,
	"GET /{$}":          (*Pages).home,
	"GET /blocks":       (*Pages).blocks,
	"GET /blocks/{id}":  (*Pages).block,
	"GET /records/{id}": (*Pages).record,

	"GET /01/{gtin}/21/{serial}": (*Pages).item,
	"GET /01/{gtin}":             (*Pages).productRedirect,
	"GET /items/{gtin}/{serial}": (*Pages).itemRedirect,
	"GET /products/{gtin}":       (*Pages).product,
	"GET /vouchers/{id}":         (*Pages).voucher,
	"GET /claims/{id}":           (*Pages).claim,
	"GET /claims":                (*Pages).claims,
	"GET /shipments/{id}":        (*Pages).shipment,
	"GET /parties/{key}":         (*Pages).party,

	"GET /sellers":               (*Pages).sellers,
	"GET /sellers/{key}":         (*Pages).seller,
	"GET /products":              (*Pages).products,
	"GET /products/{gtin}/score": (*Pages).productScore,
	"GET /match":                 (*Pages).match,
}

// New returns the pages of a node.
func New(o Options) (*Pages, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pages{
		Options: o, verifying: make(gate, maxVerifying),
		query: query.New(query.Options{Params: o.Params, Chain: o.Chain, Pool: o.Pool, Views: o.Views}),
	}
	var err error
	if p.languages, err = readLanguages(); err != nil {
		return nil, err
	}
	if p.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if p.templates, err = readTemplates(p.languages, p.assets); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for pattern, make := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, make) })
	}
	mux.Handle("GET "+assetPath, p.assets)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "" // no page
		p.serve(w, r, (*Pages).noPage)
	})
	p.handler = mux
	return p, nil
}

// Handler returns the handler of all paths that the API does not have.
func (p *Pages) Handler() http.Handler { return p.handler }

// csp lets a page load what this node serves, and nothing else.
const csp = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// serve makes a page and writes it, or an error page.
func (p *Pages) serve(w http.ResponseWriter, hr *http.Request, make page) {
	h := w.Header()
	h.Set("Content-Security-Policy", csp)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	r := p.newRequest(w, hr)
	v, err := r.pin(hr.URL.Query().Get("at"))
	if err == nil {
		v, err = make(p, r)
	}
	if err != nil {
		v = p.errorView(r, err)
	}
	if v.redirect != "" {
		http.Redirect(w, hr, v.redirect, http.StatusSeeOther)
		return
	}
	body, err := p.render(r, v)
	if err != nil {
		p.Log.Error("page failed", "path", hr.URL.Path, "err", err)
		http.Error(w, "this page cannot be shown; the log of the node says why", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", r.lang.Tag)
	h.Set("Cache-Control", "no-store")
	writeCompressed(w, hr, v.statusOr200(), body)
}

// logged notes an error that a page shows in words.
func (p *Pages) logged(ctx context.Context, what string, err error) {
	p.Log.Log(ctx, slog.LevelDebug, "page lacks a part", "part", what, "err", err)
}
