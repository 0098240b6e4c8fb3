package stratum_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/stratum/stratumtest"
)

// network connects by pipes, so that time can be synctest's. While it is down,
// dialing waits.
type network struct {
	mu    sync.Mutex
	up    chan struct{} // closed: it is
	pools map[string]*stratumtest.Pool
	calls []string // addresses
}

func newNetwork() *network {
	n := &network{up: make(chan struct{}), pools: map[string]*stratumtest.Pool{}}
	close(n.up)
	return n
}

func (n *network) down() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up = make(chan struct{})
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	up, pool := n.up, n.pools[address]
	n.calls = append(n.calls, address)
	n.mu.Unlock()
	if pool == nil {
		return nil, errors.New("nobody is there")
	}
	select {
	case <-up:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	pool.Serve(theirs)
	return ours, nil
}

const poolURL = "stratum+tcp://a.pool.example:3333"

// minePipe starts a pool and a miner at it, over a pipe.
func minePipe(t *testing.T, po stratumtest.Options, o stratum.Options) (*network, *stratumtest.Pool, *stub) {
	t.Helper()
	if po.Difficulty == "" {
		po.Difficulty = easy
	}
	n := newNetwork()
	pool := stratumtest.NewSilent(t, po)
	n.pools["a.pool.example:3333"] = pool
	o.URL, o.Dial = poolURL, n.dial
	m := newStub(t, o)
	m.start()
	return n, pool, m
}

// submitting submits a share and returns a channel for the answer.
func submitting(t *testing.T, s miner.Share) <-chan error {
	t.Helper()
	answer := make(chan error, 1)
	go func() { answer <- s.Work.Submit(t.Context(), s) }()
	return answer
}

// first returns a decision about the first share only.
func first(r stratumtest.Reaction) func(int) stratumtest.Reaction {
	return func(n int) stratumtest.Reaction {
		if n == 1 {
			return r
		}
		return stratumtest.Serve
	}
}

// A pool that does not answer mining.configure at all is mined for without it; one
// that closes the connection is asked twice; and one that is slow rolls versions.
func TestConfigureIgnored(t *testing.T) {
	for _, test := range []struct {
		reaction    stratumtest.Reaction
		took        time.Duration
		connections int
		mask        uint32
	}{
		{stratumtest.Ignore, 5 * time.Second, 1, 0},
		{stratumtest.HangUp, 2 * time.Second, 3, 0},
		{stratumtest.Late, 10 * time.Second, 1, miner.DefaultVersionMask},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, pool, m := minePipe(t, stratumtest.Options{Configure: test.reaction}, stratum.Options{VersionMask: miner.DefaultVersionMask})
			began := time.Now()
			w := m.work(0)
			if took := time.Since(began); took != test.took {
				t.Errorf("took %v, want %v", took, test.took)
			}
			if w.VersionMask != test.mask || pool.Connections() != test.connections || len(m.ended) != 0 {
				t.Errorf("mask %08x, %d connections, %d sessions ended", w.VersionMask, pool.Connections(), len(m.ended))
			}
			accepted(t, find(t, w, 0, 0))
		})
	}
}

// A pool that closes the connection on mining.extranonce.subscribe does so once.
func TestExtranonceSubscribeHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{Extranonce: stratumtest.HangUp}, stratum.Options{})
		<-m.ended
		time.Sleep(time.Hour)
		if pool.Connections() != 2 {
			t.Errorf("%d connections", pool.Connections())
		}
		if !slices.Contains(pool.Methods(), "mining.ping") {
			t.Error("a quiet pool was not asked for anything")
		}
		m.mu.Lock()
		last := len(m.works) - 1
		m.mu.Unlock()
		accepted(t, find(t, m.work(last), 0, 0))
	})
}

// A share that was not checked, or whose answer was lost, counts once.
func TestResume(t *testing.T) {
	for name, reaction := range map[string]stratumtest.Reaction{
		"share lost": stratumtest.HangUp, "answer lost": stratumtest.HangUpOn,
	} {
		for _, clean := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, pool, m := minePipe(t, stratumtest.Options{
						Resume: true, Share: first(reaction), Job: stratumtest.MakeJob(1, 1, clean),
					}, stratum.Options{VersionMask: miner.DefaultVersionMask})
					w := m.work(0)
					accepted(t, find(t, w, 0, 1<<13))
					again := m.work(1)
					if pool.Accepted() != 1 || pool.Connections() != 2 {
						t.Errorf("%d shares accepted over %d connections", pool.Accepted(), pool.Connections())
					}
					if again.Clean || again.Header(0, again.Time) == w.Header(0, w.Time) {
						t.Error("the job that is given again is mined again")
					}
					accepted(t, find(t, again, 0, 0))
					accepted(t, find(t, w, 5, 0)) // found late
				})
			})
		}
	}
}

