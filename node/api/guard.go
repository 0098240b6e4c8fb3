package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"stele/internal/netguard"
)

// The limits of a request.
const (
	maxBody   = 64 << 10 // bytes; a record of the greatest size fits in as JSON
	maxHeader = 16 << 10 // bytes

	maxVerifyBody = 8<<20 + 64<<10 // bytes: a file of 8 MiB in a form
	maxVerifying  = 8              // such bodies in memory at the same time

	maxVerifyingOfAddress = 2 // other than loopback
)

// VerifyPath is the page that checks a file. Posting to it writes nothing.
const VerifyPath = "/verify"

// guard passes the requests to the mux that the limits allow.
func (a *API) guard(mux *http.ServeMux) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		access := a.access.Load()
		client, direct := access.proxies.Client(r)
		trusted := access.mayWrite(r, direct)
		switch {
		case !allow(a.rates.Of(client), r):
			h.Set("Retry-After", "1")
			writeProblem(w, http.StatusTooManyRequests, "too many requests from this address")
			return
		case !netguard.TrustedHost(r.Host):
			writeProblem(w, http.StatusForbidden, "invalid Host: must be an IP address or localhost")
			return
		case origins.Check(r) != nil:
			writeProblem(w, http.StatusForbidden, "the request comes from a page of another origin")
			return
		case r.Method != http.MethodGet && r.Method != http.MethodHead && !trusted && !a.isVerify(r):
			if access.token != "" {
				h.Set("WWW-Authenticate", "Bearer")
				writeProblem(w, http.StatusUnauthorized, "the request needs the header Authorization: Bearer with the token of the node")
			} else {
				writeProblem(w, http.StatusForbidden, "without a token the node accepts records from this machine only, and not through a proxy; start it with --api-token to accept others")
			}
			return
		}
		handler, pattern := mux.Handler(r)
		if pattern == "" && a.isPage(r.URL) {
			a.servePage(w, r, client)
			return
		}
		if pattern == "" || !cleanPath(r.URL) {
			writeNoRoute(w, r, handler)
			return
		}
		r.Pattern = pattern // for counted; the mux sets that of a copy
		if !readBody(w, r, maxBody) {
			return
		}
		r.RemoteAddr = client // whose budget the handlers charge
		if trusted {
			r = r.WithContext(context.WithValue(r.Context(), trustedKey{}, true))
		}
		mux.ServeHTTP(w, r)
	})
}

// isPage reports whether the pages answer for a path that the API does not have.
func (a *API) isPage(u *url.URL) bool {
	return a.pages != nil && u.Path != "/v1" && !strings.HasPrefix(u.Path, "/v1/")
}

// isVerify reports whether a request has a file checked.
func (a *API) isVerify(r *http.Request) bool {
	return a.pages != nil && r.Method == http.MethodPost && r.URL.Path == VerifyPath
}

// servePage passes a request to the pages. Only files to be checked have a body.
func (a *API) servePage(w http.ResponseWriter, r *http.Request, client string) {
	limit := int64(0)
	if a.isVerify(r) {
		limit = maxVerifyBody
		leave, ok := a.verifiers.enter(client, maxVerifyingOfAddress)
		if !ok {
			w.Header().Set("Retry-After", "5")
			writeProblem(w, http.StatusTooManyRequests, "files of this address are being checked already; try again later")
			return
		}
		defer leave()
		select {
		case a.verifying <- struct{}{}:
			defer func() { <-a.verifying }()
		default:
			w.Header().Set("Retry-After", "5")
			writeProblem(w, http.StatusTooManyRequests, "too many files are being checked; try again later")
			return
		}
	}
	if !readBody(w, r, limit) {
		return
	}
	r.RemoteAddr = client
	a.pages.ServeHTTP(w, r) // which sets r.Pattern, for counted
}

// trustedKey marks the context of a request whose sender may write.
type trustedKey struct{}

