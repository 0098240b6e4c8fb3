package headerchain

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// The edges of BIP 54, at the four places of a period.
func TestTimeWarp(t *testing.T) {
	const hour = 3600
	for _, test := range []struct {
		name         string
		height       int64
		parent       uint32 // time
		period, time uint32
		ok           bool
	}{
		{"first, two hours back", 2016, 10 * hour, 0, 8 * hour, true},
		{"first, a second more", 2016, 10 * hour, 0, 8*hour - 1, false},
		{"first, early in 1970", 2016, 1 * hour, 0, 0, true},
		{"last, as the first", 4031, 10 * hour, 8 * hour, 8 * hour, true},
		{"last, before the first", 4031, 10 * hour, 8 * hour, 8*hour - 1, false},
		{"second", 2017, 10 * hour, 10 * hour, 0, true},
		{"last but one", 4030, 10 * hour, 10 * hour, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			past := Past{Height: test.height, Time: test.parent, PeriodTime: test.period}
			err := past.CheckTimeWarp(pow.Bitcoin, test.time)
			if test.ok && err != nil || !test.ok && !errors.Is(err, TimeWarp) {
				t.Error(err)
			}
		})
	}
}

// MinTime is the first time that all rules about time accept.
func TestMinTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		params := &pow.Params{RetargetInterval: rapid.Uint32Range(1, 4).Draw(t, "interval")}
		times := rapid.Uint32Range(0, 20_000)
		past := Past{
			Height:     rapid.Int64Range(1, 20).Draw(t, "height"),
			Time:       times.Draw(t, "time"),
			PeriodTime: times.Draw(t, "period"),
			MedianTime: times.Draw(t, "median"),
		}
		ok := func(time uint32) bool {
			return past.CheckTime(time) == nil && past.CheckTimeWarp(params, time) == nil
		}
		if least := past.MinTime(params); !ok(least) || ok(least-1) {
			t.Fatalf("%+v: the least time is not %d", past, least)
		}
	})
	if got := (Past{Height: 1, MedianTime: math.MaxUint32}).MinTime(pow.Bitcoin); got != math.MaxUint32 {
		t.Errorf("after the end of time: %d", got)
	}
}
