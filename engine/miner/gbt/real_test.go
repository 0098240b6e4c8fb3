package gbt

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"stele/engine/blockfile"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
)

// cut splits a block into its transactions (BIP 144).
type cut struct {
	b  []byte
	at int
}

func (c *cut) number() int {
	c.at++
	switch first := c.b[c.at-1]; first {
	case 0xfd:
		c.at += 2
		return int(binary.LittleEndian.Uint16(c.b[c.at-2:]))
	case 0xfe:
		c.at += 4
		return int(binary.LittleEndian.Uint32(c.b[c.at-4:]))
	default:
		return int(first)
	}
}

func (c *cut) transaction() []byte {
	start := c.at
	c.at += 4
	inputs, witness := c.number(), false
	if inputs == 0 {
		c.at++
		inputs, witness = c.number(), true
	}
	for range inputs {
		c.at += 36
		c.at += c.number() // after its length
		c.at += 4
	}
	for range c.number() {
		c.at += 8
		c.at += c.number()
	}
	for range inputs {
		if !witness {
			break
		}
		for range c.number() {
			c.at += c.number()
		}
	}
	c.at += 4
	return c.b[start:c.at]
}

// realBlock is a block of the main network, and the template that a node makes from
// its transactions.
type realBlock struct {
	raw      []byte
	parsed   blockfile.Block
	coinbase []byte
	rest     []byte // the transactions after the coinbase
	template []byte
}

func readBlock(t *testing.T, raw []byte) *realBlock {
	t.Helper()
	r := &realBlock{raw: raw}
	if err := r.parsed.Parse(raw); err != nil {
		t.Fatal(err)
	}
	c := &cut{b: raw, at: pow.HeaderSize}
	n := c.number()
	r.coinbase = c.transaction()
	r.rest = raw[c.at:]
	type transaction struct {
		Data string   `json:"data"`
		ID   pow.Hash `json:"txid"`
	}
	list := []transaction{}
	for i := 1; i < n; i++ {
		list = append(list, transaction{hex.EncodeToString(c.transaction()), r.parsed.TxIDs[i]})
	}
	if c.at != len(raw) {
		t.Fatalf("the transactions end at byte %d of %d", c.at, len(raw))
	}
	commitment := ""
	if i := bytes.Index(r.coinbase, []byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}); i >= 0 {
		commitment = hex.EncodeToString(r.coinbase[i : i+38])
	}
	h := r.parsed.Header
	var err error
	r.template, err = json.Marshal(map[string]any{
		"version": h.Version, "previousblockhash": h.Prev, "bits": fmt.Sprintf("%08x", uint32(h.Bits)), "curtime": h.Time,
		"height": r.height(), "coinbasevalue": 1_250_000_000, "default_witness_commitment": commitment, "transactions": list,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// script is the script of the coinbase.
func (r *realBlock) script() []byte {
	c := &cut{b: r.coinbase, at: 4}
	if c.number() == 0 { // the marker of a witness
		c.at += 2
	}
	c.at += 36
	n := c.number()
	return r.coinbase[c.at : c.at+n]
}

// height is what the coinbase says (BIP 34).
func (r *realBlock) height() uint32 {
	s := r.script()
	return uint32(s[1]) | uint32(s[2])<<8 | uint32(s[3])<<16
}

// A template with the transactions of a real block makes that block, except for the
// coinbase: the branch leads to the Merkle root of its header, the commitment matches
// its witnesses, and the bytes are the same.
func TestRealBlock(t *testing.T) {
	blocks := map[string][]byte{"277647": blockfiletest.Block277647(t)[8:]}
	for hash, raw := range blockfiletest.SegwitBlocks(t) {
		blocks[hash] = raw
	}
	for name, raw := range blocks {
		t.Run(name, func(t *testing.T) {
			r := readBlock(t, raw)
			if !bytes.HasPrefix(r.script(), heightPush(r.height())) {
				t.Errorf("the coinbase starts with %x, want %x", r.script()[:4], heightPush(r.height()))
			}
			x, err := parseTemplate(r.template)
			if err != nil {
				t.Fatal(err)
			}
			if segwit := name != "277647"; segwit != (len(x.commitment) == 38) {
				t.Errorf("commitment %x", x.commitment)
			}
			if got, want := pow.RootFromBranch(r.parsed.TxIDs[0], x.branch, 0), r.parsed.Header.MerkleRoot; got != want {
				t.Errorf("Merkle root %v, want %v", got, want)
			}

			h := x.header([]byte{0x51}, "tag", 7, r.parsed.Header.Time)
			want := r.parsed.Header
			want.MerkleRoot, want.Nonce = h.MerkleRoot, 0
			if h != want {
				t.Errorf("header %+v, want %+v", h, want)
			}
			ours, err := hex.DecodeString(x.block(h, []byte{0x51}, "tag", 7))
			if err != nil {
				t.Fatal(err)
			}
			var b blockfile.Block
			if err := errors.Join(b.Parse(ours), b.CheckMerkle(), b.CheckWitness()); err != nil {
				t.Error(err)
			}
			if !bytes.HasSuffix(ours, r.rest) || len(b.TxIDs) != len(r.parsed.TxIDs) {
				t.Errorf("%d transactions, want the %d of the block", len(b.TxIDs), len(r.parsed.TxIDs))
			}
			coinbase := x.coinbase([]byte{0x51}, "tag", 7, true)
			whole := append(append(append([]byte{}, ours[:len(ours)-len(coinbase)-len(r.rest)]...), r.coinbase...), r.rest...)
			copy(whole, raw[:pow.HeaderSize])
			if !bytes.Equal(whole, raw) {
				t.Error("with the coinbase and the header of the block it is another block")
			}
		})
	}
}
