package stratum

import (
	"math"
	"strconv"
	"time"

	"stele/engine/pow"
)

const (
	// shareEvery is how often a session shall find a share.
	shareEvery = 3 * time.Second

	// The difficulty is thought over after so many shares, or so much time.
	thinkShares = 24
	thinkTime   = time.Minute

	// It is left alone while shares come at between 0.6 and 1.7 times the wanted
	// rate: of 20 shares, luck alone seldom makes more.
	enoughShares, tooManyShares = 0.6, 1.7
	// One step is at most this.
	mostUp, mostDown = 256, 1.0 / 8

	// leastDifficulty is that of a miner with 1,400 hashes a second.
	leastDifficulty = 1e-6
	mostDifficulty  = 1e15

	// mostRate is how many shares a second a session may find where blocks are
	// easier than shares should be. Each of them may change the tip and so make
	// what is on the way stale: at more, miners see so much refused that some
	// give up (cpuminer-opt exits).
	mostRate = 10
	// firstFlood is the difficulty at which a core of a CPU, with 10 million hashes
	// a second, finds mostRate.
	firstFlood = 0.00023
)

// vardiff finds the difficulty at which a session has a share every shareEvery.
// It is not above that of a block, or blocks would be lost; unless a block takes
// less than leastDifficulty, or the session finds more than mostRate a second:
// such blocks are worth little, and the time goes into telling of them.
type vardiff struct {
	value float64 // at least leastDifficulty; see at
	flood float64 // at which the session finds mostRate shares a second, as far as is known
	floor float64 // that the miner asked for, 0: none
	fixed bool    // the value stays
	asked bool    // the miner asked for the value

	// Since the last decision:
	since  time.Time
	epoch  int // counts decisions; only shares of jobs that were given since count
	shares int
	work   float64 // as difficulty
}

func newVardiff(value float64, now time.Time) vardiff {
	v := vardiff{value: clamp(value, 0), flood: firstFlood}
	v.restart(now)
	return v
}

// start makes the difficulty what the miner asks for, to go on from there.
func (v *vardiff) start(value float64) {
	if !v.fixed {
		v.value, v.asked = clamp(value, v.floor), true
	}
}

// atLeast makes the difficulty never less than floor.
func (v *vardiff) atLeast(floor float64) {
	v.floor = min(floor, mostDifficulty)
	v.value = clamp(v.value, v.floor)
}

// fix makes the difficulty a value for good.
func (v *vardiff) fix(value float64) {
	v.value, v.fixed, v.asked = clamp(value, v.floor), true, true
}

// resume goes on over a new connection, which may have asked for something.
func (v *vardiff) resume(asked vardiff, now time.Time) {
	v.floor, v.fixed = asked.floor, asked.fixed
	if asked.asked {
		v.value = asked.value
	}
	v.value = clamp(v.value, v.floor)
	v.restart(now)
}

// restart forgets what shares told up to now.
func (v *vardiff) restart(now time.Time) {
	v.since, v.shares, v.work = now, 0, 0
	v.epoch++
}

// share counts a good share of a job of the present epoch.
func (v *vardiff) share(difficulty float64) {
	v.shares++
	v.work += difficulty
}

// at returns the difficulty for a job, where ceiling is that of a block.
func (v *vardiff) at(ceiling float64) float64 {
	return min(v.value, max(ceiling, leastDifficulty, v.flood))
}

// think tells whether the difficulty has changed.
func (v *vardiff) think(now time.Time, ceiling float64) bool {
	elapsed := now.Sub(v.since)
	if v.fixed || v.shares < thinkShares && elapsed < thinkTime {
		return false
	}
	was := v.at(ceiling)
	// Half a share more: it is on the way. Without any it is all that is known.
	rate := (v.work + was/2) / max(elapsed.Seconds(), 1e-3)
	flood := rate / mostRate
	wanted := min(rate*shareEvery.Seconds(), max(ceiling, leastDifficulty, flood))
	if ratio := wanted / was; ratio >= enoughShares && ratio <= tooManyShares {
		v.since, v.shares, v.work = now, 0, 0
		return false
	}
	v.value = clamp(min(max(wanted, was*mostDown), was*mostUp), v.floor)
	v.flood = min(flood, v.value)
	if v.at(ceiling) == was {
		v.since, v.shares, v.work = now, 0, 0
		return false
	}
	v.restart(now)
	return true
}

// clamp rounds a difficulty to what it may be.
func clamp(value, floor float64) float64 {
	return max(roundDown(min(max(value, leastDifficulty), mostDifficulty)), floor)
}

// roundDown rounds to three digits, and above 1 to a whole number, since some
// miners read nothing else.
func roundDown(value float64) float64 {
	if value > 1e-300 {
		step := math.Pow(10, math.Floor(math.Log10(value))-2)
		if value >= 1 {
			step = max(step, 1)
		}
		// The quotient may be a little below a whole number that it should be.
		down := math.Floor(value/step*(1+1e-12)) * step
		value, _ = strconv.ParseFloat(strconv.FormatFloat(down, 'g', 12, 64), 64)
	}
	return value
}

// difficulty returns an exact difficulty of a positive number.
func difficulty(value float64) pow.Difficulty {
	d, err := pow.ParseDifficulty(strconv.FormatFloat(value, 'g', -1, 64))
	if err != nil {
		panic("stratum: " + err.Error())
	}
	return d
}
