package api

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Serve returns when no request runs any more, so that the store can be closed: also if a
// request goes on for a moment after its connection was closed, as an export does.
func TestServeWaitsForRequests(t *testing.T) {
	s := newService(t)
	began := make(chan struct{})
	var ended atomic.Bool
	s.api.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		time.Sleep(20 * time.Millisecond)
		ended.Store(true)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.api.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	s.check(err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET /v1/export/records HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	s.check(err)
	<-began
	cancel()
	s.check(<-done)
	if !ended.Load() {
		t.Error("Serve returned while a request was running")
	}
}
