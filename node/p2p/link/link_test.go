package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/pow"
	"stele/node/p2p/wire"
)

var bye = &wire.Bye{Reason: "full", Text: "no room"}

// header returns the header of a frame.
func header(k wire.Kind, length int) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(length)), byte(k))
}

func TestMessagesOverTLS(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		client, server := w.pair()
		big := block(maxBlock)
		for i := range big.Raw {
			big.Raw[i] = byte(i * 7)
		}
		for _, m := range []wire.Message{&wire.Ping{Nonce: 7}, have(3), big, &wire.GetAddrs{}} {
			for _, way := range [][2]*side{{client, server}, {server, client}} {
				if err := way[0].Send(m); err != nil {
					t.Fatal(err)
				}
				got := way[1].wants(t, m.Kind())
				limits := options().Limits
				if a, b := must(limits.Append(nil, m)), must(limits.Append(nil, got)); !bytes.Equal(a, b) {
					t.Errorf("%s arrives with other bytes", m.Kind())
				}
			}
		}
		client.Close(bye)
		server.wants(t, wire.KindBye)
		server.ends(t, errBye, time.Minute)
		client.ends(t, ErrClosed, time.Minute)
	})
}

// The last message comes after the urgent ones, other messages are not sent any more,
// and what the peer has sent meanwhile does not destroy it.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, s := w.connect()
		server := New(s, options())
		for _, m := range []wire.Message{have(1), &wire.Ping{Nonce: 1}, &wire.Ping{Nonce: 2}} {
			if err := server.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		server.Close(bye)
		server.Close(bye)
		if err := server.Send(have(1)); !errors.Is(err, ErrClosed) {
			t.Errorf("sending after Close: %v", err)
		}
		client := run(c, options(), nil)
		for range 100 {
			if err := client.Send(have(1000)); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() { done <- server.Run(context.Background(), func(wire.Message) error { return nil }) }()
		client.wants(t, wire.KindPing)
		client.wants(t, wire.KindPing)
		client.wants(t, wire.KindBye)
		client.ends(t, errBye, time.Minute)
		if err := <-done; err != ErrClosed {
			t.Errorf("Run returned %v", err)
		}
		if err := server.Send(have(1)); err != ErrClosed {
			t.Errorf("sending after the end: %v", err)
		}
	})
}

// A peer that does not go after the last message has a second.
func TestCloseDoesNotWait(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, server := w.raw(options(), nil)
		server.Close(bye)
		server.ends(t, ErrClosed, lingerTime+100*time.Millisecond)
	})
}

// A link that cannot encode its last message ends as well.
func TestCloseInvalid(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, server := w.raw(options(), nil)
		server.Close(&wire.Bye{})
		server.ends(t, ErrClosed, time.Minute)
	})
}

func TestContext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		client, server := w.pair()
		server.stop()
		server.ends(t, context.Canceled, time.Second)
		client.ends(t, io.EOF, time.Minute)
	})
}

func TestHandleError(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		want := errors.New("not this one")
		c, server := w.raw(options(), func(wire.Message) error { return want })
		client := run(c, options(), nil)
		if err := client.Send(have(1)); err != nil {
			t.Fatal(err)
		}
		server.ends(t, want, time.Minute)
		<-client.done
	})
}

// What breaks the protocol ends the link before a byte of the body has come.
func TestProtocolErrors(t *testing.T) {
	nothing := options()
	nothing.Solicited = func(wire.Kind) bool { return false }
	for _, c := range []struct {
		name    string
		options Options
		bytes   []byte
		want    error
	}{
		{"too long", options(), header(wire.KindBlock, maxBlock+1), wire.ErrLength},
		{"longest length", options(), header(wire.KindHave, 1<<32-1), wire.ErrLength},
		{"not requested", nothing, header(wire.KindBlock, 1000), wire.ErrUnsolicited},
		{"unknown kind", options(), header(63, 0), wire.ErrUnknownKind},
		{"malformed", options(), append(header(wire.KindAnnounce, 1), 7), wire.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				conn, server := w.raw(c.options, nil)
				defer conn.Close()
				if _, err := conn.Write(c.bytes); err != nil {
					t.Fatal(err)
				}
				server.ends(t, c.want, time.Second)
			})
		})
	}
}

// A kind of a later version arrives as such, and does not end the link.
func TestLaterKind(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		conn, server := w.raw(options(), nil)
		if _, err := conn.Write(append(header(100, 3), "abc"...)); err != nil {
			t.Fatal(err)
		}
		server.wants(t, 100)
		conn.Close()
		server.ends(t, io.EOF, time.Second)
	})
}

// A frame that ends in the middle is an error, unlike a connection that ends between
// two frames.
func TestHalfFrames(t *testing.T) {
	for _, part := range [][]byte{header(wire.KindPing, 8)[:3], append(header(wire.KindPing, 8), 1, 2, 3)} {
		bubble(t, func(t *testing.T, w *world) {
			conn, server := w.raw(options(), nil)
			if _, err := conn.Write(part); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			server.ends(t, io.ErrUnexpectedEOF, time.Second)
		})
	}
}

// A peer has 110 s between frames, and 10 s and more for a frame.
func TestDeadlines(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		after time.Duration
	}{
		{"silence", nil, maxSilence},
		{"half a header", header(wire.KindPing, 8)[:2], frameTime},
		{"half a ping", append(header(wire.KindPing, 8), 1), frameTime},
		{"half a block", append(header(wire.KindBlock, 1<<20), 1), frameTime + (1<<20)*time.Second/minSpeed},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				conn, server := w.raw(options(), nil)
				defer conn.Close()
				start := time.Now()
				if _, err := conn.Write(c.bytes); err != nil {
					t.Fatal(err)
				}
				server.ends(t, os.ErrDeadlineExceeded, time.Hour)
				if got := time.Since(start); got < c.after || got > c.after+time.Second {
					t.Errorf("ended after %v, want %v", got, c.after)
				}
			})
		})
	}
}

