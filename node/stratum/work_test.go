package stratum

import (
	"bytes"
	"encoding/binary"
	"testing"

	"stele/engine/stratum"
	"stele/node/ledger/record"
)

// What a work keeps for keys is bounded.
func TestPaidBound(t *testing.T) {
	made, b, _ := newTemplate(t)
	var ws workSet
	ws.take(made, b.Now())
	for i := range 3 * maxPaid {
		var key record.Key
		binary.LittleEndian.PutUint32(key[:], uint32(i))
		ws.newest.notify(key, true)
		if got := ws.newest.paidTo(key).Payout(); got != key {
			t.Fatalf("key %d: %v is paid", i, got)
		}
	}
	if n, lines := len(ws.newest.paid), len(ws.newest.lines); n > maxPaid || lines > maxPaid {
		t.Errorf("%d keys are remembered, %d lines", n, lines)
	}
}

// A miner of this project shows the height of the block that it works on, although
// the coinbase is not one of Bitcoin's.
func TestHeightInNotify(t *testing.T) {
	made, b, tip := newTemplate(t)
	var ws workSet
	ws.take(made, b.Now())
	m, err := stratum.ParseMessage(ws.newest.notify(record.Key{9}, true))
	if err != nil {
		t.Fatal(err)
	}
	n, err := stratum.ParseNotify(m.Params)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.Height(), tip.Height()+1; got != want {
		t.Errorf("height %d, want %d", got, want)
	}
	// Other bytes than such a coinbase has are not a height.
	for i := range n.Coinbase1[:64] {
		one := n
		one.Coinbase1 = bytes.Clone(n.Coinbase1)
		one.Coinbase1[i] ^= 0x10
		inFrame := i >= 6 && i < 26 || i >= 60 // sequence number, valid-until height, fee; height of the payload
		if got := one.Height(); (got == 0) != inFrame {
			t.Errorf("byte %d changed: height %d", i, got)
		}
	}
	for size := range 64 {
		one := n
		one.Coinbase1 = n.Coinbase1[:size]
		if got := one.Height(); got != 0 {
			t.Errorf("%d bytes of the coinbase: height %d", size, got)
		}
	}
}
