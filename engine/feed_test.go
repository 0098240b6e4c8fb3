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
			clock float64 // seconds: when it is free
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
		f := newFeed(context.Background(), searching, units)
		defer f.stop()
		f.ends = true
		seconds := rapid.Float64Range(0, 2).Draw(t, "seconds")
		f.replace(nonceRound(testJob(1, 40), pow.Range{Count: min(uint64(seconds*sum), pow.NonceSpace)}))

		pieces := 0
		for working := slices.Clone(lanes); len(working) > 0; pieces++ {
			slices.SortFunc(working, func(a, b *lane) int {
				if a.clock < b.clock {
					return -1
				}
				return 1
			})
			l := working[0]
			p, ok := f.cut(f.size(l.u))
			if !ok {
				working = working[1:] // nothing comes back in this simulation
				continue
			}
			took := float64(p.n) / l.speed
			l.clock += took
			f.speed(l.u).note(p.n, time.Duration(took*float64(time.Second)), f.period)
			f.give(l.u, p, result{done: p.n})
		}
		if !f.over() {
			t.Fatal("the search is not over")
		}
		first, last := lanes[0].clock, lanes[0].clock
		for _, l := range lanes {
			first, last = min(first, l.clock), max(last, l.clock)
		}
		most := 2 * float64(searching.smallest) / slowest
		if !known { // the first pieces were guessed
			most += searching.period.Seconds() * max(1, searching.guess/slowest)
		}
		if gap := last - first; gap > most {
			t.Fatalf("the first lane ends at %.3f s, the last at %.3f s, want %.3f s between them at most", first, last, most)
		}
		if most := int(float64(len(lanes)) * (40 + 2*seconds/searching.period.Seconds())); pieces > most {
			t.Fatalf("%d pieces, want %d at most", pieces, most)
		}
	})
}

func TestRate(t *testing.T) {
	var r rate
	if got := r.perSecond(7); got != 7 {
		t.Errorf("unknown speed: got %v, want the guess", got)
	}
	const full = 50 * time.Millisecond
	r.note(0, time.Second, full)
	if got := r.perSecond(7); got != 7 {
		t.Errorf("nothing done: got %v, want the guess", got)
	}
	r.note(1000, time.Second, full) // a slow start
	for range 40 {
		r.note(uint64(r.perSecond(0)*full.Seconds()), time.Duration(r.perSecond(0)*full.Seconds()*1000), full) // 1e6 per second
	}
	if got := r.perSecond(0); got < 0.99e6 || got > 1.01e6 {
		t.Errorf("got %v after a slow start, want 1e6", got)
	}
	r.note(50, time.Second, full) // a thousandth of a full piece
	if got := r.perSecond(0); got < 0.99e6 {
		t.Errorf("a short piece changes the speed to %v", got)
	}
	r.note(1, 0, full)
}

// No piece has many more hits than hitsInPiece to expect.
func TestPieceOfEasyTarget(t *testing.T) {
	u := testUnit("a", 1)
	for zeros, want := range map[int]uint64{0: 1 << 16, 1: 1 << 17, 10: 1 << 26, 16: 1 << 32, 40: 1 << 32} {
		f := newFeed(context.Background(), searching, []*unit{u})
		f.replace(nonceRound(testJob(1, zeros), allNonces))
		if p, ok := f.cut(1 << 40); !ok || p.n != want {
			t.Errorf("%d zero bits: piece of %d, want %d", zeros, p.n, want)
		}
		f.stop()
	}
}

func TestPartSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := part{
			off: rapid.Uint64Range(0, 1<<32-1000).Draw(t, "off"),
			n:   rapid.Uint64Range(1, 1000).Draw(t, "n"),
		}
		for i := range p.n {
			if rapid.Bool().Draw(t, "told") {
				p.told = append(p.told, (p.off+i)*MaxVersions+rapid.Uint64Range(0, MaxVersions-1).Draw(t, "version"))
			}
		}
		told := slices.Clone(p.told)
		at := rapid.Uint64Range(0, 1001).Draw(t, "at")
		front, rest := p.split(at)
		if front.off != p.off || front.n != min(at, p.n) || front.n+rest.n != p.n || rest.n > 0 && rest.off != p.off+front.n {
			t.Fatalf("%+v at %d: %+v, %+v", p, at, front, rest)
		}
		for _, half := range []part{front, rest} {
			for _, x := range half.told {
				if x/MaxVersions < half.off || x/MaxVersions >= half.off+half.n {
					t.Fatalf("%d is not in %+v", x, half)
				}
			}
		}
		// What one half adds does not reach into the other.
		front.told = append(front.told, 1, 2, 3)
		if got := append(front.told[:len(front.told)-3:len(front.told)-3], rest.told...); !slices.Equal(got, told) {
			t.Fatalf("told %v, then %v", told, got)
		}
	})
}

// A round with very many hits forgets some of what was done, and with it the
// means to do it again.
func TestRoundIsBounded(t *testing.T) {
	u := testUnit("a", 1)
	r := nonceRound(testJob(1, 0), allNonces)
	for i := range uint64(hitsInRound/hitsInPiece) * 2 {
		p := piece{part: part{off: 2 * i * hitsInPiece, n: hitsInPiece}, round: r}
		p.news(make([]hit, hitsInPiece))
		r.accept(u, p.part)
	}
	if len(r.finished[u]) != hitsInRound/hitsInPiece || r.told != hitsInRound {
		t.Errorf("%d parts with %d hits are kept", len(r.finished[u]), r.told)
	}
	left := r.left
	if parts := r.disown(u); len(parts) != hitsInRound/hitsInPiece || r.told != 0 || r.left != left+hitsInRound || len(r.finished) != 0 {
		t.Errorf("%d parts taken back, round %+v", len(parts), r)
	}
}
