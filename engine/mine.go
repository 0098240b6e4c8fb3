package engine

import "context"

// Mine keeps the devices busy with the newest job. It returns the error of ctx
// when that ends, nil when jobs is closed, and [ErrNoDevice] when no device is
// left.
//
// A job received from jobs replaces the old one at once: the devices stop in the
// middle of their pieces. Hits that they found before are still reported;
// Hit.Job distinguishes the jobs.
//
// Every job is searched from nonce 0 on, with all versions that its VersionMask
// allows: all nonces with the first [MaxVersions] versions, then all nonces with
// the next, and so on. When all of that is handed out, Mine calls roll for the
// next header (with another extranonce or time), and the devices continue with
// it while the last pieces of the old one are finished. When roll returns false,
// or is nil, the devices idle until the next job.
//
// Mine waits for a dead device that is a [Reopener], unless it is lost
// ([ErrLost]), and for a device that rests. A sick device rejoins when
// [Engine.Retry] has returned it to use.
//
// Found is called as in [Engine.Search], a millisecond or two after a device has
// tried the nonce. Roll is never called concurrently; the devices wait for it, so
// it must be quick. Neither may call the engine.
//
// While Mine runs, GOMAXPROCS is greater than the number of lanes that want an OS
// thread of their own, so that the rest of the program does not wait for them.
func (e *Engine) Mine(ctx context.Context, jobs <-chan Job, roll func(Job) (Job, bool), found func(Hit)) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	defer spareProcessor(e.units)()

	d := newDispatcher(ctx, e.searching, e.units)
	d.roll, d.onAllSwitched = roll, e.onBegin
	d.report = reportTo(found)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		d.run(e.scan)
	}()
	defer func() {
		d.stop()
		<-stopped
	}()

	for {
		select {
		case job, ok := <-jobs:
			if !ok {
				return nil
			}
			d.replace(nonceRound(job, allNonces))
		case <-stopped:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return e.noDevice()
		}
	}
}
