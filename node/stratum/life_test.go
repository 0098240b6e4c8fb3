package stratum_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"stele/node/stratum"
)

// A miner that reconnects continues where it was: the same extranonce1, its jobs, its
// difficulty; and a share of before is a duplicate.
func TestResume(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	m.call("mining.suggest_difficulty", 2e-6)
	m.awaitJob(2)
	if m.difficulty != 2e-6 {
		t.Fatalf("difficulty %v", m.difficulty)
	}
	job := m.job
	want(t, "a share", m.share(user, job), 0)
	sent, kept := m.lastSubmitParams, m.find(user, job)

	for i, ends := range []func(){
		func() { _ = m.conn.Close() },
		func() {}, // the server has not seen that the connection is dead
	} {
		ends()
		again := dial(t, w.address)
		again.subscribe(m.session)
		if again.session != m.session || again.extranonce1 != m.extranonce1 {
			t.Fatalf("%d: session %s with %s, was %s with %s", i, again.session, again.extranonce1, m.session, m.extranonce1)
		}
		again.call("mining.authorize", user, "x")
		again.awaitJob(1)
		if again.difficulty != 2e-6 || again.job.Clean {
			t.Errorf("%d: difficulty %v, clean %v", i, again.difficulty, again.job.Clean)
		}
		if again.job.ID == job.ID || again.job.Coinbase2 == job.Coinbase2 {
			t.Errorf("%d: the same job is given, to be mined twice", i)
		}
		want(t, "a share from before", again.call("mining.submit", sent...), 22)
		if i == 0 {
			want(t, "a share found meanwhile", again.call("mining.submit", kept...), 0)
		}
		if i == 1 {
			m.awaitEnd()
		}
		want(t, "a share of the newer job", again.share(user, again.job), 0)
		m = again
	}
	_ = m.conn.Close()

	// A new tip: nothing of before is good.
	w.tip = w.Extend(w.tip)
	w.take()
	again := dial(t, w.address)
	again.subscribe(m.session)
	again.call("mining.authorize", user, "x")
	again.awaitJob(1)
	if again.extranonce1 != m.extranonce1 || !again.job.Clean {
		t.Error("resumed on a new tip: another extranonce1, or not clean")
	}
	want(t, "a share of the tip before", again.call("mining.submit", kept...), 21)

	other := dial(t, w.address)
	other.subscribe("no such session")
	if other.extranonce1 == m.extranonce1 || other.session == "no such session" {
		t.Error("an unknown session is taken up")
	}
}

// The difficulty follows the rate of the shares, and applies from the next job on.
func TestDifficultyFollows(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	old := m.job
	for i := 0; m.job.Difficulty == old.Difficulty; i++ {
		if i == 100 {
			t.Fatal("100 shares in no time, and the difficulty is the same")
		}
		w.pass(100 * time.Millisecond)
		want(t, "a share", m.share(user, old), 0)
	}
	if m.difficulty < 5*old.Difficulty || m.job.Clean || m.job.ID == old.ID || m.job.Time == old.Time {
		t.Errorf("24 shares in 2.4 seconds: from %+v to %+v", old, m.job)
	}
	want(t, "a share of the easier job", m.share(user, old), 0)
	want(t, "a share of the harder job", m.share(user, m.job), 0)
	easy := m.job
	easy.Difficulty = old.Difficulty
	var p []any
	for {
		p = m.find(user, easy)
		h := m.header(easy, p[2].(string), easy.Version, easy.Time)
		if mine(h, m.job.Difficulty, true, number(t, p[4].(string))) != number(t, p[4].(string)) {
			break
		}
	}
	want(t, "a share that is too easy for the harder job", m.call("mining.submit", p...), 23)
}

// A miner that requests another difficulty all the time does not get a job each time.
func TestDifficultyWishesMany(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	for i := range 300 {
		m.call("mining.suggest_difficulty", i%2+1)
	}
	if n := len(m.jobs); n < 5 || n > 20 {
		t.Errorf("%d jobs of the same work", n)
	}
	want(t, "a share of the first", m.share(user, m.jobs[0]), 0)
	w.pass(30 * time.Second)
	w.take()
	m.awaitJob(len(m.jobs) + 1)
	if m.job.Difficulty != 2 {
		t.Errorf("difficulty %v, the last wish was 2", m.job.Difficulty)
	}
}

