//go:build !linux || !cuda || !cgo

package cuda

import (
	"fmt"
	"time"
)

// Built reports whether the driver can be called: the program was built with CUDA.
const Built = false

const notBuilt = "this binary was built without CUDA; build it with make on a machine with a C compiler"

// Probe reports that the binary was built without CUDA.
func Probe() Status { return Status{Reason: notBuilt, InitCode: codeNotInitialized} }

var errNotBuilt = fmt.Errorf("%w: %s", ErrNoDriver, notBuilt)

// The rest of the API, so that callers compile. No code after Open is ever
// reached.

type (
	Context  struct{}
	Module   struct{}
	Function struct{}
	Stream   struct{}
	Event    struct{}
)

func Devices() ([]Device, error) { return nil, errNotBuilt }

func (d Device) Open() (*Context, error) { return nil, errNotBuilt }
func (d Device) Reset() error            { return errNotBuilt }

func (c *Context) Device() Device                              { return Device{} }
func (c *Context) Close() error                                { return errNotBuilt }
func (c *Context) MemoryInfo() (free, total uint64, err error) { return 0, 0, errNotBuilt }
func (c *Context) Alloc(n int) (DevicePtr, error)              { return 0, errNotBuilt }
func (c *Context) Free(p DevicePtr) error                      { return errNotBuilt }
func (c *Context) HostAlloc(n int) ([]byte, error)             { return nil, errNotBuilt }
func (c *Context) HostFree(b []byte) error                     { return errNotBuilt }
func (c *Context) LoadPTX(image []byte) (m *Module, log string, err error) {
	return nil, "", errNotBuilt
}
func (c *Context) NewStream() (*Stream, error)         { return nil, errNotBuilt }
func (c *Context) NewEvent(timed bool) (*Event, error) { return nil, errNotBuilt }

func (m *Module) Unload() error                           { return errNotBuilt }
func (m *Module) Function(name string) (*Function, error) { return nil, errNotBuilt }

func (f *Function) Name() string                                          { return "" }
func (f *Function) Attributes() (FunctionAttributes, error)               { return FunctionAttributes{}, errNotBuilt }
func (f *Function) PreferShared(percent int) error                        { return errNotBuilt }
func (f *Function) Occupancy(threads, shared int) (blocks int, err error) { return 0, errNotBuilt }

func (s *Stream) Launch(f *Function, grid, block [3]int, shared int, params ...[]byte) error {
	return errNotBuilt
}
func (s *Stream) CopyToDeviceAsync(dst DevicePtr, src []byte) error { return errNotBuilt }
func (s *Stream) CopyToHostAsync(dst []byte, src DevicePtr) error   { return errNotBuilt }
func (s *Stream) MemsetAsync(p DevicePtr, value byte, n int) error  { return errNotBuilt }
func (s *Stream) Wait(e *Event) error                               { return errNotBuilt }
func (s *Stream) Synchronize() error                                { return errNotBuilt }
func (s *Stream) Close() error                                      { return errNotBuilt }

func (e *Event) Record(s *Stream) error { return errNotBuilt }
func (e *Event) Done() (bool, error)    { return false, errNotBuilt }
func (e *Event) Synchronize() error     { return errNotBuilt }
func (e *Event) Close() error           { return errNotBuilt }

func Elapsed(start, end *Event) (time.Duration, error) { return 0, errNotBuilt }
