//go:build linux && cuda && cgo

package cuda

// #include "bind.h"
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"gorgonia.org/cu"
)

// Stream is a queue of work for the device. Its work runs in order, and
// concurrently with that of other streams. All methods but Synchronize and Close
// return as soon as the work is queued; a later call returns the error of work
// that failed.
type Stream struct {
	c *Context
	s cu.Stream
}

// NewStream creates a stream that does not wait for the default stream of the
// context.
func (c *Context) NewStream() (*Stream, error) {
	s := &Stream{c: c}
	err := c.use("cuStreamCreate", func() (err error) {
		s.s, err = cu.MakeStream(cu.NonBlocking)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Launch queues a kernel: grid blocks of block threads, each block with shared
// bytes of dynamic shared memory. params are the arguments of the kernel in order,
// each in the memory layout that the kernel declares, structs included. Launch
// copies them. There may be 64 with 4096 bytes in all.
func (s *Stream) Launch(f *Function, grid, block [3]int, shared int, params ...[]byte) error {
	var shape [6]C.uint
	for i, n := range append(grid[:], block[:]...) {
		if n < 1 || n > 1<<31-1 {
			return fmt.Errorf("cuLaunchKernel: kernel %s: grid %v, block %v: %w", f.name, grid, block, ErrInvalidValue)
		}
		shape[i] = C.uint(n)
	}
	var args []byte
	var sizes [C.STELE_CUDA_ARGS]C.uint
	for i, p := range params {
		if len(p) == 0 || i >= len(sizes) || len(args)+len(p) > C.STELE_CUDA_ARG_BYTES {
			return fmt.Errorf("cuLaunchKernel: kernel %s: %d arguments, empty or more than %d bytes in all from argument %d on: %w",
				f.name, len(params), C.STELE_CUDA_ARG_BYTES, i, ErrInvalidValue)
		}
		sizes[i] = C.uint(len(p))
		args = append(args, p...)
	}
	if shared < 0 {
		return fmt.Errorf("cuLaunchKernel: kernel %s: %d bytes of shared memory: %w", f.name, shared, ErrInvalidValue)
	}
	err := s.c.use("cuLaunchKernel", func() error {
		return resultOf(C.stele_cuda_launch(functionOf(&f.f), &shape[0], &shape[3], C.uint(shared), streamOf(&s.s),
			(*C.char)(unsafe.Pointer(unsafe.SliceData(args))), &sizes[0], C.int(len(params))))
	})
	if err != nil {
		return fmt.Errorf("kernel %s: %w", f.name, err)
	}
	return nil
}

// CopyToDeviceAsync queues a copy from pinned host memory to the device. src must
// be memory of HostAlloc and must not change until the copy is done.
func (s *Stream) CopyToDeviceAsync(dst DevicePtr, src []byte) error {
	if len(src) == 0 {
		return nil
	}
	return s.c.use("cuMemcpyHtoDAsync", func() error {
		return cu.MemcpyHtoDAsync(cu.DevicePtr(dst), unsafe.Pointer(&src[0]), int64(len(src)), s.s)
	})
}

// CopyToHostAsync queues a copy from the device to pinned host memory. dst must be
// memory of HostAlloc and must not be used until the copy is done.
func (s *Stream) CopyToHostAsync(dst []byte, src DevicePtr) error {
	if len(dst) == 0 {
		return nil
	}
	return s.c.use("cuMemcpyDtoHAsync", func() error {
		return cu.MemcpyDtoHAsync(unsafe.Pointer(&dst[0]), cu.DevicePtr(src), int64(len(dst)), s.s)
	})
}

// MemsetAsync queues setting n bytes of device memory to value.
func (s *Stream) MemsetAsync(p DevicePtr, value byte, n int) error {
	if n == 0 {
		return nil
	}
	if n < 0 {
		return fmt.Errorf("cuMemsetD8Async: %d bytes: %w", n, ErrInvalidValue)
	}
	return s.c.use("cuMemsetD8Async", func() error {
		return cu.MemsetD8Async(cu.DevicePtr(p), value, int64(n), s.s)
	})
}

// Wait makes all work queued in s from now on wait for the event.
func (s *Stream) Wait(e *Event) error {
	return s.c.use("cuStreamWaitEvent", func() error { return s.s.Wait(e.e, 0) })
}

// Synchronize waits until all queued work is done.
func (s *Stream) Synchronize() error {
	return s.c.use("cuStreamSynchronize", s.s.Synchronize)
}

// Close frees the stream. Queued work still runs.
func (s *Stream) Close() error {
	return s.c.use("cuStreamDestroy", s.s.Destroy)
}

// Event is a marker in a stream.
type Event struct {
	c *Context
	e cu.Event
}

// NewEvent creates an event. Waiting for it sleeps. Elapsed needs timed events,
// which cost a little more.
func (c *Context) NewEvent(timed bool) (*Event, error) {
	flags := cu.BlockingSyncEvent
	if !timed {
		flags |= cu.DisableTiming
	}
	e := &Event{c: c}
	err := c.use("cuEventCreate", func() (err error) {
		e.e, err = cu.MakeEvent(flags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Record queues the event in a stream. The event is done when all work queued
// before it is.
func (e *Event) Record(s *Stream) error {
	return e.c.use("cuEventRecord", func() error { return e.e.Record(s.s) })
}

// Done reports whether the event is done, without waiting. An event that was never
// recorded is done.
func (e *Event) Done() (bool, error) {
	err := e.c.use("cuEventQuery", e.e.Query)
	var x *Error
	if errors.As(err, &x) && x.Code == codeNotReady {
		return false, nil
	}
	return err == nil, err
}

// Synchronize waits until the event is done.
func (e *Event) Synchronize() error {
	return e.c.use("cuEventSynchronize", e.e.Synchronize)
}

// Elapsed returns the time on the device between two events that are done, with a
// resolution of about half a microsecond.
func Elapsed(start, end *Event) (time.Duration, error) {
	var ms float64
	err := start.c.use("cuEventElapsedTime", func() (err error) {
		ms, err = start.e.Elapsed(end.e)
		return err
	})
	return time.Duration(ms * float64(time.Millisecond)), err
}

// Close frees the event.
func (e *Event) Close() error {
	return e.c.use("cuEventDestroy", func() error { return cu.DestroyEvent(&e.e) })
}
