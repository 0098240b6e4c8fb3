package miner

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestEstimate(t *testing.T) {
	// 10 shares where 10 are expected of 1000 nonces in 10 s.
	e := estimateRate(progress{nonces: 1000, hits: 10, expected: 10}, 10*time.Second)
	if math.Abs(e.Rate-100) > 1e-9 || math.Abs(e.Low-47.95) > 0.01 || math.Abs(e.High-183.9) > 0.01 || e.Disagrees || e.Shares != 10 || e.Window != 10*time.Second {
		t.Errorf("%+v", e)
	}
	for _, c := range []struct {
		hits      uint64
		expected  float64
		disagrees bool
	}{
		{0, 9, false}, {0, 11, true}, {1, 1, false}, {3, 0.1, false}, {5, 0.1, true},
		{100, 100, false}, {100, 145, true}, {100, 65, true}, {1_000_000, 1_003_000, false}, {1_000_000, 1_005_000, true},
	} {
		if e := estimateRate(progress{nonces: 1, hits: c.hits, expected: c.expected}, time.Second); e.Disagrees != c.disagrees {
			t.Errorf("%d of %g: %+v", c.hits, c.expected, e)
		}
	}
	if e := estimateRate(progress{}, 0); e != (Estimate{}) {
		t.Errorf("of nothing: %+v", e)
	}
}

// Where every share is a block, each one ends the piece in which it was found: the
// source sends new work at once. What was hashed until then counts all the same, so
// that the estimate and the count agree.
func TestEstimateOfBlocks(t *testing.T) {
	const blocks = 10_000
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.answer = func(context.Context, Share) error {
			p.give(true)
			return nil
		}
		r := start(t, Options{}, &slow{id: "slow", mode: early}, p)
		alarms := 0
		for r.Status().Shares.Found < blocks {
			pass(time.Minute)
			if r.Status().Estimated.Disagrees {
				alarms++
			}
		}
		r.end() // what was reported while its piece was searched is counted now
		s := r.Status()
		if alarms > 0 {
			t.Errorf("the alarm is on in %d of %.0f minutes", alarms, s.Now.Sub(s.Started).Minutes())
		}
		d := s.Devices[0]
		if d.Hits != s.Shares.Found || math.Abs(float64(d.Hits)-d.ExpectedHits) > 5*math.Sqrt(blocks) {
			t.Errorf("%d shares, counted %d, expected %.0f", s.Shares.Found, d.Hits, d.ExpectedHits)
		}
		// The interval of the estimate misses the rate in one run of twenty; five standard
		// deviations are missed in one of two million.
		if e := s.Estimated; math.Abs(e.Rate/s.Counted.Mean-1) > 5/math.Sqrt(blocks) || e.Low > e.Rate || e.High < e.Rate || math.Abs(s.Counted.Mean/perSecond-1) > 0.05 {
			t.Errorf("estimate %+v, counted %+v", e, s.Counted)
		}
		if jobs := s.Sources[0].Jobs; jobs < blocks/2 {
			t.Errorf("%d jobs: the pieces were not abandoned", jobs)
		}
	})
}
