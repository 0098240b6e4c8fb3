package miner

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/pow"
	"stele/internal/text"
)

// hostile is text that a source could send.
var hostile = "\x1b]0;x\x07\nlevel=ERROR msg=forged \u202e\xff" + strings.Repeat("q", 1<<12)

var droppedLines = regexp.MustCompile(`dropped=(\d+)`)

// A source that sends easy work and rejects each share does not decide how fast the
// log grows; the dropped lines are counted.
func TestLogGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.target = pow.ZeroBits(4)
		p.answer = func(context.Context, Share) error { return &Rejection{Cause: Stale, Text: hostile} }
		var log bytes.Buffer
		r := start(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, nil, p)
		const minutes = 10
		pass(minutes * time.Minute)
		rejected := r.Status().Shares.Rejected[Stale]
		r.end()
		lines, dropped := 0, uint64(0)
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "share rejected") {
				lines++
			}
			if m := droppedLines.FindStringSubmatch(line); m != nil {
				n, _ := strconv.ParseUint(m[1], 10, 64)
				dropped += n
			}
			if len(line) > 1000 || text.Clean(line[:len(line)-1], len(line)) != line[:len(line)-1] {
				t.Fatalf("line %.2000q", line)
			}
		}
		if most := 20 + minutes*12; rejected < 10_000 || lines < 20 || lines > most {
			t.Errorf("%d lines of %d rejected shares, at most %d", lines, rejected, most)
		}
		if total := uint64(lines) + dropped; total > rejected+200 || total < rejected-2000 {
			t.Errorf("%d lines and %d that were left out, of %d rejected shares", lines, dropped, rejected)
		}
	})
}

// The error of a source is safe to show in status and log.
func TestHostileReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.refuse = errors.New(hostile)
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		s := r.Status()
		for _, got := range []string{s.Sources[0].Error, s.Trouble} {
			if !strings.Contains(got, " ]0;x ") || text.Clean(got, 1000) != got {
				t.Errorf("%.2000q", got)
			}
		}
		r.end()
	})
}
