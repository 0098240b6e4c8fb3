package gpu

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

const (
	// capacity is how many candidates a launch can report. If there are more,
	// the range is searched again in halves.
	capacity = 1 << 16
	// page is how many candidates are read together with their count.
	page = 1 << 10
	// maxLaunch bounds the nonces of a launch, so that the last threads do not
	// wrap around to its first nonces.
	maxLaunch = 1 << 31
)

// Scan implements engine.Device.
func (d *Device) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (res engine.ScanResult, err error) {
	s, err := d.current()
	if err != nil {
		return res, err
	}
	one := engine.Job{Header: job.Header, Target: job.Target}
	var report func([]engine.Candidate)
	if early != nil {
		report = func(found []engine.Candidate) { early(nonces(found)) }
	}
	hits, done, err := s.scan(ctx, s.singleVersion, &one, r, report)
	return engine.ScanResult{Nonces: nonces(hits), Done: done}, err
}

func nonces(hits []engine.Candidate) (list []uint32) {
	for _, h := range hits {
		list = append(list, h.Nonce)
	}
	return list
}

// ScanVersions implements engine.VersionScanner.
func (d *Device) ScanVersions(ctx context.Context, job *engine.Job, r pow.Range, early func([]engine.Candidate)) (res engine.VersionsResult, err error) {
	if n := job.Versions(); n != engine.MaxVersions {
		return res, fmt.Errorf("gpu: the job has %d versions, must have %d", n, engine.MaxVersions)
	}
	s, err := d.current()
	if err != nil {
		return res, err
	}
	res.Hits, res.Done, err = s.scan(ctx, s.multiVersion, job, r, early)
	return res, err
}

