package stratum

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/record"
)

const (
	// extranonceSize is the length of the extranonce1, and of the extranonce2.
	extranonceSize = 4
	// keepFor is how long a session can be resumed after its connection has ended.
	keepFor = 10 * time.Minute
	// maxKept bounds the sessions without a connection that have had a good share, and
	// those that have not.
	maxKept = 4096
	// maxSeenKept is maxSeen without a connection: the shares whose answers were lost
	// with it are among the last.
	maxSeenKept = 64
	// maxSeen bounds the shares that are remembered: those of almost an hour at the
	// usual rate.
	maxSeen = 1024
	// maxIssues bounds the jobs that are remembered, unless more of them are valid.
	maxIssues = 2 * maxWorks
)

// session is the state that outlives a connection, so that a miner that reconnects can
// continue with its jobs and submit the shares that it has found meanwhile.
type session struct {
	id          string // a secret: whoever has it can resume the session
	extranonce1 [extranonceSize]byte
	left        time.Time // when it lost its last connection; guarded like sessions

	mu     sync.Mutex             // locked after that of a conn; guards what follows
	issues map[jobID]issue        // the last jobs; workSet decides whether they are valid
	last   jobID                  // the last job
	time   uint32                 // of the last job
	tip    pow.Hash               // of the last job
	seen   *bounded.Set[pow.Hash] // headers of the last shares for the tip; nil before the first job
	proven bool                   // has had a good share

	diff vardiff
}

// issue is a job as it was sent: what its shares are checked against.
type issue struct {
	key        record.Key
	difficulty float64
	target     pow.Target
	epoch      int // of vardiff
}

// resume prepares the session for another connection. If there is no share for the
// tip, it is unknown whether the miner has received a job for it, so the next job is
// marked clean. The jobs stay valid: the miner may have found a block meanwhile.
func (s *session) resume(fresh vardiff, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil || s.seen.Len() == 0 {
		s.tip = pow.Hash{}
	}
	s.diff.resume(fresh, now)
}

// switchTip starts the jobs of a tip, and reports whether it is a new one.
func (s *session) switchTip(tip pow.Hash) bool {
	if s.issues == nil {
		s.issues, s.seen = map[jobID]issue{}, bounded.NewSet[pow.Hash](maxSeen)
	} else if s.tip == tip {
		return false
	}
	s.tip = tip
	s.seen.Clear()
	return true
}

// record records a job that is sent.
func (s *session) record(id jobID, i issue) {
	s.issues[id] = i
	s.last = id
	if len(s.issues) > maxIssues {
		for old := range s.issues {
			if old.seq+maxWorks < id.seq {
				delete(s.issues, old)
			}
		}
	}
}

// seenBefore reports whether a header was submitted before, and remembers it.
func (s *session) seenBefore(header pow.Hash) bool {
	if !s.seen.Add(header) {
		return true
	}
	s.proven = true
	return false
}

// shrink reduces the memory of a session without a connection.
func (s *session) shrink() {
	if s.seen == nil || s.seen.Len() <= maxSeenKept {
		return
	}
	all := s.seen.Keys()
	s.seen.Clear() // what is only deleted still takes memory
	for _, header := range all[len(all)-maxSeenKept:] {
		s.seen.Add(header)
	}
}

// sessions are the sessions of a server.
type sessions struct {
	byID        map[string]*session
	owner       map[*session]*conn // nil or missing: kept without a connection
	extranonces map[uint32]bool    // in use
	next        uint32

	// Sessions without a connection, in the order in which they lost it. A peer that
	// opens sessions and does no work cannot displace those of miners.
	proven, unproven []kept
}

// kept is a session that lost its connection at that time. It may have another one
// since.
type kept struct {
	session *session
	at      time.Time
}

func newSessions() sessions {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return sessions{
		byID: map[string]*session{}, owner: map[*session]*conn{}, extranonces: map[uint32]bool{},
		next: binary.LittleEndian.Uint32(b[:]),
	}
}

// register gives the session s of c an ID and an extranonce1 of its own.
func (ss *sessions) register(s *session, c *conn) {
	s.id = rand.Text()
	for {
		// The node's own devices count their extranonces from 1.
		ss.next = ss.next + 1 | 1<<31
		if !ss.extranonces[ss.next] {
			break
		}
	}
	ss.extranonces[ss.next] = true
	binary.LittleEndian.PutUint32(s.extranonce1[:], ss.next)
	ss.byID[s.id] = s
	ss.owner[s] = c
}

// resume assigns the session with an ID to c, and returns it, nil if there is none.
// Before is the connection that had it until now, nil if there was none.
func (ss *sessions) resume(id string, c *conn, now time.Time) (s *session, before *conn) {
	s = ss.byID[id]
	if s == nil || ss.owner[s] == nil && now.Sub(s.left) > keepFor {
		return nil, nil
	}
	before = ss.owner[s]
	ss.owner[s] = c
	return s, before
}

// release keeps the session s of c, if c still owns it, for a later connection. It
// removes sessions that were kept for too long, or are too many. The caller must hold
// s.mu.
func (ss *sessions) release(s *session, c *conn, now time.Time) {
	if ss.owner[s] == c {
		s.shrink()
		ss.owner[s] = nil
		s.left = now
		list := &ss.unproven
		if s.proven {
			list = &ss.proven
		}
		*list = append(*list, kept{s, now})
	}
	ss.proven = ss.prune(ss.proven, now)
	ss.unproven = ss.prune(ss.unproven, now)
}

// prune returns the part of a list that may be kept, and removes the other sessions.
func (ss *sessions) prune(list []kept, now time.Time) []kept {
	for len(list) > 0 && (len(list) > maxKept || now.Sub(list[0].at) > keepFor) {
		if s := list[0].session; ss.owner[s] == nil && s.left.Equal(list[0].at) {
			delete(ss.byID, s.id)
			delete(ss.owner, s)
			delete(ss.extranonces, binary.LittleEndian.Uint32(s.extranonce1[:]))
		}
		list[0] = kept{}
		list = list[1:]
	}
	return list
}
