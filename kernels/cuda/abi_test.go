package cuda_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"testing"

	"stele/kernels/cuda"
	"stele/kernels/cuda/host"
)

// The parameters that Go makes lie as C has them.
func TestLayout(t *testing.T) {
	out, err := exec.Command(host.Program(t), "layout").Output()
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for line := range bytes.Lines(out) {
		var name string
		var at int
		if _, err := fmt.Sscan(string(line), &name, &at); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		place[name] = at
	}

	header := randomHeader(newRand(1))
	mid := binary.LittleEndian.Uint32(cuda.VersionState(&header))
	w0 := binary.BigEndian.Uint32(header[64:])
	job := cuda.NewJob(&header, [32]byte{28: 0x34, 29: 0x12})
	r := cuda.Range{First: 0x11111111, Count: 0x122222222, Rounds: 0x33333333}
	const a, b, c, d = 0x4444444455555555, 0x6666666677777777, 0x8888888899999999, 0xaaaaaaaabbbbbbbb
	mask := uint32(0x00e0ffff) // of the top word in the digest's byte order: 1fff is not tested
	for _, s := range []struct {
		name   string
		data   []byte
		fields map[string]any
	}{
		{"scan_params", job.ScanParams(r, a), map[string]any{
			"job.mid": mid, "job.top": uint32(0x1234), "moved.one": uint32(1), "moved.mask": mask,
			"first": r.First, "rounds": r.Rounds, "count": r.Count, "hits": uint64(a)}},
		{"roll_params", job.RollParams(r, a, b), map[string]any{
			"moved.one": uint32(1), "moved.mask": mask, "w": w0, "top": uint32(0x1234),
			"version": uint64(a), "first": r.First, "rounds": r.Rounds, "count": r.Count, "hits": uint64(b)}},
		{"verify_params", cuda.VerifyParams(a, b, c, 12345), map[string]any{
			"moved.one": uint32(1), "headers": uint64(a), "hashes": uint64(b), "bad": uint64(c), "count": uint64(12345)}},
		{"hash_params", cuda.HashParams(a, b, c, 12345), map[string]any{
			"moved.one": uint32(1), "data": uint64(a), "messages": uint64(b), "hashes": uint64(c), "count": uint64(12345)}},
		{"merkle_params", cuda.MerkleParams(a, b, c, d, a+b, 12345), map[string]any{
			"moved.one": uint32(1), "hashes": uint64(a), "trees": uint64(b), "nodes": uint64(c), "roots": uint64(d),
			"mutated": uint64(a + b), "count": uint64(12345)}},
		{"message", (&cuda.Message{At: [3]uint32{1, 2, 3}, Size: [3]uint32{4, 5, 6}, Hash: 7, Copy: 8}).Append(nil), map[string]any{
			"at": uint32(1), "size": uint32(4), "hash": uint32(7), "copy": uint32(8)}},
		{"tree", (&cuda.Tree{First: 1, Count: 2, Nodes: 3}).Append(nil), map[string]any{
			"first": uint32(1), "count": uint32(2), "nodes": uint32(3)}},
		{"version", cuda.VersionState(&header), map[string]any{"mid": mid}},
	} {
		if len(s.data) != place[s.name] {
			t.Errorf("%s: %d bytes, C has %d", s.name, len(s.data), place[s.name])
		}
		for field, want := range s.fields {
			at, ok := place[s.name+"."+field]
			if !ok {
				t.Errorf("C has no offset of %s.%s", s.name, field)
				continue
			}
			var got any
			switch want.(type) {
			case uint32:
				got = binary.LittleEndian.Uint32(s.data[at:])
			case uint64:
				got = binary.LittleEndian.Uint64(s.data[at:])
			}
			if got != want {
				t.Errorf("%s.%s: %#x where C has it, want %#x", s.name, field, got, want)
			}
		}
	}
	for name, want := range map[string]int{
		"scan_params.hits": scanHits, "roll_params.version": rollVersions, "roll_params.hits": rollHits,
		"verify_params.headers": verifyHeaders, "verify_params.hashes": verifyHashes, "verify_params.bad": verifyBad,
		"hash_params.data": hashData, "hash_params.messages": hashMessages, "hash_params.hashes": hashHashes,
		"merkle_params.hashes": merkleHashes, "merkle_params.trees": merkleTrees, "merkle_params.nodes": merkleNodes,
		"merkle_params.roots": merkleRoots, "merkle_params.mutated": merkleMutated,
		"hits.count": 0, "hits.capacity": 4, "hits.nonce": 8, "version.s3": 32,
	} {
		if at, ok := place[name]; !ok || at != want {
			t.Errorf("%s is at %d, want %d", name, at, want)
		}
	}
}

// The program of the host rejects what a driver would reject, and detects a kernel
// that touches what is not its own.
func TestHostRefuses(t *testing.T) {
	header := randomHeader(newRand(1))
	params := cuda.NewJob(&header, below(1<<32-1).Bytes()).ScanParams(cuda.Range{Count: 8, Rounds: 1}, 0)
	hits := func() host.Buffer { return buffer(scanHits, newHits(8, 1)) }
	k := host.Start(t)
	for name, launch := range map[string]func() error{
		"no entry":     func() error { return k.Launch("scan", 1, 32, params, hits()) },
		"no blocks":    func() error { return k.Launch("scan_a", 0, 32, params, hits()) },
		"large block":  func() error { return k.Launch("scan_a", 1, 257, params, hits()) },
		"short params": func() error { return k.Launch("scan_a", 1, 32, params[:160], hits()) },
		"stray buffer": func() error { return k.Launch("scan_a", 1, 32, params, buffer(161, nil)) },
	} {
		if err := launch(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := k.Launch("scan_a", 1, 32, params, hits()); err != nil {
		t.Fatal(err)
	}
	small := newHits(8, 1)[:8+4*7] // says 8, has 7
	if err := k.Launch("scan_a", 1, 32, params, buffer(scanHits, small)); err == nil {
		t.Error("a write beyond the hits was not noticed")
	}
}
