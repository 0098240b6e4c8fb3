package engine

import (
	"runtime"
	"sync"
)

// processors is how many of the Go scheduler's processors (GOMAXPROCS) mining
// needs. A pinned lane computes on one for a millisecond at a time and never
// waits. If lanes had them all, nobody would look at the network but the
// scheduler's own watch, every 10 to 20 ms; that long would a miner go on with
// an old job. With one more, a message is read within a fraction of a
// millisecond, since the operating system prefers a thread that has slept.
var processors struct {
	mu     sync.Mutex
	calls  int // of Mine
	before int // GOMAXPROCS without them
}

// spareProcessor makes GOMAXPROCS more than the pinned lanes, until release is
// called.
func spareProcessor(units []*unit) (release func()) {
	lanes := 0
	for _, u := range units {
		if u.info.Pinned {
			lanes += u.info.Lanes
		}
	}
	p := &processors
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls++; p.calls == 1 {
		p.before = runtime.GOMAXPROCS(0)
	}
	if lanes >= runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(lanes + 1)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.calls--; p.calls == 0 && runtime.GOMAXPROCS(0) != p.before {
			runtime.GOMAXPROCS(p.before)
		}
	}
}
