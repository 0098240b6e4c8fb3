package stratum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/engine/stratum"
)

// share is a share that has no answer yet. Client.mu guards the fields that change.
type share struct {
	job         *job
	extranonce2 []byte
	header      pow.Header
	hash        pow.Hash
	target      pow.Target // of its work
	block       bool

	on    *session // where it was submitted; nil: it waits for a session
	id    uint64   // of the request
	since time.Time
	tries int
	done  chan error // receives the answer, once
}

// submitter returns the Submit of work.
func (c *Client) submitter(j *job, base uint64) func(context.Context, miner.Share) error {
	return func(ctx context.Context, found miner.Share) error {
		sh := &share{
			job:         j,
			extranonce2: j.extranonce.two(base + found.Extranonce),
			header:      found.Header,
			hash:        found.Hash,
			target:      found.Work.Target,
			block:       found.Block(),
			done:        newResult(),
		}
		return c.submit(ctx, sh)
	}
}

// submit submits a share, now or with the next session, and waits for its answer.
func (c *Client) submit(ctx context.Context, sh *share) error {
	c.mu.Lock()
	c.shares = append(c.shares, sh)
	s := c.session
	c.mu.Unlock()
	if s != nil {
		s.send(sh)
	}
	t := time.NewTimer(waitTimeout)
	defer t.Stop()
	var err error
	select {
	case err = <-sh.done:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-t.C:
		err = fmt.Errorf("%w: no session for %v", miner.ErrLost, waitTimeout)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sh.on != nil {
		delete(sh.on.calls, sh.id)
	}
	c.finish(sh, err)
	return err
}

// finish removes a share from the list and delivers its answer, if there was none
// yet. The caller must hold Client.mu.
func (c *Client) finish(sh *share, err error) {
	if i := slices.Index(c.shares, sh); i >= 0 {
		c.shares = slices.Delete(c.shares, i, i+1)
		sh.done <- err
	}
}

// lose loses the waiting shares for which fits returns true. The caller must hold
// Client.mu.
func (c *Client) lose(fits func(*share) bool, reason string) {
	for _, sh := range slices.Clone(c.shares) {
		if sh.on == nil && fits(sh) {
			c.finish(sh, fmt.Errorf("%w: %s", miner.ErrLost, reason))
		}
	}
}

// resend submits the shares that waited for the session, oldest first.
func (s *session) resend() {
	s.c.mu.Lock()
	waiting := slices.Clone(s.c.shares)
	s.c.mu.Unlock()
	for _, sh := range waiting {
		s.send(sh)
	}
}

// patience returns how long the pool may be silent, and whether it has sent work.
func (c *Client) patience(s *session) (silence time.Duration, worked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	owes := slices.ContainsFunc(c.shares, func(sh *share) bool { return sh.on == s && time.Since(sh.since) > oweTimeout })
	if owes {
		return oweTimeout, s.worked
	}
	return idleTimeout, s.worked
}

// expire loses shares of the session whose answer takes too long.
func (c *Client) expire(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sh := range slices.Clone(c.shares) {
		if sh.on == s && time.Since(sh.since) > shareTimeout {
			delete(s.calls, sh.id)
			c.finish(sh, fmt.Errorf("%w: no answer for %v", miner.ErrLost, shareTimeout))
		}
	}
}

// send submits a share that waits, if it can still count.
func (s *session) send(sh *share) {
	c := s.c
	c.mu.Lock()
	if c.session != s || sh.on != nil || !slices.Contains(c.shares, sh) {
		c.mu.Unlock() // it is submitted or answered already
		return
	}
	if err := s.useless(sh); err != nil {
		c.finish(sh, err)
		c.mu.Unlock()
		return
	}
	id := s.expect(func(m stratum.Message) { s.answered(sh, m) })
	sh.on, sh.id, sh.since = s, s.lastID, time.Now()
	sh.tries++
	submit := stratum.Submit{
		Worker:      c.options.User,
		JobID:       sh.job.JobID,
		Extranonce2: sh.extranonce2,
		Time:        sh.header.Time,
		Nonce:       sh.header.Nonce,
		Rolled:      s.rolling,
	}
	if s.rolling {
		// The pool takes all bits of its mask from here (BIP 310), including those that
		// the miner leaves as they are in the job.
		submit.VersionBits = sh.header.Version & s.mask
	}
	c.mu.Unlock()
	s.write(submit.Message(id))
}

// useless returns why a share that was not submitted cannot count, nil if it can. The
// caller must hold Client.mu.
//
// A share that is a block is submitted although its job is out of date: the pool's
// node may see it otherwise, and trying costs nothing.
func (s *session) useless(sh *share) error {
	c, j := s.c, sh.job
	stale := func(reason string) error {
		return &miner.Rejection{Cause: miner.Stale, Text: "not sent: " + reason}
	}
	switch {
	case j.from != s && !j.extranonce.equal(c.extranonce):
		return fmt.Errorf("%w: the pool started a new session", miner.ErrLost)
	case c.jobs[j.JobID] != nil && !c.jobs[j.JobID].same(j):
		return stale("the pool has another job with its id")
	case (sh.header.Version^j.Version)&^s.mask != 0:
		return stale("the version mask no longer allows its version")
	case j.generation != c.generation && !sh.block:
		if sh.tries > 0 {
			return fmt.Errorf("%w: its answer was lost, and there is a new job", miner.ErrLost)
		}
		return stale("there is a new job")
	}
	return nil
}

// answered handles the answer to a share.
func (s *session) answered(sh *share, m stratum.Message) {
	c := s.c
	c.mu.Lock()
	err := s.verdict(sh, m)
	c.finish(sh, err)
	r, _ := errors.AsType[*miner.Rejection](err)
	reissue := r != nil && r.Raised && s.raiseDifficulty()
	c.mu.Unlock()
	if reissue {
		c.log.Debug("pool applies its new difficulty to the current job")
		s.sendWork(nil)
	}
}

// verdict returns what the answer to a share means. The caller must hold Client.mu.
func (s *session) verdict(sh *share, m stratum.Message) error {
	if m.Err == nil && string(m.Result) == "true" {
		return nil
	}
	r := &miner.Rejection{Cause: miner.Invalid, Text: "no reason given"}
	if m.Err != nil {
		r = &miner.Rejection{Cause: causeOf(m.Err), Code: m.Err.Code, Text: clean(m.Err.Text)}
	}
	switch r.Cause {
	case miner.Duplicate:
		if sh.tries > 1 {
			return nil // it was accepted, and the answer was lost
		}
	case miner.LowDifficulty:
		r.Raised = sh.target.MetBy(sh.hash) && !s.difficulty.Target().MetBy(sh.hash)
	}
	return r
}

// causeOf returns why a pool rejected a share.
func causeOf(e *stratum.Error) miner.Cause {
	switch e.RejectCode() {
	case stratum.CodeStale:
		return miner.Stale
	case stratum.CodeDuplicate:
		return miner.Duplicate
	case stratum.CodeLowDifficulty:
		return miner.LowDifficulty
	case stratum.CodeUnauthorized, stratum.CodeNotSubscribed:
		return miner.Unauthorized
	}
	return miner.Invalid
}
