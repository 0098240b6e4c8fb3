package node

import (
	"slices"
	"testing"
	"time"

	"stele/node/api"
	"stele/node/ledger/network"
	"stele/node/query"
)

func TestWarnings(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		p     *network.Params
		peers int
		age   time.Duration
		want  []query.WarningKind
	}{
		"main":            {network.Main, 0, time.Minute, []query.WarningKind{query.Alone, query.NoRoots}},
		"main, connected": {network.Main, 3, 2 * time.Hour, []query.WarningKind{query.NoRoots}},
		"main, old":       {network.Main, 3, 2*time.Hour + time.Second, []query.WarningKind{query.NoRoots, query.TipStale}},
		"test":            {network.Test, 0, 12 * time.Minute, []query.WarningKind{query.Alone}},
		"test, old":       {network.Test, 1, 8 * day, []query.WarningKind{query.TipStale}},
		"dev":             {network.Dev, 0, 36 * time.Second, nil},
		"dev, old":        {network.Dev, 0, 37 * time.Second, []query.WarningKind{query.TipStale}},
		"from the future": {network.Dev, 0, -time.Hour, nil},
	} {
		var got []query.WarningKind
		for _, w := range warnings(c.p, c.peers, c.age) {
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
