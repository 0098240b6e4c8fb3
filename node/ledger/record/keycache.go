package record

import "sync"

const (
	// keyBytes is the memory of a cache of keys.
	keyBytes = 32 << 20
	// keyOverhead is what an entry takes besides its value, in bytes.
	keyOverhead = 128
	// patience is for how many times its limit of lookups a full cache keeps a key
	// that nobody looks up. So at most one value is made for so many signatures, even
	// if their keys come round and round and are too many for the cache; and those
	// that it has are of use all the time.
	patience = 32
	// maxSteps is how many entries are tried for one that may go.
	maxSteps = 4
)

// keyCache keeps a value for each of some keys, up to a limit. Safe for concurrent use.
type keyCache[V any] struct {
	limit int

	mu      sync.Mutex
	lookups uint64
	index   map[Key]int // into entries
	entries []keyEntry[V]
	hand    int // the entry that is tried next
}

type keyEntry[V any] struct {
	key   Key
	value V
	used  uint64 // the count of lookups then
}

// newKeyCache returns a cache of so many bytes for values of a size.
func newKeyCache[V any](bytes, size int) *keyCache[V] {
	return &keyCache[V]{limit: bytes / (size + keyOverhead), index: map[Key]int{}}
}

// get returns the value of a key.
func (c *keyCache[V]) get(k *Key) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lookup(k)
}

// lookup is get with the lock held.
func (c *keyCache[V]) lookup(k *Key) (v V, ok bool) {
	c.lookups++
	i, ok := c.index[*k]
	if !ok || c.entries[i].key != *k {
		return v, false
	}
	c.entries[i].used = c.lookups
	return c.entries[i].value, true
}

// put keeps the value of a key, if there is room.
func (c *keyCache[V]) put(k Key, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot := c.room(); slot >= 0 {
		c.fill(slot, k, v)
	}
}

// room returns an entry that may be filled, or -1 if all are in use. It does not return
// it again soon.
func (c *keyCache[V]) room() int {
	empty := keyEntry[V]{used: c.lookups}
	if len(c.entries) < c.limit {
		c.entries = append(c.entries, empty)
		return len(c.entries) - 1
	}
	for range min(maxSteps, c.limit) {
		i := c.hand
		c.hand = (i + 1) % c.limit
		e := &c.entries[i]
		if c.lookups-e.used < uint64(patience*c.limit) {
			continue
		}
		if at, ok := c.index[e.key]; ok && at == i {
			delete(c.index, e.key)
		}
		*e = empty
		return i
	}
	return -1
}

// fill puts a value into an entry that room has returned.
func (c *keyCache[V]) fill(slot int, k Key, v V) {
	c.entries[slot] = keyEntry[V]{k, v, c.lookups}
	c.index[k] = slot
}

// len returns the number of keys.
func (c *keyCache[V]) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.index)
}

// clear empties the cache.
func (c *keyCache[V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.index)
	c.entries, c.hand = nil, 0
}
