package gpu

import (
	"math"
	"slices"

	"stele/cgo/cuda"
	"stele/cgo/nvml"
	kernels "stele/kernels/cuda"
)

// driver is the part of the CUDA driver that the package uses. Tests replace it.
type driver interface {
	devices() ([]cuda.Device, error)
	version() int
	open(cuda.Device) (gpu, error)
	reset(cuda.Device) error
	sensors(cuda.Device) sensors
}

// sensors holds the readings of a GPU that the package uses.
type sensors struct {
	limit  int     // power limit in watts; 0: unknown
	joules float64 // energy used until now; 0: unknown
	capped bool    // the power limit holds the clock back
}

// gpu is an open GPU. Safe for concurrent use.
type gpu interface {
	load(kernels.Entry) (kernel, error)
	queue() (queue, error)
	alloc(n int) (cuda.DevicePtr, error)
	free(cuda.DevicePtr) error
	hostAlloc(n int) ([]byte, error)
	hostFree([]byte) error
	close() error
}

// kernel is an entry compiled for the GPU.
type kernel interface {
	// occupancy returns how many blocks of this many threads one SM holds.
	occupancy(threads int) (int, error)
	attributes() (cuda.FunctionAttributes, error)
	unload() error
}

// queue is a stream: the GPU does its work in order. All methods but wait return
// as soon as the work is queued.
type queue interface {
	launch(k kernel, blocks, threads int, params []byte) error
	upload(dst cuda.DevicePtr, src []byte) error
	download(dst []byte, src cuda.DevicePtr) error
	zero(p cuda.DevicePtr, n int) error
	wait() error // until all work is done
	close() error
}

// cudaDriver is the driver of package cgo/cuda.
type cudaDriver struct{}

func (cudaDriver) devices() ([]cuda.Device, error) { return cuda.Devices() }
func (cudaDriver) version() int                    { return cuda.Probe().DriverVersion }
func (cudaDriver) reset(d cuda.Device) error       { return d.Reset() }

func (cudaDriver) sensors(d cuda.Device) (s sensors) {
	r, err := nvml.Read(d.UUID)
	if err != nil {
		return s
	}
	if r.PowerLimit != nil {
		s.limit = int(math.Round(*r.PowerLimit))
	}
	if r.Energy != nil {
		s.joules = *r.Energy
	}
	s.capped = slices.Contains(r.Throttle, "power-cap")
	return s
}

func (cudaDriver) open(d cuda.Device) (gpu, error) {
	c, err := d.Open()
	if err != nil {
		return nil, err
	}
	return cudaGPU{c}, nil
}

type cudaGPU struct{ c *cuda.Context }

func (g cudaGPU) load(e kernels.Entry) (kernel, error) {
	m, _, err := g.c.LoadPTX(e.PTX)
	if err != nil {
		return nil, err
	}
	f, err := m.Function(e.Name)
	if err != nil {
		_ = m.Unload() // the first error says more
		return nil, err
	}
	if e.Kind == kernels.Roll { // shared memory bounds its blocks on some GPUs
		_ = f.PreferShared(100) // only a hint: without it fewer blocks fit
	}
	return cudaKernel{m, f}, nil
}

func (g cudaGPU) queue() (queue, error) {
	s, err := g.c.NewStream()
	if err != nil {
		return nil, err
	}
	e, err := g.c.NewEvent(false)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return cudaQueue{s, e}, nil
}

func (g cudaGPU) alloc(n int) (cuda.DevicePtr, error) { return g.c.Alloc(n) }
func (g cudaGPU) free(p cuda.DevicePtr) error         { return g.c.Free(p) }
func (g cudaGPU) hostAlloc(n int) ([]byte, error)     { return g.c.HostAlloc(n) }
func (g cudaGPU) hostFree(b []byte) error             { return g.c.HostFree(b) }
func (g cudaGPU) close() error                        { return g.c.Close() }

type cudaKernel struct {
	m *cuda.Module
	f *cuda.Function
}

func (k cudaKernel) occupancy(threads int) (int, error) { return k.f.Occupancy(threads, 0) }
func (k cudaKernel) attributes() (cuda.FunctionAttributes, error) {
	return k.f.Attributes()
}
func (k cudaKernel) unload() error { return k.m.Unload() }

// cudaQueue waits for an event, which sleeps whatever the flags of the context are.
type cudaQueue struct {
	s *cuda.Stream
	e *cuda.Event
}

func (q cudaQueue) launch(k kernel, blocks, threads int, params []byte) error {
	return q.s.Launch(k.(cudaKernel).f, [3]int{blocks, 1, 1}, [3]int{threads, 1, 1}, 0, params)
}
func (q cudaQueue) upload(dst cuda.DevicePtr, src []byte) error {
	return q.s.CopyToDeviceAsync(dst, src)
}
func (q cudaQueue) download(dst []byte, src cuda.DevicePtr) error {
	return q.s.CopyToHostAsync(dst, src)
}
func (q cudaQueue) zero(p cuda.DevicePtr, n int) error { return q.s.MemsetAsync(p, 0, n) }

func (q cudaQueue) wait() error {
	if err := q.e.Record(q.s); err != nil {
		return err
	}
	return q.e.Synchronize()
}

func (q cudaQueue) close() error {
	err := q.e.Close()
	if e := q.s.Close(); err == nil {
		err = e
	}
	return err
}
