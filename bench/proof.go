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

// GenesisHeader is the header of all proofs in hex: that of Bitcoin's block 0. Its
// own nonce, 2083236893, lies in every range of the table.
const GenesisHeader = "0100000000000000000000000000000000000000000000000000000000000000" +
	"000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa" +
	"4b1e5e4a29ab5f49ffff001d1dac2b7c"

// versionMask has the bits in which the versions of a rolled range differ: the
// lowest of those that BIP 320 reserves for miners.
const versionMask = 0x000fe000

// ProofRange is a range of nonces of GenesisHeader. The exact set of its nonces
// whose hashes have at least ZeroBits leading zero bits is known: the hashes that,
// as little-endian numbers, are below 2^(256-ZeroBits).
//
// In a rolled range each nonce has Versions versions of the header, which differ
// in the bits 13 to 19. The number of a version is the value of these bits, which
// are 0 in GenesisHeader. A pair of nonce and version is identified by its place,
// the number of pairs before it: Versions * (nonce - First) + version.
type ProofRange struct {
	Name     string `json:"range"`
	First    uint32 `json:"first"`
	Count    uint64 `json:"count"` // hashes: nonces times versions
	ZeroBits int    `json:"zero_bits"`
	Versions uint32 `json:"versions,omitempty"` // 0 means only that of GenesisHeader
}

// isRolled reports whether the range has several versions.
func (p ProofRange) isRolled() bool { return p.Versions > 0 }

// job returns the job that searches the range.
func (p ProofRange) job() engine.Job {
	job := engine.Job{Header: genesis, Target: pow.ZeroBits(p.ZeroBits)}
	if p.isRolled() {
		job.VersionMask = versionMask
	}
	return job
}

// begin returns the number of the first hash of the range; see number.
func (p ProofRange) begin() uint32 {
	if p.isRolled() {
		return 0
	}
	return p.First
}

// number returns the number of a hash in a proof: its nonce, or in a rolled range
// its place.
func (p ProofRange) number(nonce, version uint32) uint32 {
	if p.isRolled() {
		return (nonce-p.First)*p.Versions + version
	}
	return nonce
}

// header returns the header of the hash with a number.
func (p ProofRange) header(number uint32) [pow.HeaderSize]byte {
	header, nonce := genesis, number
	if p.isRolled() {
		job := p.job()
		header, nonce = job.WithVersion(uint64(number%p.Versions)), p.First+number/p.Versions
	}
	pow.SetNonce(&header, nonce)
	return header
}

// known is a range with the size and the digest of its set.
type known struct {
	ProofRange
	nonces int
	digest string // see Digest
}

// knownRanges and rolledRanges are the table of known ranges, in ascending order of
// size. Every set has about a thousand nonces.
var knownRanges = []known{
	{ProofRange{"genesis-18", 0x7c280000, 1 << 18, 8, 0}, 1008, "d15a0496425acc456cc6e0a7445fd7baf6395046a82edbf378b674fbfc1d1c90"},
	{ProofRange{"genesis-20", 0x7c200000, 1 << 20, 10, 0}, 999, "6f19fc32d875fe3d841295df3f377a360ff553d03464ce1f4bc7e7c030bd8c71"},
	{ProofRange{"genesis-22", 0x7c000000, 1 << 22, 12, 0}, 993, "9c09c791dea90c9438e2bc6fa7ae8e8a58eef0fb8f29e47f53b45c25579c364c"},
	{ProofRange{"genesis-24", 0x7c000000, 1 << 24, 14, 0}, 1008, "3fd66a48212a5742d5d8b0483b0db96a0ddae3b48c1ed848934a15c5ff4d4228"},
	{ProofRange{"genesis-26", 0x7c000000, 1 << 26, 16, 0}, 1034, "b715b6b2fb77e7362ea399b0f041ff3926e794adb9ce241767e756c20135021c"},
	{ProofRange{"genesis-28", 0x70000000, 1 << 28, 18, 0}, 1020, "77c722ae8fc1725d2b59f36e0ea6749fb43e314bcc3e1733cb19c094386e2664"},
	{ProofRange{"genesis-30", 0x40000000, 1 << 30, 20, 0}, 1015, "eaa5c37acbb67005d53b38fa54cb27de2fd2715b5f948e5fdddac3d6ca9fa8f1"},
	{ProofRange{"genesis-32", 0, 1 << 32, 22, 0}, 1006, "b0e63561027f8e9b5b40a35ebdc6d11b0c9a2a6f0d2489df8c4f56abaeb3a872"},
}

var rolledRanges = []known{
	{ProofRange{"rolled-18", 0x7c2ba800, 1 << 18, 8, 128}, 993, "997f34095ce66a4fc05744e7b2704fed4e3a12ce24423c086a2aef7feba005e6"},
	{ProofRange{"rolled-20", 0x7c2ba000, 1 << 20, 10, 128}, 1054, "2a4decad4202df10ae0cf041aef4e6708e24bc0db088d407a09a14c2c480e66c"},
	{ProofRange{"rolled-22", 0x7c2b8000, 1 << 22, 12, 128}, 1096, "e39651f24984c905708b61ab46c48490e3c4c793f931488da4c4f6d9e44754c0"},
	{ProofRange{"rolled-24", 0x7c2a0000, 1 << 24, 14, 128}, 1034, "f7f37809db24a5910d0368ae9d7e80d735ceed870f0c01a49d95bd73d3329d21"},
	{ProofRange{"rolled-26", 0x7c280000, 1 << 26, 16, 128}, 954, "aae19599cae0107a468748bfd4ef959f8881fb049e0568bbb41323e8560fea76"},
	{ProofRange{"rolled-28", 0x7c200000, 1 << 28, 18, 128}, 1014, "a6807cf42d70b5108a965a801ae937a8e7e5bf2aba3e26925c2e76349fac576b"},
	{ProofRange{"rolled-30", 0x7c000000, 1 << 30, 20, 128}, 1038, "f7d2d75baff22b22ba605477ff82dc06eb2c40fd5f1545a5c7d22437c41d2d01"},
}

