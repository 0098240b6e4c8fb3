package link

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/p2p/wire"
)

// later queues a block of n bytes that is made when it is written.
func (s *side) later(t *testing.T, n int) {
	t.Helper()
	if err := s.SendLater(wire.KindBlock, func() (wire.Message, error) { return block(n), nil }); err != nil {
		t.Fatal(err)
	}
}

// usage returns the bytes that are used, and by how many shares.
func (b *Budget) usage() (used, shares int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, len(b.held)
}

// isFree checks that nothing of a budget is used.
func isFree(t *testing.T, b *Budget) {
	t.Helper()
	if used, shares := b.usage(); used != 0 || shares != 0 {
		t.Errorf("%d bytes and %d shares are left", used, shares)
	}
}

// sending returns options with a budget for two blocks, which links share.
func sending() Options {
	o := options()
	o.Limits.MaxBlockSize = 1 << 20
	o.SendBudget = NewBudget(2 << 20)
	return o
}

// Links that read slowly keep the budget as long as nobody else needs it. Then the one
// that has held it for the longest time ends.
func TestSendBudget(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := sending()
		var slow []*side
		for range 2 {
			conn, server := w.raw(o, nil)
			defer conn.Close()
			server.later(t, 1<<20-5)
			slow = append(slow, server)
			time.Sleep(time.Second)
		}
		start := time.Now()
		conn, server := w.raw(o, nil)
		got := make(chan int64)
		go func() {
			n, _ := io.Copy(io.Discard, conn)
			got <- n
		}()
		server.later(t, 1<<20-5)
		if err := server.Send(&wire.Ping{}); err != nil { // does not wait
			t.Fatal(err)
		}
		slow[0].ends(t, ErrTooSlow, 12*time.Second)
		time.Sleep(5 * time.Second)
		server.end()
		if n := <-got; n < 1<<20 {
			t.Errorf("%d bytes were read", n)
		}
		if waited := time.Since(start); waited > 20*time.Second {
			t.Errorf("waited %v", waited)
		}
		select {
		case err := <-slow[1].done:
			t.Errorf("the second link ended: %v", err)
		default:
		}
		slow[1].end()
		isFree(t, o.SendBudget)
	})
}

// A long message is dropped if other links have the whole budget, and short blocks give
// back what they do not need.
func TestSendBudgetShares(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := sending()
		conn, server := w.raw(o, nil)
		defer conn.Close()
		for range 20 {
			server.later(t, 1000)
			synctest.Wait()
		}
		isFree(t, o.SendBudget)
		for range 2 {
			conn, full := w.raw(o, nil)
			defer conn.Close()
			defer full.end()
			if err := full.Send(block(1<<19 - 5)); err != nil {
				t.Fatal(err)
			}
			if err := full.Send(block(1<<19 - 5)); err != nil {
				t.Fatal(err)
			}
		}
		if err := server.Send(block(100_000)); err != nil || server.Dropped() != 1 {
			t.Errorf("%v, %d dropped", err, server.Dropped())
		}
		if err := server.Send(have(1000)); err != nil || server.Dropped() != 1 {
			t.Errorf("%v, %d dropped", err, server.Dropped())
		}
		server.end()
	})
}

// What a link has is returned when it ends, whatever its state.
func TestSendBudgetIsReturned(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := sending()
		for i := range 4 {
			conn, server := w.raw(o, nil)
			if err := server.Send(block(400_000)); err != nil {
				t.Fatal(err)
			}
			server.later(t, 400_000)
			switch i {
			case 0:
				conn.Close()
			case 1:
				server.Close(&wire.Bye{})
			case 2:
				if err := server.SendLater(wire.KindBlock, func() (wire.Message, error) { return nil, errors.New("no block") }); err != nil {
					t.Fatal(err)
				}
				go io.Copy(io.Discard, conn)
			case 3:
				server.stop()
			}
			<-server.done
			conn.Close()
			isFree(t, o.SendBudget)
		}
	})
}

// 64 slow peers that promise more than the budget together keep nobody from sending.
func TestPromises(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		for range 64 {
			conn, slow := w.raw(o, nil)
			defer conn.Close()
			defer slow.end()
			if _, err := conn.Write(append(header(wire.KindBlock, 1<<20), 1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		start := time.Now()
		c, honest := w.raw(o, nil)
		client := run(c, options(), nil)
		if err := client.Send(block(1 << 20)); err != nil {
			t.Fatal(err)
		}
		honest.wants(t, wire.KindBlock)
		if got := time.Since(start); got > time.Second {
			t.Errorf("a block took %v", got)
		}
		client.end()
		<-honest.done
	})
}

// Peers that hold the whole budget with frames that they do not finish lose it to
// others, the one that holds it for the longest time first.
func TestHeldUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		o.Budget = NewBudget(2 << 20)
		var slow []*side
		for range 2 {
			conn, s := w.raw(o, nil)
			defer conn.Close()
			go conn.Write(append(header(wire.KindBlock, 1<<20), make([]byte, 1<<20-100)...))
			slow = append(slow, s)
			time.Sleep(time.Second)
		}
		if used, _ := o.Budget.usage(); used != 2<<20 {
			t.Fatalf("%d bytes are used", used)
		}
		start := time.Now()
		c, honest := w.raw(o, nil)
		client := run(c, options(), nil)
		if err := client.Send(block(1 << 20)); err != nil {
			t.Fatal(err)
		}
		slow[0].ends(t, ErrTooSlow, 5*time.Second)
		honest.wants(t, wire.KindBlock)
		if got := time.Since(start); got > 5*time.Second {
			t.Errorf("a block took %v", got)
		}
		client.end()
		<-honest.done
		slow[1].end()
		isFree(t, o.Budget)
	})
}

