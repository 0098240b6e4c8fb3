package engine

import (
	"context"
	"slices"

	"stele/engine/pow"
)

// round is the work on one job (a range of nonces, each to be tried with a group
// of versions of the header) or on one batch of headers: the items 0 to total-1,
// handed out in pieces.
type round struct {
	ctx       context.Context // ends when the round is abandoned
	abandoned bool
	job       Job              // as the engine got it
	number    uint64           // of the group of versions
	group     Job              // the job with these versions only
	each      uint64           // hashes of an item: one for each version
	first     uint32           // the nonce of item 0
	total     uint64           // items
	largest   uint64           // items in a piece at most
	next      uint64           // this and later items were not handed out yet
	left      uint64           // items not done
	finished  map[*unit][]part // what each device has done
	told      int              // hits kept in finished
}

// hitsInPiece bounds the hits to expect in a piece, which have to be kept and
// hashed again.
const hitsInPiece = 1 << 16

// hitsInRound bounds the hits that a round keeps to know them again. What is
// done beyond stays done, even if its device turns out sick.
const hitsInRound = 1 << 20

// allNonces is every nonce from 0.
var allNonces = pow.Range{Count: pow.NonceSpace}

// nonceRound returns the round that searches r for job, with the first group of
// its versions.
func nonceRound(job Job, r pow.Range) *round { return groupRound(job, 0, r) }

func groupRound(job Job, number uint64, r pow.Range) *round {
	each := min(job.Versions(), MaxVersions)
	return &round{
		job:      job,
		number:   number,
		group:    job.group(number),
		each:     each,
		first:    r.First,
		total:    r.Count,
		left:     r.Count,
		largest:  max(hitsInPiece<<32/(uint64(job.Target.Top32())+1)/each, 1),
		finished: map[*unit][]part{},
	}
}

// following returns the round with the next group of versions, or nil after
// the last.
func (r *round) following() *round {
	if (r.number+1)*MaxVersions >= r.job.Versions() {
		return nil
	}
	return groupRound(r.job, r.number+1, pow.Range{First: r.first, Count: r.total})
}

// batchRound returns the round that checks n headers.
func batchRound(n int) *round {
	return &round{
		each:     1,
		total:    uint64(n),
		left:     uint64(n),
		largest:  pow.NonceSpace,
		finished: map[*unit][]part{},
	}
}

// items returns how many items have n hashes: at least one, and not more than a
// piece may have.
func (r *round) items(n uint64) uint64 { return min(max(n/r.each, 1), r.largest) }

// accept notes that u has done p.
func (r *round) accept(u *unit, p part) {
	r.left -= p.n
	if r.told+len(p.told) > hitsInRound {
		return
	}
	r.told += len(p.told)
	done := r.finished[u]
	if last := len(done) - 1; last >= 0 && done[last].off+done[last].n == p.off {
		done[last].n += p.n
		done[last].told = append(done[last].told, p.told...)
		return
	}
	r.finished[u] = append(done, p)
}

// disown takes back all that u has done and returns it.
func (r *round) disown(u *unit) []part {
	parts := r.finished[u]
	delete(r.finished, u)
	for _, p := range parts {
		r.left += p.n
		r.told -= len(p.told)
	}
	return parts
}

// part is a run of n items of a round from item off on. Told holds the places
// of the hits among them that were told, in order, so that none is told twice
// when the part is searched again.
type part struct {
	off, n uint64
	told   []uint64
}

// split cuts a part after n items.
func (p part) split(n uint64) (front, rest part) {
	if n >= p.n {
		return p, part{off: p.off + p.n}
	}
	cut, _ := slices.BinarySearch(p.told, (p.off+n)*MaxVersions)
	return part{p.off, n, slices.Clip(p.told[:cut])}, part{p.off + n, p.n - n, p.told[cut:]}
}

// piece is a part of a round in the hands of a lane.
type piece struct {
	part
	round  *round
	sick   uint64 // how often its device was sick when it got the piece
	number int    // of the last replace then
}

// nonces returns the range that the round of a job stands for.
func (r *round) nonces() pow.Range { return pow.Range{First: r.first, Count: r.total} }

// nonces returns the range that a piece of a job stands for.
func (p piece) nonces() pow.Range {
	return pow.Range{First: p.round.first + uint32(p.off), Count: p.n}
}

// hit is a candidate that package pow found to be good.
type hit struct {
	Candidate
	hash pow.Hash
}

// news returns the hits that were not told before, and notes that they are told.
func (p *piece) news(hits []hit) []hit {
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		_, told := slices.BinarySearch(p.told, h.place(p.round.nonces()))
		return told
	})
	for _, h := range hits {
		p.told = append(p.told, h.place(p.round.nonces()))
	}
	slices.Sort(p.told)
	return hits
}
