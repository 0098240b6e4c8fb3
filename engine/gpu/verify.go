package gpu

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// chunk is how many headers are copied and verified at a time: 5 MiB, about 0.1 ms
// of a fast bus. It is a multiple of 32.
const chunk = 1 << 16

// slots is how many chunks of a lane are in flight: the host copies one while the
// GPU works on the other.
const slots = 2

// slot is a chunk in flight, with its buffers.
type slot struct {
	queue   queue
	headers []byte // pinned
	bad     []byte // pinned: one bit per header

	deviceHeaders, deviceHashes, deviceBad cuda.DevicePtr

	first, n int // the chunk: n headers from first on; n is 0: none
	extra    int // 1 if the header before first is in front of them
}

// Verify implements engine.Device.
func (d *Device) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	if len(headers) != pow.HeaderSize*len(verdicts) {
		return fmt.Errorf("gpu: %d bytes of headers for %d verdicts", len(headers), len(verdicts))
	}
	s, err := d.current()
	if err != nil {
		return err
	}
	return s.verify(ctx, headers, linked, verdicts)
}

func (s *session) verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	if len(verdicts) == 0 {
		return nil
	}
	l, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer func() { s.free <- l }()
	if l.slots == nil {
		if err := s.makeSlots(l); err != nil {
			return err
		}
	}
	for next, at := 0, 0; ; at = (at + 1) % slots {
		p := &l.slots[at]
		if err := s.finish(l, p, headers, linked, verdicts); err != nil {
			return err
		}
		if next == len(verdicts) {
			if l.isIdle() {
				return nil
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return s.drain(l, err)
		}
		p.first, p.n, p.extra = next, min(chunk-1, len(verdicts)-next), 0
		if linked && next > 0 {
			p.extra = 1
		}
		parallelCopy(p.headers, headers[(next-p.extra)*pow.HeaderSize:(next+p.n)*pow.HeaderSize])
		if err := s.start(l, p, linked); err != nil {
			return err
		}
		next += p.n
	}
}

// parallelCopy copies on several cores: one is slower than the bus.
func parallelCopy(dst, src []byte) {
	const share = 1 << 20
	var parts sync.WaitGroup
	for len(src) > share {
		front, to := src[:share], dst[:share]
		parts.Go(func() { copy(to, front) })
		src, dst = src[share:], dst[share:]
	}
	copy(dst, src)
	parts.Wait()
}

// isIdle reports whether no chunk is in flight.
func (l *lane) isIdle() bool {
	for i := range l.slots {
		if l.slots[i].n > 0 {
			return false
		}
	}
	return true
}

// drain waits for the chunks in flight and discards their verdicts. It returns the
// reason.
func (s *session) drain(l *lane, reason error) error {
	for i := range l.slots {
		p := &l.slots[i]
		if p.n > 0 && s.do(l, "a verification", p.queue.wait) == nil {
			p.n = 0
		}
	}
	return reason
}

// makeSlots allocates the slots of a lane.
func (s *session) makeSlots(l *lane) error {
	var made []slot
	err := s.doWithin(s.opening, l, "allocating memory", func() error {
		for range slots {
			var p slot
			var err error
			if p.queue, err = s.queue(); err != nil {
				return err
			}
			if err := s.allocAll(
				buffer{&p.headers, &p.deviceHeaders, chunk * pow.HeaderSize},
				buffer{nil, &p.deviceHashes, chunk * len(pow.Hash{})},
				buffer{&p.bad, &p.deviceBad, chunk / 8},
			); err != nil {
				return err
			}
			made = append(made, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.slots = made
	return nil
}

// start queues the work on a chunk.
func (s *session) start(l *lane, p *slot, linked bool) error {
	n := p.n + p.extra
	hashes := cuda.DevicePtr(0)
	if linked {
		hashes = p.deviceHashes
	}
	params := kernels.VerifyParams(uint64(p.deviceHeaders), uint64(hashes), uint64(p.deviceBad), n)
	words := (n + 31) / 32
	return s.do(l, "queueing a verification", func() error {
		if err := p.queue.upload(p.deviceHeaders, p.headers[:n*pow.HeaderSize]); err != nil {
			return err
		}
		if err := p.queue.zero(p.deviceBad, 4*words); err != nil {
			return err
		}
		threads := kernels.Verify.Threads()
		if err := p.queue.launch(s.verifyKernel, (n+threads-1)/threads, threads, params); err != nil {
			return err
		}
		if linked {
			threads := kernels.Link.Threads()
			if err := p.queue.launch(s.linkKernel, (n+threads-1)/threads, threads, params); err != nil {
				return err
			}
		}
		return p.queue.download(p.bad[:4*words], p.deviceBad)
	})
}

// finish waits for the chunk of a slot, if there is one, and sets its verdicts.
func (s *session) finish(l *lane, p *slot, headers []byte, linked bool, verdicts []pow.Verdict) error {
	if p.n == 0 {
		return nil
	}
	if err := s.do(l, "a verification", p.queue.wait); err != nil {
		return err
	}
	first, n, extra := p.first, p.n, p.extra
	p.n = 0
	clear(verdicts[first : first+n])
	for at := 0; at < n+extra; at += 32 {
		word := binary.LittleEndian.Uint32(p.bad[at/8:])
		for ; word != 0; word &= word - 1 {
			i := at + bits.TrailingZeros32(word) - extra
			if i < 0 {
				continue // the header in front is part of another chunk
			}
			if i >= n {
				break
			}
			v := pow.VerifyAt(headers, linked, first+i)
			if v == pow.Valid {
				err := fmt.Errorf("%w: the GPU reports header %d of a batch as invalid, the reference as valid", engine.ErrWrong, first+i)
				s.fail(err)
				return err
			}
			verdicts[first+i] = v
		}
	}
	return nil
}
