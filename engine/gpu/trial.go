package gpu

import (
	"fmt"
	"sync"
	"time"
)

// A trial has trialTurns turns in the order ABBA ABBA, so that a GPU that gets
// warmer is slower for both variants. In each turn the GPU first works for
// trialSettle, until clocks and power are those of the kernel, and is then
// measured for trialTurn: a minute and a half in all.
const (
	trialTurns  = 8
	trialSettle = 2 * time.Second
	trialTurn   = 10 * time.Second
)

// trial compares two variants of a searcher on real work, at the clock that the
// GPU sustains. The caller passes the time. Safe for concurrent use.
type trial struct {
	variants [2]*variant
	finish   func(winner, loser *variant, sums [2]sum) // called once, at the end

	mu      sync.Mutex
	turn    int  // trialTurns: the trial is over
	measure bool // the GPU has settled, and is measured
	marking bool // the part is over, and a caller of end is reading the sensors
	flying  int  // launches in flight
	last    time.Time
	busy    time.Duration // with launches in flight, in this part of the turn
	hashes  uint64        // in busy
	from    sensors       // at the start of the part
	sums    [2]sum        // of the variants
}

// sum is the measurement of a variant.
type sum struct {
	hashes  uint64
	busy    time.Duration
	joules  float64
	unknown int // turns without a reading of joules
	capped  int // turns in which the power limit held the clock back
}

// which returns the index of the variant of a turn.
func which(turn int) int { return []int{0, 1, 1, 0}[turn%4] }

// next returns the variant for the next launch.
func (t *trial) next() *variant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.variants[which(min(t.turn, trialTurns-1))]
}

// begin records the start of a launch.
func (t *trial) begin(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	t.flying++
}

// advance counts the time with launches in flight. The caller must hold mu.
func (t *trial) advance(now time.Time) {
	if t.flying > 0 {
		t.busy += now.Sub(t.last)
	}
	t.last = now
}

// end records the end of a launch of a variant. It reports true once per part,
// when the time of the part is over: the caller must then read the sensors of the
// GPU and call mark.
func (t *trial) end(now time.Time, v *variant, hashes uint64) (due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	t.flying--
	if v == t.variants[which(t.turn)] {
		t.hashes += hashes
	}
	if t.marking || !t.due() {
		return false
	}
	t.marking = true
	return true
}

// due reports whether the current part of the turn is over. The caller must hold
// mu.
func (t *trial) due() bool {
	if t.turn == trialTurns {
		return false
	}
	if t.measure {
		return t.busy >= trialTurn
	}
	return t.busy >= trialSettle
}

// mark starts the next part with these readings.
func (t *trial) mark(now sensors) {
	t.mu.Lock()
	over := t.part(now)
	sums := t.sums
	t.mu.Unlock()
	if !over {
		return
	}
	winner := 0
	if better(sums[1], sums[0]) {
		winner = 1
	}
	t.finish(t.variants[winner], t.variants[1-winner], sums)
}

// part ends a part of a turn and reports whether it was the last. The caller must
// hold mu.
func (t *trial) part(now sensors) (over bool) {
	if t.measure {
		s := &t.sums[which(t.turn)]
		s.hashes += t.hashes
		s.busy += t.busy
		if joules := now.joules - t.from.joules; t.from.joules > 0 && joules > 0 {
			s.joules += joules
		} else {
			s.unknown++
		}
		if now.capped {
			s.capped++
		}
		t.turn++
	}
	t.measure, t.marking, t.from, t.busy, t.hashes = !t.measure, false, now, 0, 0
	return t.turn == trialTurns
}

// better reports whether a is better than b: it has more hashes per second, or,
// where the power limit holds both back, more hashes per joule. At the limit the
// power is the same for both, and energy is measured more steadily than the clock
// that the limit leaves.
func better(a, b sum) bool {
	const half = trialTurns / 4 // of the turns of a variant
	if a.capped > half && b.capped > half && a.unknown+b.unknown == 0 {
		return float64(a.hashes)/a.joules > float64(b.hashes)/b.joules
	}
	return a.rate() > b.rate()
}

// rate returns hashes per second.
func (s sum) rate() float64 { return float64(s.hashes) / s.busy.Seconds() }

// String returns the sum for a log.
func (s sum) String() string {
	text := fmt.Sprintf("%.4g GH/s", s.rate()/1e9)
	if s.unknown == 0 {
		text += fmt.Sprintf(", %.4g MH/J", float64(s.hashes)/s.joules/1e6)
	}
	return text
}
