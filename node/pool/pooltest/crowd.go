// Package pooltest makes many records of many accounts, for benchmarks of the
// pool and of what works with it.
//
// [NewCrowd] returns a network on which accounts have money, and makes their signed
// payments. The keys are known to everybody. Functions panic on errors.
package pooltest

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Crowd is a network with many accounts that pay each other.
type Crowd struct {
	Params *network.Params
	State  View // before the first block

	keys []record.PrivateKey
	to   []record.Key
}

// View is a whole state in memory.
type View map[string][]byte

// Get returns the value of a key, or nil.
func (v View) Get(key []byte) ([]byte, error) { return v[string(key)], nil }

// Change applies changes.
func (v View) Change(changes []rules.Change) {
	for _, c := range changes {
		if c.New == nil {
			delete(v, string(c.Key))
		} else {
			v[string(c.Key)] = c.New
		}
	}
}

// NewCrowd returns a crowd of n accounts.
func NewCrowd(n int) *Crowd {
	c := &Crowd{State: View{}}
	for i := range n {
		seed := [32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i)))
		c.keys = append(c.keys, record.KeyFromSeed(seed))
		c.to = append(c.to, record.PublicOf(c.keys[i]))
	}
	c.Params = chaintest.Network(func(p *network.Params) {
		p.Alloc = nil
		for _, key := range c.to {
			p.Alloc = append(p.Alloc, network.Allocation{Key: key, Amount: 10 * record.Coin})
		}
	})
	c.State.Change(rules.Genesis(c.Params))
	return c
}

// Payments returns the payments with the sequence numbers from first to
// first+n-1 of each account, encoded: all with the first number, and so on. Fees
// are random.
func (c *Crowd) Payments(first uint64, n int) [][]byte {
	all := make([][]byte, n*len(c.keys))
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(all); i += workers {
				all[i] = c.payment(i%len(c.keys), first+uint64(i/len(c.keys)))
			}
		})
	}
	group.Wait()
	return all
}

func (c *Crowd) payment(from int, seq uint64) []byte {
	random := rand.New(rand.NewPCG(uint64(from), seq))
	to := (from + 1 + random.IntN(len(c.keys)-1)) % len(c.keys)
	r, err := record.Sign(record.New(record.Record{
		Network:    c.Params.ID,
		Version:    1,
		Seq:        seq,
		ValidUntil: 10_000 + random.Uint32N(1000),
		Fee:        1000 + record.Amount(random.IntN(100_000)),
		Key:        c.to[from],
		Payload:    record.Pay{To: c.to[to], Amount: 1000},
	}), c.keys[from])
	if err != nil {
		panic(err)
	}
	return r.Encode()
}

// Decode decodes records again, as if they had just been received.
func Decode(encoded [][]byte) []*record.Record {
	records := make([]*record.Record, len(encoded))
	for i, raw := range encoded {
		r, err := record.Decode(slices.Clone(raw))
		if err != nil {
			panic(err)
		}
		records[i] = r
	}
	return records
}
