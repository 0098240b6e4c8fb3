package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"stele/internal/netguard"
)

// The limits of a connection. Whoever needs longer is cut off, so that slow
// connections, meant or not, cannot use up what the node has.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // of the whole request
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxConnections    = 512
	maxOfAddress      = 64          // connections of one address that is not this machine's
	shutdownTimeout   = time.Second // for requests under way, in the end
)

// Serve answers the requests that come in on l until ctx ends; then those under
// way have a second to come to their end. It closes l and returns nil, or the
// error that made it stop before.
func (a *API) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(netguard.Limit(l, maxConnections, maxOfAddress, a.proxies)) }()
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
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
