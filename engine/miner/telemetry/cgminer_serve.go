package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"stele/engine/miner"
	"stele/internal/netguard"
	lograte "stele/internal/rate"
)

// maxRequest bounds a request to the API of cgminer, in bytes.
const maxRequest = 4 << 10

// Cgminer answers the commands of cgminer's API that read (summary, devs, edevs,
// devdetails, gpucount, pools, version, config, stats, estats, coin, check;
// several may be joined with +) on l until ctx ends. Those that change something
// are denied, and all others unknown. One connection takes one request, and is
// closed after the answer. It closes l and returns nil, or why l is of no use any
// more.
//
// The API is described in the file API-README of cgminer. What is not measured
// has no field. Some numbers differ: Stale counts the shares that no pool could
// be given, since those that a pool calls stale are Rejected there too; MHS 5s
// is over 10 seconds; Work Utility is what the finished nonces let expect; and
// Device Hardware% is of the answers that meet the target of the job.
func Cgminer(ctx context.Context, l net.Listener, status func() miner.Status, log *slog.Logger) error {
	l = netguard.Limit(l, maxConnections, 0, nil)
	log = lograte.Logger(log)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	var all sync.WaitGroup
	defer func() { cancel(); stop(); _ = l.Close(); all.Wait() }()
	for {
		conn, err := netguard.Accept(ctx, l, func(err error) {
			log.Warn("a connection to cgminer's API cannot be taken", "error", err)
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		all.Go(func() {
			defer conn.Close()
			end := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer end()
			serveCgminer(conn, status)
		})
	}
}

// serveCgminer reads one request and answers it.
func serveCgminer(conn net.Conn, status func() miner.Status) {
	_ = conn.SetReadDeadline(time.Now().Add(requestTimeout))
	if request := readRequest(conn); request != nil {
		_ = conn.SetWriteDeadline(time.Now().Add(requestTimeout))
		_, _ = conn.Write(answerCgminer(status(), request))
	}
}

// readRequest reads one request, and returns nil if nothing came. Clients end it
// with a NUL, a line feed, the end of what they send, or not at all: then a word
// that came in one piece is the whole request, and so is a JSON object, or what
// cannot become one.
func readRequest(r io.Reader) []byte {
	var request []byte
	buffer := make([]byte, maxRequest)
	for len(request) < maxRequest {
		n, err := r.Read(buffer[:maxRequest-len(request)])
		request = append(request, buffer[:n]...)
		if i := bytes.IndexByte(request, 0); i >= 0 {
			return request[:i]
		}
		if text := bytes.TrimSpace(request); len(text) > 0 && text[0] == '{' {
			if !unfinished(request) {
				return text
			}
		} else if i := bytes.IndexByte(request, '\n'); i >= 0 {
			return request[:i]
		} else if len(text) > 0 {
			return text
		}
		if err != nil {
			break
		}
	}
	return request
}

// unfinished reports whether more bytes can make text JSON.
func unfinished(text []byte) bool {
	var v json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(&v), io.ErrUnexpectedEOF)
}
