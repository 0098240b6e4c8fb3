package miner

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stele/internal/text"
)

// Each answer is reported once, numbered, with the words of the source made safe, and the
// log has it only for debugging.
func TestOnShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		var calls atomic.Uint64
		p.answer = func(context.Context, Share) error {
			if calls.Add(1)%3 == 0 {
				return &Rejection{Cause: Stale, Text: "\x1b[31mlate" + strings.Repeat("!", 1000)}
			}
			return nil
		}
		var mu sync.Mutex
		var got []Answer
		var log bytes.Buffer
		r := start(t, Options{
			Log:     slog.New(slog.NewTextHandler(&log, nil)),
			OnShare: func(a Answer) { mu.Lock(); got = append(got, a); mu.Unlock() },
		}, nil, p)
		pass(time.Minute)
		r.end()
		mu.Lock()
		defer mu.Unlock()
		accepted, others := uint64(0), uint64(0)
		for _, a := range got {
			number := &accepted
			if a.Cause != "" {
				number = &others
				if a.Cause != Stale || len(a.Reason) != text.Max || strings.Contains(a.Reason, "\x1b") {
					t.Errorf("%+v", a)
				}
			}
			if *number++; a.Number != *number || a.Source != "pool" || a.Device == "" || a.At.IsZero() || a.Required.Cmp(a.Difficulty) > 0 {
				t.Errorf("%+v", a)
			}
		}
		if s := r.Status().Shares; accepted == 0 || others == 0 || accepted != s.Accepted || others != s.Rejected[Stale] {
			t.Errorf("%d accepted, %d others: %+v", accepted, others, s)
		}
		if strings.Contains(log.String(), `msg="share`) {
			t.Errorf("logged:\n%s", log.String())
		}
	})
}