// scan searches a range with all versions of the job, whose number is that of k.
// It calls early, if not nil, after each launch that found something.
func (s *session) scan(ctx context.Context, k *searcher, job *engine.Job, r pow.Range, early func([]engine.Candidate)) (hits []engine.Candidate, done uint64, err error) {
	l, err := s.take(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() { s.free <- l }()
	w, err := s.prepare(l, k, job)
	if err != nil {
		return nil, 0, err
	}
	for done < r.Count {
		if err := ctx.Err(); err != nil {
			return hits, done, err
		}
		w.variant = k.next()
		part := pow.Range{First: r.First + uint32(done), Count: min(s.size(w), r.Count-done)}
		found, err := s.searchTimed(l, w, part)
		if err != nil {
			return hits, done, err
		}
		found = exact(job, found)
		if s.spot.due() {
			if err := s.spot.check(s, l, w, part, found); err != nil {
				s.fail(err)
				return hits, done, err
			}
		}
		hits = append(hits, found...)
		done += part.Count
		if early != nil && len(found) > 0 {
			early(found)
		}
	}
	return hits, done, nil
}

// size returns the number of nonces of the next launch: what the GPU does within
// the budget, in whole passes of the grid, but not more than its candidates have
// room for.
func (s *session) size(w work) uint64 {
	n := uint64(float64(w.rate.Load()) * s.budget.Seconds())
	n = min(n, w.largest.Load()) / w.versions
	full := s.full(w)
	n = max(n-n%full, full)
	fit := uint64(capacity/2) << 32 / (uint64(w.job.Target.Top32()) + 1) / w.versions
	return min(n, fit, maxLaunch)
}

// full returns the number of nonces of one pass: each thread of the grid has work.
func (s *session) full(w work) uint64 { return uint64(s.device.SMs*w.shape.Blocks) * w.grain }

// searchTimed is search. It updates the speed of the variant.
func (s *session) searchTimed(l *lane, w work, r pow.Range) ([]engine.Candidate, error) {
	sharing := s.busy.Add(1)
	trial, start := w.trial.Load(), time.Now()
	if trial != nil {
		trial.begin(start)
	}
	found, err := s.search(l, w, r)
	end := time.Now()
	s.busy.Add(-1)
	hashes := r.Count * w.versions
	if err == nil {
		w.learn(hashes, end.Sub(start)/time.Duration(sharing))
	}
	if trial != nil && trial.end(end, w.variant, hashes) {
		trial.mark(s.sense())
	}
	return found, err
}

// sense reads the sensors of the GPU. It returns no readings if that takes too long.
func (s *session) sense() sensors {
	read := make(chan sensors, 1)
	if s.calls.within(s.deadline, "reading the sensors", func() error { read <- s.system.sensors(s.device); return nil }, nil) != nil {
		return sensors{}
	}
	return <-read
}

// exact drops the candidates that do not meet the whole target: the kernels
// compare its top 32 bits only. A candidate that does not even meet those stays,
// since it is an error of the GPU, which the engine must see.
func exact(job *engine.Job, found []engine.Candidate) []engine.Candidate {
	top := job.Target.Top32()
	return slices.DeleteFunc(found, func(c engine.Candidate) bool {
		if uint64(c.Version) >= job.Versions() {
			return false
		}
		hash := hashOf(job, c)
		return !job.Target.MetBy(hash) && binary.LittleEndian.Uint32(hash[28:]) <= top
	})
}

// hashOf computes the hash of a candidate on the CPU.
func hashOf(job *engine.Job, c engine.Candidate) pow.Hash {
	header := job.WithVersion(uint64(c.Version))
	pow.SetNonce(&header, c.Nonce)
	return pow.Sum(header[:])
}

// search returns the candidates of a range in its order, those of one nonce by
// version.
func (s *session) search(l *lane, w work, r pow.Range) ([]engine.Candidate, error) {
	found, count, err := s.launch(l, w, r)
	if err != nil {
		return nil, err
	}
	if count > capacity {
		half := r.Count / 2
		front, err := s.search(l, w, pow.Range{First: r.First, Count: half})
		if err != nil {
			return nil, err
		}
		rest, err := s.search(l, w, pow.Range{First: r.First + uint32(half), Count: r.Count - half})
		return append(front, rest...), err
	}
	sortFrom(r.First, found)
	return found, nil
}

// sortFrom sorts candidates by nonce, counted from first on, and then by version.
func sortFrom(first uint32, all []engine.Candidate) {
	slices.SortFunc(all, func(a, b engine.Candidate) int {
		return cmp.Or(cmp.Compare(a.Nonce-first, b.Nonce-first), cmp.Compare(a.Version, b.Version))
	})
}

// launch searches a range with one launch. If count exceeds capacity, found has
// only some of the candidates.
func (s *session) launch(l *lane, w work, r pow.Range) (found []engine.Candidate, count uint64, err error) {
	if r.Count == 0 {
		return nil, 0, nil
	}
	blocks := min((r.Count+w.grain-1)/w.grain, uint64(s.device.SMs*w.shape.Blocks))
	params := w.params(l, r, (r.Count+blocks*w.grain-1)/(blocks*w.grain))
	words := func(hits uint32) int { return 4 * (2 + w.words*int(hits)) }

	k, threads := w.kernel, w.kind.Threads() // copies: a call that hangs may use them later
	err = s.do(l, "a search", func() error {
		binary.LittleEndian.PutUint32(l.head, 0)
		binary.LittleEndian.PutUint32(l.head[4:], capacity)
		if err := l.queue.upload(l.hits, l.head); err != nil {
			return err
		}
		if err := l.queue.launch(k, int(blocks), threads, params); err != nil {
			return err
		}
		if err := l.queue.download(l.found[:words(page)], l.hits); err != nil {
			return err
		}
		if err := l.queue.wait(); err != nil {
			return err
		}
		if n := l.count(); n > page && n <= capacity {
			if err := l.queue.download(l.found[:words(n)], l.hits); err != nil {
				return err
			}
			return l.queue.wait()
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	count = uint64(l.count())
	if at := binary.LittleEndian.Uint32(l.found[4:]); count > r.Count*w.versions || at != capacity {
		err := fmt.Errorf("%w: %d candidates among %d hashes, with room for %d", engine.ErrWrong, count, r.Count*w.versions, at)
		s.fail(err)
		return nil, 0, err
	}
	for i := range min(count, capacity) {
		hit := l.found[words(uint32(i)):]
		c := engine.Candidate{Nonce: binary.LittleEndian.Uint32(hit)}
		if w.words == 2 {
			c.Version = binary.LittleEndian.Uint32(hit[4:])
		}
		found = append(found, c)
	}
	return found, count, nil
}

// count returns the number of candidates of the last launch.
func (l *lane) count() uint32 { return binary.LittleEndian.Uint32(l.found) }
