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
	"stele/internal/rate"
)

// maxRequest bounds a request to the API of cgminer, in bytes.
const maxRequest = 4 << 10

// Cgminer serves the read-only commands of cgminer's API (summary, devs, edevs,
// devdetails, gpucount, pools, version, config, stats, estats, coin, check; several
// may be joined with +) on l until ctx ends, and then returns nil. It returns an
// error if l fails before. It closes l. Commands that change something are denied,
// and all others unknown. A connection carries one request, and is closed after the
// answer. Status must be safe for concurrent use.
//
// The API is described in the file API-README of cgminer. A value that is not
// measured has no field. Some numbers differ: Stale counts the shares that could
// not be delivered, since cgminer too counts as Rejected what a pool calls stale;
// MHS 5s is over 10 seconds; Work Utility is computed from the finished nonces; and
// Device Hardware% is of the results that meet the target of the job.
func Cgminer(ctx context.Context, l net.Listener, status func() miner.Status, log *slog.Logger) error {
	l = netguard.Limit(l, maxConnections, 0, nil)
	log = rate.Logger(log)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	var wg sync.WaitGroup
	defer func() { cancel(); stop(); _ = l.Close(); wg.Wait() }()
	for {
		conn, err := netguard.Accept(ctx, l, func(err error) {
			log.Warn("cgminer API: accept failed", "err", err)
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		wg.Go(func() {
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

// readRequest reads one request, and returns nil if there is none. Clients end it
// with a NUL, a line feed, the end of the stream, or not at all: then the request is
// a word that arrives in one piece, a JSON object, or what cannot become one.
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
