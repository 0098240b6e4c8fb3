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
	// keepFor is how long a session can be taken up again after its connection
	// has ended.
	keepFor = 10 * time.Minute
	// mostKept bounds the sessions without a connection: those that have had a
	// good share, and the others.
	mostKept = 4096
	// maxSeenKept is maxSeen without a connection: the shares whose answers
	// were lost with it are among the last.
	maxSeenKept = 64
	// maxSeen bounds the shares that are remembered: those of almost an hour at
	// the usual rate.
	maxSeen = 1024
	// mostIssues is how many jobs are remembered, unless more of them are good.
	mostIssues = 2 * mostWorks
)

// session is what outlives a connection, so that a miner that comes back can go
// on with its jobs and send the shares that it has found meanwhile.
type session struct {
	id          string // a secret, as whoever has it can take up the session
	extranonce1 [extranonceSize]byte
	left        time.Time // when it has lost its last connection; of sessions

	mu     sync.Mutex             // is taken after that of a conn, and guards what follows
	issues map[jobID]issue        // the last jobs; whether they are good is for works to say
	last   jobID                  // given last
	time   uint32                 // of the last one
	tip    pow.Hash               // of the last one
	seen   *bounded.Set[pow.Hash] // headers of the last shares for the tip; nil before the first job
	proven bool                   // has had a good share

	diff vardiff
}

// issue is a job as it was given: what its shares are checked against.
type issue struct {
	key        record.Key
	difficulty float64
	target     pow.Target
	epoch      int // of vardiff
}

// resume prepares the session for another connection. If there is no share for
// the tip, nobody knows whether the miner has heard of the tip: then it has to be
// told. Its jobs stay good, as it may have found a block of one meanwhile.
func (s *session) resume(asked vardiff, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil || s.seen.Len() == 0 {
		s.tip = pow.Hash{}
	}
	s.diff.resume(asked, now)
}

// enter goes over to the jobs of a tip, and tells whether it is another one.
func (s *session) enter(tip pow.Hash) bool {
	if s.issues == nil {
		s.issues, s.seen = map[jobID]issue{}, bounded.NewSet[pow.Hash](maxSeen)
	} else if s.tip == tip {
		return false
	}
	s.tip = tip
	s.seen.Clear()
	return true
}

// give notes that a job was given.
func (s *session) give(id jobID, i issue) {
	s.issues[id] = i
	s.last = id
	if len(s.issues) > mostIssues {
		for old := range s.issues {
			if old.seq+mostWorks < id.seq {
				delete(s.issues, old)
			}
		}
	}
}

// know notes that a header was a share, and tells whether that was known.
func (s *session) know(header pow.Hash) bool {
	if !s.seen.Add(header) {
		return true
	}
	s.proven = true
	return false
}

// rest prepares the session for a time without a connection.
func (s *session) rest() {
	if s.seen == nil || s.seen.Len() <= maxSeenKept {
		return
	}
	all := s.seen.Keys()
	s.seen.Clear() // what is only deleted still takes memory
	for _, header := range all[len(all)-maxSeenKept:] {
		s.seen.Add(header)
	}
}

// sessions are all that there are.
type sessions struct {
	byID        map[string]*session
	owner       map[*session]*conn // nil or missing: kept without a connection
	extranonces map[uint32]bool    // in use
	next        uint32

	// Without a connection, in the order of their ends. Whoever opens sessions
	// and does no work cannot push out those of miners.
	proven, unproven []kept
}

// kept is a session that lost its connection at that time. It may have found
// another one since.
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

// open makes s, of c, a session with an extranonce1 of its own.
func (ss *sessions) open(s *session, c *conn) {
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

// resume gives the session with an id to c, nil if there is none. Before is the
// connection that has had it until now, nil if none has.
func (ss *sessions) resume(id string, c *conn, now time.Time) (s *session, before *conn) {
	s = ss.byID[id]
	if s == nil || ss.owner[s] == nil && now.Sub(s.left) > keepFor {
		return nil, nil
	}
	before = ss.owner[s]
	ss.owner[s] = c
	return s, before
}

// leave keeps the session of c, if it is still c's, and forgets those that were
// kept for too long, or are too many. The lock of s is held.
func (ss *sessions) leave(s *session, c *conn, now time.Time) {
	if ss.owner[s] == c {
		s.rest()
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

// prune returns what may be kept of a list, and forgets the rest.
func (ss *sessions) prune(list []kept, now time.Time) []kept {
	for len(list) > 0 && (len(list) > mostKept || now.Sub(list[0].at) > keepFor) {
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
