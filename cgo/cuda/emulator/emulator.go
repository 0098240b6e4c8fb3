// Package emulator builds a CUDA driver library for tests, which runs the
// kernels of stele/kernels/cuda on the CPU. It is named libcuda.so.1 as the real
// one, and is taken in its place where the environment variable STELE_CUDA_LIB
// has its path, see [Build].
//
// It has the functions that stele/cgo/cuda uses, and is stricter than a real
// driver: fresh memory holds 0xa5, freed memory and used-up handles are gone,
// addresses of devices are none of the host, kernels may touch only what is
// allocated, and asynchronous copies want pinned memory. A stream has a thread
// of its own, and nothing is done yet when a call returns.
//
// # Environment
//
//	STELE_EMU_DEVICES  number of devices (1); 0: cuInit says that there is none
//	STELE_EMU_DRIVER   the driver's CUDA version (12040); PTX newer than it is refused
//	STELE_EMU_CC       compute capability (9.0)
//	STELE_EMU_SMS      multiprocessors of a device (2)
//	STELE_EMU_MEMORY   bytes of a device's memory (1 GiB)
//	STELE_EMU_MIG      1: each device is a MIG slice, with a UUID of its own (0)
//	STELE_EMU_FAULT    faults, as below
//	STELE_EMU_TRACE    file to which the name of each call is appended
//
// All are read by cuInit. STELE_EMU_FAULT is a list of rules with commas
// between them:
//
//	call:nth:what[:sticky][@device]
//
// call is a function's name without _v2, or kernel or copy for work that runs
// in a stream. nth counts from 1; 3+ is the third and all later ones, * is all.
// what is an error code, or hang, hang=MS, slow=MS, lost, lost=MS (the device is
// lost, for good or for MS milliseconds), wrong-hit (a kernel reports what is
// none), lost-hit (it keeps one to itself). A sticky error stays with the
// context until its last holder releases it; errors of kernel and copy always
// do. If the value is @FILE, the rules are in that file, which is read again at
// every call: so a test can change them. A change begins the counting anew.
//
// # Caveats
//
// PTX is not compiled: the entries that it declares are looked up by name. So
// these are tests of the host's side; that the PTX is right is tested in
// stele/kernels/cuda. A context that is destroyed waits for its work first, for
// ever if that hangs. How many blocks an SM holds is computed from its limits of
// threads, registers and shared memory, with the registers that ptxas 11.8 takes
// for sm_90; without a preferred carve-out an SM has only as much shared memory
// as one block needs.
package emulator

import (
	"testing"

	"stele/kernels/cuda/host"
)

// Build compiles the driver library, unless that was done before, and returns
// its path. It needs g++.
func Build(t testing.TB) string {
	t.Helper()
	return host.Compile(t, "libcuda.so.1", host.Source{
		Folder:  "cgo/cuda/emulator/src",
		Include: []string{"cgo/cuda/include"},
		Flags:   []string{"-shared", "-fPIC", "-pthread", "-fvisibility=hidden", "-Wl,-z,nodelete"},
	})
}
