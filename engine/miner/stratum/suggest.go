package stratum

import (
	"fmt"

	"stele/engine/pow"
	"stele/engine/stratum"
)

// suggestion is the share difficulty that was suggested to the pool.
type suggestion struct {
	rate float64 // hashes per second that it was made for
	done bool    // a fixed one was sent
}

// secondsPerShare is how long a share should take.
const secondsPerShare = 4

// update suggests a difficulty, and again if the hash rate changes by a factor of 4.
func (g *suggestion) update(s *session) {
	if fixed := s.c.options.SuggestDifficulty; fixed.Cmp(pow.Difficulty{}) > 0 {
		if !g.done {
			s.notice(stratum.MethodSuggestDifficulty, stratum.FormatDifficulty(fixed))
		}
		g.done = true
		return
	}
	rate := s.miner.HashRate()
	if rate <= 0 || g.rate > 0 && rate < 4*g.rate && g.rate < 4*rate {
		return
	}
	g.rate = rate
	text := fmt.Sprintf("%.4g", rate*secondsPerShare/pow.HashesPerDifficulty)
	if d, err := pow.ParseDifficulty(text); err == nil {
		s.notice(stratum.MethodSuggestDifficulty, stratum.FormatDifficulty(d))
	}
}
