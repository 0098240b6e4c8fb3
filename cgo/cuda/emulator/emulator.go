// Package emulator builds a CUDA driver library for tests, which runs the kernels
// of stele/kernels/cuda on the CPU. Its name is libcuda.so.1, like that of the
// real library. It is loaded if the environment variable STELE_CUDA_LIB has its
// path, see [Build].
//
// It has the functions that stele/cgo/cuda uses, and is stricter than a real
// driver: fresh memory holds 0xa5, freed memory and closed handles are invalid,
// device addresses are invalid on the host, kernels may access allocated memory
// only, and asynchronous copies require pinned memory. A stream has a thread of
// its own: a call that queues work returns before the work is done.
//
// # Environment
//
//	STELE_EMU_DEVICES  number of devices (1); 0: cuInit returns an error
//	STELE_EMU_DRIVER   CUDA version of the driver (12040); newer PTX is rejected
//	STELE_EMU_CC       compute capability (9.0)
//	STELE_EMU_SMS      multiprocessors of a device (2)
//	STELE_EMU_MEMORY   bytes of a device's memory (1 GiB)
//	STELE_EMU_MIG      1: each device is a MIG slice with its own UUID (0)
//	STELE_EMU_FAULT    faults, as below
//	STELE_EMU_TRACE    file to which the name of each call is appended
//
// cuInit reads all of them. STELE_EMU_FAULT is a list of rules, separated by
// commas:
//
//	call:nth:what[:sticky][@device]
//
// call is the name of a function without _v2, or kernel or copy for work in a
// stream. nth counts from 1; 3+ is the third and all later ones, * is all. what is
// an error code or one of:
//
//	hang, hang=MS      never returns, or after MS milliseconds
//	slow=MS            takes MS milliseconds longer
//	lost, lost=MS      the device is lost, for good or for MS milliseconds
//	wrong-hit          a kernel reports a hit that is none, or a wrong hash
//	lost-hit           a kernel leaves out a hit or a hash
//
// A sticky error stays with the context until its last user releases it; errors of
// kernel and copy are always sticky. If the value is @FILE, the rules are in that
// file, which is read again at every call, so that a test can change them. A
// change restarts the counting.
//
// # Caveats
//
// The emulator does not compile PTX: it looks up the entries of a module by name.
// So its tests cover the host side; the tests of stele/kernels/cuda cover the
// PTX. Destroying a context waits for its work, forever if that hangs. The number
// of blocks on an SM is computed from the limits of threads, registers and shared
// memory, with the registers that ptxas 11.8 takes for sm_90; without a preferred
// carve-out an SM has the shared memory of one block only.
package emulator

import (
	"testing"

	"stele/kernels/cuda/host"
)

// Build compiles the driver library if necessary and returns its path. It needs
// g++.
func Build(t testing.TB) string {
	t.Helper()
	return host.Compile(t, "libcuda.so.1", host.Source{
		Folder:  "cgo/cuda/emulator/src",
		Include: []string{"cgo/cuda/include"},
		Flags:   []string{"-shared", "-fPIC", "-pthread", "-fvisibility=hidden", "-Wl,-z,nodelete"},
	})
}
