package engine

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func testUnit(id string, lanes int) *unit {
	return newUnit(&fake{id: id, lanes: lanes}, slog.New(slog.DiscardHandler))
}

// In a simulated search, whatever the speeds are, all lanes are busy until
// nearly the end.
func TestLanesFinishTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type lane struct {
			u     *unit
			speed float64 // nonces per second
			clock float64 // seconds until it is free
		}
		known := rapid.Bool().Draw(t, "speeds known")
		var units []*unit
		var lanes []*lane
		var sum float64
		slowest := 1e12
		for i := range rapid.IntRange(1, 4).Draw(t, "devices") {
			speed := rapid.Float64Range(1e5, 1e9).Draw(t, "speed")
			u := testUnit(named(i), rapid.IntRange(1, 3).Draw(t, "lanes"))
			if known {
				u.searching.value = speed
			}
			units = append(units, u)
			for range u.info.Lanes {
				lanes = append(lanes, &lane{u: u, speed: speed})
				sum += speed
				slowest = min(slowest, speed)
			}
		}
		d := newDispatcher(context.Background(), searching, units)
		defer d.stop()
		d.finite = true
		seconds := rapid.Float64Range(0, 2).Draw(t, "seconds")
		d.replace(nonceRound(testJob(1, 40), pow.Range{Count: min(uint64(seconds*sum), pow.NonceSpace)}))

		pieces := 0
		for working := slices.Clone(lanes); len(working) > 0; pieces++ {
			slices.SortFunc(working, func(a, b *lane) int {
				if a.clock < b.clock {
					return -1
				}
				return 1
			})
			l := working[0]
			p, ok := d.cut(d.pieceSize(l.u))
			if !ok {
				working = working[1:] // no piece is requeued in this simulation
				continue
			}
			took := float64(p.n) / l.speed
			l.clock += took
			d.speed(l.u).add(p.n, time.Duration(took*float64(time.Second)), d.period)
			d.finish(l.u, p, result{done: p.n})
		}
		if !d.isDone() {
			t.Fatal("the search is not over")
		}
		first, last := lanes[0].clock, lanes[0].clock
		for _, l := range lanes {
			first, last = min(first, l.clock), max(last, l.clock)
		}
		limit := 2 * float64(searching.minHashes) / slowest
		if !known { // the first pieces were guessed
			limit += searching.period.Seconds() * max(1, searching.guess/slowest)
		}
		if gap := last - first; gap > limit {
			t.Fatalf("the first lane ends at %.3f s, the last at %.3f s, want at most %.3f s between them", first, last, limit)
		}
		if limit := int(float64(len(lanes)) * (40 + 2*seconds/searching.period.Seconds())); pieces > limit {
			t.Fatalf("%d pieces, want at most %d", pieces, limit)
		}
	})
}

// The expected hits of a piece do not exceed maxHitsInPiece by much.
func TestPieceOfEasyTarget(t *testing.T) {
	u := testUnit("a", 1)
	for zeros, want := range map[int]uint64{0: 1 << 16, 1: 1 << 17, 10: 1 << 26, 16: 1 << 32, 40: 1 << 32} {
		d := newDispatcher(context.Background(), searching, []*unit{u})
		d.replace(nonceRound(testJob(1, zeros), allNonces))
		if p, ok := d.cut(1 << 40); !ok || p.n != want {
			t.Errorf("%d zero bits: piece of %d, want %d", zeros, p.n, want)
		}
		d.stop()
	}
}
