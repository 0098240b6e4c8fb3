package stratum_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/pow"
	protocol "stele/engine/stratum"
	"stele/engine/stratum/stratumtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// easy is a difficulty that a few hashes meet.
const easy = "1e-9"

// stub is a miner that keeps its work.
type stub struct {
	t      *testing.T
	client *stratum.Client
	log    *bytes.Buffer
	ended  chan error // how each session ended

	mu      sync.Mutex
	works   []*miner.Work
	rate    float64
	changed chan struct{}
}

func (m *stub) Work(w *miner.Work) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.works = append(m.works, w)
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *stub) HashRate() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rate
}

func (m *stub) setRate(rate float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rate = rate
}

// work waits for work number n, from 0 on.
func (m *stub) work(n int) *miner.Work {
	m.t.Helper()
	for {
		m.mu.Lock()
		works, changed := m.works, m.changed
		m.mu.Unlock()
		if len(works) > n {
			return works[n]
		}
		<-changed
	}
}

// buffer is a log that may be read when all is over.
type buffer struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// newStub makes a miner with a client for the pool. Sessions are run by the caller.
func newStub(t *testing.T, o stratum.Options) *stub {
	t.Helper()
	m := &stub{t: t, log: new(bytes.Buffer), ended: make(chan error, 100), changed: make(chan struct{})}
	if o.User == "" {
		o.User, o.Password = "worker.1", "secret"
	}
	o.Log = slog.New(slog.NewTextHandler(&buffer{b: m.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if m.client, err = stratum.New(o); err != nil {
		t.Fatal(err)
	}
	return m
}

// start runs sessions, one after the other, until the test or stop ends.
func (m *stub) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			err := m.client.Run(ctx, m)
			select {
			case m.ended <- err:
			default: // nobody wants to know
			}
		}
	})
	stop = func() { cancel(); wg.Wait() }
	m.t.Cleanup(stop)
	return stop
}

// mine starts a pool and a miner at it.
func mine(t *testing.T, po stratumtest.Options, o stratum.Options) (*stratumtest.Pool, *stub) {
	t.Helper()
	if po.Difficulty == "" {
		po.Difficulty = easy
	}
	pool := stratumtest.New(t, po)
	o.URL = pool.URL()
	m := newStub(t, o)
	m.start()
	return pool, m
}

// find finds a share of the work with an extranonce and with version bits.
func find(t *testing.T, w *miner.Work, extranonce uint64, version uint32) miner.Share {
	t.Helper()
	if version&^w.VersionMask != 0 {
		t.Fatalf("version bits %08x outside the mask %08x", version, w.VersionMask)
	}
	h := w.Header(extranonce, w.Time)
	h.Version = h.Version&^w.VersionMask | version
	for h.Nonce = 0; h.Nonce < 10_000; h.Nonce++ {
		if hash := h.Hash(); w.Target.MetBy(hash) {
			return miner.Share{Work: w, Extranonce: extranonce, Header: h, Hash: hash}
		}
	}
	t.Fatal("no share")
	panic("unreachable")
}

