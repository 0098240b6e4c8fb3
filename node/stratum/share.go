package stratum

import (
	"encoding/binary"
	"errors"
	"math"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/node/template"
)

// submit checks a share. One that is a block goes to the chain, whose decision is the
// answer.
func (c *conn) submit(m stratum.Message) reply {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	var found share
	s, err := stratum.ParseSubmit(m.Params)
	rejection := &stratum.Error{Code: stratum.CodeOther}
	if err != nil {
		rejection.Text = err.Error()
	} else {
		found, rejection = c.check(s)
	}
	if found.block {
		return reply{later: true, then: func() { c.submitBlock(m.ID, found, s.Worker) }}
	}
	r := reply{answer: c.settle(m.ID, found, rejection)}
	if rejection != nil && c.badShares > maxBadShares {
		r.err = errBadShares
	}
	return r
}

// settle counts a share and returns the answer to it; a nil rejection accepts it. The
// caller must hold c.mu and c.session.mu.
func (c *conn) settle(id stratum.ID, found share, rejection *stratum.Error) stratum.Message {
	c.count(found.difficulty, rejection)
	if found.difficulty > 0 && found.epoch == c.session.diff.epoch {
		c.session.diff.share(found.difficulty)
		c.adjustDifficulty()
	}
	if rejection != nil {
		return stratum.Reject(id, rejection.Code, rejection.Text)
	}
	return stratum.Answer(id, true)
}

// submitBlock submits a block to the chain, without locks. Of several on one parent
// only the first counts, so that a block that is not paid never counts.
func (c *conn) submitBlock(id stratum.ID, found share, worker string) {
	c.flush() // the answers before do not wait for the chain
	var rejection *stratum.Error
	switch err := c.server.o.Submit(found.paid.Block(found.extranonce, found.header), worker); {
	case errors.Is(err, ErrStale):
		rejection = &stratum.Error{Code: stratum.CodeStale, Text: "Block is stale"}
	case err != nil:
		rejection = &stratum.Error{Code: stratum.CodeOther, Text: "Block rejected by the chain"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	answer := c.settle(id, found, rejection)
	if id != "" {
		c.sendMessage(answer)
	}
}

// share is a checked share.
type share struct {
	difficulty float64 // 0: unknown
	epoch      int     // of vardiff
	block      bool    // its hash meets the target of the chain

	paid       *template.Template
	extranonce uint64
	header     pow.Header
}

// check checks a share. The caller must hold c.mu and c.session.mu.
func (c *conn) check(s stratum.Submit) (share, *stratum.Error) {
	reject := func(code int, text string) (share, *stratum.Error) {
		return share{}, &stratum.Error{Code: code, Text: text}
	}
	switch {
	case !c.subscribed:
		return reject(stratum.CodeNotSubscribed, "Not subscribed")
	case !c.workers[s.Worker]:
		return reject(stratum.CodeUnauthorized, "Unauthorized worker")
	}
	id, ok := parseJobID(s.JobID)
	w := c.server.workOf(id.seq)
	issue, given := c.session.issues[id]
	if !ok || w == nil || !given {
		// Its work is not checked, but it counts for vardiff: it was done, and at easy
		// difficulties most shares are late.
		late, rejection := reject(stratum.CodeStale, "Job not found (stale)")
		late.difficulty, late.epoch = issue.difficulty, issue.epoch
		return late, rejection
	}
	t := w.of(id, issue.key)
	switch {
	case len(s.Extranonce2) != extranonceSize:
		return reject(stratum.CodeOther, "extranonce2 must have 4 bytes")
	case s.Time < t.MinTime:
		return reject(stratum.CodeOther, "Time out of range: too old")
	case s.Time > c.maxTime(t):
		return reject(stratum.CodeOther, "Time out of range: too far in the future")
	case s.VersionBits&^c.mask != 0:
		return reject(stratum.CodeOther, "version bits outside the mask")
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
		// Some miners apply a lower difficulty to the jobs that they have.
		issue.difficulty = c.currentDifficulty
		if !c.target.MetBy(hash) {
			return reject(stratum.CodeLowDifficulty, "Low difficulty share")
		}
	}
	if c.session.seenBefore(hash) {
		return reject(stratum.CodeDuplicate, "Duplicate share")
	}
	return share{
		difficulty: issue.difficulty, epoch: issue.epoch, block: t.Target.MetBy(hash),
		paid: t, extranonce: extranonce, header: header,
	}, nil
}

// maxAhead is how far the time of a header may be ahead of this clock, in seconds.
const maxAhead = 10 * 60

// maxTime returns the latest time that a header of t may have. It is far below what
// the chain allows: miners who went to that limit could move the median time there,
// and then the chain would accept no block for a moment, as if this clock were wrong.
// Where the median is ahead already, only the earliest time is allowed, so that it
// moves no further.
func (c *conn) maxTime(t *template.Template) uint32 {
	latest := min(c.server.o.Now().Unix()+maxAhead, math.MaxUint32)
	return max(uint32(max(latest, 0)), t.MinTime)
}

// count counts a share; a nil rejection accepts it.
func (c *conn) count(difficulty float64, rejection *stratum.Error) {
	c.counts.add(rejection)
	c.server.counts.add(rejection)
	switch {
	case rejection == nil:
		now := c.server.o.Now()
		c.badShares, c.lastGood = 0, now
		c.work.add(difficulty, now)
		c.server.bans.noteGoodShare(c.addr)
		c.server.mu.Lock()
		c.server.work.add(difficulty, now)
		c.server.crowd.remove(c)
		c.server.mu.Unlock()
	case rejection.Code != stratum.CodeStale:
		c.badShares++
	}
}
