package engine

import (
	"runtime"
	"sync"
)

// processors counts the calls of Mine that raise GOMAXPROCS.
//
// A pinned lane occupies one of the Go scheduler's processors for a millisecond
// at a time and never blocks. If lanes had all processors, only the scheduler's
// monitor would poll the network, every 10 to 20 ms, and a miner would work on an
// old job for that long. With one more processor a message is read within a
// fraction of a millisecond, because the operating system prefers a thread that
// has slept.
var processors struct {
	mu     sync.Mutex
	calls  int // of Mine under way
	before int // GOMAXPROCS before the first of them
}

// spareProcessor raises GOMAXPROCS above the number of pinned lanes until release
// is called.
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