func parseDifficulty(t *testing.T, text string) pow.Difficulty {
	t.Helper()
	d, err := pow.ParseDifficulty(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func submit(t *testing.T, s miner.Share) error {
	t.Helper()
	return s.Work.Submit(t.Context(), s)
}

func accepted(t *testing.T, s miner.Share) {
	t.Helper()
	if err := submit(t, s); err != nil {
		t.Errorf("share: %v", err)
	}
}

func rejected(t *testing.T, err error, cause miner.Cause) {
	t.Helper()
	r, ok := errors.AsType[*miner.Rejection](err)
	if !ok || r.Cause != cause {
		t.Errorf("share: %v, want a rejection as %s", err, cause)
	}
}

// A real job makes the header of a real block, and its nonce is accepted by a pool that
// computes the hash independently.
func TestTestnet3(t *testing.T) {
	_, m := mine(t, stratumtest.Options{Job: stratumtest.Testnet3, Difficulty: "7.8857"}, stratum.Options{})
	w := m.work(0)
	h := w.Header(1, w.Time)
	h.Nonce = 0xb2957c02
	encoded := h.Encode()
	const want = "02000000f8b6164d19e2f65a2aae448f787fe66d61e57a48c0c6771b1e920b440000000032414daa9ddac879fd2c62839b9ba710a3546363a5f5e22915d90dc3b1699deced864e50afc42a1c027c95b2"
	if got := hex.EncodeToString(encoded[:]); got != want {
		t.Errorf("header\n%s, want\n%s", got, want)
	}
	if got := h.Hash().String(); got != "000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32" {
		t.Errorf("hash %s", got)
	}
	if user := m.client.User(); user != "worker.1" {
		t.Errorf("user %q", user)
	}
	if w.Height != 25096 || w.ID != "testnet3" || w.VersionMask != 0 || w.Extranonces != 1<<32 || !w.Clean {
		t.Errorf("work %+v", w)
	}
	s := miner.Share{Work: w, Extranonce: 1, Header: h, Hash: h.Hash()}
	if !s.Block() {
		t.Error("not a block")
	}
	accepted(t, s)
	rejected(t, submit(t, s), miner.Duplicate)
	s.Header.Nonce++
	rejected(t, submit(t, s), miner.LowDifficulty)
}

// Dialects: what pools do and the protocol does not forbid.
func TestDialects(t *testing.T) {
	tests := map[string]stratumtest.Options{
		"plain":                {},
		"error to configure":   {Configure: stratumtest.Fail},
		"error to extranonce":  {Extranonce: stratumtest.Fail},
		"no answer to it":      {Extranonce: stratumtest.Ignore},
		"string ids":           {StringIDs: true},
		"wrong ids":            {WrongIDs: true},
		"one packet":           {OnePacket: true},
		"half lines":           {Halves: true},
		"job before authorize": {Early: true},
		"job before subscribe": {Earliest: true},
		"one subscription":     {Subscriptions: `["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f"]`},
		"null subscription":    {Subscriptions: `null`},
		"false subscription":   {Subscriptions: `false`},
		"extranonces of 0, 1":  {Extranonce1: "00", Extranonce2Size: 1},
		"extranonces of 8, 16": {Extranonce1: "0102030405060708", Extranonce2Size: 16},
		"difficulty as text":   {Difficulty: `"0.000000001"`},
		"small difficulty":     {Difficulty: "2.328e-10"},
		"all bits":             {Mask: 0xffffffff},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			if o.Difficulty == `"0.000000001"` { // the pool judges by another text
				o.Difficulty = easy
			}
			pool, m := mine(t, o, stratum.Options{VersionMask: miner.DefaultVersionMask})
			w := m.work(0)
			for extranonce := range uint64(3) {
				for version := range uint32(2) {
					if w.VersionMask == 0 && version > 0 {
						break
					}
					accepted(t, find(t, w, extranonce, version<<13))
				}
			}
			accepted(t, find(t, w, w.Extranonces-1, 0))
			if o.Configure != stratumtest.Serve && w.VersionMask != 0 {
				t.Errorf("mask %08x", w.VersionMask)
			}
			if o.Configure == stratumtest.Serve && w.VersionMask != miner.DefaultVersionMask {
				t.Errorf("mask %08x", w.VersionMask)
			}
			if n := pool.Accepted(); n != len(pool.Shares()) {
				t.Errorf("%d of %d accepted", n, len(pool.Shares()))
			}
		})
	}
}

// A pool may send unknown parameters in mining.notify, or omit the last. That is logged
// once.
func TestNotifyParameters(t *testing.T) {
	for name, change := range map[string]func([]any) []any{
		"one before clean_jobs": func(p []any) []any { return append(p[:8:8], p[7], p[8]) },
		"one after it":          func(p []any) []any { return append(p, "more") },
		"without it":            func(p []any) []any { return p[:8] },
	} {
		t.Run(name, func(t *testing.T) {
			pool, m := mine(t, stratumtest.Options{Notify: change}, stratum.Options{})
			accepted(t, find(t, m.work(0), 0, 0))
			pool.Notify(stratumtest.MakeJob(1, 2, true))
			w := m.work(1)
			accepted(t, find(t, w, 0, 0))
			if w.Clean != (name != "without it") {
				t.Errorf("clean %t", w.Clean)
			}
			pool.Close()
			<-m.ended
			if n := strings.Count(m.log.String(), "unusual number of parameters"); n != 1 {
				t.Errorf("%d lines of the log", n)
			}
		})
	}
}

// A miner that does not roll versions does not request it.
func TestNoVersionRolling(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{})
	accepted(t, find(t, m.work(0), 0, 0))
	if slices.Contains(pool.Methods(), "mining.configure") {
		t.Error("asked")
	}
}

