package stratum_test

import "testing"

// A share that was found while the connection was gone is good also if it is the
// first one of its tip: it may be a block.
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
		t.Error("the miner is not told of a tip that it may not know")
	}
	want(t, "a share found meanwhile", again.call("mining.submit", kept...), 0)
	want(t, "the same share", again.call("mining.submit", kept...), 22)
}
