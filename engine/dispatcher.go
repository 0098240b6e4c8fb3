package engine

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// tuning sets the size of pieces.
type tuning struct {
	period    time.Duration      // a piece lasts this long
	minPeriod time.Duration      // and at least this long, where enough work is left
	minHashes uint64             // hashes in a piece, at least
	guess     float64            // hashes per second of a lane before any measurement
	speed     func(*unit) *speed // the measured speed of a lane
}

// dispatcher hands pieces of work to the lanes of the devices, collects the
// results, and queues again what was not done or is no longer trusted.
type dispatcher struct {
	tuning
	ctx    context.Context
	stop   context.CancelFunc // the owner calls it in the end
	units  []*unit
	finite bool                     // the work ends with the last item; otherwise lanes wait for more
	roll   func(Job) (Job, bool)    // returns the job after one that is used up; may be nil
	report func(*unit, *round, hit) // called once for each hit, never concurrently

	recovery     context.Context // ends when no dead device is reopened any more
	stopRecovery context.CancelFunc

	mu            sync.Mutex
	changed       sync.Cond
	current       context.Context // of all rounds
	abandon       context.CancelFunc
	rounds        []*round         // unfinished ones; pieces are cut from the last
	requeued      []piece          // handed out before the rest of the last round
	exhausted     bool             // roll had no further job
	done          map[*unit]uint64 // hashes accepted from each device
	sickness      map[*unit]uint64 // value of unit.sickCount when the device's work was last revoked
	jobEpoch      int              // counts calls of replace
	lanes         int              // that run, or will
	lanesToSwitch int              // lanes that have not begun with the newest job
	onAllSwitched func(Job)        // called when lanesToSwitch becomes 0; may be nil
	idle          idleTimes
	reporting     sync.Mutex // serializes report
}

// work does a piece on a device and stops soon after ctx ends. Hits passed to
// early are reported at once; they are in the result as well.
type work func(ctx context.Context, u *unit, p piece, early func([]hit)) result

// result is the outcome of a piece: how many items are done, counted from the
// front, and every hit among them. It may hold further hits.
type result struct {
	done uint64
	hits []hit // confirmed by package pow, in range order
}

func newDispatcher(ctx context.Context, t tuning, units []*unit) *dispatcher {
	d := &dispatcher{tuning: t, units: units, done: map[*unit]uint64{}, sickness: map[*unit]uint64{}, idle: idleTimes{}, abandon: func() {}}
	for _, u := range units {
		d.sickness[u] = u.sickCount()
		d.lanes += u.info.Lanes
	}
	d.ctx, d.stop = context.WithCancel(ctx)
	d.recovery, d.stopRecovery = context.WithCancel(d.ctx)
	d.changed.L = &d.mu
	return d
}

// replace abandons all rounds and continues with r.
func (d *dispatcher) replace(r *round) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.abandon()
	d.current, d.abandon = context.WithCancel(d.ctx)
	for _, old := range d.rounds {
		old.abandoned = true
	}
	d.rounds, d.requeued, d.exhausted = nil, nil, false
	d.push(r)
	d.dropFinished()
	d.jobEpoch++
	d.lanesToSwitch = d.lanes
	for _, u := range d.units {
		if u.inState(OK) {
			d.idle.start(u)
		}
	}
	d.changed.Broadcast()
}

func (d *dispatcher) push(r *round) {
	r.ctx = d.current
	d.rounds = append(d.rounds, r)
}

// run starts the lanes of all devices and waits for them. Lanes stop when the
// work is done, when the context ends, and when their device leaves use.
func (d *dispatcher) run(do work) {
	stopWaking := context.AfterFunc(d.ctx, d.wakeLanes)
	defer stopWaking()
	var devices sync.WaitGroup
	for _, u := range d.units {
		devices.Go(func() {
			for epoch := 0; ; epoch = d.rejoin(u) {
				var lanes sync.WaitGroup
				for range u.info.Lanes {
					lanes.Go(func() { d.lane(u, do, epoch) })
				}
				lanes.Wait()
				if !d.leave() || !u.awaitUse(d.recovery) {
					d.leave() // a lost device can no longer return
					return
				}
			}
		})
	}
	devices.Wait()
}

