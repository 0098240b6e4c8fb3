package stratum

import (
	"encoding/binary"
	"testing"

	"stele/node/record"
)

// What a work remembers for keys has a bound.
func TestPaidBound(t *testing.T) {
	made, b, _ := newTemplate(t)
	var ws works
	ws.take(made, b.Now())
	for i := range 3 * mostPaid {
		var key record.Key
		binary.LittleEndian.PutUint32(key[:], uint32(i))
		ws.newest.notify(key, true)
		if got := ws.newest.paidTo(key).Payout(); got != key {
			t.Fatalf("key %d: %v is paid", i, got)
		}
	}
	if n, lines := len(ws.newest.paid), len(ws.newest.lines); n > mostPaid || lines > mostPaid {
		t.Errorf("%d keys are remembered, %d lines", n, lines)
	}
}