// When all extranonces of a job were used and it comes again, it has later times, so
// that no header is hashed twice.
func TestResumeUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{
			Resume: true, Extranonce2Size: 1, Job: stratumtest.MakeJob(1, 1, false),
		}, stratum.Options{})
		w := m.work(0)
		accepted(t, find(t, w, 0, 0))
		w.Header(w.Extranonces-1, w.Time+2)
		pool.Drop()
		last := m.work(1)
		if last.Extranonces != 1<<8 || last.Time != w.Time+3 {
			t.Errorf("%d extranonces from %d on, after %d", last.Extranonces, last.Time, w.Time+2)
		}
		accepted(t, find(t, last, 0, 0))
	})
}

// With another extranonce a share cannot be delivered.
func TestNotResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, pool, m := minePipe(t, stratumtest.Options{Share: first(stratumtest.HangUp)}, stratum.Options{})
		w := m.work(0)
		if err := submit(t, find(t, w, 0, 0)); !errors.Is(err, miner.ErrLost) {
			t.Errorf("%v", err)
		}
		if w := m.work(1); !w.Clean {
			t.Error("not clean")
		}
		if err := submit(t, find(t, w, 1, 0)); !errors.Is(err, miner.ErrLost) {
			t.Errorf("later: %v", err)
		}
		accepted(t, find(t, m.work(1), 0, 0))
		n.down()
		pool.Drop()
		synctest.Wait()
		waits := submitting(t, find(t, m.work(1), 1, 0))
		synctest.Wait()
		close(n.up)
		if err := <-waits; !errors.Is(err, miner.ErrLost) {
			t.Errorf("after an outage: %v", err)
		}
	})
}

// If a pool rejects a session, the client requests a new one.
func TestSessionRefused(t *testing.T) {
	for name, reaction := range map[string]stratumtest.Reaction{"error": stratumtest.Fail, "closes": stratumtest.HangUp} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, pool, m := minePipe(t, stratumtest.Options{Session: reaction}, stratum.Options{})
				m.work(0)
				pool.Drop()
				accepted(t, find(t, m.work(1), 0, 0))
				want := 2
				if reaction == stratumtest.HangUp {
					want = 3
				}
				if pool.Connections() != want {
					t.Errorf("%d connections, want %d", pool.Connections(), want)
				}
			})
		})
	}
}

// A pool that never sends a difficulty means 1; in a resumed session, that of
// before.
func TestDifficultyNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{Resume: true, AnnounceDifficulty: func(n int) bool { return n == 2 }}, stratum.Options{})
		if w := m.work(0); w.Target != parseDifficulty(t, "1").Target() {
			t.Errorf("target %v", w.Target)
		}
		for i := range 2 {
			pool.Drop()
			if w := m.work(1 + i); w.Target != parseDifficulty(t, easy).Target() {
				t.Errorf("connection %d: target %v", i+2, w.Target)
			}
		}
		accepted(t, find(t, m.work(2), 0, 0))
	})
}

// A share waits for a session for an hour.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, pool, m := minePipe(t, stratumtest.Options{Resume: true}, stratum.Options{})
		w := m.work(0)
		n.down()
		pool.Drop()
		synctest.Wait()
		began := time.Now()
		if err := submit(t, find(t, w, 0, 0)); !errors.Is(err, miner.ErrLost) || time.Since(began) != time.Hour {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// An outage of ten minutes costs no share that was found before or in it.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, pool, m := minePipe(t, stratumtest.Options{Resume: true, Share: first(stratumtest.HangUp)}, stratum.Options{})
		w := m.work(0)
		n.down()
		shares := []<-chan error{submitting(t, find(t, w, 0, 0))}
		synctest.Wait()
		for i := range uint64(20) {
			shares = append(shares, submitting(t, find(t, w, 1+i, 0)))
			time.Sleep(30 * time.Second)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := find(t, w, 99, 0)
		cancel()
		if err := w.Submit(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		close(n.up)
		for _, s := range shares {
			if err := <-s; err != nil {
				t.Errorf("%v", err)
			}
		}
		if pool.Accepted() != 21 {
			t.Errorf("%d accepted", pool.Accepted())
		}
	})
}

