package cuda

import (
	"errors"
	"fmt"
	"testing"
)

// The package has one API, with CUDA in the binary and without.
var (
	_ func() Status                                   = Probe
	_ func() ([]Device, error)                        = Devices
	_ func(Device) (*Context, error)                  = Device.Open
	_ func(Device) error                              = Device.Reset
	_ func(*Module, string) (*Function, error)        = (*Module).Function
	_ func(*Function) string                          = (*Function).Name
	_ func(*Function) (FunctionAttributes, error)     = (*Function).Attributes
	_ func(*Function, int, int) (blocks int, e error) = (*Function).Occupancy
	_ func(*Function, int) error                      = (*Function).PreferShared

	_ interface {
		Device() Device
		Close() error
		MemoryInfo() (free, total uint64, err error)
		Alloc(n int) (DevicePtr, error)
		Free(p DevicePtr) error
		HostAlloc(n int) ([]byte, error)
		HostFree(b []byte) error
		LoadPTX(image []byte) (m *Module, log string, err error)
		NewStream() (*Stream, error)
		NewEvent(timed bool) (*Event, error)
	} = (*Context)(nil)
	_ interface {
		Launch(f *Function, grid, block [3]int, shared int, params ...[]byte) error
		CopyToDeviceAsync(dst DevicePtr, src []byte) error
		CopyToHostAsync(dst []byte, src DevicePtr) error
		MemsetAsync(p DevicePtr, value byte, n int) error
		Wait(e *Event) error
		Synchronize() error
		Close() error
	} = (*Stream)(nil)
	_ interface {
		Record(s *Stream) error
		Done() (bool, error)
		Synchronize() error
		Close() error
	} = (*Event)(nil)
)

func TestErrorKinds(t *testing.T) {
	kinds := []error{
		ErrNoDriver, ErrDriverTooOld, ErrNoDevice, ErrInvalidDevice, ErrInvalidValue, ErrOutOfMemory,
		ErrInvalidImage, ErrNotFound, ErrNotPermitted, ErrNotSupported, ErrLaunchFailed, ErrDeviceLost, ErrClosed,
	}
	for _, c := range []struct {
		code   int
		kind   error // nil: none
		sticky bool
	}{
		{code: 1, kind: ErrInvalidValue},
		{code: 2, kind: ErrOutOfMemory},
		{code: 3, kind: ErrNoDriver},
		{code: 100, kind: ErrNoDevice},
		{code: 101, kind: ErrInvalidDevice},
		{code: 209, kind: ErrInvalidImage},
		{code: 214, kind: ErrDeviceLost, sticky: true},
		{code: 218, kind: ErrInvalidImage},
		{code: 222, kind: ErrInvalidImage},
		{code: 500, kind: ErrNotFound},
		{code: 600},
		{code: 700, kind: ErrLaunchFailed, sticky: true},
		{code: 701, kind: ErrLaunchFailed},
		{code: 719, kind: ErrLaunchFailed, sticky: true},
		{code: 800, kind: ErrNotPermitted},
		{code: 803, kind: ErrDriverTooOld},
		{code: 999, kind: ErrDeviceLost, sticky: true},
		{code: 4321},
	} {
		err := fmt.Errorf("kernel scan: %w", newError("cuX", c.code, "", ""))
		for _, kind := range kinds {
			if got, want := errors.Is(err, kind), kind == c.kind; got != want {
				t.Errorf("code %d is %q: %v, want %v", c.code, kind, got, want)
			}
		}
		if got := IsSticky(err); got != c.sticky {
			t.Errorf("code %d sticky: %v, want %v", c.code, got, c.sticky)
		}
	}
	if IsSticky(errors.New("other")) || IsSticky(nil) {
		t.Error("errors that are not of the driver are sticky")
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{newError("cuMemAlloc", 2, "", ""), "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory; stop other programs on this GPU, or use smaller batches"},
		{newError("cuInit", 2, "NAME", "words"), "cuInit: NAME (2): words; stop other programs on this GPU, or use smaller batches"},
		{newError("cuX", 701, "", ""), "cuX: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701): too many registers or threads for this GPU"},
		{newError("cuX", 4321, "", ""), "cuX: CUDA error (4321)"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
