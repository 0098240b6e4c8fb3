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
// a simulated network, thousands are found: one is sent at a time, none after
// one that was accepted, and none when the chain has gone on.
type race struct {
	parent pow.Hash
	turn   chan struct{} // has an element while a block is sent
	over   chan struct{} // closed when the chain has gone on
	won    bool          // the node has accepted a block; of whose turn it is
}

// enter returns the race after a parent, and ends another one.
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
	errOver = &miner.Rejection{Cause: miner.Stale, Text: "the chain has gone on"}
)

// submit sends a block until there is an answer, or the chain has gone on.
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

// codeWarmUp is the error of a node that has just started, and judges nothing yet
// (RPC_IN_WARMUP of Bitcoin Core).
const codeWarmUp = -28

func (c *Client) send(ctx context.Context, t *template, r *race, s miner.Share) error {
	block := t.block(s.Header, c.payout.script, c.tag, s.Extranonce)
	asked, over := false, false // a request may have reached the node; the chain has gone on
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		call, cancel := context.WithTimeout(ctx, time.Minute)
		b, err := c.call(call, "submitblock", block)
		cancel()
		var refused *rpcError
		switch {
		case err == nil:
			reason := verdict(b)
			if reason == "" || asked && reason == "duplicate" {
				return nil // or the answer before was lost
			}
			return &miner.Rejection{Cause: cause(reason), Text: reason}
		case errors.As(err, &refused) && refused.Code != codeWarmUp:
			return &miner.Rejection{Cause: miner.Invalid, Code: refused.Code, Text: refused.Message}
		}
		asked = true
		if over {
			return fmt.Errorf("%w: %w", miner.ErrLost, err)
		}
		select {
		case <-time.After(wait):
		case <-r.over:
			over = true // perhaps by this very block: the node is asked once more
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", miner.ErrLost, err)
		}
	}
}

// verdict reads the answer to a proposal or a block: "" is good.
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
