package p2p

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"stele/node/p2p/simnet"
	"stele/node/query"
)

// A synchronisation logs its progress with what is known by then, each ten seconds, and
// its end.
func TestProgressLog(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 400, 2)
		full := w.node()
		full.give(blocks...)
		w.net.SetDefault(simnet.Line{Latency: 20 * time.Millisecond, Rate: 20_000})
		var log strings.Builder
		n := w.node(peersOf(full), func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		n.reaches(lastOf(blocks), 5*time.Minute)
		time.Sleep(20 * time.Second)
		n.stop()
		var syncing []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "msg=syncing") {
				syncing = append(syncing, line)
			}
		}
		if len(syncing) < 2 || strings.Count(log.String(), "msg=synced height=39") != 1 { // nearly 400
			t.Fatalf("%d lines about the progress:\n%s", len(syncing), log.String())
		}
		for _, line := range syncing {
			if !strings.Contains(line, "state=blocks height=") || !strings.Contains(line, " of=400 blocks/s=") || !strings.Contains(line, " left=") {
				t.Error(line)
			}
		}
	})
}

// A node that waits for the headers of more peers, in its first synchronisation, does not
// report that it is synced.
func TestStateOfFirstSync(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 5, 0)
		full := w.node()
		full.give(blocks...)
		n := w.node(peersOf(full))
		w.waitFor(time.Second, "connected", func() bool { return len(n.Status().Connected) == 1 })
		time.Sleep(2 * time.Second)
		if s := n.Status().Sync; s.State != query.SyncHeaders || s.Height != 0 {
			t.Errorf("%+v", s)
		}
		n.reaches(lastOf(blocks), 5*time.Second)
		time.Sleep(time.Second)
		if s := n.Status().Sync; s.State != query.SyncDone {
			t.Errorf("%+v", s)
		}
	})
}
