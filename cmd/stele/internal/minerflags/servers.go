package minerflags

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"stele/engine/miner"
	"stele/engine/miner/telemetry"
)

// Servers are the APIs of a miner, for status and metrics over HTTP, and that of
// cgminer.
type Servers struct {
	http, cgminer net.Listener // nil: off
	open          bool         // HTTP needs no token for reading
	token         atomic.Value // a string
}

// ServerOptions are the options of [Listen].
type ServerOptions struct {
	API     string // HOST:PORT of the HTTP API; "" or "none": off
	APIFlag string // the flag with that address, for errors
	Cgminer string // HOST:PORT of the cgminer API; "" or "none": off
	Token   string // for HTTP requests from other machines, and to pause and resume
}

// Listen opens the listeners of the APIs. The caller closes the servers.
func Listen(o ServerOptions) (*Servers, error) {
	s := &Servers{open: IsLoopback(o.API)}
	s.SetToken(o.Token)
	var err error
	if s.http, err = listen(o.APIFlag, o.API); err != nil {
		return nil, err
	}
	if s.cgminer, err = listen("cgminer", o.Cgminer); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// listen returns a listener for the address of a flag, nil for none.
func listen(flag, address string) (net.Listener, error) {
	if address == "" || address == "none" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w (another stele mine? pass another port to --%s, or none)", err, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return l, nil
}

// SetToken replaces the token. It may be called while the servers run.
func (s *Servers) SetToken(token string) { s.token.Store(token) }

// Close closes the listeners.
func (s *Servers) Close() {
	for _, l := range []net.Listener{s.http, s.cgminer} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// Start serves until ctx ends, in goroutines of wg. If a server fails, that is logged,
// and mining goes on.
func (s *Servers) Start(ctx context.Context, wg *sync.WaitGroup, m *miner.Miner, log *slog.Logger) {
	serve := func(what string, l net.Listener, do func() error) {
		if l == nil {
			return
		}
		log.Info("API listening", "what", what, "address", l.Addr().String())
		wg.Go(func() {
			if err := do(); err != nil {
				log.Error("API stopped", "what", what, "err", err)
			}
		})
	}
	serve("status and metrics", s.http, func() error {
		return telemetry.Serve(ctx, s.http, telemetry.Handler(telemetry.HandlerOptions{
			Status: m.Status, Pause: m.Pause, Resume: m.Resume, Open: s.open,
			Token: func() string { return s.token.Load().(string) },
		}))
	})
	serve("cgminer API", s.cgminer, func() error { return telemetry.Cgminer(ctx, s.cgminer, m.Status, log) })
}

// CheckAddress checks the address of a flag on which an API is served. "none" is valid.
func CheckAddress(flag, address string) error {
	if address == "none" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--%s: invalid address %q: must be HOST:PORT", flag, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--%s: invalid port in %q: must be a number up to 65535", flag, address)
	}
	return nil
}

// IsLoopback reports whether only this machine can reach an address.
func IsLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
