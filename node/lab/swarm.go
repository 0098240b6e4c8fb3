package lab

import (
	"context"
	"sync"
)

// swarm are the hostile peers of a fault.
type swarm struct {
	stop context.CancelFunc
	work sync.WaitGroup
}

// swarms are the hostile peers of all faults that last, by the text of the fault.
type swarms map[string]*swarm

// start starts the hostile peers of a fault. They call its nodes in turn, or all of the
// plan if it names none; attacker makes the one with a number.
func (all swarms) start(ctx context.Context, p *Plan, f Fault, attacker func(number, target int) *Attacker) {
	ctx, stop := context.WithCancel(ctx)
	s := &swarm{stop: stop}
	all[f.String()] = s
	for i := range f.Count {
		target := i % p.Nodes
		if f.Nodes != nil {
			target = f.Nodes[i%len(f.Nodes)]
		}
		a := attacker(i, target)
		s.work.Go(func() { a.Run(ctx) })
	}
}

// end stops the hostile peers of a fault, and waits for them.
func (all swarms) end(f Fault) {
	if s := all[f.String()]; s != nil {
		s.stop()
		s.work.Wait()
		delete(all, f.String())
	}
}

// stop stops all hostile peers, and waits for them.
func (all swarms) stop() {
	for _, s := range all {
		s.stop()
		s.work.Wait()
	}
}
