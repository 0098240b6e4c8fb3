package mine

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

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

// watchTerminal returns a function that reports whether the terminal on standard input
// was closed since. It never reports that for a program without a terminal, such as a
// service or under nohup, nor for one that was started with SIGHUP ignored, so that it
// outlives its terminal.
func watchTerminal(stdin io.Reader) (closed func() bool) {
	f, ok := stdin.(*os.File)
	if !ok || signal.Ignored(syscall.SIGHUP) || !term.IsTerminal(int(f.Fd())) {
		return func() bool { return false }
	}
	return func() bool { return !term.IsTerminal(int(f.Fd())) }
}