// Difficulty and extranonce of a job are frozen, whatever the pool sends later.
func TestFrozen(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{})
	first := m.work(0)
	pool.SetDifficulty("1e12")
	pool.SetExtranonce("aabbccddeeff", 2)
	accepted(t, find(t, first, 0, 0))

	pool.Notify(stratumtest.MakeJob(1, 2, false))
	second := m.work(1)
	if second.Target != parseDifficulty(t, "1e12").Target() {
		t.Errorf("target %v", second.Target)
	}
	if second.Extranonces != 1<<16 || second.Clean {
		t.Errorf("%d extranonces, clean %v", second.Extranonces, second.Clean)
	}
	second.Target = first.Target
	rejected(t, submit(t, find(t, second, 9, 0)), miner.LowDifficulty)
	accepted(t, find(t, first, 1, 0)) // not clean: the first job still counts

	pool.SetDifficulty(easy)
	pool.Notify(stratumtest.MakeJob(1, 3, false))
	accepted(t, find(t, m.work(2), 0, 0))

	// Another parent makes the work clean, whatever the pool says.
	pool.Notify(stratumtest.MakeJob(2, 1, false))
	if w := m.work(3); !w.Clean {
		t.Error("not clean")
	}
	rejected(t, submit(t, find(t, first, 2, 0)), miner.Stale)
	if n := len(pool.Shares()); n != 4 {
		t.Errorf("the pool saw %d shares; the last was not worth sending", n)
	}
}

// A pool may apply a raised difficulty at once: after the first share that it rejects
// for that, the current job has that difficulty. The rejection does not count against
// the pool.
func TestRaisedDifficulty(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{AtOnce: true}, stratum.Options{})
	first := m.work(0)
	raised := parseDifficulty(t, "1e-7").Target()
	low := func(w *miner.Work, extranonce uint64) miner.Share {
		t.Helper()
		s := find(t, w, extranonce, 0)
		if raised.MetBy(s.Hash) {
			t.Fatal("the share meets the raised difficulty too")
		}
		return s
	}
	isRaised := func(err error, want bool) {
		t.Helper()
		rejected(t, err, miner.LowDifficulty)
		if r, ok := errors.AsType[*miner.Rejection](err); ok && r.Raised != want {
			t.Errorf("%v: raised %t, want %t", err, r.Raised, want)
		}
	}
	accepted(t, low(first, 0))
	bad := low(first, 0)
	for bad.Header.Nonce++; first.Target.MetBy(bad.Header.Hash()); {
		bad.Header.Nonce++
	}
	bad.Hash = bad.Header.Hash()
	isRaised(submit(t, bad), false) // the miner's mistake: nothing has been raised

	pool.SetDifficulty("1e-7")
	isRaised(submit(t, low(first, 1)), true)
	second := m.work(1)
	if second.Target != raised || second.ID != first.ID || second.Clean || second.Header(0, first.Time) == first.Header(0, first.Time) {
		t.Errorf("work %+v", second)
	}
	accepted(t, find(t, second, 0, 0))
	isRaised(submit(t, low(first, 2)), true) // it was on its way; nothing new comes of it

	pool.SetDifficulty(easy)
	accepted(t, find(t, second, 1, 0))
	pool.Notify(stratumtest.MakeJob(1, 2, false))
	if w := m.work(2); w.Target != first.Target || w.ID == first.ID {
		t.Errorf("work %+v", w)
	}
}

// A share of a job whose id was reused is not submitted.
func TestJobIDAgain(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{})
	first := m.work(0)
	pool.Notify(stratumtest.MakeJob(1, 1, false)) // the same, and still good
	m.work(1)
	accepted(t, find(t, first, 0, 0))
	another := stratumtest.MakeJob(1, 2, false)
	another.ID = stratumtest.MakeJob(1, 1, false).ID
	pool.Notify(another)
	accepted(t, find(t, m.work(2), 0, 0))
	rejected(t, submit(t, find(t, first, 1, 0)), miner.Stale)
	if n := len(pool.Shares()); n != 2 {
		t.Errorf("the pool saw %d shares", n)
	}
}

// A mask is valid at once, for shares of the work before too.
func TestMaskChanges(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{VersionMask: miner.DefaultVersionMask})
	wide := m.work(0)
	inside, outside := find(t, wide, 0, 1<<13), find(t, wide, 0, 1<<20)
	pool.SetMask(0x0000e000)
	narrow := m.work(1)
	if narrow.VersionMask != 0xe000 || narrow.ID != wide.ID || narrow.Clean {
		t.Errorf("%+v", narrow)
	}
	if bits.OnesCount32(narrow.VersionMask) != 3 {
		t.Error("mask")
	}
	accepted(t, inside)
	rejected(t, submit(t, outside), miner.Stale)
	// The job is the same, and is not mined twice.
	if narrow.Header(0, 1) == wide.Header(0, 1) {
		t.Error("the new work repeats the headers of the old")
	}
	accepted(t, find(t, narrow, 0, 0))
	if narrow.Extranonces+1 != wide.Extranonces {
		t.Errorf("%d extranonces left of %d", narrow.Extranonces, wide.Extranonces)
	}
	// Bits that were not requested are not used.
	pool.SetMask(0xffffffff)
	if w := m.work(2); w.VersionMask != miner.DefaultVersionMask {
		t.Errorf("mask %08x", w.VersionMask)
	}
}