// Many peers that send frames of some 100 kB slowly hold up nobody for long, although
// they all compete for the budget.
func TestManyHoldUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		o.Budget = NewBudget(4 << 20)
		for range 64 {
			conn, s := w.raw(o, nil)
			defer conn.Close()
			defer s.stop()
			go conn.Write(append(header(wire.KindHeaders, 160_000), make([]byte, 140_000)...))
		}
		time.Sleep(500 * time.Millisecond)
		start := time.Now()
		c, honest := w.raw(o, nil)
		client := run(c, options(), nil)
		if err := client.Send(block(1 << 20)); err != nil {
			t.Fatal(err)
		}
		honest.wants(t, wire.KindBlock)
		if got := time.Since(start); got > 4*time.Second {
			t.Errorf("a block took %v", got)
		}
		client.end()
		<-honest.done
	})
}

// A link that reads what it is sent goes before those that have not, and a link that reads
// nothing loses its share in little more than a second.
func TestFastLinkGoesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := sending()
		conn, fast := w.raw(o, nil)
		defer conn.Close()
		go io.Copy(io.Discard, conn)
		fast.later(t, 1<<20-5)
		time.Sleep(time.Second)
		for range 30 {
			conn, slow := w.raw(o, nil)
			defer conn.Close()
			defer slow.end()
			slow.later(t, 1<<20-5)
		}
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		done := make(chan time.Duration, 1)
		if err := fast.SendLater(wire.KindBlock, func() (wire.Message, error) {
			done <- time.Since(start)
			return block(1<<20 - 5), nil
		}); err != nil {
			t.Fatal(err)
		}
		if took := <-done; took > 2200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		fast.end()
		conn2, short := w.raw(o, nil)
		defer conn2.Close()
		if err := short.SendLater(wire.KindAbsent, func() (wire.Message, error) { return &wire.Ping{}, nil }); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if _, err := io.ReadFull(conn2, make([]byte, wire.HeaderSize+8)); err != nil || time.Since(start) > time.Second {
			t.Errorf("a short answer took %v: %v", time.Since(start), err)
		}
		short.end()
	})
}

// A fast link that waits for memory, and then stops reading, keeps nobody waiting.
func TestFastLinkThatStops(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := sending()
		conn, fast := w.raw(o, nil)
		defer conn.Close()
		fast.later(t, 1<<20-5)
		if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		full := o.SendBudget.share(func(error) {})
		if full.try(2<<20) != nil {
			t.Fatal("the budget is not free")
		}
		fast.later(t, 1<<20-5)
		synctest.Wait()
		headers := &wire.Headers{Headers: make([]pow.Header, 700)}
		for range 6 { // more than the connection takes
			if fast.Send(headers) != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		full.shrink(0)
		c, other := w.raw(o, nil)
		client := run(c, options(), nil)
		start := time.Now()
		other.later(t, 1<<20-5)
		client.wants(t, wire.KindBlock)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		client.end()
		<-other.done
		fast.end()
		isFree(t, o.SendBudget)
	})
}

