package engine

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// tuning is how a feed cuts its pieces.
type tuning struct {
	period   time.Duration     // a piece lasts this long
	shortest time.Duration     // and at least so long, where enough is left
	smallest uint64            // hashes in a piece at least
	guess    float64           // hashes per second of a lane before any measurement
	speed    func(*unit) *rate // the measured speed of a lane
}

// feed hands pieces of the work to the lanes of the devices, takes the
// results, and hands out again what was not done or is no longer trusted.
type feed struct {
	tuning
	ctx   context.Context
	stop  context.CancelFunc // to be called in the end
	units []*unit
	ends  bool                     // the work ends with the last item; else lanes wait for more
	roll  func(Job) (Job, bool)    // next job when one is used up; may be nil
	tell  func(*unit, *round, hit) // called serially for each hit once

	recovery context.Context    // ends when no dead device is tried again any more
	giveUp   context.CancelFunc // ends recovery

	mu      sync.Mutex
	changed sync.Cond
	current context.Context // of all rounds
	abandon context.CancelFunc
	rounds  []*round         // with items left; the last is the one handed out
	again   []piece          // handed out before the rest of the last round
	rolled  bool             // roll had no further job
	done    map[*unit]uint64 // hashes taken from each device
	trusted map[*unit]uint64 // how often a device was sick when its work was last disowned
	number  int              // of the last replace
	lanes   int              // that run, or will
	behind  int              // lanes that have not begun with the job of the last replace
	begun   func(Job)        // called when none is behind any more; may be nil

	telling sync.Mutex
}

// work does a piece on a device. It has to stop soon when ctx ends. Hits that it
// gives to early are told at once; they are in the result all the same.
type work func(ctx context.Context, u *unit, p piece, early func([]hit)) result

// result is what a lane made of a piece: how many items it can call done,
// counted from the front, with every hit among them. There may be more hits.
type result struct {
	done uint64
	hits []hit // found good by package pow, in range order
}

func newFeed(ctx context.Context, t tuning, units []*unit) *feed {
	f := &feed{tuning: t, units: units, done: map[*unit]uint64{}, trusted: map[*unit]uint64{}, abandon: func() {}}
	for _, u := range units {
		f.trusted[u] = u.sick()
		f.lanes += u.info.Lanes
	}
	f.ctx, f.stop = context.WithCancel(ctx)
	f.recovery, f.giveUp = context.WithCancel(f.ctx)
	f.changed.L = &f.mu
	return f
}

// replace abandons all rounds and goes on with r.
func (f *feed) replace(r *round) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.abandon()
	f.current, f.abandon = context.WithCancel(f.ctx)
	for _, old := range f.rounds {
		old.abandoned = true
	}
	f.rounds, f.again, f.rolled = nil, nil, false
	f.push(r)
	f.forget()
	f.number++
	f.behind = f.lanes
	f.changed.Broadcast()
}

func (f *feed) push(r *round) {
	r.ctx = f.current
	f.rounds = append(f.rounds, r)
}

// run starts the lanes of all devices and waits for them. They stop when the
// work is over, when the context ends, and when their device is put aside.
func (f *feed) run(do work) {
	asleep := context.AfterFunc(f.ctx, f.wake)
	defer asleep()
	var devices sync.WaitGroup
	for _, u := range f.units {
		devices.Go(func() {
			for number := 0; ; number = f.enter(u) {
				var lanes sync.WaitGroup
				for range u.info.Lanes {
					lanes.Go(func() { f.lane(u, do, number) })
				}
				lanes.Wait()
				if !f.leave() || !u.revive(f.recovery) {
					f.leave() // a device that is lost is no hope any more
					return
				}
			}
		})
	}
	devices.Wait()
}

// leave is called when the lanes of a device have stopped, and reports whether
// the device is needed if it comes back. Work that ends does not wait when no
// device is there, and other work not when none may come back.
func (f *feed) leave() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	hope := func(u *unit) bool { return u.is(OK) || !f.ends && u.mayReturn() }
	if f.over() || !slices.ContainsFunc(f.units, hope) {
		f.giveUp()
	}
	return f.ctx.Err() == nil && !f.over()
}

// enter counts the lanes of a device that comes back, which are not behind, and
// returns the number of the last replace.
func (f *feed) enter(u *unit) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lanes += u.info.Lanes
	return f.number
}

// lane does one piece after the other on a device. Number is that of the last
// replace that it knows of.
func (f *feed) lane(u *unit, do work, number int) {
	defer func() { f.end(number) }()
	if u.info.Pinned {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	for {
		p, ok := f.take(u)
		if !ok {
			return
		}
		if p.number != number {
			number = p.number
			f.begin(p)
		}
		start := time.Now()
		r := do(p.round.ctx, u, p, func(hits []hit) {
			f.announce(u, p.round, p.news(hits))
		})
		f.speed(u).note(r.done*p.round.each, time.Since(start), f.period)
		f.announce(u, p.round, f.give(u, p, r))
	}
}

// announce tells hits, which were not told before.
func (f *feed) announce(u *unit, r *round, hits []hit) {
	f.telling.Lock()
	defer f.telling.Unlock()
	for _, h := range hits {
		f.tell(u, r, h)
	}
}

func (f *feed) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed.Broadcast()
}

