package api

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"stele/node/feed"
	"stele/node/ledger/record"
)

// BenchmarkStreams measures how much memory 1,000 streams take together, those of their
// clients in the same process included, after a block and events of the pool; and how long
// it takes until the last of them has a new block.
func BenchmarkStreams(b *testing.B) {
	const many = 1000
	s := newService(b, func(o *Options) { o.Feed = feed.New(feed.Options{Chain: o.Chain, Status: o.Status}) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	go func() {
		s.check(s.options.Feed.Run(ctx))
		ended <- struct{}{}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	go func() {
		s.check(s.api.Serve(ctx, l))
		ended <- struct{}{}
	}()
	before := memory()
	conns := make([]net.Conn, many)
	for i := range conns {
		conns[i], err = net.Dial("tcp", l.Addr().String())
		s.check(err)
		_, err = io.WriteString(conns[i], "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		s.check(err)
		readUntil(s, conns[i], "retry:")
	}
	tip := s.tip
	for range 20 {
		s.options.Feed.Admitted([]*record.Record{tip.Records[1]})
	}
	for b.Loop() {
		tip = s.builder.Grow(tip, 1, 5)
		s.submit(tip)
		for _, c := range conns {
			readUntil(s, c, tip.Hash().String())
		}
	}
	b.ReportMetric(float64(memory()-before)/1e6, "MB-of-1000")
	cancel()
	for _, c := range conns {
		_ = c.Close()
	}
	<-ended
	<-ended
}

// memory returns how many bytes the process has from the system.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// readUntil reads what a connection has, until a text has come.
func readUntil(s *service, c net.Conn, want string) {
	s.Helper()
	s.check(c.SetReadDeadline(time.Now().Add(time.Minute)))
	var got []byte
	for buffer := make([]byte, 4096); !strings.Contains(string(got), want); {
		n, err := c.Read(buffer)
		s.check(err)
		got = append(got, buffer[:n]...)
		got = got[max(0, len(got)-8192):]
	}
}