// Headers and compact blocks that are made later wait for memory, in their place, and do
// not keep a link from ending.
func TestLaterHeaders(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := sending()
		full := o.SendBudget.share(func(error) {})
		if full.try(2<<20) != nil {
			t.Fatal("the budget is not free")
		}
		headers := func(s *side) {
			t.Helper()
			if err := s.SendLater(wire.KindHeaders, func() (wire.Message, error) {
				return &wire.Headers{Headers: make([]pow.Header, wire.MaxHeaders)}, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		c, server := w.raw(o, nil)
		client := run(c, options(), nil)
		headers(server)
		if err := server.SendLater(wire.KindCompact, func() (wire.Message, error) {
			return &wire.Compact{IDs: make([]wire.ShortID, 20_000), Prefilled: []wire.Prefilled{{Record: make([]byte, 100)}}}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := server.Send(&wire.Ping{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if len(client.got) > 0 {
			t.Error("a message came without memory for it")
		}
		full.shrink(0)
		client.wants(t, wire.KindHeaders)
		client.wants(t, wire.KindCompact)
		client.wants(t, wire.KindPing)
		if full.try(2<<20) != nil {
			t.Fatal("the budget is not free")
		}
		headers(server)
		server.Close(&wire.Bye{Reason: wire.ReasonFull})
		client.wants(t, wire.KindBye)
		<-server.done
		client.end()
		full.shrink(0)
		isFree(t, o.SendBudget)
	})
}

// What nobody asked for is skipped if it finds no memory, and what follows is read; an
// answer does not compete with it.
func TestSkippedPush(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		o.PushBudget = NewBudget(1 << 20)
		o.Solicited = func(k wire.Kind) bool { return k == wire.KindBlock }
		const long = 100_000
		full := o.PushBudget.share(func(error) {})
		if full.try(1<<20) != nil {
			t.Fatal("the budget is not free")
		}
		conn, server := w.raw(o, nil)
		defer conn.Close()
		start := time.Now()
		go func() {
			_, _ = conn.Write(append(header(wire.KindCompact, long), make([]byte, long)...))
			_, _ = conn.Write(append(header(wire.KindBlock, long), make([]byte, long)...))
		}()
		server.wants(t, wire.KindBlock)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		server.end()
		full.shrink(0)
		isFree(t, o.PushBudget)
		isFree(t, o.Budget)
	})
}

// A message that this node handles slowly does not cost the peer its link, although others
// wait.
func TestHandledSlowly(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		o.Budget = NewBudget(1 << 20)
		conn, slow := w.raw(o, func(wire.Message) error { time.Sleep(8 * time.Second); return nil })
		defer conn.Close()
		go conn.Write(append(header(wire.KindBlock, 1<<20), make([]byte, 1<<20)...))
		time.Sleep(time.Second)
		conn2, other := w.raw(o, nil)
		defer conn2.Close()
		go conn2.Write(append(header(wire.KindBlock, 1<<20), make([]byte, 1<<20)...))
		other.wants(t, wire.KindBlock)
		select {
		case err := <-slow.done:
			t.Errorf("the link ended: %v", err)
		default:
		}
		slow.end()
		other.end()
	})
}

// Links that together fill a slow line keep their shares while others wait, so that they
// end.
func TestSlowLine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		o.SendBudget = NewBudget(4 * maxBlock)
		w.server.SetRates(10e6/8, 10e6/8)
		var clients, servers []*side
		for range 6 {
			c, server := w.raw(o, nil)
			clients, servers = append(clients, run(c, options(), nil)), append(servers, server)
			server.later(t, maxBlock-5)
		}
		for i, c := range clients {
			c.wants(t, wire.KindBlock)
			servers[i].end()
			c.end()
		}
	})
}

// A link that waits for the budget does not count that as its peer's time, and ends with
// its context.
func TestBudgetContext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		o := options()
		mine := o.Budget.share(func(error) {}) // nothing ends this one
		if mine.try(BudgetBytes) != nil {
			t.Fatal("the budget is not free")
		}
		conn, server := w.raw(o, nil)
		defer conn.Close()
		go conn.Write(append(header(wire.KindBlock, 1<<20), make([]byte, 1<<20)...))
		time.Sleep(time.Hour)
		mine.shrink(0)
		server.wants(t, wire.KindBlock)
		if mine.try(BudgetBytes) != nil {
			t.Fatal("the budget is not free")
		}
		go conn.Write(append(header(wire.KindBlock, 1<<20), make([]byte, 1<<20)...))
		time.Sleep(time.Hour)
		server.stop()
		server.ends(t, context.Canceled, time.Second)
	})
}

// Announcements of any size are dropped when their queue is full: they never end a link.
func TestAnnouncementsAreDropped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		conn, server := w.raw(options(), nil)
		defer conn.Close()
		for i := range 1000 {
			if err := server.Send(have(1 + i%1000)); err != nil {
				t.Fatalf("announcement %d: %v", i, err)
			}
		}
		if server.Dropped() == 0 {
			t.Error("none was dropped")
		}
		server.end()
	})
}

// The budget never gives more than it has, and everything back, in whatever order.
func TestBudgetProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 100
		b := NewBudget(size)
		shares := map[int]*share{}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			i := rapid.IntRange(0, 5).Draw(t, "share")
			if shares[i] == nil {
				shares[i] = b.share(func(error) {})
			}
			s, n, before := shares[i], rapid.IntRange(0, 2*size).Draw(t, "bytes"), b.used
			if n <= s.bytes {
				s.shrink(n)
			} else if fits := before-s.bytes+min(n, size) <= size; (s.try(n) == nil) != fits {
				t.Fatalf("try(%d) with %d used", n, before)
			}
			sum, holders := 0, 0
			for _, s := range shares {
				sum += s.bytes
				if s.bytes > 0 {
					holders++
				}
			}
			if sum != b.used || b.used > size || holders != len(b.held) {
				t.Fatalf("used %d, sum %d, %d holders, %d held", b.used, sum, holders, len(b.held))
			}
		}
	})
}
