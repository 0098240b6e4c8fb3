package headertree_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

// realHeaders returns the first headers of Bitcoin, from the genesis block on.
func realHeaders(t testing.TB) []pow.Header {
	var headers []pow.Header
	for _, raw := range blockfiletest.Headers(t) {
		h, err := pow.DecodeHeader(raw)
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
	return headers
}

// The real headers break none of the rules, though 108 of them are before
// their parents, and the tree knows what follows from each.
func TestRealHeaders(t *testing.T) {
	headers := realHeaders(t)
	tree := headertree.New(pow.Bitcoin, headers[0])
	for i, h := range headers[1:] {
		n, err := tree.Add(h, h.Hash())
		if err != nil {
			t.Fatalf("height %d: %v", i+1, err)
		}
		tree.SetBody(n)
	}
	best := tree.Best()
	if best.Height != blockfiletest.ChainBlocks-1 || tree.Len() != blockfiletest.ChainBlocks {
		t.Errorf("height %d, %d headers", best.Height, tree.Len())
	}
	// All of them have difficulty 1, which is 2^32+2^16+1 hashes, rounded down.
	if want := uint64(blockfiletest.ChainBlocks) * 0x100010001; best.Work != (pow.Work{want}) {
		t.Errorf("work %v, want %x", best.Work, want)
	}
	for height, h := range headers {
		if n := best.Ancestor(uint32(height)); n.Header != h {
			t.Fatalf("the ancestor at height %d is that of height %d", height, n.Height)
		}
	}
}

// vector is a part of the tree of headers of BIP 54's test vectors. A chain of
// headers ends where Valid stands.
type vector struct {
	Headers    []string `json:"block_headers"`
	Extensions []vector `json:"extensions"`
	Valid      *bool    `json:"valid"`
	Comment    string   `json:"comment"`
}

// The nine chains of headers for the rules about time of BIP 54.
func TestBIP54Vectors(t *testing.T) {
	packed, err := os.ReadFile("testdata/bip54-timestamps.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var root vector
	if err := json.NewDecoder(text).Decode(&root); err != nil {
		t.Fatal(err)
	}
	genesis, err := pow.ParseHeader(root.Headers[0])
	if err != nil {
		t.Fatal(err)
	}
	tree := headertree.New(pow.Bitcoin, genesis)

	cases := 0
	var check func(v vector)
	check = func(v vector) {
		// Only the last header of a chain can be invalid.
		for i, hex := range v.Headers {
			h, err := pow.ParseHeader(hex)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.CheckProofOfWork(pow.Bitcoin.PowLimit); err != nil {
				t.Fatalf("%v: %v", h.Hash(), err)
			}
			bad := v.Valid != nil && !*v.Valid && i == len(v.Headers)-1
			n, err := tree.Add(h, h.Hash())
			switch reason, _ := reject.Of(err); {
			case bad && reason != reject.TimeWarp:
				t.Errorf("%s: accepted, or for another reason: %v", v.Comment, err)
			case bad:
			case err != nil:
				t.Fatalf("%q, header %d: %v", v.Comment, i, err)
			case n.Hash != h.Hash():
				t.Fatalf("%v became %v", h.Hash(), n.Hash)
			}
		}
		if v.Valid != nil {
			cases++
		}
		for _, e := range v.Extensions {
			check(e)
		}
	}
	check(root)
	if cases != 9 {
		t.Errorf("%d cases, want 9", cases)
	}
}

// The rules and the map take at most half a microsecond a header. The hashes
// are the business of the engine, so they are not measured here.
func BenchmarkAdd(b *testing.B) {
	headers := realHeaders(b)
	hashes := make([]pow.Hash, len(headers))
	for i, h := range headers {
		hashes[i] = h.Hash()
	}
	b.ReportAllocs()
	for b.Loop() {
		tree := headertree.New(pow.Bitcoin, headers[0])
		for i := 1; i < len(headers); i++ {
			n, err := tree.Add(headers[i], hashes[i])
			if err != nil {
				b.Fatal(err)
			}
			tree.SetBody(n)
		}
	}
	perSecond := float64(b.N) * float64(len(headers)-1) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "headers/s")
}
