package engine

import "context"

// Mine keeps the devices busy with the newest job until ctx ends, and then
// returns its error; until jobs is closed, and then returns nil; or until no
// device is left ([ErrNoDevice]). Mine waits for a dead device that is a
// [Reopener], unless it is lost ([ErrLost]), and for one that rests; a sick one joins in again when
// [Engine.Retry] has taken it in.
//
// A job that comes in on jobs takes the place of the old one at once: the
// devices stop in the middle of their pieces. Hits that they found before are
// still told; Hit.Job tells the jobs apart. Every job is searched from nonce 0
// on, with all versions that its VersionMask allows: all nonces with the first
// [MaxVersions] of them, then all nonces with the next, and so on. When all that
// is handed out, roll is asked for the next header (with another extranonce or
// time), and the devices go on with that while the last pieces of the old one
// are finished. When roll returns false, or is nil, the devices rest until the
// next job.
//
// While Mine runs, GOMAXPROCS is greater than the number of lanes that want an OS
// thread of their own, so that the rest of the program is not kept waiting.
//
// Found is called as in [Engine.Search], a millisecond or two after a device has
// tried the nonce. Roll is never called twice at a time;
// it keeps the devices waiting, so it must be quick. Neither may call the
// engine.
func (e *Engine) Mine(ctx context.Context, jobs <-chan Job, roll func(Job) (Job, bool), found func(Hit)) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	defer spareProcessor(e.units)()

	f := newFeed(ctx, e.searching, e.units)
	f.roll, f.begun = roll, e.begun
	f.tell = teller(found)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		f.run(e.scan)
	}()
	defer func() {
		f.stop()
		<-stopped
	}()

	for {
		select {
		case job, ok := <-jobs:
			if !ok {
				return nil
			}
			f.replace(nonceRound(job, allNonces))
		case <-stopped:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return e.noDevice()
		}
	}
}
