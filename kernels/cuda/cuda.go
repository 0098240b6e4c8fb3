// Package cuda has the GPU kernels: their source, the PTX compiled from it, and
// the launch parameters. It makes no driver calls; those are in package
// stele/cgo/cuda. It knows bytes only: encoded headers of 80 bytes, and hashes and
// targets of 32 bytes, little-endian numbers.
//
// The source is stele.cu with its headers. variants.txt lists the entries, and
// generate.sh compiles them to generated/*.ptx.gz, which the package embeds.
// [Entries] returns them. [Job.ScanParams], [Job.RollParams], [VerifyParams],
// [HashParams] and [MerkleParams] return the parameters of a launch; abi.h has the same
// structures in C.
//
// The search entries of a kind return the same answers. They differ in how much
// work they move to the multiplier, and measuring shows which is the fastest on a
// device.
//
// Caveat: the kernels compare the top 32 bits of hash and target. The host must
// compare the rest.
package cuda

import (
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Kind is the task of an entry.
type Kind string

const (
	Scan   Kind = "SCAN"   // nonces of one header
	Roll   Kind = "ROLL"   // nonces of several versions of one header
	Verify Kind = "VERIFY" // hashes of headers, compared with their own nBits
	Link   Kind = "LINK"   // links of headers to their parents
	Hash   Kind = "HASH"   // double SHA-256 of messages of any length
	Merkle Kind = "MERKLE" // roots of Merkle trees
)

// IsBoundByBus reports whether the copy to the device bounds the entries of a kind
// wherever they run. Their cost is not counted.
func (k Kind) IsBoundByBus() bool { return k == Link || k == Hash || k == Merkle }

// Threads returns the number of threads per block for which the entries of a kind
// are compiled.
func (k Kind) Threads() int {
	switch k {
	case Roll, Verify, Hash, Merkle:
		return 128
	}
	return 256
}

// Tile is the number of nonces that a block of a Roll entry does at a time, each
// with all versions. A block has one thread per version.
const Tile = 64

// Entry is a compiled kernel.
type Entry struct {
	Name string
	Kind Kind
	PTX  []byte
}

//go:embed variants.txt sass.txt generated
var files embed.FS

// Entries returns all entries in the order of variants.txt: within a kind, those
// that use both pipes of a multiprocessor best come first. The caller owns the
// slice, but must not change the PTX in it. Safe for concurrent use.
func Entries() []Entry { return slices.Clone(entries()) }

// entries unpacks the embedded files, a few megabytes, once.
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
		ptx, err := unpack("generated/" + f[0] + ".ptx.gz")
		if err != nil {
			panic(fmt.Sprintf("kernels/cuda: %v; run generate.sh", err))
		}
		all = append(all, Entry{Name: f[0], Kind: Kind(f[1]), PTX: ptx})
	}
	return all
})

// unpack returns the contents of an embedded file that is compressed with gzip.
func unpack(name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}
