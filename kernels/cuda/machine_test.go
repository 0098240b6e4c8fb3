package cuda_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"stele/engine/pow"
	"stele/kernels/cuda"
	"stele/kernels/cuda/host"
	"stele/kernels/cuda/ptx"
)

// Properties see the same random values on every run; -rapid.seed=N gives
// others.
func init() {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
}

// A machine runs kernels: the source compiled for the host, or the PTX that is
// shipped in an interpreter.
type machine interface {
	Launch(entry string, grid, block int, params []byte, buffers ...host.Buffer) error
}

// interpreter runs PTX.
type interpreter struct {
	module  *ptx.Module
	reverse bool // the last thread runs first
}

func newInterpreter(text []byte) (*interpreter, error) {
	module, err := ptx.Parse(text)
	return &interpreter{module: module}, err
}

func (i *interpreter) Launch(entry string, grid, block int, params []byte, buffers ...host.Buffer) error {
	var mem ptx.Memory
	params = append([]byte(nil), params...)
	address := make([]uint64, len(buffers))
	for n, b := range buffers {
		var err error
		if address[n], err = mem.Alloc(max(len(b.Data), 1)); err != nil {
			return err
		}
		if err := mem.Write(address[n], b.Data); err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(params[b.At:], address[n])
	}
	// Enough for the launches here; a mutant may loop for ever.
	options := ptx.Options{Budget: 1 << 20, Reverse: i.reverse}
	_, err := i.module.Run(entry, [3]int{grid, 1, 1}, [3]int{block, 1, 1}, [][]byte{params}, &mem, options)
	if err != nil {
		return err
	}
	for n, b := range buffers {
		if err := mem.Read(address[n], b.Data); err != nil {
			return err
		}
	}
	return nil
}

// entries returns the entries of a kind.
func entries(t *testing.T, kind cuda.Kind) []cuda.Entry {
	t.Helper()
	var all []cuda.Entry
	for _, e := range cuda.Entries() {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		t.Fatalf("no entry is of kind %s", kind)
	}
	return all
}

// onHost runs a test for every entry of a kind, on the host.
func onHost(t *testing.T, kind cuda.Kind, test func(t *testing.T, m machine, e cuda.Entry)) {
	t.Helper()
	kernels := host.Start(t)
	for _, e := range entries(t, kind) {
		t.Run(e.Name+"/host", func(t *testing.T) { test(t, kernels, e) })
	}
}

// everywhere runs a test for every entry of a kind, on the host and in the
// interpreter; slow reports that the machine is the interpreter.
func everywhere(t *testing.T, kind cuda.Kind, test func(t *testing.T, m machine, e cuda.Entry, slow bool)) {
	t.Helper()
	onHost(t, kind, func(t *testing.T, m machine, e cuda.Entry) { test(t, m, e, false) })
	for _, e := range entries(t, kind) {
		t.Run(e.Name+"/ptx", func(t *testing.T) {
			m, err := newInterpreter(e.PTX)
			if err != nil {
				t.Fatal(err)
			}
			test(t, m, e, true)
		})
	}
}

// blocks are headers of Bitcoin's main chain.
var blocks = []string{
	"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c", // 0
	"010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299", // 1
	"0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70", // 170
	"0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695", // 125552
	"0200000053e679859867227ce7365a95043041ec3946be2fab2668c80000000000000000c306afc96d3c0258c1952b53c660455e700451635d771fbe235cb08e2931ac36feccc0520ca303195d03ba96", // 277647
}

func parse(text string) pow.Header {
	h, err := pow.ParseHeader(text)
	if err != nil {
		panic(err) // one of the above
	}
	return h
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x7374656c65)) }

func randomBytes(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func randomHeader(r *rand.Rand) (h [pow.HeaderSize]byte) {
	randomBytes(r, h[:])
	return h
}

// topOf is the part of a hash that the search kernels compare.
func topOf(h pow.Hash) uint32 { return binary.LittleEndian.Uint32(h[28:]) }

// below gives the target with all bits set under its top word.
func below(top uint32) pow.Target {
	return pow.Target{^uint64(0), ^uint64(0), ^uint64(0), uint64(top)<<32 | 0xffffffff}
}

// shape is that of a launch.
type shape struct{ grid, threads, rounds int }

func (s shape) String() string {
	return fmt.Sprintf("%d blocks of %d threads, %d rounds", s.grid, s.threads, s.rounds)
}

// fresh is what fills the place for hits before a launch.
const fresh = 0xa5a5a5a5

// newHits makes struct hits, with words for each of capacity hits.
func newHits(capacity, words int) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 4), uint32(capacity))
	for range capacity * words {
		b = binary.LittleEndian.AppendUint32(b, fresh)
	}
	return b
}

// readHits returns how many hits were counted, and those that were kept. What
// lies behind them must be as it was.
func readHits(b []byte, words int) (count int, kept [][]uint32, err error) {
	at := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	count = int(at(0))
	capacity := (len(b)/4 - 2) / words
	if int(at(1)) != capacity {
		return 0, nil, fmt.Errorf("the capacity of the hits became %d", at(1))
	}
	for i := range capacity {
		var hit []uint32
		for j := range words {
			hit = append(hit, at(2+i*words+j))
		}
		if i < count {
			kept = append(kept, hit)
			continue
		}
		for _, w := range hit {
			if w != fresh {
				return 0, nil, fmt.Errorf("%d hits, and word %#x where hit %d would be", count, w, i)
			}
		}
	}
	return count, kept, nil
}

func buffer(at int, data []byte) host.Buffer { return host.Buffer{At: at, Data: data} }
