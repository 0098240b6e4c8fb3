package endtoend

import (
	"math/rand/v2"
	"time"

	"stele/bench"
	"stele/engine"
)

// The pause between two jobs of a switching phase: 20 jobs a second. It varies by half,
// so that jobs do not keep step with the pieces of work.
const (
	jobPause  = 50 * time.Millisecond
	jobJitter = jobPause / 2
)

// pauseBeforeJob returns the pause before the next job.
func pauseBeforeJob(random *rand.Rand) time.Duration {
	return jobPause - jobJitter + time.Duration(random.Int64N(int64(2*jobJitter)))
}

// observed is what happened in a phase: pieces that lanes ended, and the times at which
// every device searched a job.
type observed struct {
	pieces   []engine.PieceReport
	switched map[uint64]time.Time // by the number of the job
}

// switches derives the job switches of a phase from what was observed. Jobs first+1 to
// last were sent at the times in written, while job first was searched. The devices
// stopped at the end.
func (o observed) switches(first, last uint64, written map[uint64]time.Time, end time.Time) []bench.Switch {
	all := make([]bench.Switch, last-first)
	done := end // when every device searched this job or a later one
	for n := last; n > first; n-- {
		if at, ok := o.switched[n]; ok && at.Before(done) {
			done = at
		}
		all[n-first-1].Seconds = max(done.Sub(written[n]), 0).Seconds()
	}
	for _, p := range o.pieces {
		n := jobNumber(&p.Job.Header)
		if n < first || n >= last {
			continue
		}
		all[n-first].StaleHashes += hashesAfter(p, written[n+1])
	}
	return all
}

// hashesAfter returns the hashes of a piece that were done after a moment, if the device
// worked steadily.
func hashesAfter(p engine.PieceReport, moment time.Time) uint64 {
	switch late, whole := p.End.Sub(moment), p.End.Sub(p.Start); {
	case late <= 0:
		return 0
	case late >= whole:
		return p.Hashes
	default:
		return uint64(float64(p.Hashes) * float64(late) / float64(whole))
	}
}
