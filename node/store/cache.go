package store

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
)

const (
	cacheShards = 64
	// entryOverhead is about the memory of an entry without key and value: the slot
	// of the map, the headers of key and value, the allocations.
	entryOverhead = 160
)

// cache keeps entries of the state in memory, absent ones too. A commit changes it and
// the database at the same time, and clears it if that fails. Safe for concurrent use.
//
// Each shard has two generations of entries. Entries are added to the young one; when
// that is full, the old one is dropped and the young one becomes old. An old entry
// that is read becomes young again, so that entries in use stay.
type cache struct {
	seed   maphash.Seed
	limit  int // bytes in the young generation of a shard
	shards [cacheShards]cacheShard

	// epoch is odd during a commit. A value that was read from the database may
	// enter the cache only if the epoch was even then and has not changed since:
	// otherwise the cache may have a newer value already, or the value may be of a
	// commit that fails.
	epoch atomic.Uint64
}

type cacheShard struct {
	sync.RWMutex
	young, old map[string]*cached
	bytes      int // in young
	_          [64]byte
}

// cached is an entry of the cache: a value, or nil if the state has none.
type cached struct{ value []byte }

// newCache returns a cache of about this many bytes.
func newCache(bytes int64) *cache {
	c := &cache{seed: maphash.MakeSeed(), limit: int(bytes / 2 / cacheShards)}
	for i := range c.shards {
		c.shards[i].young = map[string]*cached{}
	}
	return c
}

func (c *cache) shard(key []byte) *cacheShard {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

// get returns the value, nil if it is absent from the state, and whether the cache has
// the entry.
func (c *cache) get(key []byte) (value []byte, known bool) {
	s := c.shard(key)
	s.RLock()
	e, young := s.young[string(key)]
	if !young {
		e = s.old[string(key)]
	}
	if e != nil {
		value = e.value
	}
	s.RUnlock()
	if e == nil {
		return nil, false
	}
	if !young {
		s.Lock()
		if s.young[string(key)] == nil && s.old[string(key)] == e {
			s.add(key, e, c.limit)
		}
		s.Unlock()
	}
	return value, true
}

// fill adds an entry that was read from the database after the epoch was loaded.
func (c *cache) fill(epoch uint64, key, value []byte) {
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	if epoch%2 == 0 && epoch == c.epoch.Load() {
		s.put(key, value, c.limit)
	}
}

// begin and end enclose a commit.
func (c *cache) begin() { c.epoch.Add(1) }
func (c *cache) end()   { c.epoch.Add(1) }

// clear drops all entries. It is called before end.
func (c *cache) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		s.young, s.old, s.bytes = map[string]*cached{}, nil, 0
		s.Unlock()
	}
}

// update adds the entries that a commit writes. It is called before end.
func (c *cache) update(r batchrepr.Reader) {
	for {
		kind, key, value, ok, _ := r.Next()
		if !ok {
			return
		}
		if key[0] != byte(state) {
			continue
		}
		if kind == pebble.InternalKeyKindDelete {
			value = nil
		} else {
			value = append([]byte{}, value...)
		}
		s := c.shard(key[1:])
		s.Lock()
		s.put(key[1:], value, c.limit)
		s.Unlock()
	}
}

// put sets a value, without copying it, and makes the entry young.
func (s *cacheShard) put(key, value []byte, limit int) {
	if e := s.young[string(key)]; e != nil {
		s.bytes += len(value) - len(e.value)
		e.value = value
		s.turn(limit)
		return
	}
	s.add(key, &cached{value}, limit)
}

// add adds a young entry.
func (s *cacheShard) add(key []byte, e *cached, limit int) {
	s.young[string(key)] = e
	s.bytes += len(key) + len(e.value) + entryOverhead
	s.turn(limit)
}

// turn makes a full young generation the old one.
func (s *cacheShard) turn(limit int) {
	if s.bytes > limit {
		s.young, s.old, s.bytes = map[string]*cached{}, s.young, 0
	}
}
