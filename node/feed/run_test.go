package feed

import (
	"context"
	"errors"
	"sync"
	"testing"

	"stele/node/chain/chaintest"
)

// Readers at different speeds all get the chain from a feed that runs, and end with it.
func TestRun(t *testing.T) {
	w := newWorld(t, chaintest.New(chaintest.Network(), 1))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	changes := w.chain.Subscribe()
	defer changes.Close()
	running.Go(func() {
		if err := w.feed.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		for {
			if err := w.views.Update(ctx); err != nil {
				return
			}
			w.feed.Wake()
			select {
			case <-changes.C():
			case <-ctx.Done():
				return
			}
		}
	})
	const readers, blocks = 20, 40
	var reading, done sync.WaitGroup
	done.Add(readers)
	for i := range readers {
		r := w.feed.Read(ofChain)
		reading.Go(func() {
			defer r.Close()
			n := 0
			for {
				events, err := r.Next(ctx)
				if errors.Is(err, ErrEnded) || errors.Is(err, context.Canceled) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range events {
					if e.Kind == KindBlock {
						if n++; n == blocks {
							done.Done()
						}
					}
				}
				if i%2 == 0 && n < blocks { // it connects again
					id := r.ID()
					r.Close()
					r = w.feed.ReadAfter(ofChain, id)
				}
			}
		})
	}
	tip := w.Grow(w.Genesis, blocks, 3)
	for _, b := range tip.Chain()[1:] {
		w.submit(b)
	}
	done.Wait()
	cancel()
	running.Wait()
	reading.Wait()
	if n := w.feed.Stats().Readers; n != 0 {
		t.Errorf("%d readers are left", n)
	}
}
