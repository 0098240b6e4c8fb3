package mine

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
)

// display shows the status of a miner: a live view on a terminal, lines elsewhere. The
// answers to shares are lines in both.
type display struct {
	*screen.Terminal
	help   atomic.Bool
	failed atomic.Bool // the miner ended with an error, which replaces the last line

	answers chan miner.Answer
	dropped atomic.Uint64 // answers for which the channel had no room

	// Only show uses the rest, and its caller when it has returned.
	shares shareLog
	past   past
}

// maxWaitingAnswers is how many answers wait for an output that is slow.
const maxWaitingAnswers = 1024

func newDisplay(t *screen.Terminal) *display {
	return &display{Terminal: t, answers: make(chan miner.Answer, maxWaitingAnswers)}
}

// press performs the action of a key.
func (o *display) press(key byte, m minerflags.Pauser, stop func()) {
	switch key {
	case 'h', 'H', '?':
		o.help.Store(!o.help.Load())
	default:
		minerflags.Press(key, m, stop)
	}
}

// answer takes the answer to a share. It never blocks, however slow the output is. Safe
// for concurrent use.
func (o *display) answer(a miner.Answer) {
	select {
	case o.answers <- a:
	default:
		o.dropped.Add(1)
	}
}

// show shows the miner until ctx ends, and after that the answers to its last shares
// until ended is closed.
func (o *display) show(ctx context.Context, m *miner.Miner, ended <-chan struct{}) {
	ticker := time.NewTicker(screen.RedrawEvery)
	defer ticker.Stop()
	var printed time.Time
	for {
		s := m.Status()
		o.past.observe(s)
		if s.Now.Sub(printed) >= screen.PrintEvery {
			printed = s.Now
			o.period(s)
		}
		o.draw(s)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				o.last(m.Status())
				o.drain(ended)
				return
			case a := <-o.answers:
				o.printShare(a)
			case <-ticker.C:
				waiting = false
			}
		}
	}
}

// period prints what belongs at the end of each [screen.PrintEvery].
func (o *display) period(s miner.Status) {
	if rest := o.shares.rest(o.Lines(), s.Now); rest != "" {
		o.Print(rest + "\n")
	}
	if !o.IsLive() {
		o.Print(strings.Join(statusLines(o.Lines(), s), "\n") + "\n")
	}
}

// last shows the last status, unless an error replaces it.
func (o *display) last(s miner.Status) {
	o.past.observe(s)
	if !o.failed.Load() {
		o.period(s)
		o.draw(s)
	}
}

// drain prints the answers that come until ended is closed.
func (o *display) drain(ended <-chan struct{}) {
	for {
		select {
		case a := <-o.answers:
			o.printShare(a)
		case <-ended:
			for range len(o.answers) {
				o.printShare(<-o.answers)
			}
			if rest := o.shares.rest(o.Lines(), time.Now()); rest != "" {
				o.Print(rest + "\n")
			}
			return
		}
	}
}

// draw shows the status as a view, on a terminal.
func (o *display) draw(s miner.Status) {
	if o.IsLive() {
		o.Draw(func(p screen.Painter) []string { return view{Painter: p, help: o.help.Load()}.lines(s) })
	}
}

func (o *display) printShare(a miner.Answer) {
	o.shares.accepted += o.dropped.Swap(0)
	if o.shares.admit(a) {
		o.Print(shareLine(o.Lines(), a) + "\n")
	}
}
