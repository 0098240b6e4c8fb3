package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"stele/engine/pow"
	"stele/node/p2p/simnet"
	"stele/node/p2p/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const maxBlock = 4 << 20

// errBye is what the nodes of these tests end a link with when they read a Bye.
var errBye = errors.New("bye")

// side is one end of a link that runs.
type side struct {
	*Link
	id   ID // of the other side
	got  chan wire.Message
	done chan error // what Run has returned
	stop context.CancelFunc
}

// options are those of the tests: every message may come.
func options() Options {
	return Options{
		Limits: wire.Limits{MaxBlockSize: maxBlock}, Budget: NewBudget(BudgetBytes),
		Solicited: func(wire.Kind) bool { return true },
	}
}

// run runs a link over a connection. handle may be nil.
func run(conn net.Conn, o Options, handle func(wire.Message) error) *side {
	s := &side{Link: New(conn, o), got: make(chan wire.Message, 10000), done: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() {
		s.done <- s.Run(ctx, func(m wire.Message) error {
			s.got <- m
			if handle != nil {
				return handle(m)
			}
			if m.Kind() == wire.KindBye {
				return errBye
			}
			return nil
		})
	}()
	return s
}

// end ends a link and waits for it.
func (s *side) end() {
	s.stop()
	<-s.done
}

// wants checks that the next message is of a kind.
func (s *side) wants(t *testing.T, k wire.Kind) wire.Message {
	t.Helper()
	select {
	case m := <-s.got:
		if m.Kind() != k {
			t.Fatalf("got %s, want %s", m.Kind(), k)
		}
		return m
	case <-time.After(10 * time.Minute):
		t.Fatalf("no %s in ten minutes", k)
	}
	return nil
}

// ends checks that a link ends with an error of a kind within a time.
func (s *side) ends(t *testing.T, want error, within time.Duration) {
	t.Helper()
	select {
	case err := <-s.done:
		if !errors.Is(err, want) {
			t.Errorf("the link ended with %v, want %v", err, want)
		}
	case <-time.After(within):
		t.Errorf("the link has not ended in %v", within)
		s.end()
	}
	s.stop()
}

// world is a network in a bubble with one host that listens.
type world struct {
	net      *simnet.Net
	server   *simnet.Host
	listener net.Listener
	hosts    byte
}

const port = "10.0.0.1:28699"

// bubble runs a test in virtual time, with a network of 50 ms latency.
func bubble(t *testing.T, test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{net: simnet.New(1), hosts: 1}
		defer w.net.Close()
		w.net.SetDefault(simnet.Line{Latency: 50 * time.Millisecond})
		w.server = w.net.Host(netip.MustParseAddr("10.0.0.1"))
		w.listener = must(w.server.Listen(":28699"))
		defer w.listener.Close()
		test(t, w)
	})
}

// must returns the value of a call that cannot fail in a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// connect returns both ends of a new connection.
func (w *world) connect() (client, server net.Conn) {
	w.hosts++
	host := w.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, w.hosts}))
	client = must(host.Dial(context.Background(), port))
	return client, must(w.listener.Accept())
}

// pair returns both ends of a link over TLS that run.
func (w *world) pair() (client, server *side) {
	c, s := w.connect()
	type secured struct {
		conn net.Conn
		id   ID
	}
	accepted := make(chan secured)
	go func() {
		conn, id, err := Server(context.Background(), s, must(NewKey()), nil)
		accepted <- secured{must(conn, err), id}
	}()
	conn, id, err := Client(context.Background(), c, must(NewKey()), nil)
	client = run(must(conn, err), options(), nil)
	client.id = id
	a := <-accepted
	server = run(a.conn, options(), nil)
	server.id = a.id
	return client, server
}

// raw returns a bare connection to a link that runs, without TLS, so that a test can
// send any bytes.
func (w *world) raw(o Options, handle func(wire.Message) error) (net.Conn, *side) {
	c, s := w.connect()
	return c, run(s, o, handle)
}

// block returns a block message of n bytes.
func block(n int) *wire.Block { return &wire.Block{Raw: make([]byte, n)} }

// have returns an announcement of n records.
func have(n int) *wire.Have {
	hashes := make([]pow.Hash, n)
	for i := range hashes {
		hashes[i] = pow.Hash{byte(i), byte(i >> 8), 1}
	}
	return &wire.Have{Hashes: hashes}
}
