package rate

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newLog() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}

// A flood is cut to its limit, what was left out is counted, and other events, and
// those of another level, are logged as ever.
func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, out := newLog()
		log := Logger(inner)
		peer := log.With("peer", "p")
		const flood = 10_000
		for range flood {
			log.Info("connected", "n", 1)
			peer.Info("connected", "n", 2)
		}
		peer.WithGroup("g").Warn("banned")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != burst+1 || !strings.Contains(lines[burst], "banned") || strings.Contains(out.String(), "dropped") {
			t.Fatalf("%d lines: %s", len(lines), out)
		}
		if !strings.Contains(lines[1], "peer=p n=2") {
			t.Errorf("attributes are lost: %s", lines[1])
		}
		out.Reset()
		time.Sleep(every)
		log.Info("connected")
		log.Info("connected")
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, fmt.Sprintf(" dropped=%d\n", 2*flood-burst)) {
			t.Errorf("after a pause: %s", got)
		}
		out.Reset()
		time.Sleep(burst * every)
		for range 2 {
			log.Info("connected")
		}
		if got := out.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "dropped=1\n") != 1 {
			t.Errorf("after a long pause: %s", got)
		}
	})
}

// In a day of flood, of as many events as there can be, so much is written.
func TestLoggerBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, out := newLog()
		log := Logger(inner)
		start := time.Now()
		for time.Since(start) < 24*time.Hour {
			log.Warn("flood")
			time.Sleep(time.Second / 2)
		}
		if n, want := strings.Count(out.String(), "\n"), int(24*time.Hour/every)+burst; n > want {
			t.Errorf("%d lines, at most %d", n, want)
		}
		out.Reset()
		for i := range 100 * maxEvents {
			log.Info(fmt.Sprint("event ", i))
		}
		if n, want := strings.Count(out.String(), "\n"), maxEvents+burst; n > want {
			t.Errorf("%d lines of many events, at most %d", n, want)
		}
	})
}

// A level that the log does not have costs nothing, and does not count.
func TestLoggerLevel(t *testing.T) {
	var out bytes.Buffer
	log := Logger(slog.New(slog.NewTextHandler(&out, nil)))
	for range 1000 {
		log.Debug("share")
	}
	log.Info("share")
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "dropped") {
		t.Errorf("log: %s", got)
	}
}
