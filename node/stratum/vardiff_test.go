package stratum

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// play simulates a miner of a rate, in difficulty a second, that finds shares at random
// for some time. It returns the time at the end.
func play(v *vardiff, random *rand.Rand, rate, ceiling float64, now time.Time, d time.Duration) (end time.Time, shares int) {
	end = now.Add(d)
	tick := now.Add(tickEvery)
	for {
		next := end
		if rate > 0 {
			wait := random.ExpFloat64() * v.at(ceiling) / rate
			next = now.Add(time.Duration(min(wait, 1e6) * float64(time.Second)))
		}
		if next.After(tick) && tick.Before(end) {
			now = tick
			tick = tick.Add(tickEvery)
			v.adjust(now, ceiling)
			continue
		}
		if !next.Before(end) {
			return end, shares
		}
		now = next
		shares++
		v.share(v.at(ceiling))
		v.adjust(now, ceiling)
	}
}

// From any initial difficulty, a miner of any speed soon has about 20 shares a minute.
func TestVardiff(t *testing.T) {
	start := time.Unix(1e9, 0)
	for _, rate := range []float64{1e-4, 0.01, 1, 1000, 1e6, 1e12} {
		for _, first := range []float64{1e-6, 1, 1e6, 1e12} {
			random := rand.New(rand.NewPCG(1, 1))
			v := newVardiff(first, start)
			// From far above it goes down by a factor of 8 a minute.
			settle := 5*time.Minute + time.Duration(max(0, math.Log(first/rate)/math.Log(8))*float64(time.Minute))
			now, before := play(&v, random, rate, 1e300, start, settle)
			_, shares := play(&v, random, rate, 1e300, now, 30*time.Minute)
			if shares < 300 || shares > 1200 {
				t.Errorf("rate %g from difficulty %g: %d shares in 30 minutes, want about 600", rate, first, shares)
			}
			if before > 1200 {
				t.Errorf("rate %g from difficulty %g: %d shares until it was settled", rate, first, before)
			}
		}
	}
}

func TestVardiffBounds(t *testing.T) {
	start := time.Unix(1e9, 0)
	random := rand.New(rand.NewPCG(1, 1))

	fixed := newVardiff(1, start)
	fixed.fix(5)
	fixed.start(7)
	play(&fixed, random, 1000, 1e300, start, time.Minute)
	if fixed.value != 5 {
		t.Errorf("a fixed difficulty of 5 is %v", fixed.value)
	}
	low := newVardiff(1, start)
	low.atLeast(12345.6)
	play(&low, random, 0, 1e300, start, time.Hour)
	if low.value != 12345.6 {
		t.Errorf("at least 12345.6, got %v", low.value)
	}
	block := newVardiff(1, start)
	epoch := block.epoch
	play(&block, random, maxShareRate*0.5/2, 0.5, start, 10*time.Second)
	if block.at(0.5) != 0.5 || block.epoch != epoch {
		t.Errorf("above a block's difficulty of 0.5: %v, after %d changes", block.at(0.5), block.epoch-epoch)
	}
	block.atLeast(3)
	if block.at(0.5) != 0.5 {
		t.Error("who wants 3 loses blocks")
	}

	// Of blocks by the thousands not all are submitted, from the first job on; but
	// whoever asks for easy shares has them.
	flood, asks := newVardiff(1, start), newVardiff(1, start)
	asks.start(2e-6)
	if flood.at(1e-9) != initialMaxRate || asks.at(1e-9) != 2e-6 {
		t.Errorf("where every hash is a block: %v, and %v for who asks for 0.000002", flood.at(1e-9), asks.at(1e-9))
	}
	slow := newVardiff(1, start)
	if _, n := play(&slow, random, 1e-6, 1e-9, start, 10*time.Minute); n < 100 {
		t.Errorf("a slow miner has %d blocks in 10 minutes", n)
	}
	now, before := play(&flood, random, 0.1, 1e-9, start, 10*time.Second)
	if _, n := play(&flood, random, 0.1, 1e-9, now, time.Minute); before > 10*maxShareRate*2 || n < 60*maxShareRate/2 || n > 60*maxShareRate*2 {
		t.Errorf("%d shares in ten seconds and %d in a minute, where every hash is a block", before, n)
	}
	// Until they are as hard as they should be.
	if _, n := play(&flood, random, 0.1, 0.1, now, time.Hour); flood.at(0.1) != 0.1 || n < 3000 || n > 4500 {
		t.Errorf("%d shares an hour later, at %v", n, flood.at(0.1))
	}
	idle := newVardiff(1, start)
	play(&idle, random, 0, 1e300, start, 24*time.Hour)
	if idle.value != minDifficulty {
		t.Errorf("of a miner without shares: %v", idle.value)
	}
	idle.resume(vardiff{value: 3, requested: true, floor: 2}, start)
	if idle.value != 3 || idle.floor != 2 {
		t.Errorf("resumed with a wish: %+v", idle)
	}
	idle.resume(vardiff{value: 1}, start)
	if idle.value != 3 || idle.floor != 0 {
		t.Errorf("resumed without: %+v", idle)
	}
}

// Rounding never makes a difficulty higher, nor much lower, and is idempotent.
func TestRoundDown(t *testing.T) {
	for x, want := range map[float64]float64{
		0.1: 0.1, 1: 1, 1.99: 1, 12.7: 12, 999.9: 999, 1023: 1020, 65536: 65500, 7e15: 7e15, 2.4567e-7: 2.45e-7, 1e-6: 1e-6, 0.001: 0.001, 0: 0,
	} {
		if got := roundDown(x); got != want {
			t.Errorf("%v: got %v, want %v", x, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		x := math.Exp(rapid.Float64Range(-60, 60).Draw(t, "log"))
		y := roundDown(x)
		if y > x*(1+1e-11) || y < x*0.49 || x < 1 && y < x*0.99 || roundDown(y) != y {
			t.Errorf("%v: got %v, then %v", x, y, roundDown(y))
		}
	})
}

func TestWorkRate(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := newWorkRate(now)
	if m.perSecond(now) != 0 {
		t.Error("a rate of nothing")
	}
	// Two a second, for an hour.
	for i := range 7200 {
		now = now.Add(time.Second / 2)
		m.add(1, now)
		if got := m.perSecond(now); i > 20 && math.Abs(got-2) > 0.1 {
			t.Fatalf("after %d: %v", i, got)
		}
	}
	now = now.Add(150 * time.Second)
	if got := m.perSecond(now); math.Abs(got-1) > 0.1 {
		t.Errorf("after a pause of half the span: %v", got)
	}
	now = now.Add(time.Hour)
	if got := m.perSecond(now); got != 0 {
		t.Errorf("after an hour: %v", got)
	}
}
