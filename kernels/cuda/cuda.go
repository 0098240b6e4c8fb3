// Package cuda has the GPU kernels: their source, the PTX made of it, and what
// the host must know to launch them. It contains no driver calls; those are in
// package stele/cgo/cuda.
//
// The source is stele.cu with its headers. variants.txt lists the entries that
// are compiled of it, generate.sh compiles them to generated/*.ptx, which are
// embedded here. [Entries] returns them; [ScanParams], [RollParams] and
// [VerifyParams] are the parameters in the form in which a launch takes them
// (abi.h is their twin in C).
//
// The search entries of one kind give the same answers and differ in how much
// work they move to the multiplier; which is the fastest on a device has to be
// measured.
package cuda

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Kind is what an entry does.
type Kind string

const (
	Scan   Kind = "SCAN"   // nonces of one header
	Roll   Kind = "ROLL"   // nonces of several versions of one header
	Verify Kind = "VERIFY" // hash of headers against their own nBits
	Link   Kind = "LINK"   // parents of headers
)

// Threads is the number of threads in a block, which the entries of a kind are
// compiled for.
func (k Kind) Threads() int {
	switch k {
	case Roll, Verify:
		return 128
	}
	return 256
}

// Tile is the number of nonces that a block of a Roll entry takes at a time,
// each with all versions; there are as many versions as threads.
const Tile = 64

// Entry is a compiled kernel.
type Entry struct {
	Name string
	Kind Kind
	PTX  []byte
}

//go:embed variants.txt sass.txt generated
var files embed.FS

// Entries returns all entries, in the order of variants.txt: those that fill
// both pipes of a multiprocessor best come first of their kind. The slice is the
// caller's; the PTX in it is shared and must not be changed.
func Entries() []Entry { return slices.Clone(entries()) }

// entries reads the embedded files, some megabytes, once.
var entries = sync.OnceValue(func() []Entry {
	text, err := files.ReadFile("variants.txt")
	if err != nil {
		panic(err) // it is embedded
	}
	var all []Entry
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0][0] == '#' {
			continue
		}
		ptx, err := files.ReadFile("generated/" + f[0] + ".ptx")
		if err != nil {
			panic(fmt.Sprintf("kernels/cuda: %v; run generate.sh", err))
		}
		all = append(all, Entry{Name: f[0], Kind: Kind(f[1]), PTX: ptx})
	}
	return all
})