// rangeOf returns the range with this name, or the zero value.
func rangeOf(name string) known {
	for _, k := range slices.Concat(knownRanges, rolledRanges) {
		if k.Name == name {
			return k
		}
	}
	return known{}
}

// inTable reports whether the known set of the range has this digest.
func inTable(name, digest string) bool {
	k := rangeOf(name)
	return k.Name != "" && k.digest == digest
}

// genesis is GenesisHeader, encoded.
var genesis = func() [pow.HeaderSize]byte {
	h, err := pow.ParseHeader(GenesisHeader)
	if err != nil {
		panic(err)
	}
	return h.Encode()
}()

// Digest returns the digest of a set of nonces: the SHA-256, in hex, of the nonces
// in ascending order, each as four bytes, little-endian. It does not change its
// argument.
func Digest(nonces []uint32) string {
	sum := sha256.New()
	var word [4]byte
	for _, n := range slices.Sorted(slices.Values(nonces)) {
		binary.LittleEndian.PutUint32(word[:], n)
		sum.Write(word[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Proof is the set of nonces that a search found.
type Proof struct {
	ProofRange
	Header string   `json:"header"` // GenesisHeader; its own nonce does not matter
	Digest string   `json:"digest"` // see [Digest]
	Nonces []uint32 `json:"nonces"` // ascending; places in a rolled range
}

// ScanFunc searches r and calls found with every nonce, and the number of the
// version, with which the job meets its target. Calls of found are never
// concurrent. An error means that the range was not finished.
type ScanFunc func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error

// Walk is the [Workload] of a search. It searches a range of the table, again and
// again from the first nonce to the last, and collects the hits. Every pass must
// find the known set.
type Walk struct {
	scan   ScanFunc
	table  []known
	in     known
	job    engine.Job
	at     uint64   // hashes done in this pass
	ahead  uint64   // hashes done beyond the items of all calls of Run
	hits   []uint32 // of this pass
	passes int      // completed
	set    []uint32 // found by the first pass
	wrong  []uint32 // found by the first pass that did not find the known set
}

// NewWalk returns a walk through the smallest range.
func NewWalk(scan ScanFunc) *Walk { return newWalk(scan, knownRanges) }

// NewRolledWalk returns a walk through the smallest range of nonces and
// versions.
func NewRolledWalk(scan ScanFunc) *Walk { return newWalk(scan, rolledRanges) }

func newWalk(scan ScanFunc, table []known) *Walk {
	w := &Walk{scan: scan, table: table}
	w.enter(table[0])
	return w
}

// enter starts a walk through another range.
func (w *Walk) enter(in known) {
	*w = Walk{scan: w.scan, table: w.table, in: in, job: in.job()}
}

// Begin selects the largest range that the samples will finish.
func (w *Walk) Begin(expected uint64) {
	selected := w.table[0]
	for _, k := range w.table[1:] {
		if k.Count <= expected {
			selected = k
		}
	}
	w.enter(selected)
}

// Run searches the next part of the walk. It searches every nonce with all
// versions; hashes of the last nonce beyond items count for the next call.
func (w *Walk) Run(ctx context.Context, items uint64) error {
	versions := uint64(max(w.in.Versions, 1))
	for w.ahead < items {
		nonces := min((items-w.ahead+versions-1)/versions, (w.in.Count-w.at)/versions)
		r := pow.Range{First: w.in.First + uint32(w.at/versions), Count: nonces}
		err := w.scan(ctx, &w.job, r, func(nonce, version uint32) { w.hits = append(w.hits, w.in.number(nonce, version)) })
		if err != nil {
			return err
		}
		w.at += nonces * versions
		w.ahead += nonces * versions
		if w.at == w.in.Count {
			w.endPass()
		}
	}
	w.ahead -= items
	return nil
}

// endPass ends a pass.
func (w *Walk) endPass() {
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

// Finish ends the walk and returns the set that it found: the known set if all
// passes found it, otherwise the first other one. It completes a first pass that is
// unfinished. A later pass that is unfinished counts with its part that is done,
// and the rest is taken from the first pass.
func (w *Walk) Finish(ctx context.Context) (Proof, error) {
	if w.passes == 0 {
		if err := w.Run(ctx, w.ahead+w.in.Count-w.at); err != nil {
			return Proof{}, err
		}
	}
	if w.at > 0 {
		passes := w.passes
		for _, nonce := range w.set {
			if uint64(nonce-w.in.begin()) >= w.at {
				w.hits = append(w.hits, nonce)
			}
		}
		w.endPass()
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
