package node

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/node/api"
	"stele/node/ledger/network"
	"stele/node/query"
)

func TestWarnings(t *testing.T) {
	const day = 24 * time.Hour
	none := new(query.Peers)
	some := &query.Peers{Connected: make([]query.Peer, 3)}
	behind := &query.Peers{Connected: make([]query.Peer, 1), Sync: query.Sync{State: query.SyncBlocks, Height: 5, Target: 90, CatchingUp: true}}
	starving := &query.Peers{Connected: make([]query.Peer, 1), Sync: query.Sync{Target: 90, CatchingUp: true, Unavailable: true}}
	if got := warnings(network.Dev, conditions{peers: starving}); len(got) != 1 || !strings.Contains(got[0].Text, "none of them has the next block") {
		t.Errorf("all peers prune: %v", got)
	}
	for name, c := range map[string]struct {
		p    *network.Params
		c    conditions
		want []query.WarningKind
	}{
		"main":                {network.Main, conditions{age: time.Minute}, []query.WarningKind{query.Alone, query.NoRoots}},
		"main, no peers":      {network.Main, conditions{peers: none}, []query.WarningKind{query.Alone, query.NoRoots}},
		"main, connected":     {network.Main, conditions{peers: some, age: 2 * time.Hour}, []query.WarningKind{query.NoRoots}},
		"main, old":           {network.Main, conditions{peers: some, age: 2*time.Hour + time.Second}, []query.WarningKind{query.NoRoots, query.TipStale}},
		"test":                {network.Test, conditions{age: 12 * time.Minute}, []query.WarningKind{query.Alone}},
		"test, old":           {network.Test, conditions{peers: some, age: 8 * day}, []query.WarningKind{query.TipStale}},
		"test, behind":        {network.Test, conditions{peers: behind, age: 8 * day}, []query.WarningKind{query.Behind, query.TipStale}},
		"dev":                 {network.Dev, conditions{age: 36 * time.Second}, nil},
		"dev, no peers":       {network.Dev, conditions{peers: none}, []query.WarningKind{query.Alone}},
		"dev, old":            {network.Dev, conditions{age: 37 * time.Second}, []query.WarningKind{query.TipStale}},
		"from the future":     {network.Dev, conditions{age: -time.Hour}, nil},
		"reorganised":         {network.Dev, conditions{reorg: 7, reorgAge: time.Minute}, []query.WarningKind{query.DeepReorg}},
		"reorganised earlier": {network.Dev, conditions{reorg: 7, reorgAge: time.Hour}, nil},
	} {
		var got []query.WarningKind
		for _, w := range warnings(c.p, c.c) {
			if w.Text == "" {
				t.Errorf("%s: no text for %s", name, w.Kind)
			}
			got = append(got, w.Kind)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The log has a warning once when it begins, and a line when it ends.
func TestWarningLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	var l warningLog
	alone, stale := query.Warning{Kind: query.Alone, Text: "a"}, query.Warning{Kind: query.TipStale, Text: "b"}
	for _, now := range [][]query.Warning{{alone}, {alone, stale}, {{Kind: query.Alone, Text: "c"}}, nil} {
		l.follow(now, log)
	}
	want := `level=WARN msg="node warning" kind=alone text=a
level=WARN msg="node warning" kind=tip-stale text=b
level=INFO msg="node warning ended" kind=tip-stale
level=INFO msg="node warning ended" kind=alone
`
	if out.String() != want {
		t.Errorf("logged\n%swant\n%s", &out, want)
	}
}

// A node whose tip is old says so in its health: all is well only if blocks come.
func TestHealthStale(t *testing.T) {
	o := testOptions(t)
	o.Engine, o.Traffic = nil, 0
	n := start(t, o)
	h := api.NewHealth(n.Status())
	if h.Status != "stale" || !h.TipStale || h.Peers != 0 || len(h.Warnings) == 0 {
		t.Errorf("a node on its genesis block: %+v", h)
	}
}