// A pool takes the bits of its own mask from a share, and the rest from the job: a
// miner that rolls fewer sends the others back as they are in the job.
func TestMaskWiderThanOurs(t *testing.T) {
	job := stratumtest.MakeJob(1, 1, true)
	job.Version = "20c02000"
	pool, m := mine(t, stratumtest.Options{Job: job, Mask: miner.DefaultVersionMask}, stratum.Options{VersionMask: 0xe000})
	w := m.work(0)
	if w.VersionMask != 0xe000 {
		t.Errorf("mask %08x", w.VersionMask)
	}
	accepted(t, find(t, w, 0, 0x6000))
	for i, mask := range []uint32{0xe000, 0xffffffff, 0x1fffe000, 0xc000} { // only the last changes what is rolled
		pool.SetMask(mask)
		pool.Send(`{"id":1,"method":"mining.ping","params":[]}` + "\n")
		pool.Wait(func(p *stratumtest.Pool) bool { return len(p.Answers()) > i }) // the miner knows the mask
		accepted(t, find(t, w, uint64(i+1), w.VersionMask))
	}
	if got := m.work(1).VersionMask; got != 0xc000 {
		t.Errorf("mask %08x", got)
	}
	var bits []string
	for _, s := range pool.Shares() {
		bits = append(bits, fmt.Sprintf("%08x", s.Version))
	}
	if want := []string{"20c06000", "20c0e000", "20c0e000", "20c0e000", "20c0e000"}; !slices.Equal(bits, want) {
		t.Errorf("versions %v, want %v", bits, want)
	}
}

