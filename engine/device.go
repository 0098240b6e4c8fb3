package engine

import (
	"context"
	"errors"

	"stele/engine/pow"
)

// Job is a header to search and the target that its hash must meet. The nonce
// field of Header (bytes 76 to 79) is ignored. A Job is a value: the header,
// the target and whatever else belongs to it are frozen when it is made.
type Job struct {
	Header [pow.HeaderSize]byte
	Target pow.Target

	// VersionMask has the bits of the header's version that the search may
	// change, as BIP 310 negotiates them; those of BIP 320 are 0x1fffe000. 0:
	// none, only nonces are searched.
	VersionMask uint32
}

// Device is one piece of hardware that scans nonces and checks headers. All
// methods except Close may be called from several goroutines at once; Info.Lanes
// tells how many concurrent calls keep the device busy.
type Device interface {
	// Info describes the device. It does not change while the device is open.
	Info() Info

	// Scan hashes the job's header with every nonce of r and returns every
	// nonce whose hash meets the target, in the order of the range. It leaves
	// the version as it is, whatever the job's VersionMask says. When ctx
	// ends or the device fails it returns what it has together with the error:
	// ScanResult.Done counts the nonces finished from the front of r, and the hits
	// among those, all of them and no others, are in ScanResult.Nonces.
	//
	// Hits need not wait for the end: if early is not nil, it may be called from
	// within Scan with hits as soon as they are known, in the order of the range.
	// They are in the result all the same.
	Scan(ctx context.Context, job *Job, r pow.Range, early func(nonces []uint32)) (ScanResult, error)

	// Verify checks len(verdicts) headers of pow.HeaderSize bytes each that
	// lie one after the other in headers: the hash against the target of the
	// header's own nBits and, if linked, that each header but the first names
	// the one before it as its parent. On a nil error every verdict is set.
	Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error

	// Close releases the device. No other method is running or called later.
	Close() error
}

// ErrWrong is the kind of the error of a device that found out by itself that
// it gives wrong answers.
var ErrWrong = errors.New("wrong answers")

// ErrLost is the kind of the error of a Reopener that only a new process can take
// into use again.
var ErrLost = errors.New("lost until the program starts again")

// Reopener is a Device that may work again after it failed.
type Reopener interface {
	// Reopen takes the device into use again. Other methods may be running;
	// those then return an error. After an error of the kind ErrLost it is not
	// called again.
	Reopen(ctx context.Context) error
}

// ScanResult is what Device.Scan found.
type ScanResult struct {
	Nonces []uint32 // the hits among the finished nonces, in range order
	Done   uint64   // nonces finished, counted from the first of the range
}

// Info describes a device. The JSON form is part of the output of
// `stele devices --json`.
type Info struct {
	ID     string `json:"id"`   // "cpu", "cuda:0": what --device takes
	Kind   string `json:"kind"` // "cpu", "cuda"
	Name   string `json:"name"` // the maker's name of the hardware
	UUID   string `json:"uuid,omitempty"`
	PCI    string `json:"pci,omitempty"` // PCI address
	Lanes  int    `json:"-"`             // concurrent calls that keep it busy
	Pinned bool   `json:"-"`             // each lane wants an OS thread of its own

	Threads      int          `json:"threads,omitempty"`     // CPU threads used
	Features     []string     `json:"features"`              // what the kernels asked about, and the hardware has
	Kernels      []KernelInfo `json:"kernels"`               // all that the program has for this kind
	SearchKernel string       `json:"search_kernel"`         // chosen for Scan
	RollKernel   string       `json:"roll_kernel,omitempty"` // chosen for ScanVersions
	VerifyKernel string       `json:"verify_kernel"`         // chosen for Verify
}

// KernelInfo reports whether a kernel can be used here, and why not.
type KernelInfo struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	Reason    string `json:"reason,omitempty"` // why it is not available
}
