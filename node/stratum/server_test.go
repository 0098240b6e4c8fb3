package stratum_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/stratum"
	"stele/node/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// payee is the key that the miners of the tests mine for.
var (
	payee = record.PublicOf(network.DevFaucets()[3])
	user  = payee.String()
)

// world is a server with the templates of a chain that a builder makes, and a
// clock that only the test moves.
type world struct {
	testing.TB
	*chaintest.Builder
	server  *stratum.Server
	address string
	tip     *chaintest.Block
	pool    *pool.Pool
	wrap    func(net.Listener) net.Listener // of the server, nil: as it is
	stop    func()                          // ends the server and waits for it
	bits    pow.Bits                        // of the templates; 0: those of the chain, which every second hash meets

	mu     sync.Mutex
	now    time.Time
	blocks []found
	log    strings.Builder

	verdict error // of Options.Submit
}

type found struct {
	*block.Block
	worker string
}

// hardBits is a target that no test meets.
const hardBits = pow.Bits(0x1b00ffff)

func newWorld(t testing.TB, edit ...func(*world, *stratum.Options)) *world {
	t.Helper()
	w := &world{TB: t, Builder: chaintest.New(chaintest.Network(), 1), bits: hardBits}
	w.tip = w.Grow(w.Genesis, 8, 2)
	w.now = w.Builder.Now()
	var err error
	w.pool, err = pool.New(pool.Options{
		Params:  w.Params,
		View:    func() rules.View { return w.tip.View() },
		Context: func() rules.Context { return rules.Context{Params: w.Params, Height: w.tip.Height() + 1} },
	})
	if err != nil {
		t.Fatal(err)
	}
	o := stratum.Options{
		Params: w.Params, Difficulty: 1e-6, Now: w.time,
		Submit: func(b *block.Block, worker string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.blocks = append(w.blocks, found{b, worker})
			return w.verdict
		},
		Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range edit {
		f(w, &o)
	}
	w.server = stratum.New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = l.Addr().String()
	if w.wrap != nil {
		l = w.wrap(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.server.Serve(ctx, l) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			w.mu.Lock()
			t.Log(w.log.String())
			w.mu.Unlock()
		}
	})
	return w
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Write implements io.Writer, for lines of the log.
func (w *world) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *world) solved() []found {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.blocks)
}