// A peer with a slow line is served as long as it keeps the minimum speed; one byte a
// second is too slow for a block, and enough for a ping.
func TestSlowBytes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		conn, server := w.raw(options(), nil)
		defer conn.Close()
		drip := func(frame []byte) {
			for _, b := range frame {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(700 * time.Millisecond)
			}
		}
		drip(must(options().Limits.Append(nil, &wire.Ping{})))
		server.wants(t, wire.KindPing)
		drip(must(options().Limits.Append(nil, block(1000))))
		server.ends(t, os.ErrDeadlineExceeded, time.Hour)
	})
}

// A promise of 4 MB and a byte takes 64 kB of memory.
func TestPromiseTakesLittleMemory(t *testing.T) {
	ours, theirs := net.Pipe()
	server := run(ours, options(), nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := theirs.Write(append(header(wire.KindBlock, maxBlock), 1)); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	<-server.done
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2*firstBuffer {
		t.Errorf("%d bytes were allocated, want at most %d", got, 2*firstBuffer)
	}
	server.stop()
}

// A peer that reads nothing is dropped when its urgent queue is full, or when a write
// takes too long. Announcements are dropped, and its requests are not read.
func TestPeerDoesNotRead(t *testing.T) {
	t.Run("urgent", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			conn, server := w.raw(options(), nil)
			defer conn.Close()
			headers := &wire.Headers{Headers: make([]pow.Header, wire.MaxHeaders)}
			var err error
			for n := 0; err == nil && n < 10; n++ {
				err = server.Send(headers) // the network holds one or two
				synctest.Wait()
			}
			if !errors.Is(err, ErrTooSlow) {
				t.Errorf("Send returned %v", err)
			}
			server.ends(t, ErrTooSlow, time.Millisecond)
		})
	})
	t.Run("write", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			conn, server := w.raw(options(), nil)
			defer conn.Close()
			if err := server.Send(block(1 << 20)); err != nil {
				t.Fatal(err)
			}
			server.ends(t, ErrTooSlow, timeFor(1<<20)+time.Second)
		})
	})
	t.Run("ordinary", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			conn, server := w.raw(options(), nil)
			for range 2 { // the network is full after the first round, the queue after the second
				for range 100 {
					if err := server.Send(have(1000)); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
			}
			if server.Dropped() == 0 {
				t.Error("no announcement was dropped")
			}
			if err := server.Send(block(maxLong)); err != nil { // an answer is not dropped
				t.Fatal(err)
			}
			if _, err := conn.Write(must(options().Limits.Append(nil, &wire.Ping{}))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			// The reader waits for room after the message that it waited for when the
			// queue was empty.
			if _, err := conn.Write(must(options().Limits.Append(nil, &wire.GetAddrs{}))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := len(server.got); got != 1 {
				t.Errorf("%d messages were read, want 1", got)
			}
			go io.Copy(io.Discard, conn)
			server.wants(t, wire.KindPing)
			server.wants(t, wire.KindGetAddrs)
			server.end()
			conn.Close()
		})
	})
	t.Run("short announcements", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			conn, server := w.raw(options(), nil)
			defer conn.Close()
			for range 10000 {
				if err := server.Send(&wire.Records{Records: [][]byte{make([]byte, 200)}}); err != nil {
					t.Fatalf("after %d dropped: %v", server.Dropped(), err)
				}
			}
			if err := server.Send(block(20000)); err != nil { // there is room for answers
				t.Fatal(err)
			}
			server.end()
		})
	})
	t.Run("answers", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			conn, server := w.raw(options(), nil)
			defer conn.Close()
			var err error
			for n := 0; err == nil && n < 10; n++ {
				err = server.Send(block(maxOrdinary))
			}
			if !errors.Is(err, ErrTooSlow) {
				t.Errorf("Send returned %v", err)
			}
			server.ends(t, ErrTooSlow, time.Millisecond)
		})
	})
}

// Urgent messages overtake ordinary ones, and late messages are made when it is their
// turn.
func TestOrder(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, s := w.connect()
		server := New(s, options())
		made := 0
		for range 3 {
			err := server.SendLater(wire.KindBlock, func() (wire.Message, error) { made++; return block(1000), nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := server.Send(&wire.Ping{}); err != nil {
			t.Fatal(err)
		}
		if made != 0 {
			t.Error("a block was made before its turn")
		}
		client := run(c, options(), nil)
		done := make(chan error)
		go func() { done <- server.Run(context.Background(), nil) }()
		for _, k := range []wire.Kind{wire.KindPing, wire.KindBlock, wire.KindBlock, wire.KindBlock} {
			client.wants(t, k)
		}
		want := errors.New("disk")
		if err := server.SendLater(wire.KindBlock, func() (wire.Message, error) { return nil, want }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != want {
			t.Errorf("Run returned %v", err)
		}
		<-client.done
	})
}

func TestSendInvalid(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		conn, server := w.raw(options(), nil)
		defer conn.Close()
		if err := server.Send(&wire.Have{}); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("Send returned %v", err)
		}
		if err := server.SendLater(wire.KindBlock, func() (wire.Message, error) { return block(maxBlock + 1), nil }); err != nil {
			t.Fatal(err)
		}
		server.ends(t, wire.ErrLength, time.Second)
	})
	defer func() {
		if recover() == nil {
			t.Error("SendLater takes an urgent kind")
		}
	}()
	_ = New(nil, options()).SendLater(wire.KindPing, nil)
}
