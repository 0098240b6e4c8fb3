package node

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"stele/cmd/stele/internal/nodetest"
	"stele/node/api"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/store"
)

// longChain returns blocks of the development network with five records each.
func longChain(blocks int) (all []*chaintest.Block) {
	b := chaintest.New(network.Dev, 1)
	for tip := b.Genesis; len(all) < blocks; {
		tip = b.Extend(tip, b.Records(tip, 5)...)
		all = append(all, tip)
	}
	return all
}

// storeChain creates a store of the development network with some blocks.
func storeChain(t *testing.T, dir string, blocks []*chaintest.Block) {
	t.Helper()
	s, err := store.Open(dir, identity(network.Dev), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := chain.Open(t.Context(), chain.Options{Store: s, Params: network.Dev})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// slowLine forwards connections to an address, with so many bytes per second to the
// caller. It returns where it listens.
func slowLine(t *testing.T, to string, rate int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	forward := func(caller net.Conn) {
		defer caller.Close()
		node, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer node.Close()
		go func() {
			_, _ = io.Copy(node, caller) // until one side ends
			_ = node.Close()
		}()
		buf := make([]byte, rate/50)
		for {
			n, err := node.Read(buf)
			if err != nil {
				return
			}
			if _, err := caller.Write(buf[:n]); err != nil {
				return
			}
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go forward(c)
		}
	}()
	return l.Addr().String()
}

// A node that is killed at any time while it downloads the chain opens again, goes on,
// and ends with the whole chain. Its store matches the rules after each kill. With
// STELE_LONG it is killed 100 times.
func TestKilledInSync(t *testing.T) {
	const blocks = 400
	kills := 5
	if os.Getenv("STELE_LONG") != "" {
		kills = 100
	}
	source := filepath.Join(t.TempDir(), "source")
	all := longChain(blocks)
	storeChain(t, source, all)
	full := nodetest.StartNode(t, source, "--listen", "127.0.0.1:0")
	full.Address()
	address := full.Logged(`listening for peers" addr=`)
	line := slowLine(t, address, 300_000)

	// With some blocks, as a node without any waits for more peers before it begins.
	const first = 10
	dir := filepath.Join(t.TempDir(), "node")
	storeChain(t, dir, all[:first])
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	var heights []uint32
	inSync, again := 0, 0
	for kill := range kills {
		p := nodetest.StartNode(t, dir, "--peer", line)
		if kill%5 == 4 { // perhaps before it has come up
			time.Sleep(time.Duration(random.IntN(80)) * time.Millisecond)
		} else {
			if p.Address() == "" {
				t.Fatalf("kill %d: the node does not start:\n%s", kill, p.Out)
			}
			time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
		}
		_ = p.End(syscall.SIGKILL)
		height := nodetest.CheckStore(t, dir).Height
		heights = append(heights, height)
		if height > first && height < blocks {
			inSync++
		}
		if height == blocks { // from the beginning once more
			again++
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			storeChain(t, dir, all[:first])
		}
	}
	p := nodetest.StartNode(t, dir, "--peer", address)
	waitFor(t, p, p.Address(), func(h api.Health) bool { return h.Height == blocks })
	for _, n := range []*nodetest.Node{p, full} {
		if err := n.End(os.Interrupt); err != nil {
			t.Errorf("%v:\n%s", err, n.Out)
		}
	}
	if s := nodetest.CheckStore(t, dir); !s.Sealed || s.Height != blocks {
		t.Errorf("at the end: %+v", s)
	}
	t.Logf("%d kills, %d of them between the first and the last block, %d syncs completed before the last: heights %v", kills, inSync, again, heights)
	if inSync < kills/3 {
		t.Errorf("only %d of %d kills were in a sync: %v", inSync, kills, heights)
	}
}
