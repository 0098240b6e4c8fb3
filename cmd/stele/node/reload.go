package node

import (
	"context"
	"log/slog"
	"sync"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/configfile"
	"stele/cmd/stele/internal/minerflags"
	"stele/node"
)

// reloads reloads the settings of a node on SIGHUP, and ends the node if its terminal
// was closed.
type reloads struct {
	ready  chan struct{} // closed when node is set
	node   *node.Node
	cancel func()
	wg     sync.WaitGroup
	closed bool // the terminal
}

// startReloads starts to reload settings, from now until [reloads.stop]. It replaces the
// context of c by one that ends when the terminal is closed.
func startReloads(c *cli.Context, now *settings, servers *minerflags.Servers, log *slog.Logger) *reloads {
	r := &reloads{ready: make(chan struct{})}
	c.Context, r.cancel = context.WithCancel(c.Context)
	ctx, hangups := c.Context, configfile.WatchHangups(c.App.Reader)
	r.wg.Go(func() {
		defer hangups.Close()
		r.closed = hangups.Run(ctx, log, func() error {
			select {
			case <-r.ready:
			case <-ctx.Done():
				return nil
			}
			next, err := now.reload(c, log)
			if err != nil {
				return err
			}
			r.apply(next, servers)
			now = next
			log.Info("config reloaded")
			return nil
		})
		r.cancel()
	})
	return r
}

// apply gives reloaded settings to the node and to the APIs of its miner.
func (r *reloads) apply(s *settings, servers *minerflags.Servers) {
	r.node.SetAPIAccess(s.options.APIToken, s.options.APIProxies)
	servers.SetToken(s.served.Token)
	if m := r.node.Miner(); m != nil {
		m.SetLimits(s.options.Limits)
	}
}

// opened sets the node. Until then a reload waits.
func (r *reloads) opened(n *node.Node) {
	r.node = n
	close(r.ready)
}

// stop ends reloading. It returns true if the terminal was closed. Further calls do the
// same.
func (r *reloads) stop() (terminalClosed bool) {
	r.cancel()
	r.wg.Wait()
	return r.closed
}
