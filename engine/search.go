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
	Version uint32 // of the header; differs from the job's only in bits of VersionMask
	Nonce   uint32
	Hash    pow.Hash
	Device  string // ID of the device that found it
}

// Header returns the job's header with the version and the nonce of the hit. Its
// hash is h.Hash.
func (h Hit) Header() [pow.HeaderSize]byte {
	header := h.Job.Header
	setVersion(&header, h.Version)
	pow.SetNonce(&header, h.Nonce)
	return header
}

// Summary describes the work of a search.
type Summary struct {
	Scanned uint64 // hashes finished: nonces times versions; each counts once
	Elapsed time.Duration
	Devices []DeviceWork // in the order of [Engine.Status]
}

// searching sets the size of pieces of nonces. A piece lasts long compared with
// the cost of handing it out, and too short for a person to notice.
var searching = tuning{
	period:    50 * time.Millisecond,
	minHashes: 1 << 12,
	guess:     (1 << 18) / 0.05,
	speed:     func(u *unit) *speed { return &u.searching },
}

// Search scans the whole range and calls found once for every nonce whose hash
// meets the target, in no defined order and never concurrently. Found must not
// call the engine.
//
// Search returns nil when the range is done, the error of ctx when that ends, and
// [ErrNoDevice] when no device is left. In each case the summary counts the work
// done so far, and found has been called for all hits in it. A range of more than
// 2^32 nonces or a job of more than [MaxVersions] versions is [ErrRange].
func (e *Engine) Search(ctx context.Context, job Job, r pow.Range, found func(Hit)) (Summary, error) {
	if r.Count > pow.NonceSpace {
		return Summary{}, fmt.Errorf("%w: %d nonces, at most %d", ErrRange, r.Count, pow.NonceSpace)
	}
	if n := job.Versions(); n > MaxVersions {
		return Summary{}, fmt.Errorf("%w: %d versions by the mask %08x, at most %d in a search", ErrRange, n, job.VersionMask, MaxVersions)
	}
	if err := e.enter(); err != nil {
		return Summary{}, err
	}
	defer e.mu.RUnlock()

	start := time.Now()
	d := newDispatcher(ctx, e.searching, e.units)
	defer d.stop()
	d.finite = true
	d.report = reportTo(found)
	d.replace(nonceRound(job, r))
	d.run(e.scan)

	sum := Summary{Elapsed: time.Since(start), Devices: d.deviceWork()}
	for _, w := range sum.Devices {
		sum.Scanned += w.Items
	}
	switch {
	case sum.Scanned == r.Count*job.Versions():
		return sum, nil
	case ctx.Err() != nil:
		return sum, ctx.Err()
	}
	return sum, e.noDevice()
}

// reportTo returns a function that passes a hit to the caller of the engine.
func reportTo(found func(Hit)) func(*unit, *round, hit) {
	return func(u *unit, r *round, h hit) {
		header := r.group.WithVersion(uint64(h.Version))
		found(Hit{Job: r.job, Version: versionOf(&header), Nonce: h.Nonce, Hash: h.hash, Device: u.info.ID})
	}
}

// scan searches a piece on a device, and passes hits to early as soon as they are
// confirmed.
func (e *Engine) scan(ctx context.Context, u *unit, p piece, early func([]hit)) result {
	ctx, cancel := u.callContext(ctx, e.stall)
	defer cancel()
	r, start := p.nonces(), time.Now()
	got, err := scanVersions(ctx, u.device, &p.round.group, r, func(found []Candidate) {
		hits, _ := confirm(&p.round.group, r, found) // wrong ones are counted in the end
		early(hits)
	})
	ended := ctx.Err()
	hits, wrong := confirm(&p.round.group, r, got.Hits)
	if e.onPiece != nil {
		e.onPiece(PieceReport{u.info.ID, p.round.job, start, time.Now(), got.hashes})
	}
	// What was searched of an abandoned piece counts too. Otherwise hits would be
	// missing from the counts: a hit that is a block abandons its own piece.
	u.addSearch(got.hashes, len(hits), float64(got.hashes)*chance(p.round.group.Target))
	if wrong > 0 {
		if n := u.addWrong(wrong); n >= maxWrongHits {
			u.disable(Sick, fmt.Sprintf("%d wrong hits", n))
		}
		return result{hits: hits}
	}
	switch {
	case got.Done > r.Count:
		u.disable(Sick, fmt.Sprintf("reported %d of %d nonces as done", got.Done, r.Count))
		return result{hits: hits}
	case got.Done == r.Count && err == nil: // finished
	case errors.Is(err, ErrWrong):
		u.disable(Sick, err.Error())
		return result{hits: hits}
	case errors.Is(ended, context.DeadlineExceeded) && got.hashes == 0 && p.round.ctx.Err() == nil:
		u.disable(Sick, fmt.Sprintf("no nonce finished in %v", e.stall))
	case ended != nil: // the call was cancelled
	case err != nil:
		u.disable(Dead, err.Error())
	default:
		u.disable(Sick, fmt.Sprintf("left out nonces: %d of %d done without an error", got.Done, r.Count))
		return result{hits: hits}
	}
	return result{done: got.Done, hits: hits}
}

// chance returns the probability that a hash meets a target.
func chance(t pow.Target) float64 {
	low := (float64(t[0])+1)/(1<<64) + float64(t[1])
	return ((low/(1<<64)+float64(t[2]))/(1<<64) + float64(t[3])) / (1 << 64)
}

// confirm hashes again what a device reported for r. It returns the hits, and the
// number of candidates that are wrong: above the target, not in r, not a version
// of the job, or out of order.
func confirm(job *Job, r pow.Range, found []Candidate) (hits []hit, wrong int) {
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
