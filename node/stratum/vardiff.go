package stratum

import (
	"math"
	"strconv"
	"time"

	"stele/engine/pow"
)

const (
	// shareInterval is the wanted time between two shares of a session.
	shareInterval = 3 * time.Second

	// The difficulty is re-evaluated after this many shares, or this time.
	adjustShares = 24
	adjustTime   = time.Minute

	// It stays while the rate of shares is between 0.6 and 1.7 times the wanted one: with
	// 20 shares, luck alone seldom makes a larger difference.
	minRateRatio, maxRateRatio = 0.6, 1.7
	// The bounds of one step, as factors.
	maxStepUp, maxStepDown = 256, 1.0 / 8

	// minDifficulty is for a miner with 1,400 hashes a second.
	minDifficulty = 1e-6
	maxDifficulty = 1e15

	// maxShareRate is the number of shares a second that a session may find where blocks
	// are easier than shares should be. Each of them may change the tip and so make
	// shares in flight stale: with more, so many are rejected that some miners give up
	// (cpuminer-opt exits).
	maxShareRate = 10
	// initialMaxRate is the difficulty at which a CPU core, with 10 million hashes a
	// second, finds maxShareRate.
	initialMaxRate = 0.00023
)

// vardiff finds the difficulty at which a session has a share every shareInterval. It is
// at most that of a block, or blocks would be lost; unless a block is easier than
// minDifficulty, or the session finds more than maxShareRate a second: such blocks are
// worth little, and submitting them would take all the time.
type vardiff struct {
	value     float64 // at least minDifficulty; see at
	floor     float64 // that the miner requested, 0: none
	fixed     bool    // the value stays
	requested bool    // the miner requested the value

	// maxRateDifficulty is where the session finds maxShareRate shares a second, as far
	// as is known.
	maxRateDifficulty float64

	// Since the last decision:
	since  time.Time
	epoch  int // counts decisions; only shares of later jobs count
	shares int
	work   float64 // as difficulty
}

func newVardiff(value float64, now time.Time) vardiff {
	v := vardiff{value: clamp(value, 0), maxRateDifficulty: initialMaxRate}
	v.restart(now)
	return v
}

// start sets the difficulty that the miner suggests. It is adjusted from there.
func (v *vardiff) start(value float64) {
	if !v.fixed {
		v.value, v.requested = clamp(value, v.floor), true
	}
}

// atLeast sets the minimum of the difficulty.
func (v *vardiff) atLeast(floor float64) {
	v.floor = min(floor, maxDifficulty)
	v.value = clamp(v.value, v.floor)
}

// fix sets the difficulty for good.
func (v *vardiff) fix(value float64) {
	v.value, v.fixed, v.requested = clamp(value, v.floor), true, true
}

// resume continues over a new connection; fresh is what that has requested.
func (v *vardiff) resume(fresh vardiff, now time.Time) {
	v.floor, v.fixed = fresh.floor, fresh.fixed
	if fresh.requested {
		v.value = fresh.value
	}
	v.value = clamp(v.value, v.floor)
	v.restart(now)
}

// restart drops the shares up to now.
func (v *vardiff) restart(now time.Time) {
	v.since, v.shares, v.work = now, 0, 0
	v.epoch++
}

// share counts a good share of a job of the present epoch.
func (v *vardiff) share(difficulty float64) {
	v.shares++
	v.work += difficulty
}

// at returns the difficulty of a job, where ceiling is that of a block.
func (v *vardiff) at(ceiling float64) float64 {
	return min(v.value, max(ceiling, minDifficulty, v.maxRateDifficulty))
}

// adjust re-evaluates the difficulty, and reports whether it has changed.
func (v *vardiff) adjust(now time.Time, ceiling float64) bool {
	elapsed := now.Sub(v.since)
	if v.fixed || v.shares < adjustShares && elapsed < adjustTime {
		return false
	}
	was := v.at(ceiling)
	// Half a share is added for the one in progress; without shares that is all that is
	// known.
	rate := (v.work + was/2) / max(elapsed.Seconds(), 1e-3)
	maxRateDifficulty := rate / maxShareRate
	wanted := min(rate*shareInterval.Seconds(), max(ceiling, minDifficulty, maxRateDifficulty))
	if ratio := wanted / was; ratio >= minRateRatio && ratio <= maxRateRatio {
		v.since, v.shares, v.work = now, 0, 0
		return false
	}
	v.value = clamp(min(max(wanted, was*maxStepDown), was*maxStepUp), v.floor)
	v.maxRateDifficulty = min(maxRateDifficulty, v.value)
	if v.at(ceiling) == was {
		v.since, v.shares, v.work = now, 0, 0
		return false
	}
	v.restart(now)
	return true
}

// clamp rounds a difficulty and keeps it within its bounds.
func clamp(value, floor float64) float64 {
	return max(roundDown(min(max(value, minDifficulty), maxDifficulty)), floor)
}

// roundDown rounds down to three digits, and above 1 to a whole number, since some
// miners can read nothing else.
func roundDown(value float64) float64 {
	if value > 1e-300 {
		step := math.Pow(10, math.Floor(math.Log10(value))-2)
		if value >= 1 {
			step = max(step, 1)
		}
		// Rounding errors may put the quotient a little below a whole number.
		down := math.Floor(value/step*(1+1e-12)) * step
		value, _ = strconv.ParseFloat(strconv.FormatFloat(down, 'g', 12, 64), 64)
	}
	return value
}

// difficulty returns the exact difficulty of a positive number.
func difficulty(value float64) pow.Difficulty {
	d, err := pow.ParseDifficulty(strconv.FormatFloat(value, 'g', -1, 64))
	if err != nil {
		panic("stratum: " + err.Error())
	}
	return d
}