// After an outage with a new block, shares of the old one are not sent.
func TestOutageWithNewBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, pool, m := minePipe(t, stratumtest.Options{Resume: true, Share: first(stratumtest.HangUpOn)}, stratum.Options{})
		w := m.work(0)
		n.down()
		sent := submitting(t, find(t, w, 0, 0))
		synctest.Wait()
		unsent := submitting(t, find(t, w, 1, 0))
		pool.SetJob(stratumtest.MakeJob(2, 1, true))
		synctest.Wait()
		close(n.up)
		if err := <-sent; !errors.Is(err, miner.ErrLost) {
			t.Errorf("sent before: %v", err)
		}
		rejected(t, <-unsent, miner.Stale)
		if n := len(pool.Shares()); n != 1 {
			t.Errorf("the pool saw %d shares, want that before the outage", n)
		}
	})
}

// A share that is a block is always submitted: the pool may need it.
func TestLateBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := stratumtest.MakeJob(1, 1, true)
		job.NBits = "207fffff" // easier than the shares
		_, pool, m := minePipe(t, stratumtest.Options{Job: job}, stratum.Options{})
		block := find(t, m.work(0), 0, 0)
		if !block.Block() {
			t.Fatal("no block")
		}
		pool.Notify(stratumtest.MakeJob(2, 1, true))
		m.work(1)
		rejected(t, submit(t, block), miner.Stale)
		if n := len(pool.Shares()); n != 1 {
			t.Errorf("the pool saw %d shares", n)
		}
	})
}

// The timeouts of a session: a quiet pool is probed, and a silent one is left.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{Resume: true}, stratum.Options{})
		w := m.work(0)
		time.Sleep(time.Hour)
		if pool.Connections() != 1 {
			t.Fatalf("%d connections: a quiet pool was left", pool.Connections())
		}
		asked := 0
		for _, method := range pool.Methods() {
			if method == "mining.extranonce.subscribe" {
				asked++
			}
		}
		if asked < 15 || asked > 20 {
			t.Errorf("asked %d times in an hour", asked)
		}
		pool.Mute()
		began := time.Now()
		share := submitting(t, find(t, w, 0, 0))
		err := <-m.ended
		if took := time.Since(began); took > 70*time.Second || !strings.Contains(err.Error(), "silent") {
			t.Errorf("ended after %v: %v", took, err)
		}
		if err := <-share; err != nil { // it was accepted, and is asked for again
			t.Errorf("share: %v", err)
		}
	})
}

// The client disconnects from a pool that authorizes the miner but sends no job.
func TestNoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, m := minePipe(t, stratumtest.Options{NoJob: true}, stratum.Options{})
		began := time.Now()
		err := <-m.ended
		if took := time.Since(began); took > 40*time.Second || !strings.Contains(err.Error(), "no job") {
			t.Errorf("ended after %v: %v", took, err)
		}
	})
}

// A pool that repeats the user in an answer does not get it into an error.
func TestSecretsInAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.pools["a.pool.example:3333"] = stratumtest.NewSilent(t, stratumtest.Options{User: "somebody", Password: "x"})
		m := newStub(t, stratum.Options{URL: poolURL, Dial: n.dial, User: "account.worker", Password: "hunter22"})
		m.start()
		for range 3 {
			if err := <-m.ended; !strings.Contains(err.Error(), "Unauthorized worker ... with ...") {
				t.Errorf("%v", err)
			}
		}
	})
}

// A share that gets no answer is lost, if the pool answers otherwise.
func TestShareIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{Share: first(stratumtest.Ignore)}, stratum.Options{})
		if err := submit(t, find(t, m.work(0), 0, 0)); !errors.Is(err, miner.ErrLost) {
			t.Errorf("%v", err)
		}
		accepted(t, find(t, m.work(0), 1, 0))
		if pool.Connections() != 1 {
			t.Error("the session ended")
		}
	})
}

