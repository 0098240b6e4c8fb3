package stratum

import (
	"testing"
	"time"

	"stele/engine/pow"
)

func TestSessions(t *testing.T) {
	ss := newSessions()
	a, b, c := new(conn), new(conn), new(conn)
	now := time.Unix(1e9, 0)
	s := new(session)
	ss.register(s, a)
	if got, before := ss.resume(s.id, b, now); got != s || before != a {
		t.Fatal("a session in use cannot be taken over")
	}
	ss.release(s, a, now) // which has it no more
	if len(ss.unproven) != 0 {
		t.Fatal("a session is kept for a connection that lost it")
	}
	ss.release(s, b, now)
	if got, _ := ss.resume(s.id, c, now.Add(keepFor+1)); got != nil {
		t.Fatal("a session is taken up after too long")
	}
	if got, before := ss.resume(s.id, c, now.Add(keepFor)); got != s || before != nil {
		t.Fatal("a kept session cannot be taken up")
	}
	// It is left again: the time counts from then.
	now = now.Add(keepFor / 2)
	ss.release(s, c, now)
	now = now.Add(keepFor/2 + 1)
	ss.release(new(session), a, now)
	if ss.byID[s.id] != s {
		t.Error("a session is forgotten too early")
	}
	now = now.Add(keepFor / 2)
	ss.release(new(session), a, now)
	if len(ss.byID) != 0 || len(ss.owner) != 0 || len(ss.extranonces) != 0 || len(ss.unproven) != 0 {
		t.Errorf("what is over is kept: %d %d %d %d", len(ss.byID), len(ss.owner), len(ss.extranonces), len(ss.unproven))
	}
	worked := &session{proven: true}
	ss.register(worked, b)
	ss.release(worked, b, now)
	for range maxKept + 10 {
		s := new(session)
		ss.register(s, a)
		ss.release(s, a, now)
	}
	if len(ss.byID) != maxKept+1 || len(ss.extranonces) != maxKept+1 {
		t.Errorf("%d sessions are kept", len(ss.byID))
	}
	if ss.byID[worked.id] != worked {
		t.Error("sessions without work push out one that has worked")
	}
}

// A session remembers the last shares of a tip.
func TestSeen(t *testing.T) {
	var s session
	if !s.switchTip(pow.Hash{1}) || s.switchTip(pow.Hash{1}) {
		t.Fatal("enter")
	}
	header := func(i int) pow.Hash { return pow.Hash{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range maxSeen + 1 {
		if s.seenBefore(header(i)) {
			t.Fatalf("share %d is known", i)
		}
	}
	if !s.seenBefore(header(1)) || s.seenBefore(header(0)) || s.seen.Len() != maxSeen {
		t.Error("the oldest is not the one that is forgotten")
	}
	if s.shrink(); !s.proven || s.seen.Len() != maxSeenKept || !s.seenBefore(header(maxSeen)) || s.seenBefore(header(maxSeen-maxSeenKept)) {
		t.Error("a session that rests remembers other shares than the last ones")
	}
	s.switchTip(pow.Hash{2})
	if s.seenBefore(header(5)) {
		t.Error("a share of another tip is known")
	}
}

func TestJobID(t *testing.T) {
	for _, id := range []jobID{{1, 0}, {1, 255}, {1 << 40, 7}} {
		if got, ok := parseJobID(id.String()); !ok || got != id {
			t.Errorf("%v: %v %v", id, got, ok)
		}
	}
	for _, text := range []string{"", "-1", "0100", "+1", "A00", "1_0", "g", "10000000000000000"} {
		if _, ok := parseJobID(text); ok {
			t.Errorf("%q is a job", text)
		}
	}
}
