package store

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// A cache returns the last value that was put, or none, and stays within its memory.
func TestCacheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 1<<18).Draw(t, "limit")
		c := newCache(int64(limit))
		model := map[string]string{}
		key := func(n int) []byte { return fmt.Append(nil, "key ", n) }
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			n := rapid.IntRange(0, 200).Draw(t, "key")
			k := key(n)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0: // a commit
				value := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")
				c.begin()
				s := c.shard(k)
				s.Lock()
				s.put(k, value, c.limit)
				s.Unlock()
				c.end()
				model[string(k)] = string(value)
			case 1: // a read from the database
				if value, ok := model[string(k)]; ok {
					c.fill(c.epoch.Load(), k, []byte(value))
				} else {
					c.fill(c.epoch.Load(), k, nil)
				}
			case 2: // one that began before or during a commit
				old := c.epoch.Load()
				c.begin()
				if rapid.Bool().Draw(t, "late") {
					old = c.epoch.Load()
				}
				c.end()
				c.fill(old, k, []byte("old"))
			}
			value, known := c.get(k)
			want, there := model[string(k)]
			if known && (there != (value != nil) || string(value) != want) {
				t.Fatalf("%s is %q, want %q, %v", k, value, want, there)
			}
		}
		for i := range c.shards {
			if s := &c.shards[i]; s.bytes > c.limit {
				t.Fatalf("%d bytes in a shard of %d", s.bytes, c.limit)
			}
		}
	})
}

// Entries in use stay, others are dropped.
func TestCacheGenerations(t *testing.T) {
	c := newCache(1 << 20)
	used := []byte("used")
	c.fill(0, used, []byte("value"))
	unused := []byte("unused")
	c.fill(0, unused, []byte("value"))
	for n := range 100_000 {
		c.fill(0, fmt.Append(nil, n), make([]byte, 40))
		if _, known := c.get(used); !known {
			t.Fatalf("forgotten after %d entries", n)
		}
	}
	if _, known := c.get(unused); known {
		t.Error("not forgotten")
	}
	entries := 0
	for i := range c.shards {
		entries += len(c.shards[i].young) + len(c.shards[i].old)
	}
	if entries*(entryOverhead+40) > 1<<20 {
		t.Errorf("%d entries", entries)
	}
}
