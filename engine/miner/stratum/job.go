package stratum

import (
	"bytes"
	"encoding/binary"
	"math"
	"sync/atomic"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/engine/stratum"
)

// extranonce is the extranonce1, which the pool assigns, and the size of our
// extranonce2 in bytes.
type extranonce struct {
	one  []byte
	size int
}

func (e extranonce) equal(f extranonce) bool { return e.size == f.size && bytes.Equal(e.one, f.one) }

// space returns the number of extranonce2 values.
func (e extranonce) space() uint64 {
	if e.size >= 8 {
		return math.MaxUint64
	}
	return 1 << (8 * e.size)
}

// two returns extranonce2 number n, big-endian.
func (e extranonce) two(n uint64) []byte {
	b := make([]byte, max(8, e.size))
	binary.BigEndian.PutUint64(b[len(b)-8:], n)
	return b[len(b)-e.size:]
}

// job is a mining.notify, with the settings that were in force then. Only its
// difficulty may be raised later.
type job struct {
	stratum.Notify
	from       *session
	extranonce extranonce
	difficulty pow.Difficulty
	generation uint64
	received   time.Time
}

// same reports whether two jobs agree in everything that a share depends on.
func (j *job) same(k *job) bool {
	return j == k || j.content() == k.content() && j.Version == k.Version
}

// content identifies what is hashed: two jobs with the same content make the
// same headers, but for time and version.
func (j *job) content() pow.Hash {
	var b []byte
	for _, part := range [][]byte{j.Prev[:], j.Coinbase1, j.extranonce.one, j.Coinbase2} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	for _, h := range j.Branch {
		b = append(b, h[:]...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(j.Bits))
	return pow.Sum(b)
}

// counter counts the extranonces of a content that were used, so that a job that
// comes again, after a reconnection or with another mask, is not mined twice.
type counter struct {
	next atomic.Uint64 // extranonce
	time atomic.Uint64 // the latest time that was used
}

// maxCounters bounds the contents that are remembered.
const maxCounters = 16

// counter returns the counter of the content. The caller must hold Client.mu.
func (c *Client) counter(content pow.Hash) *counter {
	k, known := c.counters.Get(content)
	if !known {
		k = &counter{}
		c.counters.Put(content, k)
	}
	return k
}

// sendWork makes n the newest job, if it is not nil, and sends the newest job to the
// miner, if the session is subscribed and authorized.
func (s *session) sendWork(n *stratum.Notify) {
	c := s.c
	c.mu.Lock()
	if n != nil {
		s.job = &job{Notify: *n, from: s, difficulty: s.difficulty, received: time.Now(), extranonce: s.extranonce}
		none := pow.Difficulty{}
		if s.job.difficulty.Cmp(none) == 0 && s.resumed {
			s.job.difficulty = c.difficulty
		}
		if s.job.difficulty.Cmp(none) == 0 {
			s.job.difficulty = difficulty1
		}
	}
	j := s.job
	if j == nil || !s.subscribed || !s.authorized {
		c.mu.Unlock()
		return
	}
	isNew := j.generation == 0 // to the miner
	clean := isNew && c.admit(s, j)
	w := c.work(j, s.rolled(), clean)
	first := !s.worked
	s.worked = true
	if first {
		c.session = s
	}
	c.mu.Unlock()

	if first && s.resumed {
		c.log.Debug("session resumed")
	}
	s.miner.Work(w)
	if first {
		s.resend()
	}
}

// raiseDifficulty applies the newest difficulty to the newest job if that has a lower
// one, and reports whether it does. With most pools a difficulty is for the jobs that
// follow; some apply it at once. The caller must hold Client.mu.
func (s *session) raiseDifficulty() bool {
	if s.job == nil || s.difficulty.Cmp(s.job.difficulty) <= 0 {
		return false
	}
	s.job.difficulty = s.difficulty
	s.c.difficulty = s.difficulty
	return true
}

var difficulty1, _ = pow.ParseDifficulty("1")

// admit makes j the newest job, and reports whether older ones are stale. The caller
// must hold Client.mu.
//
// The first job of every connection is marked clean. If the session was resumed and
// the parent is still the same, the shares of older jobs are kept all the same: the
// pool decides about them.
func (c *Client) admit(s *session, j *job) (clean bool) {
	switch {
	case c.generation == 0 || j.Prev != c.parent:
		clean = true
	case s.worked:
		clean = j.Clean
	default:
		clean = !s.resumed
	}
	if clean {
		c.generation++
		c.jobs = map[string]*job{}
	}
	c.parent, c.difficulty, j.generation = j.Prev, j.difficulty, c.generation
	if len(c.jobs) == maxJobs {
		clear(c.jobs)
	}
	c.jobs[j.JobID] = j
	return clean
}

// maxJobs bounds the ids of jobs that are remembered, to notice one that is reused.
const maxJobs = 1024

// work returns a job as work for the miner. The caller must hold Client.mu.
func (c *Client) work(j *job, mask uint32, isClean bool) *miner.Work {
	used := c.counter(j.content())
	space := j.extranonce.space()
	base, first := used.next.Load(), j.Time
	if base >= space { // all were used: start again, with later times
		base, first = 0, max(first, uint32(used.time.Load()+1))
	}
	w := &miner.Work{
		ID:          clean(j.JobID),
		Clean:       isClean,
		Height:      j.Height(),
		Target:      j.difficulty.Target(),
		VersionMask: mask,
		Time:        first,
		Received:    j.received,
		Extranonces: space - base,
		Header: func(n uint64, time uint32) pow.Header {
			n += base
			raiseTo(&used.next, n+1)
			raiseTo(&used.time, uint64(time))
			return j.Header(j.extranonce.one, j.extranonce.two(n), time, j.Version)
		},
	}
	w.Submit = c.submitter(j, base)
	return w
}

// raiseTo makes n at least at.
func raiseTo(n *atomic.Uint64, at uint64) {
	for {
		now := n.Load()
		if now >= at || n.CompareAndSwap(now, at) {
			return
		}
	}
}
