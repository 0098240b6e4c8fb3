package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/ledger/rules"
)

var testIdentity = Identity{Network: 7, Genesis: pow.Sum([]byte("genesis"))}

const testDir = "data"

// openStore opens a store and closes it at the end of the test, if the test
// has not done so.
func openStore(t testing.TB, fs vfs.FS, o Options) *Store {
	t.Helper()
	s, err := tryOpen(fs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func tryOpen(fs vfs.FS, o Options) (*Store, error) {
	o.FS = fs
	if o.CacheBytes == 0 {
		o.CacheBytes = 1 << 20
	}
	return Open(testDir, testIdentity, o)
}

// testBlock is what a chain would store for one block.
type testBlock struct {
	header  pow.Header
	hash    pow.Hash
	height  uint32
	digest  pow.Hash
	raw     []byte
	ids     []pow.Hash
	undo    []byte
	changes []rules.Change
}

func (b *testBlock) tip() Tip { return Tip{b.hash, b.height, b.digest} }

// testChain makes blocks and is a model of what must be stored of them.
type testChain struct {
	rng    *rand.Rand
	blocks []*testBlock // of the active chain
	state  map[string][]byte
	pool   map[pow.Hash][]byte
	count  uint64
}

func newTestChain(seed uint64) *testChain {
	return &testChain{
		rng:   rand.New(rand.NewPCG(seed, 1)),
		state: map[string][]byte{},
		pool:  map[pow.Hash][]byte{},
	}
}

func (c *testChain) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(c.rng.Uint32())
	}
	return b
}

// next makes a block on the tip with these numbers of records and of changed keys.
func (c *testChain) next(records, keys int) *testBlock {
	c.count++
	b := &testBlock{height: uint32(len(c.blocks)), header: pow.Header{Time: uint32(c.count), Nonce: c.rng.Uint32()}}
	if len(c.blocks) > 0 {
		b.header.Prev = c.blocks[len(c.blocks)-1].hash
	}
	b.hash = b.header.Hash()
	b.digest = pow.Sum(b.hash[:])
	b.raw = c.bytes(80 + 200*records)
	b.undo = c.bytes(40 * keys)
	for i := range records {
		b.ids = append(b.ids, pow.Sum(binary.LittleEndian.AppendUint64(b.hash[:], uint64(i))))
	}
	seen := map[string]bool{}
	for range keys {
		key := fmt.Sprintf("key %d", c.rng.IntN(10*keys))
		if seen[key] {
			continue
		}
		seen[key] = true
		change := rules.Change{Key: []byte(key), Old: c.state[key]}
		if c.rng.IntN(4) > 0 {
			change.New = c.bytes(c.rng.IntN(60))
		}
		b.changes = append(b.changes, change)
	}
	return b
}

// connect adds the block to the batch and the model.
func (c *testChain) connect(batch *Batch, b *testBlock) {
	batch.PutHeader(b.header, Meta{Height: b.height, Status: 1})
	batch.PutBody(b.hash, b.raw)
	batch.Connect(b.height, b.hash, b.digest, b.ids, b.undo, b.changes)
	for _, change := range b.changes {
		c.set(change.Key, change.New)
	}
	c.blocks = append(c.blocks, b)
}

// disconnect takes the tip off.
func (c *testChain) disconnect(batch *Batch) {
	n := len(c.blocks) - 1
	b := c.blocks[n]
	batch.Disconnect(b.height, b.hash, c.blocks[n-1].tip(), b.ids, b.changes)
	for _, change := range b.changes {
		c.set(change.Key, change.Old)
	}
	c.blocks = c.blocks[:n]
}

func (c *testChain) set(key, value []byte) {
	if value == nil {
		delete(c.state, string(key))
	} else {
		c.state[string(key)] = value
	}
}

// clone copies the model.
func (c *testChain) clone() *testChain {
	d := newTestChain(0)
	*d = testChain{rng: c.rng, count: c.count, state: map[string][]byte{}, pool: map[pow.Hash][]byte{}}
	d.blocks = append(d.blocks, c.blocks...)
	for k, v := range c.state {
		d.state[k] = v
	}
	for k, v := range c.pool {
		d.pool[k] = v
	}
	return d
}

// differs makes an error of a difference, and of the error that may have made it.
func differs(err error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if err == nil {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", text, err)
}

// compare returns how the store differs from the model.
func (c *testChain) compare(s *Store) error {
	if err := s.Scan(context.Background()); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	tip, found, err := s.Tip()
	if err != nil || found != (len(c.blocks) > 0) {
		return differs(err, "tip: %v", found)
	}
	if found && tip != c.blocks[len(c.blocks)-1].tip() {
		return fmt.Errorf("tip at height %d, want %d", tip.Height, len(c.blocks)-1)
	}
	for _, b := range c.blocks {
		if err := b.compare(s); err != nil {
			return fmt.Errorf("block %d: %w", b.height, err)
		}
	}
	snapshot := s.Snapshot()
	defer snapshot.Close()
	n := 0
	for key, value := range snapshot.State {
		n++
		if want, ok := c.state[string(key)]; !ok || !bytes.Equal(value, want) {
			return fmt.Errorf("state: entry %q is wrong", key)
		}
	}
	if err := snapshot.Err(); err != nil || n != len(c.state) {
		return differs(err, "state: %d entries, want %d", n, len(c.state))
	}
	view := s.View()
	for key, want := range c.state {
		if got, err := view.Get([]byte(key)); err != nil || got == nil || !bytes.Equal(got, want) {
			return differs(err, "view: entry %q is %x, want %x", key, got, want)
		}
	}
	n = 0
	err = s.Pool(func(id pow.Hash, raw []byte) error {
		n++
		if !bytes.Equal(c.pool[id], raw) {
			return fmt.Errorf("pool: record %s is wrong", id)
		}
		return nil
	})
	if err != nil || n != len(c.pool) {
		return differs(err, "pool: %d records, want %d", n, len(c.pool))
	}
	return nil
}

// compare returns how the store differs from the block of the active chain.
func (b *testBlock) compare(s *Store) error {
	if raw, err := s.Body(b.hash); err != nil || !bytes.Equal(raw, b.raw) {
		return differs(err, "body")
	}
	if undo, err := s.Undo(b.hash); err != nil || !bytes.Equal(undo, b.undo) {
		return differs(err, "undo")
	}
	if digest, err := s.Digest(b.hash); err != nil || digest != b.digest {
		return differs(err, "digest")
	}
	if hash, err := s.HashAt(b.height); err != nil || hash != b.hash {
		return differs(err, "hash")
	}
	for i, id := range b.ids {
		if p, found, err := s.Find(id); err != nil || !found || p != (Place{b.height, uint32(i)}) {
			return differs(err, "record %d at %v, %v", i, p, found)
		}
	}
	return nil
}

func commit(t testing.TB, b *Batch) {
	t.Helper()
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

// rounds returns how often to repeat something: as usual, more often in the long form of
// the tests (STELE_LONG), less often under the race detector.
func rounds(normal, long int) int {
	switch {
	case os.Getenv("STELE_LONG") != "":
		return long
	case raceDetector:
		return max(1, normal/10)
	}
	return normal
}
