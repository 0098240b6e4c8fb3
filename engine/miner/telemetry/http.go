package telemetry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stele/engine/miner"
	"stele/internal/netguard"
)

// HandlerOptions configure [Handler]. Its functions must be safe for concurrent use.
type HandlerOptions struct {
	Status        func() miner.Status
	Pause, Resume func() // nil: the request does not exist

	// Token returns the token of requests, "Authorization: Bearer TOKEN"; "": no
	// request has it. The handler calls it for each request. Nil: always "".
	Token func() string
	// Open lets everybody read. It is meant for a listener on loopback.
	Open bool
}

// Handler serves
//
//	GET  /status   the document of [JSON]
//	GET  /metrics  the metrics of [Collector], in the text format of Prometheus
//	GET  /hive     the object of [Hive]
//	GET  /mmpos    the object of [MMPOS]
//	GET  /healthz  200 if the miner mines or is paused, else 503; with a line that says why
//	POST /pause    pauses the miner; needs the token
//	POST /resume   resumes it; needs the token
//
// Pages in a browser on the same machine can send requests too. So a Host with a
// name other than localhost is rejected, against DNS rebinding.
func Handler(o HandlerOptions) http.Handler {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(Collector(o.Status))
	mux := http.NewServeMux()
	mux.Handle("GET /status", serveJSON(o.Status, JSON))
	mux.Handle("GET /hive", serveJSON(o.Status, Hive))
	mux.Handle("GET /mmpos", serveJSON(o.Status, MMPOS))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		s := o.Status()
		text := string(s.State)
		if s.Trouble != "" {
			text += ": " + s.Trouble
		}
		if s.State == miner.Mining || s.State == miner.Paused {
			_, _ = w.Write([]byte(text + "\n"))
		} else {
			http.Error(w, text, http.StatusServiceUnavailable)
		}
	})
	for path, do := range map[string]func(){"/pause": o.Pause, "/resume": o.Resume} {
		if do != nil {
			mux.HandleFunc("POST "+path, func(w http.ResponseWriter, _ *http.Request) {
				do()
				w.WriteHeader(http.StatusNoContent)
			})
		}
	}
	return o.guard(mux)
}

func serveJSON(status func() miner.Status, shape func(miner.Status) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, err := shape(status())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(text, '\n'))
	})
}

func (o HandlerOptions) guard(next http.Handler) http.Handler {
	if o.Token == nil {
		o.Token = func() string { return "" }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		token := o.Token()
		read := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case !netguard.TrustedHost(r.Host):
			http.Error(w, "invalid Host: must be an IP address or localhost", http.StatusForbidden)
		case read && o.Open || netguard.Bearer(r, token):
			next.ServeHTTP(w, r)
		case token == "":
			http.Error(w, "request needs a token, but the miner was started without --api-token", http.StatusForbidden)
		default:
			h.Set("WWW-Authenticate", "Bearer")
			http.Error(w, "request needs the header Authorization: Bearer with the token of the miner", http.StatusUnauthorized)
		}
	})
}

// The limits of a server.
const (
	maxConnections = 64
	requestTimeout = 5 * time.Second
	idleTimeout    = time.Minute
)

// Serve serves h on l until ctx ends, and then returns nil. It returns an error if
// it stops earlier. It closes l.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      2 * requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(netguard.Limit(l, maxConnections, 0, nil))
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