// A server that accepts connections and sends nothing.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			for b := make([]byte, 4096); ; {
				if _, err := theirs.Read(b); err != nil {
					return
				}
			}
		}()
		m := newStub(t, stratum.Options{URL: poolURL, Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }})
		began := time.Now()
		err := m.client.Run(t.Context(), m)
		if time.Since(began) != 30*time.Second || !strings.Contains(err.Error(), "mining.subscribe: no answer in time") {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// The suggested difficulty is for 15 shares a minute, and follows large changes of the
// rate.
func TestSuggestDifficulty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{}, stratum.Options{})
		m.work(0)
		for _, rate := range []float64{0, 1e12, 3e12, 4e12, 2e12, 0, 1e6} {
			m.setRate(rate)
			time.Sleep(time.Minute)
		}
		// Rate * 4 s / 4295032833, to four digits.
		if got, want := pool.Suggested(), []string{"931.3", "3725", "0.0009313"}; !slices.Equal(got, want) {
			t.Errorf("suggested %v, want %v", got, want)
		}
	})
}

func TestSuggestFixedDifficulty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool, m := minePipe(t, stratumtest.Options{}, stratum.Options{SuggestDifficulty: parseDifficulty(t, "2.5")})
		m.work(0)
		m.setRate(1e15)
		time.Sleep(time.Minute)
		if got := pool.Suggested(); !slices.Equal(got, []string{"2.5"}) {
			t.Errorf("suggested %v", got)
		}
	})
}

// client.reconnect is followed within the pool's domain only, and the next session
// begins at the pool that the user named.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, pool, m := minePipe(t, stratumtest.Options{}, stratum.Options{})
		other := stratumtest.NewSilent(t, stratumtest.Options{Difficulty: easy, Extranonce1: "aa000000"})
		n.mu.Lock()
		n.pools["b.pool.example:4444"] = other
		n.mu.Unlock()
		w := m.work(0)
		pool.Send(`{"id":null,"method":"client.reconnect","params":["pool.attacker.example",3333,0]}` + "\n")
		pool.Send(`{"id":null,"method":"client.reconnect","params":["b.pool.example","99999999"]}` + "\n")
		accepted(t, find(t, w, 0, 0))

		began := time.Now()
		pool.Send(`{"id":null,"method":"client.reconnect","params":["b.pool.example","4444",20]}` + "\n")
		accepted(t, find(t, m.work(1), 0, 0))
		if took := time.Since(began); took != 20*time.Second || len(m.ended) != 0 {
			t.Errorf("took %v, %d sessions ended", took, len(m.ended))
		}
		if m.client.Name() != poolURL {
			t.Errorf("name %s", m.client.Name())
		}
		other.Drop()
		accepted(t, find(t, m.work(2), 0, 0))
		if want := []string{"a.pool.example:3333", "b.pool.example:4444", "a.pool.example:3333"}; !slices.Equal(n.calls, want) {
			t.Errorf("called %v", n.calls)
		}
		// No parameters: the same pool again.
		pool.Send(`{"id":null,"method":"client.reconnect","params":[]}` + "\n")
		accepted(t, find(t, m.work(3), 0, 0))
		// A pool that does nothing else.
		for len(m.ended) == 1 {
			pool.Send(`{"id":null,"method":"client.reconnect"}` + "\n")
			time.Sleep(2 * time.Second)
		}
		<-m.ended
		if err := <-m.ended; !strings.Contains(err.Error(), "too many reconnects") {
			t.Errorf("%v", err)
		}
	})
}

// The end of the context ends the session and all submissions at once.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.pools["a.pool.example:3333"] = stratumtest.NewSilent(t, stratumtest.Options{Difficulty: easy, Share: first(stratumtest.Ignore)})
		m := newStub(t, stratum.Options{URL: poolURL, Dial: n.dial})
		stop := m.start()
		ctx, cancel := context.WithCancel(t.Context())
		s := find(t, m.work(0), 0, 0)
		answer := make(chan error, 1)
		go func() { answer <- s.Work.Submit(ctx, s) }()
		synctest.Wait()
		began := time.Now()
		stop()
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("share: %v", err)
		}
		if err := <-m.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("session: %v", err)
		}
		if time.Since(began) != 0 {
			t.Errorf("took %v", time.Since(began))
		}
	})
}
