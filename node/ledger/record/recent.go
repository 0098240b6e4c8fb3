package record

// recent is a map that drops the entries that were not used for long. It has two
// generations. An entry that is put or found is young. When the young entries are
// half of the limit, they become the old ones, and the old ones before them are
// dropped.
type recent[K comparable, V any] struct {
	half       int
	young, old map[K]V
}

// newRecent returns a map of at most limit entries. One below 2 keeps nothing.
func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{half: limit / 2, young: map[K]V{}, old: map[K]V{}}
}

func (m *recent[K, V]) len() int { return len(m.young) + len(m.old) }

// clear forgets all entries.
func (m *recent[K, V]) clear() {
	clear(m.young)
	clear(m.old)
}

func (m *recent[K, V]) get(k K) (V, bool) {
	v, ok := m.young[k]
	if ok {
		return v, true
	}
	if v, ok = m.old[k]; ok {
		delete(m.old, k)
		m.put(k, v)
	}
	return v, ok
}

func (m *recent[K, V]) put(k K, v V) {
	if m.half < 1 {
		return
	}
	if len(m.young) >= m.half {
		m.old, m.young = m.young, m.old
		clear(m.young)
	}
	m.young[k] = v
}
