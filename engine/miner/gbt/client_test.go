package gbt

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"stele/engine/blockfile"
	"stele/engine/miner"
	"stele/engine/pow"
)

type session chan *miner.Work

func (s session) Work(w *miner.Work) { s <- w }
func (s session) HashRate() float64  { return 0 }

// node answers as a node does; blocks receives what is proposed and submitted.
func node(t *testing.T, proposal, submit string, blocks chan<- string) *Client {
	sum := pow.Sum(make([]byte, 64)) // of the root of no other transaction, and the reserved value (BIP 141)
	commitment := "6a24aa21a9ed" + hex.EncodeToString(sum[:])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Method string
			Params []json.RawMessage
		}
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Params) != 1 {
			t.Errorf("request: %v, %d params", err, len(q.Params))
			return
		}
		var p struct {
			Mode, Data, LongPollID string
			Rules                  []string
		}
		result := submit
		if q.Method == "submitblock" {
			var block string
			_ = json.Unmarshal(q.Params[0], &block)
			blocks <- block
		} else if _ = json.Unmarshal(q.Params[0], &p); p.Mode == "proposal" {
			blocks <- p.Data
			result = proposal
		} else if p.LongPollID != "" {
			<-r.Context().Done()
			return
		} else {
			if len(p.Rules) != 1 || p.Rules[0] != "segwit" {
				t.Errorf("rules %q", p.Rules)
			}
			result = `{"version":536870912,"previousblockhash":"` + strings.Repeat("0", 63) + `1","bits":"207fffff","curtime":1700000000,"height":5,"coinbasevalue":5000000000,"longpollid":"x","default_witness_commitment":"` + commitment + `","capabilities":["proposal"],"transactions":[]}`
		}
		fmt.Fprintf(w, `{"result":%s,"error":null,"id":1}`, result)
	}))
	t.Cleanup(server.Close)
	c, err := New(Options{URL: strings.Replace(server.URL, "://", "://u:p@", 1), Payout: "51", Tag: "stele"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mine(t *testing.T, submit string) error {
	blocks := make(chan string, 2)
	c := node(t, "null", submit, blocks)
	ctx, cancel := context.WithCancel(t.Context())
	works, done := make(session, 1), make(chan error, 1)
	go func() { done <- c.Run(ctx, works) }()
	defer func() { cancel(); <-done }()
	<-blocks
	w := <-works
	h := w.Header(7, w.Time)
	for !w.Target.MetBy(h.Hash()) {
		h.Nonce++
	}
	err := w.Submit(ctx, miner.Share{Work: w, Extranonce: 7, Header: h})
	raw, e := hex.DecodeString(<-blocks)
	if e != nil || len(raw) < pow.HeaderSize {
		t.Fatal("no block came")
	}
	// An independent parser checks the Merkle root and the witness commitment.
	var b blockfile.Block
	if e := errors.Join(b.Parse(raw), b.CheckMerkle(), b.CheckWitness()); e != nil {
		t.Errorf("block: %v", e)
	}
	return err
}

func TestMine(t *testing.T) {
	if err := mine(t, "null"); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]miner.Cause{
		"stale-prevblk": miner.Stale, "duplicate": miner.Duplicate, "high-hash": miner.LowDifficulty,
		"rejected: already have block": miner.Duplicate, "bad-cb-length": miner.Invalid,
	} {
		var r *miner.Rejection
		if err := mine(t, `"`+text+`"`); !errors.As(err, &r) || r.Cause != want || r.Text != text {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRefused(t *testing.T) {
	var fatal []bool
	c := node(t, `"bad-cb-amount"`, "null", make(chan string, 1))
	if err := c.Run(t.Context(), make(session, 1)); !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "bad-cb-amount") {
		t.Error(err)
	}
	// One rejection may be trouble of the moment, or somebody else's doing; three in a
	// row are believed.
	password := c.password
	for _, given := range []string{"wrong", "wrong", password, "wrong", "wrong", "wrong"} {
		c.password = given
		_, err := c.template(t.Context(), nil)
		if given == password {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "refused: wrong user or password") {
			t.Error(err)
		}
		fatal = append(fatal, errors.Is(err, miner.ErrFatal))
	}
	if want := []bool{false, false, false, false, true}; !slices.Equal(fatal, want) {
		t.Errorf("fatal %v, want %v", fatal, want)
	}
}

// Of many blocks on the same parent one is submitted.
func TestOneBlock(t *testing.T) {
	blocks := make(chan string, 8)
	c := node(t, "null", "null", blocks)
	ctx, cancel := context.WithCancel(t.Context())
	works, done := make(session, 1), make(chan error, 1)
	go func() { done <- c.Run(ctx, works) }()
	w := <-works
	proposed := len(blocks)
	answers := make(chan error)
	for i := range uint64(4) {
		go func() {
			h := w.Header(i, w.Time)
			for !w.Target.MetBy(h.Hash()) {
				h.Nonce++
			}
			answers <- w.Submit(ctx, miner.Share{Work: w, Extranonce: i, Header: h})
		}()
	}
	accepted := 0
	for range 4 {
		var rejection *miner.Rejection
		switch err := <-answers; {
		case err == nil:
			accepted++
		case !errors.As(err, &rejection) || rejection.Cause != miner.Stale:
			t.Error(err)
		}
	}
	if sent := len(blocks) - proposed; accepted != 1 || sent != 1 {
		t.Errorf("%d blocks were submitted, %d accepted", sent, accepted)
	}
	cancel()
	<-done
}