// Late shares count for a miner's speed too: where blocks are easy, nearly all are late.
func TestDifficultyFollowsStale(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	old := m.job
	w.tip = w.Extend(w.tip)
	w.take()
	m.awaitJob(2)
	for i := 0; m.difficulty == old.Difficulty; i++ {
		if i == 100 {
			t.Fatal("100 stale shares in no time, and the difficulty is the same")
		}
		want(t, "a late share", m.share(user, old), 21)
	}
}

// The difficulty that a miner requests.
func TestDifficultyWishes(t *testing.T) {
	w := newWorld(t, func(_ *world, o *stratum.Options) { o.Difficulty = 0 })
	w.take()
	login := func(password string, before func(m *testMiner)) *testMiner {
		m := dial(t, w.address)
		if before != nil {
			before(m)
		}
		m.subscribe()
		m.call("mining.authorize", user, password)
		m.awaitJob(1)
		return m
	}
	if m := login("x", nil); m.difficulty != stratum.DefaultDifficulty {
		t.Errorf("without a wish: %v", m.difficulty)
	}
	for password, want := range map[string]float64{"d=5": 5, "x,d=0.001": 0.001, "a;d=1e3,b": 1000, "d=": 1, "d=-4": 1, "d=x d=7": 7} {
		m := login(password, nil)
		m.call("mining.ping")
		if got := m.jobs[len(m.jobs)-1].Difficulty; got != want {
			t.Errorf("password %q: difficulty %v, want %v", password, got, want)
		}
	}
	if m := login("x", func(m *testMiner) { m.call("mining.suggest_difficulty", 1e-5) }); m.difficulty != 1e-5 {
		t.Errorf("asked for before: %v", m.difficulty)
	}
	m := login("x", func(m *testMiner) {
		m.call("mining.suggest_target", "0000ffff00000000000000000000000000000000000000000000000000000000")
		m.call("mining.configure", []string{"minimum-difficulty"}, map[string]any{"minimum-difficulty.value": 3})
	})
	if m.difficulty != 3 {
		t.Errorf("at least 3: %v", m.difficulty)
	}
	m.call("mining.suggest_difficulty", 100)
	m.awaitJob(2)
	m.call("mining.suggest_difficulty", 1)
	m.awaitJob(3)
	if m.jobs[1].Difficulty != 100 || m.difficulty != 3 {
		t.Errorf("between: %v, then below what it asked for: %v", m.jobs[1].Difficulty, m.difficulty)
	}
	// Never harder than a block, which has 2^16 times 4295032833 hashes.
	m.call("mining.suggest_difficulty", 1e12)
	m.awaitJob(4)
	if m.difficulty < 65000 || m.difficulty > 1<<16 {
		t.Errorf("above a block: %v", m.difficulty)
	}
}

// Input that is not Stratum ends the connection at once, and the server continues.
func TestGarbage(t *testing.T) {
	w := newWorld(t)
	w.take()
	good := dial(t, w.address)
	good.login(user)
	for _, line := range []string{
		"GET / HTTP/1.1",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"{",
		`{"id":[1],"method":"mining.subscribe","params":[]}`,
		`{"id":1,"method":"mining.subscribe","params":"x"}`,
		`{"id":1,"method":"mining.ping","params":[` + strings.Repeat("[", 2000) + "]}",
		`{"id":1,"method":"` + strings.Repeat("a", 5000) + `","params":[]}`,
		strings.Repeat("x", 20_000),
	} {
		m := dial(t, w.address)
		m.write(line)
		m.awaitEnd()
	}
	m := dial(t, w.address) // a request without end
	m.must(second(m.conn.Write([]byte(strings.Repeat(" ", 10_000)))))
	m.awaitEnd()

	// Rejected requests and bad shares are tolerated for a while.
	m = dial(t, w.address)
	m.subscribe()
	n := 0
	for ; n < 1000; n++ {
		m.write(`{"id":1,"method":"no.such.method","params":[]}`)
		if _, err := m.receive(); err != nil {
			break
		}
	}
	if n < 50 || n == 1000 {
		t.Errorf("the connection ends after %d unknown methods", n)
	}
	m = dial(t, w.address)
	m.login(user)
	for range 1000 { // BFGMiner, at the 1,000th tip
		m.call("mining.get_transactions", m.job.ID)
	}
	want(t, "a share of who asks for transactions", m.share(user, m.job), 0)
	m = dial(t, w.address)
	m.login(user)
	for n = 0; n < 1000; n++ {
		m.write(`{"id":1,"method":"mining.submit","params":["` + user + `","` + m.job.ID + `","00000000","` + m.job.Time + `","00000000"]}`)
		if _, err := m.receive(); err != nil {
			break
		}
	}
	if n < 100 || n == 1000 {
		t.Errorf("the connection ends after %d bad shares", n)
	}
	want(t, "another miner's share", good.share(user, good.job), 0)
}

