package block

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/blockfile"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
	"stele/node/ledger/record"
)

// Every transaction of a real block of Bitcoin can be proved, and is proved by
// no header but its own.
func TestProofOfRealBlock(t *testing.T) {
	const frame = 8 // magic and length of the record
	var real blockfile.Block
	if err := real.Parse(blockfiletest.Block277647(t)[frame:]); err != nil {
		t.Fatal(err)
	}
	if len(real.TxIDs) != 213 {
		t.Fatalf("%d transactions", len(real.TxIDs))
	}
	for i, id := range real.TxIDs {
		p := prove(real.Header, real.TxIDs, i)
		if err := p.Check(id); err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
		p.Header.MerkleRoot[0] ^= 1
		if err := p.Check(id); !errors.Is(err, ErrProof) {
			t.Fatalf("transaction %d, another header: %v", i, err)
		}
	}
}

// leaves returns so many different ids, and a header with their Merkle root.
func leaves(count int) ([]pow.Hash, pow.Header) {
	ids := make([]pow.Hash, count)
	for i := range ids {
		ids[i] = pow.Sum([]byte{byte(i), byte(i >> 8)})
	}
	root, _ := pow.MerkleRoot(ids)
	return ids, pow.Header{MerkleRoot: root}
}

// A proof holds for its record and place, and for nothing else.
func TestProof(t *testing.T) {
	for count := 1; count <= 33; count++ {
		ids, header := leaves(count)
		for index := range ids {
			p := prove(header, ids, index)
			for i, id := range ids {
				if err := p.Check(id); (err == nil) != (i == index) {
					t.Fatalf("%d records, proof of %d: record %d: %v", count, index, i, err)
				}
			}
			// Places that repeat the last node of a level must not pass for
			// places of records.
			for place := range 2 * uint32(count) {
				for claimed := range 2 * uint32(count) {
					other := p
					other.Index, other.Count = place, claimed
					sameDepth := claimed > 0 && bits.Len32(claimed-1) == len(p.Branch)
					if err := other.Check(ids[index]); err == nil && (place != p.Index || !sameDepth) {
						t.Fatalf("%d records, proof of %d: passes as number %d of %d", count, index, place, claimed)
					}
				}
			}
		}
	}
}

// Any change of a proof is noticed.
func TestProofChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids, header := leaves(rapid.IntRange(2, 300).Draw(t, "count"))
		index := rapid.IntRange(0, len(ids)-1).Draw(t, "index")
		p := prove(header, ids, index)
		if err := p.Check(ids[index]); err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(p.Branch)-1).Draw(t, "at")
		switch change := rapid.SampledFrom([]string{"bit", "shorter", "longer", "other index", "swapped"}).Draw(t, "change"); change {
		case "bit":
			p.Branch[at][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case "shorter":
			p.Branch = slices.Delete(p.Branch, at, at+1)
		case "longer":
			p.Branch = slices.Insert(p.Branch, at, p.Branch[at])
		case "other index":
			p.Index ^= 1 << rapid.IntRange(0, 31).Draw(t, "bit")
		case "swapped":
			other := rapid.IntRange(0, len(p.Branch)-1).Draw(t, "other")
			if p.Branch[at] == p.Branch[other] {
				return
			}
			p.Branch[at], p.Branch[other] = p.Branch[other], p.Branch[at]
		}
		if err := p.Check(ids[index]); !errors.Is(err, ErrProof) {
			t.Fatalf("accepted: %v", err)
		}
	})
}

// An inner node is the hash of 64 bytes. If a record could have a body of 64
// bytes, its id could be shown to be an inner node, or an inner node to be its
// id (CVE-2017-12842). No such record can be decoded, or pass its check.
func TestProofForgery(t *testing.T) {
	b := block(pays(t, 3))
	ids := b.IDs()
	inner := append(bytes.Clone(ids[2][:]), ids[3][:]...)

	// A proof that ends one level above the records is right as far as hashes
	// go. It needs a record that these 64 bytes are.
	p := prove(b.Header, ids, 2)
	p.Index, p.Count, p.Branch = 1, 2, p.Branch[1:]
	if err := p.Check(pow.Sum(inner)); err != nil {
		t.Fatalf("the forgery is not one: %v", err)
	}
	for signatures := range 3 {
		encoded := append(append(bytes.Clone(inner), byte(signatures)), make([]byte, 64*signatures)...)
		if r, err := record.Decode(encoded); err == nil {
			t.Errorf("an inner node is the record %v", r.ID())
		}
	}

	// The other way: a record of which one half is an id of the attacker's.
	pay := b.Records[1]
	forged := record.New(record.Record{
		Network: pay.Network, Version: pay.Version, Seq: pay.Seq, ValidUntil: pay.ValidUntil,
		Fee: pay.Fee, Key: pay.Key, Payload: short{size: 64 - (len(pay.Body()) - len(pay.Payload.Append(nil)))},
	})
	if len(forged.Body()) != 64 {
		t.Fatalf("the body has %d bytes", len(forged.Body()))
	}
	if err := forged.Check(testNet.ID); err == nil {
		t.Error("a record with a body of 64 bytes passes")
	}
	if _, err := record.Decode(forged.Encode()); err == nil {
		t.Error("a record with a body of 64 bytes can be decoded")
	}
}

func TestProve(t *testing.T) {
	b := block(pays(t, 4))
	for i, r := range b.Records {
		if err := Prove(b, i).Check(r.ID()); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

func TestProofJSON(t *testing.T) {
	ids, header := leaves(3)
	for i := range ids {
		p := prove(header, ids, i)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got Proof
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if !strings.Contains(string(text), p.Branch[0].String()) {
			t.Errorf("%s: the branch is not in display order", text)
		}
	}
	hash := `"` + strings.Repeat("00", 32) + `"`
	zeros := strings.Repeat("00", pow.HeaderSize)
	for _, text := range []string{
		`[]`, `{"header": "00"}`, `{"header": "` + zeros + `", "more": 1}`,
		`{"header": "` + zeros + `", "index": -1}`, `{"header": "` + zeros + `", "count": 4294967296}`,
		`{"header": "` + zeros + `", "branch": ["00"]}`, `{"header": "` + zeros + `", "branch": [null]}`,
		`{"header": "` + zeros + `", "index": 1, "index": 1}`, `{"header": "` + zeros + `", "Index": 1}`,
		`{"header": "` + zeros + `", "branch": [` + strings.Repeat(hash+",", MaxBranch) + hash + `]}`,
	} {
		var p Proof
		if err := json.Unmarshal([]byte(text), &p); !errors.Is(err, ErrProof) || !reflect.DeepEqual(p, Proof{}) {
			t.Errorf("%.60s: %+v, %v", text, p, err)
		}
	}
}

func FuzzProofJSON(f *testing.F) {
	ids, header := leaves(5)
	for i := range ids {
		text, err := json.Marshal(prove(header, ids, i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p Proof
		if json.Unmarshal(text, &p) != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var q Proof
		if err := json.Unmarshal(again, &q); err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%s became %s: %v", text, again, err)
		}
		_ = p.Check(ids[0])
	})
}