// isTrusted reports whether the sender of the request with a context may write.
func isTrusted(ctx context.Context) bool { return ctx.Value(trustedKey{}) != nil }

// The cost of requests.
const (
	perRequest = 10 // entries of a list count as one request
	asOfCost   = 20 // requests: that an answer as of an earlier height counts as
)

// allow charges the budget of a client for a request: one for the request, and one for
// each ten entries of the list that it asks for, at most a tenth of the burst. A page of
// 200 records takes about as long as that many small requests. An answer as of an earlier
// height can take longer, and counts for more, at most a tenth of the burst too.
func allow(budget *rate.Limiter, r *http.Request) bool {
	cost := 1
	query := r.URL.Query()
	if query.Has("at") {
		cost += min(asOfCost, budget.Burst()/10)
	}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil {
		cost += min(max(limit, 0)/perRequest, budget.Burst()/10)
	}
	return budget.AllowN(time.Now(), min(cost, budget.Burst()))
}

// cleanPath reports whether a path is in canonical form. The mux would redirect
// others, which an API does not need. Escaped parts can have anything: a serial number
// may be "a//b".
func cleanPath(u *url.URL) bool { return path.Clean(u.EscapedPath()) == u.EscapedPath() }

// readBody reads the body of a request, of at most limit bytes, into memory. If it
// cannot, it writes the error and returns false.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	tooLong := func() {
		writeProblem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body of the request is longer than %d bytes", limit))
	}
	// The header is enough to reject a request, so that a client with Expect:
	// 100-continue (RFC 9110, section 10.1.1) need not send the body.
	switch encoding := r.Header.Get("Content-Encoding"); {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 12.5.3
		writeProblem(w, http.StatusUnsupportedMediaType, "the body of the request is encoded: must be identity")
		return false
	case r.ContentLength > limit:
		tooLong()
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var exceeded *http.MaxBytesError
	var slow net.Error
	switch {
	case err == nil:
		r.Body = io.NopCloser(bytes.NewReader(body))
		return true
	case errors.As(err, &exceeded):
		tooLong()
	case errors.As(err, &slow) && slow.Timeout():
		writeProblem(w, http.StatusRequestTimeout, fmt.Sprintf("the request took longer than %v", readTimeout))
	default:
		writeProblem(w, http.StatusBadRequest, "the body of the request ended early")
	}
	return false
}

// writeNoRoute answers a request without a route with a problem: 404 or 405, as the
// mux would.
func writeNoRoute(w http.ResponseWriter, r *http.Request, noRoute http.Handler) {
	answer := recorder{header: http.Header{}}
	noRoute.ServeHTTP(&answer, r)
	if answer.status != http.StatusMethodNotAllowed {
		writeProblem(w, http.StatusNotFound, "no such resource; /openapi.json lists them")
		return
	}
	w.Header()["Allow"] = answer.header["Allow"]
	writeProblem(w, http.StatusMethodNotAllowed, "the resource does not have this method")
}

// recorder keeps status and headers of an answer.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

// access says who may write. It is replaced as a whole, so that each request sees one.
type access struct {
	token   string
	proxies netguard.Proxies
}

// SetAccess replaces the token and the trusted proxies of the options. Requests in
// progress and streams go on as they were admitted. Safe for concurrent use.
func (a *API) SetAccess(token string, proxies netguard.Proxies) {
	a.access.Store(&access{token, proxies})
}

// isProxy reports whether a connection comes from a trusted proxy.
func (a *API) isProxy(remote string) bool { return a.access.Load().proxies.Trust(remote) }

// mayWrite reports whether the sender of r may write: it has the token, or if there
// is none, it is on this machine. Through a proxy every client has the address of
// the proxy.
func (a *access) mayWrite(r *http.Request, direct bool) bool {
	if a.token != "" {
		return netguard.Bearer(r, a.token)
	}
	return direct && netguard.Loopback(r.RemoteAddr)
}
