package engine

import (
	"context"
	"slices"

	"stele/engine/pow"
)

// round is the work on one job (a range of nonces, each hashed with every
// version of a group) or on one batch of headers. Its items, numbered from 0 to
// total-1, are nonces or headers and are handed out in pieces.
type round struct {
	ctx           context.Context // ends when the round is abandoned
	abandoned     bool
	job           Job              // as the engine received it
	groupIndex    uint64           // index of the group of versions
	group         Job              // the job with only these versions
	hashesPerItem uint64           // one for each version
	first         uint32           // the nonce of item 0
	total         uint64           // items
	maxItems      uint64           // in a piece
	next          uint64           // this item and later ones were not handed out yet
	left          uint64           // items not done
	finished      map[*unit][]part // done by each device
	reported      int              // hits kept in finished
}

// maxHitsInPiece bounds the expected hits of a piece, which are kept and hashed
// again.
const maxHitsInPiece = 1 << 16

// maxHitsInRound bounds the hits that a round keeps to recognize them when a
// part is searched again. Parts beyond it stay done, even if their device turns
// out sick.
const maxHitsInRound = 1 << 20

// allNonces is every nonce from 0.
var allNonces = pow.Range{Count: pow.NonceSpace}

// nonceRound returns the round that searches r for job, with the first group of
// its versions.
func nonceRound(job Job, r pow.Range) *round { return groupRound(job, 0, r) }

func groupRound(job Job, index uint64, r pow.Range) *round {
	versions := min(job.Versions(), MaxVersions)
	return &round{
		job:           job,
		groupIndex:    index,
		group:         job.group(index),
		hashesPerItem: versions,
		first:         r.First,
		total:         r.Count,
		left:          r.Count,
		maxItems:      max(maxHitsInPiece<<32/(uint64(job.Target.Top32())+1)/versions, 1),
		finished:      map[*unit][]part{},
	}
}

// nextGroup returns the round with the next group of versions, or nil after
// the last.
func (r *round) nextGroup() *round {
	if (r.groupIndex+1)*MaxVersions >= r.job.Versions() {
		return nil
	}
	return groupRound(r.job, r.groupIndex+1, pow.Range{First: r.first, Count: r.total})
}

// batchRound returns the round that checks n headers.
func batchRound(n int) *round {
	return &round{
		hashesPerItem: 1,
		total:         uint64(n),
		left:          uint64(n),
		maxItems:      pow.NonceSpace,
		finished:      map[*unit][]part{},
	}
}

// itemsFor returns the number of items that have n hashes together: at least
// one, and at most maxItems.
func (r *round) itemsFor(n uint64) uint64 { return min(max(n/r.hashesPerItem, 1), r.maxItems) }

// accept notes that u has done p.
func (r *round) accept(u *unit, p part) {
	r.left -= p.n
	if r.reported+len(p.reported) > maxHitsInRound {
		return
	}
	r.reported += len(p.reported)
	done := r.finished[u]
	if last := len(done) - 1; last >= 0 && done[last].off+done[last].n == p.off {
		done[last].n += p.n
		done[last].reported = append(done[last].reported, p.reported...)
		return
	}
	r.finished[u] = append(done, p)
}

// revoke marks all that u has done as not done and returns it.
func (r *round) revoke(u *unit) []part {
	parts := r.finished[u]
	delete(r.finished, u)
	for _, p := range parts {
		r.left += p.n
		r.reported -= len(p.reported)
	}
	return parts
}

// part is a run of n items of a round from item off on. Reported has the places
// (see [Candidate.place]) of the hits among them that were reported, in
// ascending order, so that none is reported twice when the part is searched
// again.
type part struct {
	off, n   uint64
	reported []uint64
}

// split cuts a part after n items.
func (p part) split(n uint64) (front, rest part) {
	if n >= p.n {
		return p, part{off: p.off + p.n}
	}
	cut, _ := slices.BinarySearch(p.reported, (p.off+n)*MaxVersions)
	return part{p.off, n, slices.Clip(p.reported[:cut])}, part{p.off + n, p.n - n, p.reported[cut:]}
}

// piece is a part of a round in the hands of a lane.
type piece struct {
	part
	round    *round
	sickness uint64 // dispatcher.sickness of its device when it was handed out
	jobEpoch int    // dispatcher.jobEpoch when it was handed out
}

// nonces returns the nonces of a job's round.
func (r *round) nonces() pow.Range { return pow.Range{First: r.first, Count: r.total} }

// nonces returns the nonces of a piece of a job's round.
func (p piece) nonces() pow.Range {
	return pow.Range{First: p.round.first + uint32(p.off), Count: p.n}
}

// hit is a candidate that package pow has confirmed.
type hit struct {
	Candidate
	hash pow.Hash
}

// unreported returns the hits that were not reported before, and marks them as
// reported.
func (p *piece) unreported(hits []hit) []hit {
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		_, known := slices.BinarySearch(p.reported, h.place(p.round.nonces()))
		return known
	})
	for _, h := range hits {
		p.reported = append(p.reported, h.place(p.round.nonces()))
	}
	slices.Sort(p.reported)
	return hits
}
