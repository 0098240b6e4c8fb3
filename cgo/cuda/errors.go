package cuda

import (
	"errors"
	"fmt"
)

// Kinds of errors, for errors.Is. An *[Error] has the kind of its code.
var (
	ErrNoDriver      = errors.New("no CUDA driver")
	ErrDriverTooOld  = errors.New("CUDA driver too old")
	ErrNoDevice      = errors.New("no CUDA device")
	ErrInvalidDevice = errors.New("invalid CUDA device")
	ErrInvalidValue  = errors.New("invalid argument")
	ErrOutOfMemory   = errors.New("out of memory")
	ErrInvalidImage  = errors.New("kernel image cannot be loaded")
	ErrNotFound      = errors.New("not found")
	ErrNotPermitted  = errors.New("not permitted")
	ErrNotSupported  = errors.New("not supported")
	ErrLaunchFailed  = errors.New("kernel launch failed")
	ErrDeviceLost    = errors.New("CUDA device lost")
	ErrClosed        = errors.New("CUDA context closed")
)

// Error is an error code that a driver function returned.
type Error struct {
	Call   string // the driver function
	Code   int    // CUresult
	Name   string // of the code, such as CUDA_ERROR_OUT_OF_MEMORY; empty: unknown
	Text   string // description by the driver, and how to fix it
	Sticky bool   // the context is unusable from now on
}

func (e *Error) Error() string {
	name := e.Name
	if name == "" {
		name = "CUDA error"
	}
	line := fmt.Sprintf("%s: %s (%d)", e.Call, name, e.Code)
	if e.Text != "" {
		line += ": " + e.Text
	}
	return line
}

// Is reports whether the error is of this kind.
func (e *Error) Is(kind error) bool {
	return kind != nil && codes[e.Code].kind == kind
}

// IsSticky reports whether the error makes its context unusable.
func IsSticky(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Sticky
}

// Codes that the package compares with.
const (
	codeSuccess          = 0
	codeNotInitialized   = 3
	codeNotFound         = 500
	codeNotReady         = 600
	codePrimaryCtxActive = 708
)

// code describes an error code.
type code struct {
	kind   error
	name   string
	text   string // for drivers without a text
	fix    string
	sticky bool
}