// leave is called when all lanes of a device have stopped. It reports whether
// to wait for the device: finite work never waits when no device is in use,
// other work waits while some device may return.
func (d *dispatcher) leave() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	canWork := func(u *unit) bool { return u.inState(OK) || !d.finite && u.mayReturn() }
	if d.isDone() || !slices.ContainsFunc(d.units, canWork) {
		d.stopRecovery()
	}
	return d.ctx.Err() == nil && !d.isDone()
}

// rejoin counts the lanes of a device that returns and reports the job epoch.
// The lanes begin with the newest job, so none of them has to switch.
func (d *dispatcher) rejoin(u *unit) (epoch int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lanes += u.info.Lanes
	if len(d.rounds) > 0 {
		d.idle.start(u)
	}
	return d.jobEpoch
}

// lane does piece after piece on a device. Epoch is the job epoch that the lane
// starts from.
func (d *dispatcher) lane(u *unit, do work, epoch int) {
	defer func() { d.laneStopped(u, epoch) }()
	if u.info.Pinned {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	for {
		p, ok := d.take(u)
		if !ok {
			return
		}
		if p.jobEpoch != epoch {
			epoch = p.jobEpoch
			d.laneSwitched(p)
		}
		start := time.Now()
		r := do(p.round.ctx, u, p, func(hits []hit) {
			d.reportHits(u, p.round, p.unreported(hits))
		})
		d.speed(u).add(r.done*p.round.hashesPerItem, time.Since(start), d.period)
		d.reportHits(u, p.round, d.finish(u, p, r))
	}
}

// reportHits reports hits that were not reported before.
func (d *dispatcher) reportHits(u *unit, r *round, hits []hit) {
	d.reporting.Lock()
	defer d.reporting.Unlock()
	for _, h := range hits {
		d.report(u, r, h)
	}
}

// wakeLanes makes lanes that wait for work check why they wait.
func (d *dispatcher) wakeLanes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed.Broadcast()
}

// take waits for a piece for a lane of u. It returns false when the lane must
// stop.
func (d *dispatcher) take(u *unit) (piece, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		d.revoke(u)
		if !u.inState(OK) {
			return piece{}, false
		}
		if d.ctx.Err() != nil || d.isDone() {
			return piece{}, false
		}
		if p, ok := d.cut(d.pieceSize(u)); ok {
			p.sickness, p.jobEpoch = d.sickness[u], d.jobEpoch
			d.idle.take(u)
			return p, true
		}
		if !d.finite { // there is nothing to do until the next job
			d.idle.stop(u, false)
		}
		d.changed.Wait()
	}
}

// laneSwitched notes that a lane begins with another job, and calls
// onAllSwitched if it is the last lane to begin with the newest.
func (d *dispatcher) laneSwitched(p piece) {
	d.mu.Lock()
	isLast := p.jobEpoch == d.jobEpoch
	if isLast {
		d.lanesToSwitch--
		isLast = d.lanesToSwitch == 0
	}
	d.mu.Unlock()
	if isLast && d.onAllSwitched != nil {
		d.onAllSwitched(p.round.job)
	}
}

// laneStopped notes that a lane of u stops. Finite work that other devices were
// still doing kept the device waiting until now.
func (d *dispatcher) laneStopped(u *unit, epoch int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle.stop(u, d.isDone() && u.inState(OK))
	d.lanes--
	if epoch != d.jobEpoch {
		d.lanesToSwitch--
	}
}

// The caller of the remaining methods must hold d.mu, except where they lock it.

// isDone reports whether no work is left, neither to hand out nor in the hands
// of a lane, and no more can arrive.
func (d *dispatcher) isDone() bool { return d.finite && len(d.rounds) == 0 }