// take waits for a piece for a lane of u. It returns false when the lane has
// to stop.
func (f *feed) take(u *unit) (piece, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		f.disown(u)
		if !u.is(OK) {
			return piece{}, false
		}
		if f.ctx.Err() != nil || f.over() {
			return piece{}, false
		}
		if p, ok := f.cut(f.size(u)); ok {
			p.sick, p.number = f.trusted[u], f.number
			return p, true
		}
		f.changed.Wait()
	}
}

// begin notes that a lane begins with the newest job, and tells when it is the
// last to do so.
func (f *feed) begin(p piece) {
	f.mu.Lock()
	last := p.number == f.number
	if last {
		f.behind--
		last = f.behind == 0
	}
	f.mu.Unlock()
	if last && f.begun != nil {
		f.begun(p.round.job)
	}
}

// end notes that a lane stops.
func (f *feed) end(number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lanes--
	if number != f.number {
		f.behind--
	}
}

// over reports whether nothing is left, neither to hand out nor in the hands
// of a lane, and nothing more will come.
func (f *feed) over() bool { return f.ends && len(f.rounds) == 0 }

// size returns the number of hashes in the next piece for a lane of u. Of work
// that ends it is at most half of the lane's fair share of what is left,
// unless no other lane is there to share with.
func (f *feed) size(u *unit) uint64 {
	speed := f.speed(u).perSecond(f.guess)
	n := speed * f.period.Seconds()
	if f.ends {
		lanes, all := 0, 0.0
		for _, v := range f.units {
			if v.is(OK) {
				lanes += v.info.Lanes
				all += f.speed(v).perSecond(f.guess) * float64(v.info.Lanes)
			}
		}
		if lanes > 1 {
			n = min(n, float64(f.toHandOut())*speed/(2*all))
		}
	}
	return max(uint64(max(n, speed*f.shortest.Seconds())), f.smallest)
}

// toHandOut counts the hashes that no lane has in hand.
func (f *feed) toHandOut() (n uint64) {
	for _, p := range f.again {
		n += p.n * p.round.each
	}
	for _, r := range f.rounds {
		n += (r.total - r.next) * r.each
	}
	return n
}

// cut takes a piece of at most n hashes, but at least one item, from the work.
func (f *feed) cut(n uint64) (piece, bool) {
	if last := len(f.again) - 1; last >= 0 {
		p := &f.again[last]
		front, rest := p.split(p.round.items(n))
		if rest.n == 0 {
			f.again = f.again[:last]
		} else {
			p.part = rest
		}
		return piece{part: front, round: p.round}, true
	}
	if len(f.rounds) == 0 {
		return piece{}, false
	}
	r := f.rounds[len(f.rounds)-1]
	if r.next == r.total {
		if r = f.after(r); r == nil {
			return piece{}, false
		}
		f.push(r)
		f.forget()
	}
	p := piece{part: part{off: r.next, n: min(r.items(n), r.total-r.next)}, round: r}
	r.next += p.n
	return p, true
}

// after returns the round to hand out when r is handed out: of the next group
// of versions, or of the next header, or nil if there is none.
func (f *feed) after(r *round) *round {
	if next := r.following(); next != nil {
		return next
	}
	if f.roll == nil || f.rolled {
		return nil
	}
	job, ok := f.roll(r.job)
	if !ok {
		f.rolled = true
		return nil
	}
	return nonceRound(job, allNonces)
}

// give takes back a piece with its result and returns the hits to tell.
func (f *feed) give(u *unit, p piece, got result) []hit {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.changed.Broadcast()
	hits := p.news(got.hits)
	if p.round.abandoned {
		return hits
	}
	f.disown(u)
	if p.sick != f.trusted[u] {
		got.done = 0
	}
	if got.done > 0 {
		front, rest := p.split(got.done)
		p.round.accept(u, front)
		f.done[u] += front.n * p.round.each
		p.part = rest
	}
	if p.n > 0 {
		f.again = append(f.again, p)
	}
	f.forget()
	return hits
}

// disown puts back all that a device has done before it became sick.
func (f *feed) disown(u *unit) {
	sick := u.sick()
	if sick == f.trusted[u] {
		return
	}
	f.trusted[u] = sick
	for _, r := range f.rounds {
		for _, p := range r.disown(u) {
			f.again = append(f.again, piece{part: p, round: r})
			f.done[u] -= p.n * r.each
		}
	}
	f.changed.Broadcast()
}

// forget drops the rounds in which nothing is left. The last one stays if it
// is to be rolled.
func (f *feed) forget() {
	kept := f.rounds[:0]
	for i, r := range f.rounds {
		if r.left > 0 || !f.ends && i == len(f.rounds)-1 {
			kept = append(kept, r)
		}
	}
	clear(f.rounds[len(kept):])
	f.rounds = kept
	if f.over() {
		f.giveUp()
	}
}
