package node

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/pool/pooltest"
	"stele/node/store"
	"stele/node/template"
)

// templaterParts returns a chain and a pool on a store, and a clock after the genesis block.
func templaterParts(t *testing.T, p *network.Params, disk *store.Store) (*chain.Chain, *pool.Pool, func() time.Time) {
	t.Helper()
	clock := func() time.Time { return time.Unix(int64(p.GenesisTime)+1e6, 0) }
	c, err := chain.Open(t.Context(), chain.Options{Store: disk, Params: p, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := pool.New(pool.Options{Params: p, View: c.View, Context: c.NextContext})
	if err != nil {
		t.Fatal(err)
	}
	return c, waiting, clock
}

// Miners get a small template for a new tip first, and then the full one.
func TestTemplaterStartsSmall(t *testing.T) {
	crowd := pooltest.NewCrowd(template.FirstRecords + 100)
	disk, err := store.Open(t.TempDir(), store.Identity{Network: crowd.Params.ID, Genesis: block.Genesis(crowd.Params).Hash()}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	c, waiting, clock := templaterParts(t, crowd.Params, disk)
	records := pooltest.Decode(crowd.Payments(0, 1))

	// firstTwo returns the number of records in the first two templates.
	firstTwo := func() (sizes []int) {
		f := newTemplater(c, waiting, template.Options{Params: crowd.Params, Payout: record.Key{7}, Now: clock}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		made := make(chan *template.Template)
		var running sync.WaitGroup
		running.Go(func() {
			f.run(ctx, func(t *template.Template) {
				select {
				case made <- t:
				case <-ctx.Done():
				}
			})
		})
		for len(sizes) < 2 {
			sizes = append(sizes, len((<-made).Records))
		}
		cancel()
		running.Wait()
		return sizes
	}
	for _, n := range []int{10, len(records)} {
		waiting.Add(records[:n]...)
		if got, want := firstTwo(), []int{min(n, template.FirstRecords), n}; !slices.Equal(got, want) {
			t.Errorf("with %d records the templates have %v, want %v", n, got, want)
		}
	}
}

// While no template can be made, miners have nothing to do, and the log says so once.
func TestTemplaterFails(t *testing.T) {
	crowd := pooltest.NewCrowd(1)
	disk, err := store.Open("store", store.Identity{Network: crowd.Params.ID, Genesis: block.Genesis(crowd.Params).Hash()}, store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	c, waiting, clock := templaterParts(t, crowd.Params, disk)
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	f := newTemplater(c, waiting, template.Options{Params: crowd.Params, Payout: record.Key{7}, Now: clock}, slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	f.run(ctx, func(made *template.Template) {
		if made != nil {
			t.Error("a template without a state")
		}
		if tries++; tries == 3 {
			cancel()
		}
	})
	if n := strings.Count(log.String(), "template failed"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

// While there is a reason not to mine, miners get no template, and the log says why
// once.
func TestTemplaterWaits(t *testing.T) {
	crowd := pooltest.NewCrowd(1)
	disk, err := store.Open("store", store.Identity{Network: crowd.Params.ID, Genesis: block.Genesis(crowd.Params).Hash()}, store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	c, waiting, clock := templaterParts(t, crowd.Params, disk)
	var log bytes.Buffer
	f := newTemplater(c, waiting, template.Options{Params: crowd.Params, Payout: record.Key{7}, Now: clock}, slog.New(slog.NewTextHandler(&log, nil)))
	reasons := []string{"catching up with peers", "catching up with peers", "no peers", "", ""}
	var given []bool
	f.waiting = func() string { return reasons[len(given)] }
	ctx, cancel := context.WithCancel(t.Context())
	f.run(ctx, func(made *template.Template) {
		given = append(given, made != nil)
		f.newTip.Wake() // without the pause between two
		if len(given) == len(reasons) {
			cancel()
		}
	})
	if want := []bool{false, false, false, true, true}; !slices.Equal(given, want) {
		t.Errorf("templates: %v, want %v", given, want)
	}
	for text, want := range map[string]int{`mining paused" reason="catching up with peers"`: 1, "mining paused": 1, "mining resumed": 1} {
		if n := strings.Count(log.String(), text); n != want {
			t.Errorf("%q logged %d times, want %d:\n%s", text, n, want, log.String())
		}
	}
}
