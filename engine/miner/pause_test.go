package miner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine"
)

// After PauseAndWait no device works, however long a piece takes; a second call returns at
// once, and Resume goes on with the newest work, which OnSwitch reports.
func TestPauseAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		switched := make(chan engine.Job, 100)
		r := start(t, Options{OnSwitch: func(j engine.Job) { switched <- j }}, nil, p)
		pass(time.Minute)
		for range 3 {
			if err := r.PauseAndWait(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := r.nonces()
			pass(time.Minute)
			if r.nonces() != before || r.Status().State != Paused {
				t.Errorf("%d nonces in the pause, %s", r.nonces()-before, r.Status().State)
			}
			if err := r.PauseAndWait(t.Context()); err != nil {
				t.Error(err)
			}
			for len(switched) > 0 {
				<-switched
			}
			p.give(true)
			r.Resume()
			pass(time.Minute)
			if r.nonces() == before || len(switched) == 0 {
				t.Errorf("%d nonces after the pause, %d switches", r.nonces()-before, len(switched))
			} else if j := <-switched; j.Target != p.target {
				t.Errorf("switched to %+v", j)
			}
		}
		r.end()
		if err := r.PauseAndWait(t.Context()); err != nil {
			t.Errorf("after the end: %v", err)
		}
		p.check(t)
	})
}

// A context that ends, ends the wait.
func TestPauseAndWaitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		pass(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.PauseAndWait(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		r.end()
	})
}
