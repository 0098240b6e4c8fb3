package headersync

import (
	"time"

	"stele/engine/pow"
)

const (
	firstOffers = 3               // that a first sync waits for
	firstWait   = 5 * time.Second // after which it waits no longer
)

// Choose returns the machine that gets [Redownload] next, or nil: the one that is
// [Ready] with the most work, if that is more than best, the work of the node's best
// header. One machine redownloads at a time, so that peers do not send the same
// headers; when it stops, Choose returns another one.
//
// In a first sync, in which the node does not know how much work to expect, Choose
// waits until three machines are ready, or for 5 s since the first one was: waited is
// the time since then. So a peer with many cheap headers costs a scan of them, and
// loses against an honest one.
func Choose(machines []*Machine, best pow.Work, isFirst bool, waited time.Duration) *Machine {
	var chosen *Machine
	offers := 0
	for _, m := range machines {
		switch {
		case m.state == Redownloading:
			return nil
		case m.state != Ready:
			continue
		}
		offers++
		if !m.isAsking && m.memory.work.Cmp(best) > 0 {
			chosen, best = m, m.memory.work
		}
	}
	if isFirst && offers < firstOffers && waited < firstWait {
		return nil
	}
	return chosen
}
