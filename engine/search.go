package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stele/engine/pow"
)

// Hit is a version and a nonce with which the job's header meets its target.
type Hit struct {
	Job     Job
	Version uint32 // that of the job's header, but for the bits of VersionMask
	Nonce   uint32
	Hash    pow.Hash
	Device  string // ID of the device that found it
}

// Header returns the header that was found: that of the job with the version
// and the nonce of the hit. Its hash is Hash.
func (h Hit) Header() [pow.HeaderSize]byte {
	header := h.Job.Header
	setVersion(&header, h.Version)
	pow.SetNonce(&header, h.Nonce)
	return header
}

// Summary is what a search did.
type Summary struct {
	Scanned uint64 // hashes finished: nonces, times versions; each counts once
	Elapsed time.Duration
	Devices []Share
}

// searching cuts nonces. The pieces are long against the cost of handing them
// out, and short against the time in which a person notices anything.
var searching = tuning{
	period:   50 * time.Millisecond,
	smallest: 1 << 12,
	guess:    (1 << 18) / 0.05,
	speed:    func(u *unit) *rate { return &u.searching },
}

// Search scans the whole range and calls found for every nonce whose hash
// meets the target, each once, in no certain order and never two at a time.
// Found must not call the engine.
//
// It returns when the range is done; when ctx ends, with its error; or with
// [ErrNoDevice] when no device is left. In each case the summary tells what
// was done until then and the hits found until then are told. A range of more
// than 2^32 nonces is [ErrRange], and so are more than [MaxVersions] versions.
func (e *Engine) Search(ctx context.Context, job Job, r pow.Range, found func(Hit)) (Summary, error) {
	if r.Count > pow.NonceSpace {
		return Summary{}, fmt.Errorf("%w: %d nonces, there are %d", ErrRange, r.Count, pow.NonceSpace)
	}
	if n := job.Versions(); n > MaxVersions {
		return Summary{}, fmt.Errorf("%w: %d versions by the mask %08x, at most %d are searched at once", ErrRange, n, job.VersionMask, MaxVersions)
	}
	if err := e.enter(); err != nil {
		return Summary{}, err
	}
	defer e.mu.RUnlock()

	start := time.Now()
	f := newFeed(ctx, e.searching, e.units)
	defer f.stop()
	f.ends = true
	f.tell = teller(found)
	f.replace(nonceRound(job, r))
	f.run(e.scan)

	sum := Summary{Elapsed: time.Since(start), Devices: f.shares()}
	for _, s := range sum.Devices {
		sum.Scanned += s.Items
	}
	switch {
	case sum.Scanned == r.Count*job.Versions():
		return sum, nil
	case ctx.Err() != nil:
		return sum, ctx.Err()
	}
	return sum, e.noDevice()
}

// teller returns a function that tells a hit to the caller of the engine.
func teller(found func(Hit)) func(*unit, *round, hit) {
	return func(u *unit, r *round, h hit) {
		header := r.group.WithVersion(uint64(h.Version))
		found(Hit{Job: r.job, Version: versionOf(&header), Nonce: h.Nonce, Hash: h.hash, Device: u.info.ID})
	}
}

// scan searches a piece on a device, and gives hits to early as soon as they are
// known and found to be good.
func (e *Engine) scan(ctx context.Context, u *unit, p piece, early func([]hit)) result {
	ctx, cancel := u.bound(ctx, e.stall)
	defer cancel()
	r := p.nonces()
	got, err := scanVersions(ctx, u.device, &p.round.group, r, func(found []Candidate) {
		hits, _ := check(&p.round.group, r, found) // wrong ones are counted in the end
		early(hits)
	})
	ended := ctx.Err()
	hits, wrong := check(&p.round.group, r, got.Hits)
	// A piece counts as far as it was searched, whether it was finished or not: a
	// hit that is a block ends exactly the piece in which it was found.
	u.noteSearch(got.hashes, len(hits), float64(got.hashes)*chance(p.round.group.Target))
	if wrong > 0 {
		if n := u.wrongs(wrong); n >= wrongAnswers {
			u.putAside(Sick, fmt.Sprintf("%d wrong hits", n))
		}
		return result{hits: hits}
	}
	switch {
	case got.Done > r.Count:
		u.putAside(Sick, fmt.Sprintf("said that %d of %d nonces are done", got.Done, r.Count))
		return result{hits: hits}
	case got.Done == r.Count && err == nil: // finished
	case errors.Is(err, ErrWrong):
		u.putAside(Sick, err.Error())
		return result{hits: hits}
	case errors.Is(ended, context.DeadlineExceeded) && got.hashes == 0 && p.round.ctx.Err() == nil:
		u.putAside(Sick, fmt.Sprintf("no nonce finished in %v", e.stall))
	case ended != nil: // told to stop
	case err != nil:
		u.putAside(Dead, err.Error())
	default:
		u.putAside(Sick, fmt.Sprintf("left out nonces: %d of %d done, and no error", got.Done, r.Count))
		return result{hits: hits}
	}
	return result{done: got.Done, hits: hits}
}

// chance returns the probability that a hash meets a target.
func chance(t pow.Target) float64 {
	low := (float64(t[0])+1)/(1<<64) + float64(t[1])
	return ((low/(1<<64)+float64(t[2]))/(1<<64) + float64(t[3])) / (1 << 64)
}

// check hashes what a device reported for r again. It returns the good ones,
// and the number of those that are wrong: not good, not in r, no version of the
// job, or not in order.
func check(job *Job, r pow.Range, found []Candidate) (hits []hit, wrong int) {
	next := uint64(0)
	for _, c := range found {
		place := c.place(r)
		if place < next || place >= r.Count*MaxVersions || uint64(c.Version) >= job.Versions() {
			wrong++
			continue
		}
		header := job.WithVersion(uint64(c.Version))
		pow.SetNonce(&header, c.Nonce)
		hash := pow.Sum(header[:])
		if !job.Target.MetBy(hash) {
			wrong++
			continue
		}
		hits = append(hits, hit{c, hash})
		next = place + 1
	}
	return hits, wrong
}
