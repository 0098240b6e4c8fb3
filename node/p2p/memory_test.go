package p2p

import (
	"testing"

	"stele/node/ledger/network"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
)

// The memory of a server with as many peers as it has by default is bounded by 200 MB.
func TestMemory(t *testing.T) {
	const (
		limit     = 200_000_000
		bookBytes = 5 << 20   // see book.Book
		handshake = 112 << 10 // buffers of TLS and of a reader
	)
	total := 0
	for _, part := range []struct {
		what  string
		bytes int
	}{
		{"queues and buffers of peers", slots.DefaultMaxPeers * link.PeerBytes},
		{"handshakes", maxPlaces * handshake},
		{"long frames received", link.BudgetBytes},
		{"long frames to send", link.SendBudgetBytes},
		{"bodies that wait", blocksync.WindowBytes},
		{"compact blocks", compactBytes(network.Main.MaxBlockSize)},
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