// pieceSize returns the number of hashes in the next piece for a lane of u. Of
// finite work it is at most half of the lane's fair share of what is left,
// unless no other lane exists to share with.
func (d *dispatcher) pieceSize(u *unit) uint64 {
	speed := d.speed(u).perSecond(d.guess)
	n := speed * d.period.Seconds()
	if d.finite {
		lanes, all := 0, 0.0
		for _, v := range d.units {
			if v.inState(OK) {
				lanes += v.info.Lanes
				all += d.speed(v).perSecond(d.guess) * float64(v.info.Lanes)
			}
		}
		if lanes > 1 {
			n = min(n, float64(d.pending())*speed/(2*all))
		}
	}
	return max(uint64(max(n, speed*d.minPeriod.Seconds())), d.minHashes)
}

// pending counts the hashes that are not handed out.
func (d *dispatcher) pending() (n uint64) {
	for _, p := range d.requeued {
		n += p.n * p.round.hashesPerItem
	}
	for _, r := range d.rounds {
		n += (r.total - r.next) * r.hashesPerItem
	}
	return n
}

// cut takes a piece of at most n hashes, but at least one item, from the work.
func (d *dispatcher) cut(n uint64) (piece, bool) {
	if last := len(d.requeued) - 1; last >= 0 {
		p := &d.requeued[last]
		front, rest := p.split(p.round.itemsFor(n))
		if rest.n == 0 {
			d.requeued = d.requeued[:last]
		} else {
			p.part = rest
		}
		return piece{part: front, round: p.round}, true
	}
	if len(d.rounds) == 0 {
		return piece{}, false
	}
	r := d.rounds[len(d.rounds)-1]
	if r.next == r.total {
		if r = d.roundAfter(r); r == nil {
			return piece{}, false
		}
		d.push(r)
		d.dropFinished()
	}
	p := piece{part: part{off: r.next, n: min(r.itemsFor(n), r.total-r.next)}, round: r}
	r.next += p.n
	return p, true
}

// roundAfter returns the round to continue with when all of r is handed out: the
// next group of versions, or the next header. It returns nil if there is none.
func (d *dispatcher) roundAfter(r *round) *round {
	if next := r.nextGroup(); next != nil {
		return next
	}
	if d.roll == nil || d.exhausted {
		return nil
	}
	job, ok := d.roll(r.job)
	if !ok {
		d.exhausted = true
		return nil
	}
	return nonceRound(job, allNonces)
}

// finish takes a piece back with its result and returns the hits to report. It
// locks d.mu.
func (d *dispatcher) finish(u *unit, p piece, got result) []hit {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.changed.Broadcast()
	d.idle.finish(u)
	hits := p.unreported(got.hits)
	if p.round.abandoned {
		return hits
	}
	d.revoke(u)
	if p.sickness != d.sickness[u] {
		got.done = 0
	}
	if got.done > 0 {
		front, rest := p.split(got.done)
		p.round.accept(u, front)
		d.done[u] += front.n * p.round.hashesPerItem
		p.part = rest
	}
	if p.n > 0 {
		d.requeued = append(d.requeued, p)
	}
	d.dropFinished()
	return hits
}

// revoke queues again all that a device did before it became sick.
func (d *dispatcher) revoke(u *unit) {
	sickness := u.sickCount()
	if sickness == d.sickness[u] {
		return
	}
	d.sickness[u] = sickness
	for _, r := range d.rounds {
		for _, p := range r.revoke(u) {
			d.requeued = append(d.requeued, piece{part: p, round: r})
			d.done[u] -= p.n * r.hashesPerItem
		}
	}
	d.changed.Broadcast()
}

// dropFinished drops the rounds in which nothing is left. Of work that is not
// finite the last one stays, because the next header is rolled from it.
func (d *dispatcher) dropFinished() {
	kept := d.rounds[:0]
	for i, r := range d.rounds {
		if r.left > 0 || !d.finite && i == len(d.rounds)-1 {
			kept = append(kept, r)
		}
	}
	clear(d.rounds[len(kept):])
	d.rounds = kept
	if d.isDone() {
		d.stopRecovery()
	}
}

// deviceWork returns what was accepted from each device. It locks d.mu.
func (d *dispatcher) deviceWork() []DeviceWork {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]DeviceWork, len(d.units))
	for i, u := range d.units {
		all[i] = DeviceWork{u.info.ID, d.done[u]}
	}
	return all
}
