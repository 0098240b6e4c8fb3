package mine

import (
	"context"
	"sync/atomic"
	"time"

	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
)

// display shows the status of a miner: a live view on a terminal, lines elsewhere.
type display struct {
	*screen.Terminal
	help   atomic.Bool
	failed atomic.Bool // the miner ended with an error, which replaces the last line
}

// press performs the action of a key.
func (o *display) press(key byte, m minerflags.Pauser, stop func()) {
	switch key {
	case 'h', 'H', '?':
		o.help.Store(!o.help.Load())
	default:
		minerflags.Press(key, m, stop)
	}
}

// show shows the miner until ctx ends.
func (o *display) show(ctx context.Context, m *miner.Miner) {
	ticker := time.NewTicker(screen.RedrawEvery)
	defer ticker.Stop()
	var printed time.Time
	for {
		s := m.Status()
		switch {
		case o.IsLive():
			o.Draw(func(p screen.Painter) []string { return view{Painter: p, help: o.help.Load()}.lines(s) })
		case s.Now.Sub(printed) >= screen.PrintEvery:
			printed = s.Now
			o.Print(statusLine(s) + "\n")
		}
		select {
		case <-ctx.Done():
			if !o.IsLive() && !o.failed.Load() {
				o.Print(statusLine(m.Status()) + "\n")
			}
			return
		case <-ticker.C:
		}
	}
}
