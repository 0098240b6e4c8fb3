package node

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"stele/cmd/stele/internal/human"
	"stele/internal/text"
	"stele/node/query"
)

// notifyEvery is how often systemd gets the state of a node, unless its watchdog expects
// it more often.
const notifyEvery = 5 * time.Second

// maxHeadline bounds the text of a trouble, in bytes.
const maxHeadline = 200

// notifySystemd reports to systemd that a node is ready, its state in a line and that it
// is alive, until ctx ends, and then that it stops (sd_notify(3)). A node is alive as
// long as status returns: it then holds no lock for good. Without systemd it returns at
// once.
func notifySystemd(ctx context.Context, status func() query.Status) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	every := notifyEvery
	if watchdog, err := daemon.SdWatchdogEnabled(false); err == nil && watchdog > 0 {
		every = max(min(every, watchdog/2), time.Millisecond)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	notify := func(state string) { _, _ = daemon.SdNotify(false, state) }
	notify(daemon.SdNotifyReady)
	for {
		notify("STATUS=" + headline(status()) + "\n" + daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			notify(daemon.SdNotifyStopping)
			return
		case <-ticker.C:
		}
	}
}

// headline returns the state of a node in one line: what keeps it from working, or else
// where it is.
func headline(s query.Status) string {
	if s.Trouble != "" {
		return "trouble: " + text.Clean(s.Trouble, maxHeadline)
	}
	line := fmt.Sprintf("height %d, tip %s", s.Height, tipAge(s, "", " old"))
	if s.Peers != nil {
		line += ", " + human.Count(uint64(len(s.Peers.Connected)), "peer")
	}
	if isSyncing(s) {
		line += ", catching up"
	}
	for _, w := range s.Warnings {
		line += ", warning " + string(w.Kind)
	}
	return line
}
