package record

import "stele/kernels/sig"

const (
	// tablesTogether is how many tables the kernel makes in the time of one.
	tablesTogether = 8
	// seenKeys is how many keys without a table are remembered, about 100 bytes each.
	seenKeys = 1 << 14
)

// tables has the tables of keys that sign often. A key gets one after its second good
// signature: most keys of a hostile sender sign once. Safe for concurrent use.
type tables struct {
	*keyCache[*sig.Table]
	seen   *recent[Key, struct{}] // keys with one good signature
	wanted map[Key]struct{}       // keys with two, until enough can be made together
}

func newTables(bytes int) *tables {
	return &tables{
		keyCache: newKeyCache[*sig.Table](bytes, sig.TableSize),
		seen:     newRecent[Key, struct{}](seenKeys),
		wanted:   map[Key]struct{}{},
	}
}

// find sets the tables of items whose keys have one.
func (t *tables) find(items []sig.Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range items {
		items[i].Table, _ = t.lookup((*Key)(items[i].Key))
	}
}

// learn notes the keys of good signatures, and makes the tables of those that it has
// noted before, with k.
func (t *tables) learn(k kernel, items []sig.Item, good []bool) {
	keys, slots := t.due(items, good)
	if len(keys) == 0 {
		return
	}
	made := make([]*sig.Table, len(keys))
	of := make([]*[32]byte, len(keys))
	ok := make([]bool, len(keys))
	for i := range keys {
		made[i], of[i] = new(sig.Table), (*[32]byte)(&keys[i])
	}
	k.MakeTables(made, of, ok)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, key := range keys {
		if _, twice := t.index[key]; ok[i] && !twice && slots[i] < len(t.entries) {
			t.fill(slots[i], key, made[i])
		}
	}
}

// due notes the keys of good signatures. It returns those to make tables of, and the
// entries for them.
func (t *tables) due(items []sig.Item, good []bool) (keys []Key, slots []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range items {
		if !good[i] || items[i].Table != nil {
			continue
		}
		key := Key(*items[i].Key)
		if _, ok := t.seen.get(key); !ok {
			t.seen.put(key, struct{}{})
		} else if _, ok := t.index[key]; !ok {
			t.wanted[key] = struct{}{}
		}
	}
	n := len(t.wanted) / tablesTogether * tablesTogether
	for len(slots) < n {
		slot := t.room()
		if slot < 0 {
			break
		}
		slots = append(slots, slot)
	}
	for key := range t.wanted {
		if len(keys) == len(slots) {
			break
		}
		keys = append(keys, key)
		delete(t.wanted, key)
	}
	if len(keys) < n {
		clear(t.wanted) // the cache is full: they may come again when it has room
	}
	return keys, slots
}