func second[T any](_ T, err error) error { return err }

// A miner that does not read what it is sent is disconnected, and delays nobody.
func TestSlowMiner(t *testing.T) {
	w := newWorld(t)
	w.take()
	slow, good := dial(t, w.address), dial(t, w.address)
	slow.login(user)
	good.login(user)
	for i := 0; w.server.Status().Connections == 2; i++ {
		if i == 100_000 {
			t.Fatal("a miner that never reads is kept")
		}
		w.pass(30 * time.Second)
		w.take()
		good.awaitJob(2 + i)
	}
	want(t, "the other one's share", good.share(user, good.job), 0)
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"node"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(_ *world, o *stratum.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	})
	w.take()
	roots := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(cert)
	conn, err := tls.Dial("tcp", w.address, &tls.Config{RootCAs: roots, ServerName: "node"})
	if err != nil {
		t.Fatal(err)
	}
	m := over(t, conn)
	m.login(user)
	want(t, "a share", m.share(user, m.job), 0)

	plain := dial(t, w.address)
	plain.write(`{"id":1,"method":"mining.subscribe","params":[]}`)
	if _, err := plain.lines.ReadByte(); err != nil {
		t.Log(err)
	}
	_ = plain.conn.Close()
	if got := w.server.Status(); got.Connections > 2 {
		t.Errorf("%+v", got)
	}
}

// The status of the miners.
func TestWorkers(t *testing.T) {
	w := newWorld(t)
	w.take()
	silent := dial(t, w.address)
	silent.subscribe()
	for i, name := range []string{user + ".b", user + ".a", user + ".b"} {
		m := dial(t, w.address)
		m.login(name)
		for range i {
			want(t, name, m.share(name, m.job), 0)
		}
	}
	w.pass(time.Minute)
	all := w.server.Workers()
	if len(all) != 3 || all[0].Name != user+".a" || all[1].Name != user+".b" || all[0].Agent != "test/1" {
		t.Fatalf("%+v", all)
	}
	if a := all[0]; a.Shares.Accepted != 1 || a.LastShare.IsZero() || a.Difficulty != 1e-6 || a.HashRate < 60 || a.HashRate > 80 {
		t.Errorf("a share of 4295 hashes in a minute: %+v", a)
	}
	if s := w.server.Status(); s.Connections != 4 || s.Workers != 2 || s.Shares.Accepted != 3 {
		t.Errorf("%+v", s)
	}
}

// The log says in one word why a miner's connection ended: the miner closed or reset
// it, or the server stops.
func TestEndReason(t *testing.T) {
	w := newWorld(t)
	w.take()
	logged := func(reason string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "miner disconnected") && strings.HasSuffix(line, " reason="+reason+"\n") {
				return true
			}
		}
		return false
	}
	for _, end := range []struct {
		reason string
		end    func(m *testMiner)
	}{
		{"closed-by-peer", func(m *testMiner) { _ = m.conn.Close() }},
		{"closed-by-peer", func(m *testMiner) {
			_ = m.conn.(*net.TCPConn).SetLinger(0) // a reset
			_ = m.conn.Close()
		}},
		{"server-stopped", func(*testMiner) { w.stop() }},
	} {
		w.mu.Lock()
		w.log.Reset()
		w.mu.Unlock()
		m := dial(t, w.address)
		m.login(user)
		end.end(m)
		for deadline := time.Now().Add(20 * time.Second); !logged(end.reason); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the reason %s is not logged", end.reason)
			}
		}
	}
}
