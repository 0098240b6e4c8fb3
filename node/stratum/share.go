package stratum

import (
	"encoding/binary"
	"errors"
	"math"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/node/template"
)

// submit takes a share. One that is a block goes to the chain, and is answered by
// what becomes of it.
func (c *conn) submit(m stratum.Message) reply {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	var found share
	s, err := stratum.ParseSubmit(m.Params)
	refused := &stratum.Error{Code: stratum.CodeOther}
	if err != nil {
		refused.Text = err.Error()
	} else {
		found, refused = c.judge(s)
	}
	if found.block {
		return reply{later: true, then: func() { c.solved(m.ID, found, s.Worker) }}
	}
	r := reply{answer: c.settle(m.ID, found, refused)}
	if refused != nil && c.rejected > mostRejected {
		r.err = errRejected
	}
	return r
}

// settle counts a share, good or refused, and returns the answer to it. Both
// locks are held.
func (c *conn) settle(id stratum.ID, found share, refused *stratum.Error) stratum.Message {
	c.count(found.difficulty, refused)
	if found.difficulty > 0 && found.epoch == c.session.diff.epoch {
		c.session.diff.share(found.difficulty)
		c.think()
	}
	if refused != nil {
		return stratum.Reject(id, refused.Code, refused.Text)
	}
	return stratum.Answer(id, true)
}

// solved gives a block to the chain, without locks. Of several on one parent only
// the first counts, so that nobody counts blocks that are not paid.
func (c *conn) solved(id stratum.ID, found share, worker string) {
	c.flush() // the answers before do not wait for the chain
	var refused *stratum.Error
	switch err := c.server.o.Submit(found.paid.Block(found.extranonce, found.header), worker); {
	case errors.Is(err, ErrStale):
		refused = &stratum.Error{Code: stratum.CodeStale, Text: "Block is stale"}
	case err != nil:
		refused = &stratum.Error{Code: stratum.CodeOther, Text: "The chain does not take the block"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	answer := c.settle(id, found, refused)
	if id != "" {
		c.sendMessage(answer)
	}
}

// share is what is known of a share.
type share struct {
	difficulty float64 // 0: unknown
	epoch      int     // of vardiff
	block      bool    // its hash meets the target of the chain

	paid       *template.Template
	extranonce uint64
	header     pow.Header
}

// judge checks a share. Both locks are held.
func (c *conn) judge(s stratum.Submit) (share, *stratum.Error) {
	no := func(code int, text string) (share, *stratum.Error) {
		return share{}, &stratum.Error{Code: code, Text: text}
	}
	switch {
	case !c.subscribed:
		return no(stratum.CodeNotSubscribed, "Not subscribed")
	case !c.workers[s.Worker]:
		return no(stratum.CodeUnauthorized, "Unauthorized worker")
	}
	id, ok := parseJobID(s.JobID)
	w := c.server.workOf(id.seq)
	issue, given := c.session.issues[id]
	if !ok || w == nil || !given {
		// Its work is not checked, but it was done, and at easy difficulties most
		// shares come too late.
		late, refused := no(stratum.CodeStale, "Job not found (stale)")
		late.difficulty, late.epoch = issue.difficulty, issue.epoch
		return late, refused
	}
	t := w.of(id, issue.key)
	switch {
	case len(s.Extranonce2) != extranonceSize:
		return no(stratum.CodeOther, "extranonce2 must have 4 bytes")
	case s.Time < t.MinTime:
		return no(stratum.CodeOther, "Time out of range: too old")
	case s.Time > c.maxTime(t):
		return no(stratum.CodeOther, "Time out of range: too far in the future")
	case s.VersionBits&^c.mask != 0:
		return no(stratum.CodeOther, "version bits outside the mask")
	}
	version := t.Version
	if s.Rolled {
		version = version&^c.mask | s.VersionBits
	}
	extranonce := binary.LittleEndian.Uint64(append(c.session.extranonce1[:], s.Extranonce2...))
	header := t.Header(extranonce, version, s.Time)
	header.Nonce = s.Nonce
	hash := header.Hash()
	if !issue.target.MetBy(hash) {
		// Some miners take a lower difficulty for the jobs that they have.
		issue.difficulty = c.told
		if !c.target.MetBy(hash) {
			return no(stratum.CodeLowDifficulty, "Low difficulty share")
		}
	}
	if c.session.know(hash) {
		return no(stratum.CodeDuplicate, "Duplicate share")
	}
	return share{
		difficulty: issue.difficulty, epoch: issue.epoch, block: t.Target.MetBy(hash),
		paid: t, extranonce: extranonce, header: header,
	}, nil
}

// maxAhead is how many seconds a miner may let the time of a header be ahead of
// the clock here.
const maxAhead = 10 * 60

// maxTime returns the latest time that a header of t may have. It is far below
// what the chain allows: miners who went to that limit could bring the median time
// there, and then the chain would take no block for a moment, as if the clock here
// were wrong. Where the median is ahead already, only the earliest time is taken,
// so that it comes no further.
func (c *conn) maxTime(t *template.Template) uint32 {
	latest := min(c.server.o.Now().Unix()+maxAhead, math.MaxUint32)
	return max(uint32(max(latest, 0)), t.MinTime)
}

// count counts a share, good or refused.
func (c *conn) count(difficulty float64, refused *stratum.Error) {
	c.counts.add(refused)
	c.server.counts.add(refused)
	switch {
	case refused == nil:
		now := c.server.o.Now()
		c.rejected, c.lastGood = 0, now
		c.work.add(difficulty, now)
		c.server.bans.share(c.addr)
		c.server.mu.Lock()
		c.server.work.add(difficulty, now)
		c.server.crowd.leave(c)
		c.server.mu.Unlock()
	case refused.Code != stratum.CodeStale:
		c.rejected++
	}
}
