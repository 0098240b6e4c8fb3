//go:build unix

package configfile

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// Each SIGHUP reloads, a failed reload is logged, and nothing is left behind. A program
// without a terminal never takes a signal for a closed one.
func TestHangups(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var log bytes.Buffer
	h := WatchHangups(strings.NewReader(""))
	defer h.Close()
	hangUp := func() {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	hangUp()
	reloaded := 0
	closed := h.Run(ctx, slog.New(slog.NewTextHandler(&log, nil)), func() error {
		switch reloaded++; reloaded {
		case 1:
			hangUp()
			return errors.New("no such file")
		case 2:
			hangUp()
		default:
			cancel()
		}
		return nil
	})
	if closed || reloaded != 3 {
		t.Errorf("reloaded %d times; terminal closed: %v", reloaded, closed)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `msg="config reload failed, keeping current settings" err="no such file"`) {
		t.Errorf("logged %s", got)
	}
}
