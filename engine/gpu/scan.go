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
	kernels "stele/kernels/cuda"
)

const (
	// capacity is how many candidates a launch can report; when there are more,
	// its range is searched again in halves.
	capacity = 1 << 16
	// page is how many candidates are read at once with their number.
	page = 1 << 10
	// longest bounds the nonces of a launch, so that the last threads do not
	// come round to its first nonces.
	longest = 1 << 31
)

// shape is how a search is launched.
type shape struct {
	Entry  string `json:"entry"`  // name of the kernel
	Blocks int    `json:"blocks"` // in the grid, for each SM
}

// Scan implements engine.Device.
func (d *Device) Scan(ctx context.Context, job *engine.Job, r pow.Range) (engine.ScanResult, error) {
	s, err := d.current()
	if err != nil {
		return engine.ScanResult{}, err
	}
	return s.scan(ctx, job, r)
}

func (s *session) scan(ctx context.Context, job *engine.Job, r pow.Range) (res engine.ScanResult, err error) {
	l, err := s.take(ctx)
	if err != nil {
		return res, err
	}
	defer func() { s.free <- l }()
	work := kernels.NewJob(&job.Header, job.Target)
	for res.Done < r.Count {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		part := pow.Range{First: r.First + uint32(res.Done), Count: min(s.size(job.Target), r.Count-res.Done)}
		found, err := s.searchTimed(l, work, part)
		if err != nil {
			return res, err
		}
		hits := exact(job, found)
		if s.spot.due() {
			if err := s.spot.check(s, l, job, part, hits); err != nil {
				s.fail(err)
				return res, err
			}
		}
		res.Nonces = append(res.Nonces, hits...)
		res.Done += part.Count
	}
	return res, nil
}

// size returns how many nonces the next launch shall have: as many as the GPU
// does in the budget, and so few that their candidates fit.
func (s *session) size(target pow.Target) uint64 {
	least := uint64(s.device.SMs * s.shape.Blocks * kernels.Scan.Threads())
	n := uint64(float64(s.rate.Load()) * s.budget.Seconds())
	n = max(min(n, s.largest.Load()), least)
	fit := uint64(capacity/2) << 32 / (uint64(target.Top32()) + 1)
	return min(n, fit, longest)
}

// searchTimed is search, and learns the GPU's speed by it.
func (s *session) searchTimed(l *lane, work *kernels.Job, r pow.Range) ([]uint32, error) {
	sharing := s.busy.Add(1)
	start := time.Now()
	found, err := s.search(l, work, r)
	took := time.Since(start)
	s.busy.Add(-1)
	if err == nil {
		s.learn(r.Count, took/time.Duration(sharing))
	}
	return found, err
}

// learn smooths the speed. A launch is never much longer than the longest
// before it, whatever the speed seems to be.
func (s *session) learn(n uint64, took time.Duration) {
	seen := float64(n) / max(took, time.Microsecond).Seconds()
	if old := float64(s.rate.Load()); old > 0 {
		seen = old + (seen-old)/4
	}
	s.rate.Store(uint64(seen))
	if 4*n > s.largest.Load() {
		s.largest.Store(4 * n)
	}
}

// exact drops the candidates that do not meet the whole target; the kernels
// compare its top 32 bits. One that does not even meet those stays: it is a
// mistake of the GPU, which the engine shall see.
func exact(job *engine.Job, nonces []uint32) []uint32 {
	header, top := job.Header, job.Target.Top32()
	return slices.DeleteFunc(nonces, func(nonce uint32) bool {
		pow.SetNonce(&header, nonce)
		hash := pow.Sum(header[:])
		return !job.Target.MetBy(hash) && binary.LittleEndian.Uint32(hash[28:]) <= top
	})
}

// search returns the candidates of a range, in its order.
func (s *session) search(l *lane, work *kernels.Job, r pow.Range) ([]uint32, error) {
	nonces, count, err := s.launch(l, work, r)
	if err != nil {
		return nil, err
	}
	if count > capacity {
		half := r.Count / 2
		front, err := s.search(l, work, pow.Range{First: r.First, Count: half})
		if err != nil {
			return nil, err
		}
		rest, err := s.search(l, work, pow.Range{First: r.First + uint32(half), Count: r.Count - half})
		return append(front, rest...), err
	}
	slices.SortFunc(nonces, func(a, b uint32) int { return cmp.Compare(a-r.First, b-r.First) })
	return nonces, nil
}

// launch searches a range once. If count is more than capacity, nonces are
// only some of the candidates.
func (s *session) launch(l *lane, work *kernels.Job, r pow.Range) (nonces []uint32, count uint64, err error) {
	if r.Count == 0 {
		return nil, 0, nil
	}
	const threads = 256
	most := uint64(s.device.SMs * s.shape.Blocks)
	blocks := min((r.Count+threads-1)/threads, most)
	rounds := (r.Count + blocks*threads - 1) / (blocks * threads)
	params := work.ScanParams(kernels.Range{First: r.First, Count: r.Count, Rounds: uint32(rounds)}, uint64(l.hits))

	k := s.kernel
	err = s.do(l, "a search", func() error {
		binary.LittleEndian.PutUint32(l.head, 0)
		binary.LittleEndian.PutUint32(l.head[4:], capacity)
		if err := l.queue.upload(l.hits, l.head); err != nil {
			return err
		}
		if err := l.queue.launch(k, int(blocks), threads, params); err != nil {
			return err
		}
		if err := l.queue.download(l.found[:4*(2+page)], l.hits); err != nil {
			return err
		}
		if err := l.queue.wait(); err != nil {
			return err
		}
		if n := l.count(); n > page && n <= capacity {
			if err := l.queue.download(l.found[:4*(2+n)], l.hits); err != nil {
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
	if at := binary.LittleEndian.Uint32(l.found[4:]); count > r.Count || at != capacity {
		err := fmt.Errorf("%w: %d candidates among %d nonces, of at most %d", engine.ErrWrong, count, r.Count, at)
		s.fail(err)
		return nil, 0, err
	}
	for i := range min(count, capacity) {
		nonces = append(nonces, binary.LittleEndian.Uint32(l.found[8+4*i:]))
	}
	return nonces, count, nil
}

// count is how many candidates the last launch had.
func (l *lane) count() uint32 { return binary.LittleEndian.Uint32(l.found) }
