package p2p

import (
	"testing"

	"stele/node/ledger/network"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
)

// The memory of a server with as many peers as it has by default is bounded by 200 MB,
// of which nearly all is unused at any time.
func TestMemory(t *testing.T) {
	const (
		limit        = 200 << 20
		bookBytes    = 5 << 20   // see book.Book
		handshake    = 112 << 10 // buffers of TLS and of a reader
		knownBytes   = 210 << 10 // see package relay
		recordsBytes = 33 << 20
	)
	total := 0
	for _, part := range []struct {
		what  string
		bytes int
	}{
		{"queues and buffers of peers", slots.DefaultMaxPeers * link.PeerBytes},
		{"handshakes", maxPlaces * handshake},
		{"long frames received", link.BudgetBytes + link.PushBudgetBytes},
		{"long frames to send", link.SendBudgetBytes},
		{"bodies that wait", blocksync.WindowBytes},
		{"compact blocks", compactBytes(network.Main.MaxBlockSize)},
		{"records that peers know", slots.DefaultMaxPeers * knownBytes},
		{"records that are known", recordsBytes},
		{"records that wait for the pool", maxWaitingBytes},
		{"addresses", bookBytes},
	} {
		t.Logf("%5.1f MB  %s", float64(part.bytes)/1e6, part.what)
		total += part.bytes
	}
	t.Logf("%5.1f MB  together", float64(total)/1e6)
	if total > limit {
		t.Errorf("%d bytes, more than %d", total, limit)
	}
}
