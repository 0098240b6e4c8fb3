package stratum_test

import (
	"sync/atomic"
	"testing"
	"time"

	"stele/node/ledger/block"
	"stele/node/stratum"
)

// A share that was found without a connection is valid even if it is the first one of
// its tip: it may be a block.
func TestResumeWithFirstShare(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	kept := m.find(user, m.job)
	_ = m.conn.Close()

	again := dial(t, w.address)
	again.subscribe(m.session)
	again.call("mining.authorize", user, "x")
	again.awaitJob(1)
	if !again.job.Clean {
		t.Error("the miner gets no clean job for a tip that it may not know")
	}
	want(t, "a share found meanwhile", again.call("mining.submit", kept...), 0)
	want(t, "the same share", again.call("mining.submit", kept...), 22)
}

// A connection that has lost its session, and has not ended yet, does not consume the
// new work of the one that has it.
func TestResumeWhileOldGoesOn(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	w := newWorld(t, func(w *world, o *stratum.Options) {
		w.bits = 0 // every share is a block
		o.Submit = func(*block.Block, string) error {
			if first.CompareAndSwap(false, true) {
				close(entered)
				<-leave
			}
			return nil
		}
	})
	defer close(leave)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	m.id++
	share := m.find(user, m.job)
	m.write(`{"id":9,"method":"mining.submit","params":["` + user + `","` + share[1].(string) + `","` +
		share[2].(string) + `","` + share[3].(string) + `","` + share[4].(string) + `"]}`)
	<-entered // the old connection is busy

	again := dial(t, w.address)
	again.subscribe(m.session)
	again.call("mining.authorize", user, "x")
	again.awaitJob(1)
	for i := range 8 { // the order in which connections get work is by chance
		w.tip = w.Extend(w.tip)
		w.take()
		again.awaitJob(i + 2)
	}
}

// The end of the connection that had a session before does not change the session.
func TestTakeoverKeepsShares(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	job := m.job
	first := m.find(user, job)
	want(t, "first", m.call("mining.submit", first...), 0)
	for range 80 { // more than a session without a connection remembers
		want(t, "more", m.share(user, job), 0)
	}
	again := dial(t, w.address)
	again.subscribe(m.session)
	again.call("mining.authorize", user, "x")
	m.awaitEnd()
	for w.server.Status().Connections != 1 {
		time.Sleep(time.Millisecond)
	}
	want(t, "the first again", again.call("mining.submit", first...), 22)
}
