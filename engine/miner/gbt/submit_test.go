package gbt

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"stele/engine/miner"
	"stele/engine/pow"
)

// Many blocks wait while the node is slow with the first one. When the chain has a new
// tip they are stale at once, and a block on the new parent does not wait behind them.
func TestNewParent(t *testing.T) {
	next, hangs, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Method string
			Params []json.RawMessage
		}
		_ = json.NewDecoder(r.Body).Decode(&q)
		if q.Method == "submitblock" {
			var block string
			_ = json.Unmarshal(q.Params[0], &block)
			raw, _ := hex.DecodeString(block)
			if h, err := pow.DecodeHeader(raw[:pow.HeaderSize]); err != nil || h.Prev == (pow.Hash{1}) {
				close(hangs)
				<-release
				_, _ = w.Write([]byte(`{"result":"inconclusive"}`))
				return
			}
			_, _ = w.Write([]byte(`{"result":null}`))
			return
		}
		var p struct{ LongPollID string }
		_ = json.Unmarshal(q.Params[0], &p)
		parent := 1
		switch p.LongPollID {
		case "1":
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
			parent = 2
		case "2":
			<-r.Context().Done()
			return
		}
		fmt.Fprintf(w, `{"result":{"version":1,"previousblockhash":"%064d","bits":"207fffff","curtime":1,"height":5,"coinbasevalue":5,"longpollid":"%d"}}`, parent, parent)
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL, Payout: "51"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	works, done := make(session, 1), make(chan error, 1)
	go func() { done <- c.Run(ctx, works) }()
	submit := func(w *miner.Work, extranonce uint64) error {
		h := w.Header(extranonce, w.Time)
		for !w.Target.MetBy(h.Hash()) {
			h.Nonce++
		}
		return w.Submit(ctx, miner.Share{Work: w, Extranonce: extranonce, Header: h})
	}
	old := <-works
	const waiting = 300
	first, others := make(chan error), make(chan error)
	go func() { first <- submit(old, 0) }()
	<-hangs
	for i := range uint64(waiting) {
		go func() { others <- submit(old, i+1) }()
	}
	close(next)
	fresh := <-works
	if err := submit(fresh, 0); err != nil {
		t.Errorf("on the new parent: %v", err)
	}
	for range waiting {
		if err := <-others; err != errOver {
			t.Fatalf("on the old parent: %v", err)
		}
	}
	if err := submit(old, 7); err != errOver {
		t.Errorf("later on the old parent: %v", err)
	}
	close(release)
	var r *miner.Rejection
	if err := <-first; !errors.As(err, &r) || r.Cause != miner.Stale {
		t.Errorf("the first one: %v", err)
	}
	cancel()
	<-done
}
