package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"stele/engine"
	"stele/engine/pow"
)

// GenesisHeader is the published header of all proofs: Bitcoin's block 0. Its
// own nonce, 2083236893, lies in every range of the table.
const GenesisHeader = "0100000000000000000000000000000000000000000000000000000000000000" +
	"000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa" +
	"4b1e5e4a29ab5f49ffff001d1dac2b7c"

// ProofRange is a range of nonces of GenesisHeader whose exact set of nonces
// with at least ZeroBits leading zero bits is known: those whose hash, read as
// Bitcoin reads it, is below 2^(256-ZeroBits).
type ProofRange struct {
	Name     string `json:"range"`
	First    uint32 `json:"first"`
	Count    uint64 `json:"count"`
	ZeroBits int    `json:"zero_bits"`
}

// known is a range with what is known about its set.
type known struct {
	ProofRange
	nonces int
	digest string // see Digest
}

// knownRanges is ordered by size. Every set has about a thousand nonces.
var knownRanges = []known{
	{ProofRange{"genesis-18", 0x7c280000, 1 << 18, 8}, 1008, "d15a0496425acc456cc6e0a7445fd7baf6395046a82edbf378b674fbfc1d1c90"},
	{ProofRange{"genesis-20", 0x7c200000, 1 << 20, 10}, 999, "6f19fc32d875fe3d841295df3f377a360ff553d03464ce1f4bc7e7c030bd8c71"},
	{ProofRange{"genesis-22", 0x7c000000, 1 << 22, 12}, 993, "9c09c791dea90c9438e2bc6fa7ae8e8a58eef0fb8f29e47f53b45c25579c364c"},
	{ProofRange{"genesis-24", 0x7c000000, 1 << 24, 14}, 1008, "3fd66a48212a5742d5d8b0483b0db96a0ddae3b48c1ed848934a15c5ff4d4228"},
	{ProofRange{"genesis-26", 0x7c000000, 1 << 26, 16}, 1034, "b715b6b2fb77e7362ea399b0f041ff3926e794adb9ce241767e756c20135021c"},
	{ProofRange{"genesis-28", 0x70000000, 1 << 28, 18}, 1020, "77c722ae8fc1725d2b59f36e0ea6749fb43e314bcc3e1733cb19c094386e2664"},
	{ProofRange{"genesis-30", 0x40000000, 1 << 30, 20}, 1015, "eaa5c37acbb67005d53b38fa54cb27de2fd2715b5f948e5fdddac3d6ca9fa8f1"},
	{ProofRange{"genesis-32", 0, 1 << 32, 22}, 1006, "b0e63561027f8e9b5b40a35ebdc6d11b0c9a2a6f0d2489df8c4f56abaeb3a872"},
}

// countOf is the number of nonces in the range with this name, 0 if there is none.
func countOf(name string) uint64 {
	for _, k := range knownRanges {
		if k.Name == name {
			return k.Count
		}
	}
	return 0
}

// inTable reports whether the set with this digest is that of the range.
func inTable(name, digest string) bool {
	return slices.ContainsFunc(knownRanges, func(k known) bool { return k.Name == name && k.digest == digest })
}

// genesis is GenesisHeader as bytes.
var genesis = func() [pow.HeaderSize]byte {
	h, err := pow.ParseHeader(GenesisHeader)
	if err != nil {
		panic(err)
	}
	return h.Encode()
}()

// Digest is the certificate of a set of nonces: the SHA-256, in hex, of the
// nonces in ascending order, each as four bytes, little-endian. It does not
// change the order of its argument.
func Digest(nonces []uint32) string {
	sum := sha256.New()
	var word [4]byte
	for _, n := range slices.Sorted(slices.Values(nonces)) {
		binary.LittleEndian.PutUint32(word[:], n)
		sum.Write(word[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Proof is a set of nonces that a search found.
type Proof struct {
	ProofRange
	Header string   `json:"header"` // hex of GenesisHeader; its own nonce does not matter
	Digest string   `json:"digest"`
	Nonces []uint32 `json:"nonces"` // ascending
}

// ScanFunc tells found every nonce of r that meets the job's target, one call
// at a time. An error means that the range was not finished.
type ScanFunc func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce uint32)) error

// Walk is the workload of a search: it goes through a range of the table, from
// the first nonce to the last and then again from the first, and collects what
// is found. Every pass must find the set of the table.
type Walk struct {
	scan   ScanFunc
	in     known
	job    engine.Job
	at     uint64   // nonces of this pass that are done
	hits   []uint32 // found in this pass
	passes int
	set    []uint32 // found by the first pass
	wrong  []uint32 // found by the first pass that found anything else
}

// NewWalk returns a walk through the smallest range.
func NewWalk(scan ScanFunc) *Walk {
	w := &Walk{scan: scan}
	w.enter(knownRanges[0])
	return w
}

// enter starts a walk through another range.
func (w *Walk) enter(in known) {
	*w = Walk{scan: w.scan, in: in, job: engine.Job{Header: genesis, Target: pow.ZeroBits(in.ZeroBits)}}
}

// Begin picks the largest range that the samples will finish.
func (w *Walk) Begin(expected uint64) {
	pick := knownRanges[0]
	for _, k := range knownRanges[1:] {
		if k.Count <= expected {
			pick = k
		}
	}
	w.enter(pick)
}

// Run searches the next nonces of the walk.
func (w *Walk) Run(ctx context.Context, items uint64) error {
	for items > 0 {
		n := min(items, w.in.Count-w.at)
		r := pow.Range{First: w.in.First + uint32(w.at), Count: n}
		err := w.scan(ctx, &w.job, r, func(nonce uint32) { w.hits = append(w.hits, nonce) })
		if err != nil {
			return err
		}
		w.at += n
		items -= n
		if w.at == w.in.Count {
			w.turn()
		}
	}
	return nil
}

// turn ends a pass.
func (w *Walk) turn() {
	slices.Sort(w.hits)
	if w.hits == nil {
		w.hits = []uint32{}
	}
	if w.passes == 0 {
		w.set = w.hits
	}
	if w.wrong == nil && Digest(w.hits) != w.in.digest {
		w.wrong = w.hits
	}
	w.passes++
	w.hits, w.at = nil, 0
}

// Finish ends the walk and returns what it found: the set of the table, or
// else the first other one. It completes a first pass that the samples left unfinished; of a later one, the part that
// was done counts, with the rest taken from the first.
func (w *Walk) Finish(ctx context.Context) (Proof, error) {
	if w.passes == 0 {
		if err := w.Run(ctx, w.in.Count-w.at); err != nil {
			return Proof{}, err
		}
	}
	if w.at > 0 {
		passes := w.passes
		for _, nonce := range w.set {
			if uint64(nonce-w.in.First) >= w.at {
				w.hits = append(w.hits, nonce)
			}
		}
		w.turn()
		w.passes = passes
	}
	set := w.set
	if w.wrong != nil {
		set = w.wrong
	}
	return Proof{
		ProofRange: w.in.ProofRange,
		Header:     GenesisHeader,
		Digest:     Digest(set),
		Nonces:     set,
	}, nil
}
