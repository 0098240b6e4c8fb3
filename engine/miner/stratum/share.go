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

// share is a share that has no answer yet. Its variable fields are of Client.mu.
type share struct {
	job         *job
	extranonce2 []byte
	header      pow.Header
	hash        pow.Hash
	target      pow.Target // of its work
	block       bool

	on    *session // that it was sent on; nil: it waits for one
	id    uint64   // of the request
	since time.Time
	tries int
	done  chan error // the answer; one
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

// submit sends a share, or lets it wait for a session, and waits for its answer.
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

// finish takes a share off the list and tells its answer, if there was none yet.
// Client.mu is locked.
func (c *Client) finish(sh *share, err error) {
	if i := slices.Index(c.shares, sh); i >= 0 {
		c.shares = slices.Delete(c.shares, i, i+1)
		sh.done <- err
	}
}

// lose gives up the shares that wait and fit. Client.mu is locked.
func (c *Client) lose(fits func(*share) bool, why string) {
	for _, sh := range slices.Clone(c.shares) {
		if sh.on == nil && fits(sh) {
			c.finish(sh, fmt.Errorf("%w: %s", miner.ErrLost, why))
		}
	}
}

// resend sends what waited for the session, oldest first.
func (s *session) resend() {
	s.c.mu.Lock()
	waiting := slices.Clone(s.c.shares)
	s.c.mu.Unlock()
	for _, sh := range waiting {
		s.send(sh)
	}
}

// patience tells how long the pool may be silent, and whether it has given work.
func (c *Client) patience(s *session) (silence time.Duration, worked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	owes := slices.ContainsFunc(c.shares, func(sh *share) bool { return sh.on == s && time.Since(sh.since) > oweTimeout })
	if owes {
		return oweTimeout, s.worked
	}
	return idleTimeout, s.worked
}

// expire gives up shares of the session whose answer takes too long.
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

// send sends a share that waits, if it can still count.
func (s *session) send(sh *share) {
	c := s.c
	c.mu.Lock()
	if c.session != s || sh.on != nil || !slices.Contains(c.shares, sh) {
		c.mu.Unlock() // somebody else has it
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
		// The pool takes all bits of its mask from here (BIP 310), also those that
		// the miner leaves as they are in the job.
		submit.VersionBits = sh.header.Version & s.mask
	}
	c.mu.Unlock()
	s.write(submit.Message(id))
}

// useless tells why a share that was not sent cannot count. Client.mu is locked.
//
// A share that is a block is sent although its job is out of date: the pool's
// node may see it otherwise, and to ask costs nothing.
func (s *session) useless(sh *share) error {
	c, j := s.c, sh.job
	stale := func(why string) error { return &miner.Rejection{Cause: miner.Stale, Text: "not sent: " + why} }
	switch {
	case j.from != s && !j.extranonce.equal(c.extranonce):
		return fmt.Errorf("%w: the pool began a new session", miner.ErrLost)
	case c.jobs[j.JobID] != nil && !c.jobs[j.JobID].same(j):
		return stale("the pool has another job with its id")
	case (sh.header.Version^j.Version)&^s.mask != 0:
		return stale("the version mask does not allow its version any more")
	case j.generation != c.generation && !sh.block:
		if sh.tries > 0 {
			return fmt.Errorf("%w: its answer was, and there is a new job", miner.ErrLost)
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
	reissue := r != nil && r.Raised && s.raise()
	c.mu.Unlock()
	if reissue {
		c.log.Debug("the pool judges by its new difficulty at once, which the job gets now")
		s.giveWork(nil)
	}
}

// verdict returns what the answer to a share means. Client.mu is locked.
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
			return nil // it was accepted, and the answer lost
		}
	case miner.LowDifficulty:
		r.Raised = sh.target.MetBy(sh.hash) && !s.difficulty.Target().MetBy(sh.hash)
	}
	return r
}

// causeOf returns the miner's word for why a pool rejected a share.
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
