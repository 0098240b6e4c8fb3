package engine

import (
	"context"
	"errors"

	"stele/engine/pow"
)

// Job is a header to search and the target that its hash must meet. A Job is a
// value: nothing in it changes after it is made.
type Job struct {
	Header [pow.HeaderSize]byte // encoded; the nonce, bytes 76 to 79, is ignored
	Target pow.Target

	// VersionMask has the bits of the header's version that the search may
	// change, as BIP 310 negotiates them; those of BIP 320 are 0x1fffe000. With 0
	// only nonces are searched.
	VersionMask uint32
}

// Device is one piece of hardware that scans nonces and checks headers. All
// methods except Close are safe for concurrent use; Info.Lanes is the number of
// concurrent calls that keep the device busy.
type Device interface {
	// Info describes the device. It does not change while the device is open.
	Info() Info

	// Scan hashes the job's header with every nonce of r and returns every
	// nonce whose hash meets the target, in the order of the range. It ignores
	// the job's VersionMask. When ctx ends or the device fails, it returns its
	// partial result together with the error: ScanResult.Done counts the nonces
	// finished from the front of r, and ScanResult.Nonces has exactly the hits
	// among those.
	//
	// If early is not nil, Scan may call it with hits as soon as they are known,
	// in the order of the range. These hits are in the result as well.
	Scan(ctx context.Context, job *Job, r pow.Range, early func(nonces []uint32)) (ScanResult, error)

	// Verify checks len(verdicts) encoded headers of pow.HeaderSize bytes each,
	// one after the other in headers: the hash against the target of the header's
	// own nBits and, if linked, that each header but the first names the one
	// before it as its parent. If the error is nil, every verdict is set.
	Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error

	// Close releases the device. The caller must not run another method at the
	// same time or later.
	Close() error
}

// ErrWrong is the kind of the error of a device that has detected wrong answers of
// its own.
var ErrWrong = errors.New("wrong answers")

// ErrLost is the kind of the error of a [Reopener] that only a new process can use
// again.
var ErrLost = errors.New("lost until the program starts again")

// Reopener is a [Device] that may work again after it failed.
type Reopener interface {
	// Reopen makes the device usable again. Other methods that are running then
	// return an error. After an error of the kind ErrLost the engine does not call
	// Reopen again.
	Reopen(ctx context.Context) error
}

// ScanResult is the result of [Device.Scan].
type ScanResult struct {
	Nonces []uint32 // the hits among the finished nonces, in range order
	Done   uint64   // nonces finished, counted from the first of the range
}

// Info describes a device. The JSON form is part of the output of
// `stele devices --json`.
type Info struct {
	ID     string `json:"id"`   // "cpu", "cuda:0": the value of --device
	Kind   string `json:"kind"` // "cpu", "cuda"
	Name   string `json:"name"` // the maker's name of the hardware
	UUID   string `json:"uuid,omitempty"`
	PCI    string `json:"pci,omitempty"` // PCI address
	Lanes  int    `json:"-"`             // concurrent calls that keep it busy
	Pinned bool   `json:"-"`             // each lane needs an OS thread of its own

	Threads         int          `json:"threads,omitempty"`         // CPU threads used
	Multiprocessors int          `json:"multiprocessors,omitempty"` // of a GPU, or of its slice
	Features        []string     `json:"features"`                  // hardware features that the kernels ask for and the device has
	Kernels         []KernelInfo `json:"kernels"`                   // all kernels of the program for this kind of device
	SearchKernel    string       `json:"search_kernel"`             // chosen for Scan
	RollKernel      string       `json:"roll_kernel,omitempty"`     // chosen for ScanVersions; "" without it
	VerifyKernel    string       `json:"verify_kernel"`             // chosen for Verify
}

// KernelInfo reports whether a kernel can be used on this machine, and if not, why.
type KernelInfo struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	Reason    string `json:"reason,omitempty"` // why it is not available
}
