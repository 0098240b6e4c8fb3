package verify

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"stele/engine/headerchain"
	"stele/engine/pow"
)

// coinbase makes a coinbase whose script begins as given, with an output that
// commits to the witnesses of a block whose other transactions have these hashes,
// and with the witness that belongs to it; both only if they are wanted.
func coinbase(script string, commit, witness bool, wtxids ...pow.Hash) []byte {
	raw := []byte{1, 0, 0, 0}
	if witness {
		raw = append(raw, 0, 1)
	}
	raw = append(append(append(raw, 1), make([]byte, 32)...), 0xff, 0xff, 0xff, 0xff, byte(len(script)))
	raw = append(append(raw, script...), 0xff, 0xff, 0xff, 0xff)
	if !commit {
		raw = append(raw, 1)
	} else {
		root, _ := pow.MerkleRoot(append([]pow.Hash{{}}, wtxids...))
		sum := pow.Sum(append(root[:], make([]byte, 32)...))
		raw = append(append(raw, 2), make([]byte, 8)...)
		raw = append(append(raw, 38, 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed), sum[:]...)
	}
	raw = append(raw, make([]byte, 9)...) // an output of nothing, without a script
	if witness {
		raw = append(append(raw, 1, 32), make([]byte, 32)...)
	}
	return append(raw, 0, 0, 0, 0)
}

