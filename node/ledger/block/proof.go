package block

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"

	jsonv2 "github.com/go-json-experiment/json"

	"stele/engine/pow"
	"stele/internal/bounded"
)

// ErrProof is the kind of all errors about proofs.
var ErrProof = errors.New("bad inclusion proof")

// MaxBranch is the maximum length of a branch: Count has 32 bits.
const MaxBranch = 32

// Proof shows that a record is in a block. It is a Merkle branch, with the
// number of records, so that its length can be checked.
type Proof struct {
	Header pow.Header
	Index  uint32     // of the record in the block
	Count  uint32     // of all records in the block
	Branch []pow.Hash // the sibling on each level, from the leaf upwards
}

// Prove returns the proof for the record with that index, of those that b has.
func Prove(b *Block, index int) Proof { return prove(b.Header, b.IDs(), index) }

func prove(header pow.Header, ids []pow.Hash, index int) Proof {
	return Proof{
		Header: header,
		Index:  uint32(index),
		Count:  uint32(len(ids)),
		Branch: pow.MerkleBranch(ids, index),
	}
}

// Check checks that the record with the id is where the proof says, under the
// Merkle root of the header. The error is an [ErrProof].
//
// Two things are left to the caller. The id must have been computed from the
// record, which package record does on decoding. It rejects records whose body
// has 64 bytes, so that no record can pose as an inner node, nor an inner node
// as a record (CVE-2017-12842). And the header must be that of a block in the
// chain. Count is not committed to; a wrong one that passes has the same depth,
// and the record is in the block all the same.
func (p Proof) Check(id pow.Hash) error {
	if p.Index >= p.Count {
		return fmt.Errorf("%w: record %d of %d", ErrProof, p.Index, p.Count)
	}
	if depth := bits.Len32(p.Count - 1); len(p.Branch) != depth {
		return fmt.Errorf("%w: %d hashes, a tree over %d records has depth %d", ErrProof, len(p.Branch), p.Count, depth)
	}
	// The last node of an odd number is its own sibling, no other node is: else
	// a repeated record could be proved twice.
	node, index, last := id, int(p.Index), int(p.Count-1)
	for level, sibling := range p.Branch {
		if alone := index == last && index&1 == 0; alone != (sibling == node) {
			return fmt.Errorf("%w: on level %d only a last node without a sibling is paired with itself", ErrProof, level)
		}
		node = pow.RootFromBranch(node, []pow.Hash{sibling}, index)
		index, last = index>>1, last>>1
	}
	if node != p.Header.MerkleRoot {
		return fmt.Errorf("%w: it leads to the root %v, that of the header is %v", ErrProof, node, p.Header.MerkleRoot)
	}
	return nil
}

// proofJSON is the form for people and programs: the encoded header in hex,
// hashes in display order.
type proofJSON struct {
	Header string   `json:"header"`
	Index  uint32   `json:"index"`
	Count  uint32   `json:"count"`
	Branch []string `json:"branch"`
}

// MarshalJSON returns an object with the header as 160 hex digits, index, count
// and the branch, an array of hashes in display order.
func (p Proof) MarshalJSON() ([]byte, error) {
	header := p.Header.Encode()
	j := proofJSON{hex.EncodeToString(header[:]), p.Index, p.Count, []string{}}
	for _, hash := range p.Branch {
		j.Branch = append(j.Branch, hash.String())
	}
	return json.Marshal(j)
}

// proofLimits bound a proof in JSON while it is read.
var proofLimits = bounded.Limits{
	Bytes: 8 << 10, Token: 2*pow.HeaderSize + 2,
	Lists: []*jsonv2.Unmarshalers{bounded.List[string](MaxBranch, nil)},
}

// UnmarshalJSON reads what MarshalJSON writes, in its one form: names have their
// exact case and occur once. It does not check the proof. Errors: [ErrProof].
func (p *Proof) UnmarshalJSON(text []byte) error {
	var j proofJSON
	if err := bounded.Decode(bytes.NewReader(text), &j, proofLimits); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	header, err := pow.ParseHeader(j.Header)
	if err != nil {
		return fmt.Errorf("%w: header: %w", ErrProof, err)
	}
	read := Proof{Header: header, Index: j.Index, Count: j.Count}
	for i, text := range j.Branch {
		hash, err := pow.ParseHash(text)
		if err != nil {
			return fmt.Errorf("%w: hash %d of the branch: %w", ErrProof, i, err)
		}
		read.Branch = append(read.Branch, hash)
	}
	*p = read
	return nil
}