// fill adds a payment to the pool for each of the first n accounts.
func (w *world) fill(n int) {
	w.Helper()
	for i := range n {
		r := w.Frame(w.tip, w.Funded(w.tip, i))
		r.Payload = record.Pay{To: record.Key{8}, Amount: 1}
		if err := w.pool.Add(w.Sign(r))[0]; err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) template() *template.Template {
	w.Helper()
	n := w.tip.Node()
	tip := &chain.Tip{
		Hash: w.tip.Hash(), Height: w.tip.Height(), Header: w.tip.Header, Work: w.tip.Work(),
		MedianTime: n.MedianTime(), NextBits: n.NextBits(), MinTime: n.MinTime(),
	}
	if w.bits != 0 {
		tip.NextBits = w.bits
	}
	made, err := template.Build(tip, w.pool, w.tip.View(), template.Options{
		Params: w.Params, Payout: record.Key{7}, Tag: []byte("tag"), Now: w.time,
	})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// take sets a template of the current tip.
func (w *world) take() { w.server.Take(w.template()) }

// want checks the code of an answer to a share; 0: accepted.
func want(t testing.TB, what string, got testMessage, code int) {
	t.Helper()
	if got.code() != code || (code == 0) != (string(got.Result) == "true") {
		t.Errorf("%s: got %s %v, want the code %d", what, got.Result, got.Error, code)
	}
}

// A miner connects, gets work, and finds a share and a block, which pays it.
func TestMining(t *testing.T) {
	w := newWorld(t)
	w.fill(5)
	w.take()
	m := dial(t, w.address)
	m.login(user + ".rig")
	if m.extranonce2Size != 4 || len(m.extranonce1) != 8 {
		t.Errorf("extranonce1 %s, extranonce2 of %d bytes", m.extranonce1, m.extranonce2Size)
	}
	if got := strings.Join(m.notes, " "); got != "mining.set_difficulty mining.notify" {
		t.Errorf("before the first share: %s", got)
	}
	if m.difficulty != 1e-6 || !m.job.Clean {
		t.Errorf("difficulty %v, clean %v", m.difficulty, m.job.Clean)
	}
	want(t, "a share", m.share(user+".rig", m.job), 0)
	if len(w.solved()) != 0 {
		t.Error("a share became a block")
	}

	w.tip = w.Extend(w.tip)
	w.bits = 0
	w.take()
	m.awaitJob(2)
	if !m.job.Clean {
		t.Error("a job for a new tip is not clean")
	}
	want(t, "a block", m.share(user+".rig", m.job), 0)
	m.call("mining.ping") // which comes after the submission
	blocks := w.solved()
	if len(blocks) != 1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	w.Add(w.tip, blocks[0].Block) // panics if it is not valid
	if got := blocks[0].Records[0].Key; got != payee || blocks[0].worker != user+".rig" || len(blocks[0].Records) != 6 {
		t.Errorf("the block pays %v, is by %s, has %d records", got, blocks[0].worker, len(blocks[0].Records))
	}
	s := w.server.Status()
	if s.Shares != (query.Shares{Accepted: 2}) || s.Connections != 1 || s.Workers != 1 || s.HashRate <= 0 {
		t.Errorf("status %+v", s)
	}
}

// What a pool checks about a share, and the code of each rejection.
func TestShares(t *testing.T) {
	w := newWorld(t)
	w.fill(3)
	w.take()
	m := dial(t, w.address)
	m.subscribe()
	want(t, "before authorize", m.call("mining.submit", user, "1", "00000001", "5f5e1000", "00000000"), 24)
	m.call("mining.authorize", user, "x")
	m.awaitJob(1)
	j := m.job

	edit := func(what string, code int, change func(p []any)) {
		t.Helper()
		p := m.find(user, j)
		change(p)
		want(t, what, m.call("mining.submit", p...), code)
	}
	stamp := func(at time.Time) string { return fmt.Sprintf("%08x", uint32(at.Unix())) }
	at := func(p []any, time string) {
		p[3] = time
		p[4] = fmt.Sprintf("%08x", mine(m.header(j, p[2].(string), j.Version, time), j.Difficulty, true, 0))
	}
	edit("a good one", 0, func([]any) {})
	edit("another worker", 24, func(p []any) { p[0] = "nobody" })
	edit("an unknown job", 21, func(p []any) { p[1] = "ffff" })
	edit("a job with a name that is like one", 21, func(p []any) { p[1] = "0" + j.ID })
	edit("a job that was never given again", 21, func(p []any) { p[1] = j.ID[:len(j.ID)-2] + "05" })
	edit("a short extranonce2", 20, func(p []any) { p[2] = "01" })
	edit("a long extranonce2", 20, func(p []any) { p[2] = "0000000001" })
	edit("an extranonce2 that is not hex", 20, func(p []any) { p[2] = "xyzw0000" })
	edit("time a little later", 0, func(p []any) { at(p, stamp(w.now.Add(5*time.Minute))) })
	edit("time at the limit", 0, func(p []any) { at(p, stamp(w.now.Add(10*time.Minute))) })
	edit("time beyond it", 20, func(p []any) { at(p, stamp(w.now.Add(10*time.Minute+time.Second))) })
	edit("the earliest time", 0, func(p []any) { at(p, fmt.Sprintf("%08x", w.tip.Node().MinTime())) })
	edit("time before the median", 20, func(p []any) { at(p, fmt.Sprintf("%08x", w.tip.Node().MinTime()-1)) })
	edit("a hash that is not good enough", 23, func(p []any) {
		p[4] = fmt.Sprintf("%08x", mine(m.header(j, p[2].(string), j.Version, j.Time), j.Difficulty, false, 0))
	})
	edit("a nonce that is no number", 20, func(p []any) { p[4] = "nonce" })
	want(t, "too few parameters", m.call("mining.submit", user, j.ID), 20)

	good := m.find(user, j)
	want(t, "once", m.call("mining.submit", good...), 0)
	want(t, "twice", m.call("mining.submit", good...), 22)
	want(t, "version bits that were not agreed on", m.call("mining.submit", append(m.find(user, j), "00002000")...), 20)
	want(t, "version bits of zero are none", m.call("mining.submit", append(m.find(user, j), "00000000")...), 0)

	late := m.find(user, j)
	w.tip = w.Extend(w.tip)
	w.take()
	m.awaitJob(2)
	want(t, "of the tip before", m.call("mining.submit", late...), 21)
	w.server.Take(nil)
	want(t, "while the next work is made", m.share(user, m.job), 0)

	other := dial(t, w.address)
	want(t, "before subscribe", other.call("mining.submit", late...), 25)
	if got, want := w.server.Status().Shares, (query.Shares{
		Accepted: 7, Stale: 4, Duplicate: 1, LowDifficulty: 1, Unauthorized: 3, Invalid: 8,
	}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// Miners that always choose the latest time that the server accepts do not move the
// median time so far ahead that the chain would accept no block for now.
func TestLatestTimes(t *testing.T) {
	w := newWorld(t)
	w.bits = 0
	w.take()
	m := dial(t, w.address)
	m.login(user)
	for n := range 14 {
		next := w.tip.Node().MinTime()
		if err := headertree.TooNew(pow.Header{Time: next}, w.now, w.Params.MaxFuture); err != nil {
			t.Fatalf("after %d blocks at the latest times, all in one second, there is no time for the next: %v", n, err)
		}
		j, solved := m.job, len(w.solved())
		at, nonce := w.now.Add(time.Duration(w.Params.MaxFuture)*time.Second), uint32(0)
		for len(w.solved()) == solved { // from the chain's limit down to the server's
			stamp := fmt.Sprintf("%08x", max(next, uint32(at.Unix())))
			nonce = mine(m.header(j, "00000000", j.Version, stamp), j.Difficulty, true, nonce)
			got := m.call("mining.submit", user, j.ID, "00000000", stamp, fmt.Sprintf("%08x", nonce))
			if m.call("mining.ping"); got.code() != 0 {
				at, nonce = at.Add(-5*time.Minute), 0
			}
			if nonce++; at.Before(w.now) {
				t.Fatal("no time is taken")
			}
		}
		w.tip = w.Add(w.tip, w.solved()[solved].Block)
		w.take()
		m.awaitJob(n + 2)
	}
}

// A miner that rolls the version within the mask (BIP 310).
func TestVersionRolling(t *testing.T) {
	w := newWorld(t)
	w.take()
	for asked, mask := range map[string]string{"ffffffff": "1fffe000", "1fffe000": "1fffe000", "00006000": "00006000", "e0001fff": ""} {
		m := dial(t, w.address)
		got := m.call("mining.configure", []string{"version-rolling", "unknown"}, map[string]any{
			"version-rolling.mask": asked, "version-rolling.min-bit-count": 2,
		})
		var result map[string]any
		m.must(json.Unmarshal(got.Result, &result))
		if given, _ := result["version-rolling.mask"].(string); given != mask && (mask != "" || result["version-rolling"] != false) {
			t.Fatalf("asked for %s: %s", asked, got.Result)
		}
		m.login(user)
		roll := func(bits string) testMessage {
			t.Helper()
			p := m.find(user, m.job)
			version := fmt.Sprintf("%08x", 0x20000000|number(t, bits))
			p[4] = fmt.Sprintf("%08x", mine(m.header(m.job, p[2].(string), version, m.job.Time), m.job.Difficulty, true, 0))
			return m.call("mining.submit", append(p, bits)...)
		}
		if mask == "" {
			want(t, "bits without a mask", roll("00002000"), 20)
			continue
		}
		want(t, "all bits of "+mask, roll(mask), 0)
		want(t, "one bit", roll("00002000"), 0)
		want(t, "bits outside the mask", roll("00001000"), 20)
		want(t, "no bits given", m.share(user, m.job), 0)
	}
}

func number(t testing.TB, hex string) (n uint32) {
	if _, err := fmt.Sscanf(hex, "%x", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Miners get work at once for a new tip, again when it is complete, and then every half
// minute.
func TestWork(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	first := m.job

	w.fill(3)
	w.take() // too early
	w.pass(29 * time.Second)
	w.take() // too early
	w.pass(time.Second)
	w.take()
	m.awaitJob(2)
	if m.job.Clean || len(m.job.Branch) != 2 || m.job.Prev != first.Prev || m.job.ID == first.ID {
		t.Errorf("newer work: %+v", m.job)
	}
	want(t, "a share of the older work", m.share(user, first), 0)
	want(t, "a share of the newer work", m.share(user, m.job), 0)

	// A branch of the same length takes over: another parent.
	w.tip = w.Extend(w.tip.Parent)
	w.take()
	m.awaitJob(3)
	if !m.job.Clean || m.job.Prev == first.Prev {
		t.Error("a job for another tip is not clean")
	}
	want(t, "a share of the older tip", m.share(user, first), 21)
	m.call("mining.ping")
	if len(m.jobs) != 3 {
		t.Errorf("%d jobs", len(m.jobs))
	}

	// Without work a miner waits.
	w.server.Take(nil)
	late := dial(t, w.address)
	late.subscribe()
	late.call("mining.authorize", user, "x")
	late.call("mining.ping")
	if len(late.jobs) != 0 {
		t.Error("a job of nothing")
	}
	w.take()
	late.awaitJob(1)
	m.awaitJob(4)
}

// The first template of a tip has a part of the records, and the miners get the
// next one as soon as it exists.
func TestFirstWork(t *testing.T) {
	crowd := newWorld(t)
	full := crowd.template()
	small := *full
	small.Records = slices.Repeat([]*record.Record{full.Coinbase(1)}, template.FirstRecords)
	crowd.server.Take(&small)
	m := dial(t, crowd.address)
	m.login(user)
	crowd.server.Take(full)
	m.awaitJob(2)
	if m.job.Clean {
		t.Error("the complete work makes the first one void")
	}
	crowd.server.Take(full)
	m.call("mining.ping")
	if len(m.jobs) != 2 {
		t.Errorf("%d jobs", len(m.jobs))
	}
}

// Users are keys, with a worker's name behind a dot.
func TestUsers(t *testing.T) {
	own := record.PublicOf(network.DevFaucets()[0])
	w := newWorld(t, func(_ *world, o *stratum.Options) { o.Payout = own })
	w.take()
	for _, c := range []struct {
		user string
		pays record.Key // zero: refused
	}{
		{user, payee},
		{user + ".rig", payee},
		{user + ".a.b", payee},
		{strings.ToUpper(user), payee},
		{"node", own},
		{"node.rig", own},
		{"", record.Key{}},
		{".rig", record.Key{}},
		{"nodes", record.Key{}},
		{"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", record.Key{}},
		{user[:70] + "00", record.Key{}},
		{user[:70], record.Key{}},
		{record.Key{}.String(), record.Key{}}, // a point of small order
	} {
		m := dial(t, w.address)
		m.subscribe()
		got := m.call("mining.authorize", c.user, "x")
		if c.pays == (record.Key{}) {
			want(t, c.user, got, 24)
			continue
		}
		want(t, c.user, got, 0)
		m.awaitJob(1)
		if !strings.Contains(m.job.Coinbase1, fmt.Sprintf("%x", c.pays[:])) {
			t.Errorf("%s: the coinbase does not pay %v", c.user, c.pays)
		}
		want(t, "a second worker", m.call("mining.authorize", c.user+".2", "x"), 0)
		want(t, "its share", m.share(c.user+".2", m.job), 0)
		want(t, "another key", m.call("mining.authorize", record.PublicOf(network.DevFaucets()[9]).String(), "x"), 24)
	}
	without := newWorld(t)
	m := dial(t, without.address)
	m.subscribe()
	want(t, "node, which has no key", m.call("mining.authorize", "node", "x"), 24)
}

// No two connections search the same headers, nor the node's own devices.
func TestExtranonces(t *testing.T) {
	w := newWorld(t)
	w.take()
	seen := map[string]bool{}
	for range 50 {
		m := dial(t, w.address)
		m.subscribe()
		if seen[m.extranonce1] {
			t.Fatalf("extranonce1 %s twice", m.extranonce1)
		}
		seen[m.extranonce1] = true
		if b := unhex(t, m.extranonce1); b[3]&0x80 == 0 {
			t.Errorf("extranonce1 %s could be one of the node's devices", m.extranonce1)
		}
	}
}

// Requests that miners send, in the shapes in which they send them.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	for _, c := range []struct{ line, answer string }{
		{`{"id":1,"method":"mining.ping","params":[]}`, `{"id":1,"result":"pong","error":null}`},
		{`{"id":"text","method":"mining.ping","params":null}`, `{"id":"text","result":"pong","error":null}`},
		{`{"method":"mining.ping","id":7}`, `{"id":7,"result":"pong","error":null}`},
		{`{"id": 2, "method": "mining.extranonce.subscribe", "params": []}`, `{"id":2,"result":true,"error":null}`},
		{`{"id":3,"method":"mining.multi_version","params":[1]}`, `{"id":3,"result":true,"error":null}`},
		{`{"id":4,"method":"mining.suggest_difficulty","params":[1e-5]}`, `{"id":4,"result":true,"error":null}`},
		{`{"id":4,"method":"mining.suggest_difficulty","params":["0.5"]}`, `{"id":4,"result":true,"error":null}`},
		{`{"id":4,"method":"mining.suggest_target","params":["00000000ffff0000000000000000000000000000000000000000000000000000"]}`, `{"id":4,"result":true,"error":null}`},
		{`{"id":5,"method":"mining.get_transactions","params":["1"]}`, `{"id":5,"result":null,"error":[-3,"unknown method \"mining.get_transactions\"",null]}`},
		{`{"id":6,"method":"mining.configure","params":[["minimum-difficulty","subscribe-extranonce"],{"minimum-difficulty.value":2048}]}`,
			`{"id":6,"result":{"minimum-difficulty":true,"subscribe-extranonce":true},"error":null}`},
	} {
		m.write(c.line)
		_ = m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		got, err := m.lines.ReadString('\n')
		if err != nil || strings.TrimSpace(got) != c.answer {
			t.Errorf("%s\n got %s%v\nwant %s", c.line, got, err, c.answer)
		}
	}
	for _, line := range []string{
		`{"id":1,"method":"mining.suggest_difficulty","params":[]}`,
		`{"id":1,"method":"mining.suggest_difficulty","params":[0]}`,
		`{"id":1,"method":"mining.suggest_difficulty","params":["much"]}`,
		`{"id":1,"method":"mining.suggest_target","params":["xyz"]}`,
		`{"id":1,"method":"mining.configure","params":[]}`,
		`{"id":1,"method":"mining.authorize","params":[]}`,
		`{"id":1,"method":"mining.authorize","params":[{}]}`,
	} {
		m.write(line)
		if got, err := m.receive(); err != nil || got.code() == 0 {
			t.Errorf("%s: %s %v", line, got.Result, err)
		}
	}
	// Answers and notifications have no answer.
	m.write(`{"id":9,"result":true,"error":null}`)
	m.write(`{"id":null,"method":"mining.ping","params":[]}`)
	m.call("mining.ping")
}

// The answer to a block is the decision of the chain.
func TestBlockVerdict(t *testing.T) {
	w := newWorld(t, func(w *world, _ *stratum.Options) { w.bits = 0 }) // every share is a block
	w.take()
	m := dial(t, w.address)
	m.login(user)
	for _, c := range []struct {
		verdict error
		code    int
	}{{nil, 0}, {fmt.Errorf("%w: slow", stratum.ErrStale), 21}, {errors.New("secret"), 20}} {
		w.mu.Lock()
		w.verdict = c.verdict
		w.mu.Unlock()
		want(t, fmt.Sprint(c.verdict), m.share(user, m.job), c.code)
	}
	if got, want := w.server.Status().Shares, (query.Shares{Accepted: 1, Stale: 1, Invalid: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// Each job has headers of its own, so that a miner may roll the time as it likes.
func TestJobsDiffer(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	seen := map[string]bool{m.job.Coinbase2: true}
	for i := range 3 {
		w.pass(time.Minute)
		w.take() // on the same tip
		m.awaitJob(2 + 2*i)
		m.call("mining.suggest_difficulty", float64(2+i)*1e-6)
		m.awaitJob(3 + 2*i)
		if seen[m.job.Coinbase2] || m.job.Clean {
			t.Errorf("job %s is like one before, or clean", m.job.ID)
		}
		seen[m.job.Coinbase2] = true
		want(t, "a share", m.share(user, m.job), 0)
	}
}

// Names go to logs and pages, and cost memory.
func TestWorkerNames(t *testing.T) {
	w := newWorld(t)
	w.take()
	m := dial(t, w.address)
	m.login(user)
	want(t, "a long name", m.call("mining.authorize", user+"."+strings.Repeat("x", 256), "x"), 24)
	want(t, "a name that writes into terminals", m.call("mining.authorize", user+".\x1b[2J", "x"), 24)
	want(t, "a name", m.call("mining.authorize", user+".ü", "x"), 0)
}

// Miners that connect and disconnect do not decide how fast the log grows, and their
// names are safe to show: short, and without escape sequences.
func TestLogGrowth(t *testing.T) {
	var log strings.Builder
	w := newWorld(t, func(w *world, o *stratum.Options) {
		o.Log = slog.New(slog.NewTextHandler(lockedWriter{&w.mu, &log}, nil))
	})
	w.take()
	const miners = 300
	for range miners {
		m := dial(t, w.address)
		m.call("mining.subscribe", "\x1b[31m\u202e\n"+strings.Repeat("a", 1000))
		want(t, "authorize", m.call("mining.authorize", user, "x"), 0)
		if all := w.server.Workers(); len(all) != 1 || len(all[0].Agent) != 64 || !strings.HasPrefix(all[0].Agent, " [31m  aaa") {
			t.Fatalf("miners %+v", all)
		}
		_ = m.conn.Close()
		for w.server.Status().Connections > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := strings.Count(log.String(), "\n"); n < 40 || n > 100 {
		t.Errorf("%d lines of %d miners", n, miners)
	}
	if strings.ContainsAny(log.String(), "\x1b\u202e") || strings.Contains(log.String(), `\x1b`) {
		t.Errorf("log: %.2000s", log.String())
	}
}

// lockedWriter writes under a lock.
type lockedWriter struct {
	mu *sync.Mutex
	to *strings.Builder
}

func (w lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}
