package configfile

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/term"
)

// Hangups receives SIGHUP from [WatchHangups] to [Hangups.Close]. It means two things:
// the terminal of the program was closed, or somebody wants the configuration to be
// read again.
type Hangups struct {
	signals chan os.Signal
	closed  func() bool
}

// WatchHangups starts to receive SIGHUP. Stdin is the standard input of the program. The
// caller closes the result.
func WatchHangups(stdin io.Reader) *Hangups {
	h := &Hangups{signals: make(chan os.Signal, 1), closed: watchTerminal(stdin)}
	signal.Notify(h.signals, syscall.SIGHUP)
	return h
}

// Close stops receiving.
func (h *Hangups) Close() { signal.Stop(h.signals) }

// Run calls reload for each SIGHUP until ctx ends. It reports to systemd that the program
// reloads (sd_notify(3)), and logs an error: reload must then have changed nothing. It
// returns true if a signal came because the terminal was closed.
func (h *Hangups) Run(ctx context.Context, log *slog.Logger, reload func() error) (terminalClosed bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-h.signals:
		}
		if h.closed() {
			log.Info("terminal closed")
			return true
		}
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
		if err := reload(); err != nil {
			log.Error("config reload failed, keeping current settings", "err", err)
		}
		if ctx.Err() != nil {
			return false // the program is stopping, and no longer ready
		}
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
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
