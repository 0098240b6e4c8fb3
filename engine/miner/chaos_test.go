package miner

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// Pools connect and disconnect at random. In the end the best connected one is mined,
// every share is accepted once or waits for its pool, and no share is wrong.
func TestPoolsComeAndGo(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				pools := []*pool{newPool("a"), newPool("b"), newPool("c")}
				r := start(t, Options{}, nil, pools[0], pools[1], pools[2])
				pass(time.Minute) // the first piece is long, since the speed is not known
				for range 25 {
					p := pools[random.IntN(len(pools))]
					switch random.IntN(3) {
					case 0:
						p.set(true)
					case 1:
						p.set(false)
					default:
						p.give(false)
					}
					pass(time.Duration(random.IntN(20_000)) * time.Millisecond)
					up := false
					for _, s := range r.Status().Sources {
						up = up || s.Connected
					}
					if s := r.Status(); up && s.State != Mining {
						t.Errorf("%s %q although a source gives work", s.State, s.Trouble)
					}
				}
				for _, p := range pools {
					p.set(false)
				}
				pass(2*defaultTimes.maxBackOff + defaultTimes.settle)
				s := r.Status()
				if !s.Sources[0].Active || s.Shares.Accepted != s.Shares.Found || s.Shares.Pending != 0 || s.State != Mining {
					t.Errorf("%s, %+v\n%+v", s.State, s.Shares, s.Sources)
				}
				r.end()
				for _, p := range pools {
					p.check(t)
				}
			})
		})
	}
}
