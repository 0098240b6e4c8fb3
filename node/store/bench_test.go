package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/ledger/rules"
)

// benchBlocks makes blocks of 4,000 records of 200 bytes that change 4,000
// entries of the state, 1,000 of them new.
func benchBlocks(n int) []*testBlock {
	const records, keys = 4000, 4000
	c := newTestChain(1)
	key := func(i uint64) []byte {
		h := pow.Sum(binary.LittleEndian.AppendUint64(nil, i))
		return append([]byte("a"), h[:]...)
	}
	all := make([]*testBlock, n)
	for i := range all {
		b := c.next(records, 1)
		b.undo = c.bytes(keys * 52)
		b.changes = nil
		for j := range keys {
			k := c.rng.Uint64N(uint64(i+1) * keys)
			if j%4 == 0 {
				k = 1<<32 + uint64(i)*keys + uint64(j)
			}
			b.changes = append(b.changes, rules.Change{Key: key(k), New: c.bytes(16)})
		}
		slices.SortFunc(b.changes, func(a, b rules.Change) int { return bytes.Compare(a.Key, b.Key) })
		c.blocks = append(c.blocks, b)
		all[i] = b
	}
	return all
}

// connectNext puts the next block of a chain that repeats blocks into a batch.
func connectNext(s *Store, blocks []*testBlock, i int) *Batch {
	block := blocks[i%len(blocks)]
	block.height = uint32(i)
	block.header.Nonce = uint32(i)
	block.hash = block.header.Hash()
	batch := s.NewBatch()
	batch.PutHeader(block.header, Meta{Height: block.height})
	batch.PutBody(block.hash, block.raw)
	batch.Connect(block.height, block.hash, block.digest, block.ids, block.undo, block.changes)
	return batch
}

func BenchmarkConnect4000(b *testing.B) {
	blocks := benchBlocks(100)
	for _, disk := range []string{"memory", "disk"} {
		b.Run(disk, func(b *testing.B) {
			o := Options{FS: vfs.NewMem()}
			dir := testDir
			if disk == "disk" {
				o.FS, dir = nil, b.TempDir()
			}
			s, err := Open(dir, testIdentity, o)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			i := 0
			for b.Loop() {
				commit(b, connectNext(s, blocks, i))
				i++
			}
		})
	}
}

// Blocks of 4,000 records, of which each is durable only some time after its commit.
// Reported are the time of all processors for each block, and the bytes that were written
// for each byte of bodies and undo data.
func BenchmarkCatchUp4000(b *testing.B) {
	blocks := benchBlocks(100)
	disk := &writtenBytes{FS: Disk}
	s, err := Open(b.TempDir(), testIdentity, Options{FS: disk})
	if err != nil {
		b.Fatal(err)
	}
	i, bytes, before := 0, 0, processorTime(b)
	for b.Loop() {
		if err := connectNext(s, blocks, i).CommitLater(); err != nil {
			b.Fatal(err)
		}
		bytes += len(blocks[i%len(blocks)].raw) + len(blocks[i%len(blocks)].undo)
		i++
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(processorTime(b)-before)/1e6/float64(i), "cpu-ms/op")
	for kind, written := range map[string]*atomic.Int64{"log": &disk.logs, "tables": &disk.tables, "blobs": &disk.blobs} {
		b.ReportMetric(float64(written.Load())/float64(bytes), kind+"/byte")
	}
}

// processorTime returns the time in ns that the process has used on all processors.
func processorTime(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

func BenchmarkView(b *testing.B) {
	s := openStore(b, vfs.NewMem(), Options{CacheBytes: 64 << 20})
	blocks := benchBlocks(5)
	for i, block := range blocks {
		batch := s.NewBatch()
		batch.PutHeader(block.header, Meta{Height: uint32(i)})
		batch.Connect(uint32(i), block.hash, block.digest, nil, nil, block.changes)
		commit(b, batch)
	}
	view := s.View()
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			block := blocks[i%len(blocks)]
			if _, err := view.Get(block.changes[i%len(block.changes)].Key); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("absent", func(b *testing.B) {
		b.ReportAllocs()
		key := []byte("nobody")
		for b.Loop() {
			if _, err := view.Get(key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from Pebble", func(b *testing.B) {
		i := 0
		for b.Loop() {
			block := blocks[i%len(blocks)]
			key := stateKey(block.changes[i%len(block.changes)].Key)
			if _, err := s.get(key, func([]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

func BenchmarkPool(b *testing.B) {
	s, err := Open(b.TempDir(), testIdentity, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := newTestChain(1)
	raw := c.bytes(200)
	n := uint64(0)
	for b.Loop() { // 256 records
		batch := s.NewBatch()
		for range 256 {
			n++
			batch.PutPool(pow.Sum(binary.LittleEndian.AppendUint64(nil, n)), raw)
		}
		commit(b, batch)
	}
}
