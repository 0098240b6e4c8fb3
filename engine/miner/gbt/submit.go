package gbt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/internal/text"
)

// race is the search for the block after a parent. Where blocks are easy, as on
// a simulated network, thousands are found: they are submitted one at a time, none
// after one that was accepted, and none when the chain has a new tip.
type race struct {
	parent pow.Hash
	turn   chan struct{} // holds an element while a block is submitted
	over   chan struct{} // closed when the chain has a new tip
	won    bool          // the node has accepted a block; belongs to whoever has the turn
}

// enter returns the race after a parent, and ends the race after another one.
func (c *Client) enter(parent pow.Hash) *race {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.race != nil && c.race.parent == parent {
		return c.race
	}
	if c.race != nil {
		close(c.race.over)
	}
	c.race = &race{parent: parent, turn: make(chan struct{}, 1), over: make(chan struct{})}
	return c.race
}

var (
	errWon  = &miner.Rejection{Cause: miner.Stale, Text: "the node has a block of this miner on the same parent"}
	errOver = &miner.Rejection{Cause: miner.Stale, Text: "the chain has a new tip"}
)

// submit submits a block until there is an answer, or the chain has a new tip.
func (c *Client) submit(ctx context.Context, t *template, r *race, s miner.Share) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-r.over:
		return errOver
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", miner.ErrLost, ctx.Err())
	}
	if r.won {
		return errWon
	}
	select {
	case <-r.over:
		return errOver
	default:
	}
	err := c.send(ctx, t, r, s)
	r.won = err == nil
	return err
}

// codeWarmUp is the error of a node that has just started, and checks nothing yet
// (RPC_IN_WARMUP of Bitcoin Core).
const codeWarmUp = -28

func (c *Client) send(ctx context.Context, t *template, r *race, s miner.Share) error {
	block := t.block(s.Header, c.payout.script, c.tag, s.Extranonce)
	asked, over := false, false // a request may have reached the node; the chain has a new tip
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		call, cancel := context.WithTimeout(ctx, time.Minute)
		b, err := c.call(call, "submitblock", block)
		cancel()
		var failure *rpcError
		switch {
		case err == nil:
			reason := verdict(b)
			if reason == "" || asked && reason == "duplicate" {
				return nil // a duplicate: the answer before was lost
			}
			return &miner.Rejection{Cause: cause(reason), Text: reason}
		case errors.As(err, &failure) && failure.Code != codeWarmUp:
			return &miner.Rejection{Cause: miner.Invalid, Code: failure.Code, Text: failure.Message}
		}
		asked = true
		if over {
			return fmt.Errorf("%w: %w", miner.ErrLost, err)
		}
		select {
		case <-time.After(wait):
		case <-r.over:
			over = true // perhaps with this very block: it is submitted once more
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", miner.ErrLost, err)
		}
	}
}

// verdict returns the reason of an answer to a proposal or a block; "": accepted.
func verdict(b json.RawMessage) string {
	if len(b) == 0 || string(b) == "null" {
		return ""
	}
	var reason string
	if json.Unmarshal(b, &reason) != nil || reason == "" {
		return "answer of an unknown form"
	}
	return text.Clean(reason, text.Max)
}

func cause(reason string) miner.Cause {
	for _, x := range []struct {
		word  string
		cause miner.Cause
	}{
		{"duplicate", miner.Duplicate}, {"already have", miner.Duplicate},
		{"stale", miner.Stale}, {"inconclusive", miner.Stale}, {"high-hash", miner.LowDifficulty},
	} {
		if strings.Contains(reason, x.word) {
			return x.cause
		}
	}
	return miner.Invalid
}