// Requests of the pool, and their answers.
func TestQuestions(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{Agent: "stele/test"})
	m.work(0)
	pool.Send(`{"id":7,"method":"mining.ping","params":[]}` + "\n" +
		`{"id":"x","method":"client.get_version","params":[]}` + "\r\n" +
		`{"id":8,"method":"client.dance"}` + "\n" +
		`{"method":"mining.unheard"}` + "\n" +
		`{"id":null,"method":"client.show_message","params":["hello\n\u001b[31mlevel=ERROR\u202e"]}` + "\n" +
		`{"id":9,"method":"mining.ping","params":[]}` + "\n")
	pool.Wait(func(p *stratumtest.Pool) bool { return len(p.Answers()) == 4 })
	var got []string
	for _, a := range pool.Answers() {
		got = append(got, string(a))
	}
	want := []string{
		`{"id":7,"result":"pong","error":null}`,
		`{"id":"x","result":"stele/test","error":null}`,
		`{"id":8,"result":null,"error":[-3,"unknown method",null]}`,
		`{"id":9,"result":"pong","error":null}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("answers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	pool.Close()
	<-m.ended
	if log := m.log.String(); !strings.Contains(log, `msg="message from the pool"`) || !strings.Contains(log, "text=\"hello  [31mlevel=ERROR \"") {
		t.Errorf("log: %s", log)
	}
}

// Invalid lines are ignored; a stream of them ends the session.
func TestGarbage(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{})
	w := m.work(0)
	pool.Send("garbage\n" + `{"id":1` + "\n\n" + `[]` + "\n" +
		`{"method":"mining.notify","params":["1","00","","",[],"1","2","3",true]}` + "\n" +
		`{"method":"mining.notify","params":null}` + "\n" +
		`{"method":"mining.set_difficulty","params":[0]}` + "\n" +
		`{"method":"mining.set_difficulty","params":["much"]}` + "\n" +
		`{"method":"mining.set_difficulty","params":[-1]}` + "\n" +
		`{"method":"mining.set_difficulty"}` + "\n" +
		`{"method":"mining.set_extranonce","params":["xx",4]}` + "\n" +
		`{"method":"mining.set_extranonce","params":["00",17]}` + "\n" +
		`{"method":"mining.set_version_mask","params":[1]}` + "\n")
	accepted(t, find(t, w, 0, 0))
	pool.Send(strings.Repeat("garbage\n", 20))
	if err := <-m.ended; !errors.Is(err, protocol.ErrFormat) {
		t.Errorf("ended with %v", err)
	}
	m.work(1) // the next session
	pool.Send(strings.Repeat("x", protocol.MaxLine+1) + "\n")
	if err := <-m.ended; !errors.Is(err, protocol.ErrFormat) || !strings.Contains(err.Error(), "65536 bytes") {
		t.Errorf("ended with %v", err)
	}
}

// The client disconnects from a server that is not a pool at its first line.
func TestNotAPool(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_, _ = c.Read(make([]byte, 4096))
		_ = c.Close()
	}()
	m := newStub(t, stratum.Options{URL: "stratum+tcp://" + l.Addr().String()})
	err = m.client.Run(t.Context(), m)
	if !errors.Is(err, protocol.ErrFormat) || !strings.Contains(err.Error(), "HTTP/1.1 400") {
		t.Errorf("%v", err)
	}
}

// A pool that rejects the user again and again is not tried again soon.
func TestUnauthorized(t *testing.T) {
	always := func(members string) stratumtest.Options {
		return stratumtest.Options{Refusal: func(int) string { return members }}
	}
	for name, o := range map[string]stratumtest.Options{
		"false":         {Authorize: stratumtest.Fail},
		"error":         {User: "worker.1", Password: "another"},
		"code 24":       always(`"result":null,"error":[24,"no",null]`),
		"other code":    always(`"result":null,"error":[20,"Invalid user name",null]`),
		"without code":  always(`"result":false,"error":"authorization failed"`),
		"reject-reason": always(`"result":false,"error":null,"reject-reason":"Unknown worker"`),
	} {
		t.Run(name, func(t *testing.T) {
			pool := stratumtest.New(t, o)
			m := newStub(t, stratum.Options{URL: pool.URL()})
			for n := 1; n <= 4; n++ {
				err := m.client.Run(t.Context(), m)
				if !strings.Contains(err.Error(), "mining.authorize: ") || errors.Is(err, miner.ErrFatal) != (n >= 3) {
					t.Errorf("refusal %d: %v, fatal %t", n, err, errors.Is(err, miner.ErrFatal))
				}
				if strings.Contains(err.Error()+m.log.String(), "secret") {
					t.Error("the password is shown")
				}
			}
		})
	}
}

// Errors that are not about the user pass, however long they last; and rejections count
// only in a row.
func TestAuthorizeTrouble(t *testing.T) {
	const refused = `"result":false,"error":null`
	for _, trouble := range []string{
		`"result":null,"error":[20,"Internal server error",null]`,
		`"result":null,"error":[-2,"Service temporarily unavailable",null]`,
		`"result":null,"error":[25,"Not subscribed",null]`,
		`"result":false,"error":{"code":-32603,"message":"timeout"}`,
	} {
		t.Run(trouble, func(t *testing.T) {
			pool := stratumtest.New(t, stratumtest.Options{Refusal: func(n int) string {
				switch n {
				case 5, 6, 8, 9:
					return refused
				case 7:
					return ""
				}
				return trouble
			}})
			m := newStub(t, stratum.Options{URL: pool.URL()})
			for n := 1; n <= 20; n++ {
				ctx, cancel := context.WithCancel(t.Context())
				if n == 7 {
					go func() { m.work(0); cancel() }()
				}
				err := m.client.Run(ctx, m)
				cancel()
				if errors.Is(err, miner.ErrFatal) || errors.Is(err, context.Canceled) != (n == 7) {
					t.Errorf("try %d: %v", n, err)
				}
			}
		})
	}
}

// A pool that sends messages without a pause does not decide how fast the log
// grows: dropped lines are counted, and the session continues.
func TestMessageFlood(t *testing.T) {
	pool, m := mine(t, stratumtest.Options{}, stratum.Options{})
	m.work(0)
	const flood = 5000
	for range flood / 50 {
		pool.Send(strings.Repeat(`{"method":"client.show_message","params":["`+strings.Repeat(`\u001b[31mA\u202e`, 50)+`"]}`+"\n"+
			`{"method":"mining.unheard"}`+"\n", 50))
	}
	pool.Send(`{"id":1,"method":"mining.ping"}` + "\n")
	pool.Wait(func(p *stratumtest.Pool) bool { return len(p.Answers()) == 1 })
	pool.Close()
	<-m.ended
	lines := 0
	for line := range strings.Lines(m.log.String()) {
		lines++
		if strings.ContainsAny(line, "\x1b\u202e") || strings.Contains(line, `\x1b`) || len(line) > 1000 {
			t.Fatalf("line %q", line)
		}
	}
	if lines > 500 { // of debug level are most
		t.Errorf("%d lines of %d messages", lines, 2*flood)
	}
	if n := strings.Count(m.log.String(), "message from the pool"); n < 20 || n > 100 {
		t.Errorf("%d lines of %d messages", n, flood)
	}
}