// spend makes a transaction that spends these outputs of the transaction 0101...
func spend(outputs ...byte) []byte {
	raw := []byte{1, 0, 0, 0, byte(len(outputs))}
	for _, n := range outputs {
		raw = append(append(raw, slices.Repeat([]byte{1}, 32)...), n, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	}
	return append(append(raw, 1), make([]byte, 8+1+4)...)
}

// mineBlock makes a block with these transactions and the easiest proof of work.
func mineBlock(txs ...[]byte) []byte {
	h := pow.Header{Version: 4, Prev: pow.Hash{1}, Time: 1, Bits: 0x207fffff}
	var ids []pow.Hash
	raw := binary.AppendUvarint(make([]byte, pow.HeaderSize), uint64(len(txs)))
	for _, tx := range txs {
		raw = append(raw, tx...)
		if tx[4] == 0 { // without marker, flag, and the only witness
			tx = slices.Concat(tx[:4], tx[6:len(tx)-38], tx[len(tx)-4:])
		}
		ids = append(ids, pow.Sum(tx))
	}
	h.MerkleRoot, _ = pow.MerkleRoot(ids)
	target, _ := h.Bits.Target()
	for !target.MetBy(h.Hash()) {
		h.Nonce++
	}
	header := h.Encode()
	copy(raw, header[:])
	return raw
}

// Blocks that are wrong by themselves, or at their height, or worth a look.
func TestContents(t *testing.T) {
	const height = 1000
	script := "\x02\xe8\x03"
	good := coinbase(script, false, false)
	short := spend(0)
	short = append(short[:len(short)-5], 4, 'a', 'b', 'c', 'd', 0, 0, 0, 0)
	alone := Options{StartHeight: headerchain.UnknownHeight, Unlinked: true}
	regtest := Options{StartHeight: height, Network: Regtest}
	main := Options{StartHeight: height, Network: Bitcoin}
	unknown := Options{StartHeight: headerchain.UnknownHeight, Network: Regtest}
	for _, test := range []struct {
		name     string
		block    []byte
		opts     Options
		faults   []Reason
		findings []Reason
		text     string
	}{
		{"good", mineBlock(good, spend(0, 1), spend(2)), regtest, nil, nil, ""},
		{"no coinbase", mineBlock(spend(0)), alone, []Reason{NoCoinbase}, nil, ""},
		{"two coinbases", mineBlock(good, coinbase("xy", false, false)), alone, []Reason{SeveralCoinbases}, nil, ""},
		{"duplicate input", mineBlock(good, spend(0, 1, 0)), alone, []Reason{DuplicateInput}, nil, "transaction 1 spends output 0101"},
		{"double spend", mineBlock(good, spend(0), spend(1, 0)), alone, []Reason{DoubleSpend}, nil, ""},
		{"coinbase script", mineBlock(coinbase("x", false, false)), alone, []Reason{BadCoinbaseScript}, nil, ""},
		{"several at once", mineBlock(spend(0, 0), spend(0)), alone, []Reason{NoCoinbase, DuplicateInput, DoubleSpend}, nil, ""},
		{"a transaction of 64 bytes", mineBlock(good, short), regtest, nil, []Reason{ShortTransaction}, "1 of 2 transactions have 64 bytes"},

		{"everything at once", mineBlock(coinbase("x", true, false), spend(0, 0)), regtest, []Reason{BadCoinbaseScript, DuplicateInput, BadCoinbaseHeight, WitnessMissing}, nil, ""},
		{"other height", mineBlock(coinbase("\x02\xe9\x03", false, false)), regtest, []Reason{BadCoinbaseHeight}, nil, "begins with the height 1001, expected 1000"},
		{"no height", mineBlock(coinbase("xyz", false, false)), regtest, []Reason{BadCoinbaseHeight}, nil, "does not begin with a height, expected 1000"},
		{"no height before BIP 34", mineBlock(coinbase("xyz", false, false)), main, []Reason{BitsAboveLimit}, nil, ""},
		{"no height, none known", mineBlock(coinbase("xyz", false, false)), unknown, nil, nil, ""},

		{"witness", mineBlock(coinbase(script, true, true)), regtest, nil, nil, ""},
		{"witness missing", mineBlock(coinbase(script, true, false)), regtest, []Reason{WitnessMissing}, nil, "at height 1000, expected one of 32 bytes"},
		{"witness missing, height unknown", mineBlock(coinbase(script, true, false), spend(0)), unknown, nil, []Reason{WitnessMissing}, ""},
		{"witness missing, no network", mineBlock(coinbase(script, true, false), spend(0)), alone, nil, []Reason{WitnessMissing}, "commits to witnesses, but no transaction has one"},
		{"witness missing before segwit", mineBlock(coinbase(script, true, false)), main, []Reason{BitsAboveLimit}, nil, ""},
		{"witness before segwit", mineBlock(coinbase(script, true, true)), main, []Reason{BitsAboveLimit, UnexpectedWitness}, nil, "expected none before height 481824"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Blocks(t.Context(), reference{}, []Source{source("x", test.block)}, test.opts)
			if err != nil || r.Items != 1 {
				t.Fatalf("%v, report %+v", err, r)
			}
			var faults, findings []Reason
			text := ""
			if r.First != nil {
				faults, text = reasons(r.First), texts(r.First)
			}
			for _, f := range r.Findings.List {
				findings = append(findings, f.Reason)
				text += f.Text
			}
			if !slices.Equal(faults, test.faults) || !slices.Equal(findings, test.findings) || !strings.Contains(text, test.text) {
				t.Errorf("faults %v, want %v; findings %v, want %v: %s", faults, test.faults, findings, test.findings, text)
			}
			if r.Findings.Count != int64(len(findings)) || r.Valid == 1 != (len(faults) == 0) {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// Findings name their items, and the first of very many are listed.
func TestManyFindings(t *testing.T) {
	block := frame(mineBlock(coinbase("ab", true, false)))
	file := slices.Repeat(block, 3*maxFindings)
	r, err := Blocks(t.Context(), reference{}, []Source{source("x", file)}, Options{Unlinked: true, Workers: 2})
	if err != nil || r.Valid != 3*maxFindings || r.Findings.Count != 3*maxFindings || len(r.Findings.List) != maxFindings {
		t.Fatalf("%v, %d valid, %d findings, %d listed", err, r.Valid, r.Findings.Count, len(r.Findings.List))
	}
	for i, f := range r.Findings.List {
		if f.Index != int64(i) || f.Source != "x" || f.Offset != int64(i*len(block)) || f.Height != headerchain.UnknownHeight || f.Hash != pow.Sum(block[frameSize:][:pow.HeaderSize]) {
			t.Fatalf("finding %d: %+v", i, f)
		}
	}
}
