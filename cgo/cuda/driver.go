//go:build linux && cuda && cgo

package cuda

/*
#cgo CFLAGS: -I${SRCDIR}/include
#cgo LDFLAGS: -L${SRCDIR}/lib

#include "bind.h"
*/
import "C"

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// Built reports whether the driver can be called: the program was built with CUDA.
const Built = true

const defaultLibrary = "libcuda.so.1"

// required lists the functions that the package cannot work without. Every driver
// from R450 on has them.
var required = []string{
	"cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString",
	"cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetUuid",
	"cuDeviceGetAttribute", "cuDeviceTotalMem_v2",
	"cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuDevicePrimaryCtxReset_v2",
	"cuDevicePrimaryCtxSetFlags_v2", "cuCtxSetCurrent",
	"cuModuleLoadDataEx", "cuModuleUnload", "cuModuleGetFunction",
	"cuFuncGetAttribute", "cuLaunchKernel",
	"cuStreamCreate", "cuStreamDestroy_v2", "cuStreamSynchronize", "cuStreamWaitEvent",
	"cuEventCreate", "cuEventDestroy_v2", "cuEventRecord", "cuEventQuery",
	"cuEventSynchronize", "cuEventElapsedTime",
	"cuMemAlloc_v2", "cuMemFree_v2", "cuMemHostAlloc", "cuMemFreeHost", "cuMemGetInfo_v2",
	"cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemsetD8Async",
	"cuOccupancyMaxActiveBlocksPerMultiprocessor",
}

// Probe loads the driver library and starts the driver on the first call, and
// reports the result. Safe for concurrent use.
func Probe() Status { return probe() }

var probe = sync.OnceValue(load)

// root is the root of the file system. Tests replace it.
var root = "/"

// load loads the driver library that the environment names, or otherwise that of
// the system.
func load() Status {
	if library := os.Getenv(LibraryVariable); library != "" {
		return bind(library)
	}
	if library := WSLLibrary(root, defaultLibrary); library != "" {
		if s := bind(library); s.Loaded {
			return s
		}
	}
	return bind(defaultLibrary)
}

// bind loads a driver library and starts the driver.
func bind(library string) Status {
	// By default CUDA numbers the fastest device 0. CUDA_VISIBLE_DEVICES=1 should
	// mean GPU 1 of nvidia-smi. The driver reads this variable in cuInit.
	const order = "CUDA_DEVICE_ORDER"
	if _, set := os.LookupEnv(order); !set {
		os.Setenv(order, "PCI_BUS_ID")
	}

	s := Status{Library: library, InitCode: codeNotInitialized}
	name := C.CString(library)
	defer C.free(unsafe.Pointer(name))
	if why := C.stele_cuda_bind(name); why != nil {
		defer C.free(unsafe.Pointer(why))
		fix := "install the NVIDIA driver, or start the container with GPU access"
		if OnWSL(root) {
			fix = FixWSL
		}
		s.Reason = fmt.Sprintf("the driver library cannot be loaded: %s; %s", C.GoString(why), fix)
		if library == os.Getenv(LibraryVariable) {
			s.Reason = fmt.Sprintf("the driver library that %s names cannot be loaded: %s; correct the variable or unset it", LibraryVariable, C.GoString(why))
		}
		return s
	}
	s.Loaded = true
	for i := range C.stele_cuda_count {
		if C.stele_cuda_bound(i) == 0 {
			s.Missing = append(s.Missing, C.GoString(C.stele_cuda_name(i)))
		}
	}
	var lacking []string
	for _, symbol := range required {
		if slices.Contains(s.Missing, symbol) {
			lacking = append(lacking, symbol)
		}
	}

	s.DriverVersion = max(cu.Version(), 0)
	start := !LacksUVM(root) || loadsUVM(root)
	if start {
		s.InitCode = int(C.stele_cuda_init())
	}
	switch {
	case len(lacking) == len(required):
		s.Reason = fmt.Sprintf("%s is not a CUDA driver library: it has none of the functions %s", library, brief(lacking))
	case slices.Contains(lacking, "cuInit"):
		s.Reason = fmt.Sprintf("%s is not a CUDA driver library: it has no cuInit", library)
	case !start:
		s.Reason = "the driver is not started without /dev/nvidia-uvm; " + FixUVM
	case s.InitCode != codeSuccess:
		s.Reason = initError(s.InitCode).Error()
	case s.DriverVersion < OldestDriver:
		s.Reason = fmt.Sprintf("the driver is too old: it supports CUDA %s, must be %s or newer (driver R450); update the NVIDIA driver", version(s.DriverVersion), version(OldestDriver))
	case len(lacking) > 0:
		s.Reason = fmt.Sprintf("the driver library %s lacks %s; update the NVIDIA driver to R450 or newer", library, brief(lacking))
	}
	return s
}

// loadsUVM reports whether cuInit can load nvidia_uvm itself, with a program that
// is part of the driver.
func loadsUVM(root string) bool { return exists(filepath.Join(root, "usr/bin/nvidia-modprobe")) }

// fail returns the error for the result of a driver function, nil for success.
func fail(call string, n int) error {
	if n == codeSuccess {
		return nil
	}
	var name, text *C.char
	C.cuGetErrorName(C.CUresult(n), &name)
	C.cuGetErrorString(C.CUresult(n), &text)
	return newError(call, n, C.GoString(name), C.GoString(text))
}

// initError returns the error for the result of cuInit. Where the system explains
// the failure, its text replaces that of the driver.
func initError(n int) error {
	err := fail("cuInit", n)
	if e, ok := err.(*Error); ok {
		switch {
		case LacksUVM(root):
			e.Text = "there is no /dev/nvidia-uvm; " + FixUVM
		case OnWSL(root):
			e.Text = "no GPU can be used on WSL; " + FixWSL
		}
	}
	return err
}

