package telemetry

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"time"

	"stele/engine/miner"
	"stele/netguard"
)

// maxRequest bounds a request to the API of cgminer, in bytes.
const maxRequest = 4 << 10

// Cgminer answers the commands of cgminer's API that read (summary, devs, pools,
// version, config, stats, estats, coin; several may be joined with +) on l
// until ctx ends. One connection takes one command, and is closed after the
// answer. It closes l and returns nil, or the error that made it stop before.
//
// The API is described in the file API-README of cgminer. Two numbers differ:
// Stale counts the shares that no pool could be given, since those that a pool
// calls stale are Rejected there too; and MHS 5s is over 10 seconds.
func Cgminer(ctx context.Context, l net.Listener, status func() miner.Status) error {
	l = netguard.Limit(l, maxConnections, 0)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	var all sync.WaitGroup
	defer func() { cancel(); stop(); _ = l.Close(); all.Wait() }()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		all.Go(func() {
			defer conn.Close()
			end := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer end()
			_ = conn.SetDeadline(time.Now().Add(requestTimeout))
			if request, ok := readRequest(conn); ok {
				_, _ = conn.Write(answerCgminer(status(), request))
			}
		})
	}
}

// readRequest reads one request. Clients end it with a line feed, a NUL, the end
// of what they send, or not at all: then a complete JSON object, or a word that
// came in one piece, is the whole request.
func readRequest(r io.Reader) ([]byte, bool) {
	var request []byte
	buffer := make([]byte, maxRequest)
	for len(request) < maxRequest {
		n, err := r.Read(buffer[:maxRequest-len(request)])
		request = append(request, buffer[:n]...)
		if i := bytes.IndexAny(request, "\n\x00"); i >= 0 {
			return request[:i], true
		}
		if err != nil {
			return request, len(request) > 0
		}
		trimmed := bytes.TrimSpace(request)
		if len(trimmed) > 0 && (trimmed[0] != '{' || trimmed[len(trimmed)-1] == '}') {
			return trimmed, true
		}
	}
	return nil, false
}