// codes has the relevant codes of the driver API. After a sticky one, every later
// call in the context fails.
var codes = map[int]code{
	1:   {kind: ErrInvalidValue, name: "CUDA_ERROR_INVALID_VALUE", text: "invalid argument"},
	2:   {kind: ErrOutOfMemory, name: "CUDA_ERROR_OUT_OF_MEMORY", text: "out of memory", fix: "stop other programs on this GPU, or use smaller batches"},
	3:   {kind: ErrNoDriver, name: "CUDA_ERROR_NOT_INITIALIZED", text: "no driver is loaded"},
	4:   {kind: ErrDeviceLost, name: "CUDA_ERROR_DEINITIALIZED", text: "the driver is shutting down", sticky: true},
	34:  {kind: ErrNoDriver, name: "CUDA_ERROR_STUB_LIBRARY", text: "the library is a stub for linking", fix: "remove the stubs folder of the toolkit from LD_LIBRARY_PATH"},
	46:  {kind: ErrDeviceLost, name: "CUDA_ERROR_DEVICE_UNAVAILABLE", text: "the device is busy or unavailable", fix: "another program may hold it in exclusive mode; see nvidia-smi -q -d COMPUTE"},
	100: {kind: ErrNoDevice, name: "CUDA_ERROR_NO_DEVICE", text: "no CUDA-capable device", fix: "check nvidia-smi; CUDA_VISIBLE_DEVICES may hide the GPU; a container must be started with GPU access"},
	101: {kind: ErrInvalidDevice, name: "CUDA_ERROR_INVALID_DEVICE", text: "no such device", fix: "run stele devices to list the devices"},
	200: {kind: ErrInvalidImage, name: "CUDA_ERROR_INVALID_IMAGE", text: "the kernel image is invalid"},
	201: {kind: ErrClosed, name: "CUDA_ERROR_INVALID_CONTEXT", text: "invalid context"},
	209: {kind: ErrInvalidImage, name: "CUDA_ERROR_NO_BINARY_FOR_GPU", text: "the kernel image has no code for this GPU", fix: "use a GPU of compute capability 7.5 or higher"},
	214: {kind: ErrDeviceLost, name: "CUDA_ERROR_ECC_UNCORRECTABLE", text: "uncorrectable memory error", fix: "reset the GPU or restart the machine; see nvidia-smi -q -d ECC", sticky: true},
	216: {kind: ErrDeviceLost, name: "CUDA_ERROR_CONTEXT_ALREADY_IN_USE", text: "another process holds the device in exclusive mode", fix: "stop it, or run nvidia-smi -c DEFAULT"},
	218: {kind: ErrInvalidImage, name: "CUDA_ERROR_INVALID_PTX", text: "the PTX does not compile"},
	220: {kind: ErrDeviceLost, name: "CUDA_ERROR_NVLINK_UNCORRECTABLE", text: "uncorrectable NVLink error", sticky: true},
	221: {kind: ErrInvalidImage, name: "CUDA_ERROR_JIT_COMPILER_NOT_FOUND", text: "the driver's PTX compiler is missing", fix: "install libnvidia-ptxjitcompiler.so.1 of the same driver version; in a container, mount it"},
	222: {kind: ErrInvalidImage, name: "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", text: "the PTX is newer than the driver", fix: "update the NVIDIA driver to R450 or newer"},
	223: {kind: ErrInvalidImage, name: "CUDA_ERROR_JIT_COMPILATION_DISABLED", text: "compiling PTX is switched off", fix: "unset CUDA_DISABLE_PTX_JIT"},
	300: {kind: ErrInvalidImage, name: "CUDA_ERROR_INVALID_SOURCE", text: "the kernel source is invalid"},
	304: {kind: ErrNotPermitted, name: "CUDA_ERROR_OPERATING_SYSTEM", text: "an operating system call failed", fix: "check that /dev/nvidia* exist and are readable and writable"},
	400: {kind: ErrInvalidValue, name: "CUDA_ERROR_INVALID_HANDLE", text: "invalid handle"},
	500: {kind: ErrNotFound, name: "CUDA_ERROR_NOT_FOUND", text: "not found"},
	600: {name: "CUDA_ERROR_NOT_READY", text: "not finished yet"},
	700: {kind: ErrLaunchFailed, name: "CUDA_ERROR_ILLEGAL_ADDRESS", text: "the kernel used a bad address", sticky: true},
	701: {kind: ErrLaunchFailed, name: "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", text: "too many registers or threads for this GPU"},
	702: {kind: ErrLaunchFailed, name: "CUDA_ERROR_LAUNCH_TIMEOUT", text: "the kernel ran too long for a GPU that drives a display", sticky: true},
	709: {kind: ErrDeviceLost, name: "CUDA_ERROR_CONTEXT_IS_DESTROYED", text: "the context was destroyed", sticky: true},
	710: {kind: ErrLaunchFailed, name: "CUDA_ERROR_ASSERT", text: "an assertion in the kernel failed", sticky: true},
	714: {kind: ErrLaunchFailed, name: "CUDA_ERROR_HARDWARE_STACK_ERROR", text: "stack error in the kernel", sticky: true},
	715: {kind: ErrLaunchFailed, name: "CUDA_ERROR_ILLEGAL_INSTRUCTION", text: "illegal instruction in the kernel", sticky: true},
	716: {kind: ErrLaunchFailed, name: "CUDA_ERROR_MISALIGNED_ADDRESS", text: "the kernel used a misaligned address", sticky: true},
	717: {kind: ErrLaunchFailed, name: "CUDA_ERROR_INVALID_ADDRESS_SPACE", text: "the kernel mixed address spaces", sticky: true},
	718: {kind: ErrLaunchFailed, name: "CUDA_ERROR_INVALID_PC", text: "the kernel's program counter is invalid", sticky: true},
	719: {kind: ErrLaunchFailed, name: "CUDA_ERROR_LAUNCH_FAILED", text: "the kernel failed", sticky: true},
	800: {kind: ErrNotPermitted, name: "CUDA_ERROR_NOT_PERMITTED", text: "not permitted"},
	801: {kind: ErrNotSupported, name: "CUDA_ERROR_NOT_SUPPORTED", text: "not supported on this system"},
	802: {kind: ErrDeviceLost, name: "CUDA_ERROR_SYSTEM_NOT_READY", text: "the system is not ready", fix: "start nvidia-fabricmanager, required on machines with NVSwitch"},
	803: {kind: ErrDriverTooOld, name: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", text: "the driver library and the kernel module differ in version", fix: "restart the machine after a driver update"},
	804: {kind: ErrDriverTooOld, name: "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", text: "forward compatibility is not supported on this GPU", fix: "remove the cuda-compat folder from LD_LIBRARY_PATH"},
	999: {kind: ErrDeviceLost, name: "CUDA_ERROR_UNKNOWN", text: "unknown error", fix: "check dmesg for an NVRM: Xid line; reload the driver or restart the machine", sticky: true},
}

// newError returns the error for a code. name and text are those of the driver and
// may be empty.
func newError(call string, n int, name, text string) *Error {
	c := codes[n]
	if name == "" {
		name = c.name
	}
	if text == "" {
		text = c.text
	}
	if c.fix != "" {
		text += "; " + c.fix
	}
	return &Error{Call: call, Code: n, Name: name, Text: text, Sticky: c.sticky}
}
