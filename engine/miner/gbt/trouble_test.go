package gbt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/miner"
)

// script is a node without a network, so that its clock is that of a bubble.
type script struct {
	mu       sync.Mutex
	requests []string // what was asked: template, longpoll, proposal, submit

	// Each answers the request with its number, from 1 on: a result, or an error of
	// the connection.
	proposal, submit func(n int) (string, error)
	longPoll         func(n int) // returns when there is news
}

func (s *script) count(what string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r == what {
			n++
		}
	}
	return n
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var call struct {
		Method string
		Params []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		return nil, err
	}
	var options struct{ LongPollID, Mode string }
	if call.Method == "getblocktemplate" {
		if err := json.Unmarshal(call.Params[0], &options); err != nil {
			return nil, err
		}
	}
	what := "template"
	switch {
	case call.Method == "submitblock":
		what = "submit"
	case options.Mode == "proposal":
		what = "proposal"
	case options.LongPollID != "":
		what = "longpoll"
	}
	s.mu.Lock()
	s.requests = append(s.requests, what)
	s.mu.Unlock()
	n := s.count(what)

	answer, err := `{"result":null}`, error(nil)
	switch what {
	case "submit":
		answer, err = s.submit(n)
	case "proposal":
		if s.proposal != nil {
			answer, err = s.proposal(n)
		}
	default:
		if what == "longpoll" {
			news := make(chan struct{})
			go func() {
				if s.longPoll != nil {
					s.longPoll(n)
					close(news)
				}
			}()
			select {
			case <-news:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		height := 5 + s.count("longpoll")
		answer = fmt.Sprintf(`{"result":{"version":1,"previousblockhash":"%064d","bits":"207fffff","curtime":1700000000,"height":%d,"coinbasevalue":5,"longpollid":"x","capabilities":["proposal"]}}`, height, height)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

// run starts a client of the node.
func (s *script) run(t *testing.T) (works session, ended chan error) {
	t.Helper()
	c, err := New(Options{URL: "http://node.example:8332", Payout: "51", HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	works, ended = make(session, 100), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); ended <- c.Run(ctx, works) }()
	t.Cleanup(func() { cancel(); <-done })
	return works, ended
}

func solve(t *testing.T, w *miner.Work) error {
	t.Helper()
	h := w.Header(0, w.Time)
	for !w.Target.MetBy(h.Hash()) {
		h.Nonce++
	}
	return w.Submit(t.Context(), miner.Share{Work: w, Header: h, Hash: h.Hash()})
}

const (
	taken     = `{"result":null}`
	duplicate = `{"result":"duplicate"}`
	warmingUp = `{"result":null,"error":{"code":-28,"message":"Verifying blocks..."}}`
)

var errReset = errors.New("connection reset")

// A block is submitted until the node has decided about it.
func TestSubmitAgain(t *testing.T) {
	for name, answers := range map[string][]string{
		"at once":                    {taken},
		"after the node's start":     {"", warmingUp, warmingUp, taken},
		"when the answer was lost":   {"", duplicate},
		"when many answers are lost": {"", "", "", duplicate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{submit: func(n int) (string, error) {
					if answers[n-1] == "" {
						return "", errReset
					}
					return answers[n-1], nil
				}}
				works, _ := s.run(t)
				if err := solve(t, <-works); err != nil || s.count("submit") != len(answers) {
					t.Errorf("%v after %d requests", err, s.count("submit"))
				}
			})
		})
	}
}

// The chain has a new tip, perhaps the very block whose answer was lost: it is
// submitted once more.
func TestSubmitOver(t *testing.T) {
	for _, c := range []struct {
		last string
		want error
	}{{duplicate, nil}, {"", miner.ErrLost}} {
		synctest.Test(t, func(t *testing.T) {
			news := make(chan struct{})
			s := &script{
				longPoll: func(n int) {
					if n == 1 {
						<-news
						return
					}
					time.Sleep(time.Hour)
				},
			}
			s.submit = func(n int) (string, error) {
				if n == 1 {
					close(news)
					return "", errReset
				}
				if c.last == "" {
					return "", errReset
				}
				return c.last, nil
			}
			works, _ := s.run(t)
			if err := solve(t, <-works); !errors.Is(err, c.want) || s.count("submit") != 2 {
				t.Errorf("%v after %d requests, want %v", err, s.count("submit"), c.want)
			}
		})
	}
}

// A new block that arrives while a proposal is checked makes the template out of date,
// and nothing worse; unless that happens every time.
func TestProposalRace(t *testing.T) {
	race := `{"result":"inconclusive-not-best-prevblk"}`
	for _, races := range []int{1, maxRaces, maxRaces + 1} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{proposal: func(n int) (string, error) {
				if n <= races {
					return race, nil
				}
				return taken, nil
			}}
			works, ended := s.run(t)
			synctest.Wait()
			if ok := races <= maxRaces; (len(works) == 1) != ok || (len(ended) == 0) != ok {
				t.Errorf("after %d races: %d works, %d sessions ended", races, len(works), len(ended))
			}
		})
	}
}

// A node with nothing new is probed, and its work stays.
func TestLongPollQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(script)
		works, ended := s.run(t)
		time.Sleep(time.Hour)
		if n := s.count("template"); n < 11 || n > 13 || len(works) != n || len(ended) != 0 {
			t.Errorf("%d templates, %d works, %d sessions ended in an hour", n, len(works), len(ended))
		}
	})
}
