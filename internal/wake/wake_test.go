package wake_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"stele/internal/wake"
)

func isSet(s wake.Signal) bool {
	select {
	case <-s:
		return true
	default:
		return false
	}
}

func TestSignal(t *testing.T) {
	s := wake.New()
	if isSet(s) {
		t.Error("a new signal is set")
	}
	s.Wake()
	s.Wake() // does not block
	if !isSet(s) {
		t.Error("not set after Wake")
	}
	if isSet(s) {
		t.Error("two calls of Wake were not merged")
	}
}

func TestNilSignal(t *testing.T) {
	var s wake.Signal
	s.Wake()
	if isSet(s) {
		t.Error("a nil signal is set")
	}
}

// What was added before a call of Wake is always seen.
func TestNothingIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const producers, each = 4, 1000
		s, done := wake.New(), make(chan struct{})
		var added atomic.Int64
		var seen int64
		go func() {
			defer close(done)
			for seen < producers*each {
				<-s
				seen = added.Load()
			}
		}()
		var wg sync.WaitGroup
		for range producers {
			wg.Go(func() {
				for range each {
					added.Add(1)
					s.Wake()
				}
			})
		}
		wg.Wait()
		<-done // a missed signal is a deadlock, which synctest reports
	})
}
