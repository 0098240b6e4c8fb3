//go:build linux && cuda && cgo

package cuda

// #include "bind.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"gorgonia.org/cu"
)

// Context is the primary context of a device. Its modules, streams, events and
// memory must not be used after Close: their methods return [ErrClosed] then, as
// those of the context do. Safe for concurrent use.
type Context struct {
	device Device
	raw    cu.Device
	ctx    cu.CUContext
	closed atomic.Bool
}

// Open returns the primary context of the device and creates it if necessary.
// Threads that wait for the device sleep. Each Open needs a Close.
func (d Device) Open() (*Context, error) {
	if s := Probe(); !s.Usable() {
		return nil, unusable(s)
	}
	return d.open()
}

func (d Device) open() (*Context, error) {
	raw, err := cu.GetDevice(d.Ordinal)
	if err != nil {
		return nil, check("cuDeviceGet", err)
	}
	err = check("cuDevicePrimaryCtxSetFlags", raw.SetPrimaryCtxFlags(cu.SchedBlockingSync))
	var e *Error
	if err != nil && !(errors.As(err, &e) && e.Code == codePrimaryCtxActive) { // the context exists and keeps its flags
		return nil, err
	}
	ctx, err := raw.RetainPrimaryCtx()
	if err != nil {
		return nil, check("cuDevicePrimaryCtxRetain", err)
	}
	return &Context{device: d, raw: raw, ctx: ctx}, nil
}

// Reset destroys the primary context of the device with everything in it, for all
// its users. It is the last resort after a sticky error.
func (d Device) Reset() error {
	if s := Probe(); !s.Usable() {
		return unusable(s)
	}
	raw, err := cu.GetDevice(d.Ordinal)
	if err != nil {
		return check("cuDeviceGet", err)
	}
	return check("cuDevicePrimaryCtxReset", raw.ResetPrimaryCtx())
}

// Device returns the device that the context belongs to.
func (c *Context) Device() Device { return c.device }

// Close releases the context. The last Close of a device frees everything created
// in the context, and waits for the work in it. A second Close of the same
// Context does nothing.
func (c *Context) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return check("cuDevicePrimaryCtxRelease", c.raw.ReleasePrimaryCtx())
}

// use makes the context current and runs f, which calls the given driver
// function.
func (c *Context) use(call string, f func() error) error {
	if c.closed.Load() {
		return fmt.Errorf("%s: %w", call, ErrClosed)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(c.ctx); err != nil {
		return check("cuCtxSetCurrent", err)
	}
	return check(call, f())
}

// result is the error code of a driver function that the package calls itself, in
// the form of those of gorgonia.org/cu; see check.
type result int

func (r result) Error() string { return fmt.Sprintf("CUDA error %d", int(r)) }

// resultOf returns nil for success.
func resultOf(code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return result(code)
}

// MemoryInfo returns the free and the total memory of the device, in bytes.
func (c *Context) MemoryInfo() (free, total uint64, err error) {
	err = c.use("cuMemGetInfo", func() error {
		f, t, err := cu.MemInfo()
		free, total = uint64(f), uint64(t)
		return err
	})
	return free, total, err
}

// Alloc allocates n bytes of device memory, which are not initialised.
func (c *Context) Alloc(n int) (DevicePtr, error) {
	if n <= 0 {
		return 0, fmt.Errorf("cuMemAlloc: %d bytes: %w", n, ErrInvalidValue)
	}
	var p cu.DevicePtr
	err := c.use("cuMemAlloc", func() (err error) {
		p, err = cu.MemAlloc(int64(n))
		return err
	})
	return DevicePtr(p), err
}

// Free frees memory of Alloc. It waits for the work on the device.
func (c *Context) Free(p DevicePtr) error {
	return c.use("cuMemFree", func() error { return cu.MemFree(cu.DevicePtr(p)) })
}

// HostAlloc allocates n bytes of pinned host memory, for asynchronous copies. The
// garbage collector does not manage it: HostFree frees it, and the slice must not
// be used after that.
func (c *Context) HostAlloc(n int) ([]byte, error) {
	if n <= 0 {
		return nil, fmt.Errorf("cuMemHostAlloc: %d bytes: %w", n, ErrInvalidValue)
	}
	var p unsafe.Pointer
	err := c.use("cuMemHostAlloc", func() error {
		return resultOf(C.cuMemHostAlloc(&p, C.size_t(n), 0))
	})
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// HostFree frees memory of HostAlloc. b must start where that slice does.
func (c *Context) HostFree(b []byte) error {
	return c.use("cuMemFreeHost", func() error {
		return cu.MemFreeHost(unsafe.Pointer(unsafe.SliceData(b)))
	})
}
