package endtoend

import (
	"fmt"
	"strconv"
	"time"

	"stele/bench"
	"stele/engine/pow"
)

// Plan is the course of a measurement. Each round has a phase of each kind.
type Plan struct {
	Rounds int
	Phase  time.Duration // of each phase
}

const (
	minRounds, usualRounds = 10, 15
	// The devices take about a millisecond to start and to stop, which is part of a
	// phase. Only a run that is too short for it has phases below usualPhase.
	minPhase, usualPhase, maxPhase = 20 * time.Millisecond, 250 * time.Millisecond, 2 * time.Second
)

// PlanFor returns the plan for a duration: at least 10 rounds, with phases of 250 ms to 2 s,
// or shorter ones if the duration is below 10 s.
func PlanFor(d time.Duration) Plan {
	kinds := time.Duration(len(bench.PhaseKinds()))
	phase := min(max(d/kinds/usualRounds, usualPhase), maxPhase)
	phase = max(min(phase, d/kinds/minRounds), minPhase)
	return Plan{Rounds: max(int(d/kinds/phase), minRounds), Phase: phase}
}

// phases returns the number of phases, those to warm up included.
func (p Plan) phases() int { return p.Rounds*len(bench.PhaseKinds()) + warmUps }

const (
	// usualShares are the shares per second of a phase in which they do not matter. A
	// pool asks for fewer; this is what a test in a short time needs.
	usualShares = 10
	// manyShares are those of all phases with many shares together: 95 % of the
	// measurements are within 2 % of the mean then.
	manyShares = 12_000
	// maxShares bounds the shares per second: each costs about 0.1 ms of processor time,
	// of the client and the pool together (BenchmarkShare).
	maxShares = 2000
)

// sharesPerSecond returns the rate of shares for a kind of phase.
func (p Plan) sharesPerSecond(kind bench.PhaseKind) float64 {
	if kind != bench.PhaseShares {
		return usualShares
	}
	return min(manyShares/(float64(p.Rounds)*p.Phase.Seconds()), maxShares)
}

// difficultyFor returns the difficulty, of few digits, with which a hash rate gives this
// many shares per second.
func difficultyFor(hashRate, sharesPerSecond float64) (pow.Difficulty, error) {
	d := hashRate / sharesPerSecond / pow.HashesPerDifficulty
	difficulty, err := pow.ParseDifficulty(strconv.FormatFloat(d, 'e', 3, 64))
	if err != nil {
		return difficulty, fmt.Errorf("share difficulty for %.3g hashes per second: %w", hashRate, err)
	}
	return difficulty, nil
}
