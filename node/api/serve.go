package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"stele/internal/netguard"
)

// Limits of a connection. The server closes slower ones, so that slow clients
// cannot exhaust the node.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // of the whole request
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxConnections    = 512         // beside streams of events
	maxOfAddress      = 64          // connections of one address, other than loopback
	shutdownTimeout   = time.Second // for requests in progress at the end
)

// Serve answers the requests on l until ctx ends. Requests in progress then have a
// second to finish, and lose their connections after that. It closes l, waits for the
// requests, and returns nil or the error that made it stop before.
func (a *API) Serve(ctx context.Context, l net.Listener) error {
	var running sync.RWMutex // read-locked by each request
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if running.TryRLock() { // else the server has ended
				defer running.RUnlock()
				a.Handler().ServeHTTP(w, r)
			}
		}),
		// Streams end when ctx does; other requests have a second more.
		BaseContext: func(net.Listener) context.Context { return context.WithValue(context.Background(), servingKey{}, ctx) },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },

		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(netguard.Limit(l, maxConnections, maxOfAddress, a.isProxy)) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		_ = server.Close()
	}
	running.Lock() // a request that still reads may hold a snapshot of the store
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Values of the context of a request: the context of Serve, and the connection.
type (
	servingKey struct{}
	connKey    struct{}
)