// check returns the error for the result of a function of gorgonia.org/cu, whose
// errors are numbers of an unexported type.
func check(call string, err error) error {
	if err == nil {
		return nil
	}
	if v := reflect.ValueOf(err); v.CanInt() {
		return fail(call, int(v.Int()))
	}
	return fmt.Errorf("%s: %w", call, err)
}

// version formats a CUDA version: 12040 is 12.4.
func version(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// brief joins the first few of the names.
func brief(names []string) string {
	const maxNames = 3
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}

// Devices lists the GPUs in the order of their PCI addresses. Without a usable
// driver the error is of the kind [ErrNoDriver] or [ErrDriverTooOld], or that of
// cuInit, with the reason.
func Devices() ([]Device, error) {
	if s := Probe(); !s.Usable() {
		return nil, unusable(s)
	}
	return list()
}

// unusable returns the error for a status that is not usable.
func unusable(s Status) error {
	switch {
	case !s.Loaded || !s.Started():
		return fmt.Errorf("%w: %s", ErrNoDriver, s.Reason)
	case s.InitCode != codeSuccess && s.InitCode != codeNotFound:
		return initError(s.InitCode)
	case s.DriverVersion > 0:
		return fmt.Errorf("%w: %s", ErrDriverTooOld, s.Reason)
	}
	return fmt.Errorf("%w: %s", ErrNoDriver, s.Reason)
}

func list() ([]Device, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return nil, check("cuDeviceGetCount", err)
	}
	devices, addresses := make([]Device, n), make([]address, n)
	for i := range devices {
		if devices[i], addresses[i], err = describe(i); err != nil {
			return nil, fmt.Errorf("device %d: %w", i, err)
		}
	}
	slices.SortStableFunc(devices, func(a, b Device) int {
		return addresses[a.Ordinal].compare(addresses[b.Ordinal])
	})
	for i := range devices {
		devices[i].Index = i
	}
	return devices, nil
}

// address is the address of a device on the PCI bus.
type address struct{ domain, bus, slot int }

func (a address) compare(b address) int {
	return cmp.Or(cmp.Compare(a.domain, b.domain), cmp.Compare(a.bus, b.bus), cmp.Compare(a.slot, b.slot))
}

// describe returns the driver's description of a device.
func describe(ordinal int) (d Device, at address, err error) {
	d.Ordinal = ordinal
	raw, err := cu.GetDevice(ordinal)
	if err != nil {
		return d, at, check("cuDeviceGet", err)
	}
	if d.Name, err = raw.Name(); err != nil {
		return d, at, check("cuDeviceGetName", err)
	}
	if d.UUID, d.Parent, err = identify(raw); err != nil {
		return d, at, check("cuDeviceGetUuid", err)
	}
	memory, err := raw.TotalMem()
	if err != nil {
		return d, at, check("cuDeviceTotalMem", err)
	}
	d.Memory = uint64(memory)

	var ecc, timeout, mode int
	for _, a := range []struct {
		value     *int
		attribute cu.DeviceAttribute
		optional  bool
	}{
		{&at.domain, cu.PciDomainID, false},
		{&at.bus, cu.PciBusID, false},
		{&at.slot, cu.PciDeviceID, false},
		{&d.Major, cu.ComputeCapabilityMajor, false},
		{&d.Minor, cu.ComputeCapabilityMinor, false},
		{&d.SMs, cu.MultiprocessorCount, false},
		{&d.ThreadsPerSM, cu.MaxThreadsPerMultiprocessor, false},
		{&d.RegistersPerSM, cu.MaxRegistersPerMultiprocessor, false},
		{&d.ThreadsPerBlock, cu.MaxThreadsPerBlock, false},
		{&d.ClockKHz, cu.ClockRate, true},
		{&d.MemoryClockKHz, cu.MemoryClockRate, true},
		{&d.MemoryBusBits, cu.GlobalMemoryBusWidth, true},
		{&ecc, cu.EccEnabled, true},
		{&timeout, cu.KernelExecTimeout, true},
		{&mode, cu.ComputeMode, true},
	} {
		switch *a.value, err = raw.Attribute(a.attribute); {
		case err != nil && a.optional:
			*a.value = 0
		case err != nil:
			return d, at, check("cuDeviceGetAttribute", err)
		}
	}
	const prohibited = 2 // CU_COMPUTEMODE_PROHIBITED
	d.PCI = fmt.Sprintf("%04x:%02x:%02x.0", uint32(at.domain), at.bus, at.slot)
	d.ECC, d.Display, d.Prohibited = ecc == 1, timeout == 1, mode == prohibited
	return d, at, nil
}

// identify returns the UUID of a device, and for a MIG slice that of its GPU. The
// old driver function returns the GPU's UUID for a slice, the new one the slice's:
// a device with two UUIDs is a slice.
func identify(raw cu.Device) (own, parent string, err error) {
	gpu, err := raw.UUID()
	if err != nil {
		return "", "", err
	}
	var slice C.CUuuid
	if err := resultOf(C.stele_cuda_uuid(&slice, C.CUdevice(raw))); err != nil {
		return "", "", err
	}
	b := C.GoBytes(unsafe.Pointer(&slice), C.int(len(gpu)))
	if bytes.Equal(b, gpu[:]) {
		return "GPU-" + gpu.String(), "", nil
	}
	return fmt.Sprintf("MIG-%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), "GPU-" + gpu.String(), nil
}
