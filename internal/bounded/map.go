package bounded

// Map is a map with a maximum number of keys. In a full map a new key replaces the
// one that was added first, so that a peer that sends more and more keys displaces
// them but uses no more memory. Memory grows as keys are added. Make one with
// [NewMap]. Not safe for concurrent use.
type Map[K comparable, V any] struct {
	size   int
	values map[K]V
	order  []K // of the keys; a ring once it is full
	oldest int // index in order
}

// NewMap returns an empty map for at most size keys. It panics if size is not
// positive.
func NewMap[K comparable, V any](size int) *Map[K, V] {
	if size <= 0 {
		panic("bounded: the size of a map must be positive")
	}
	return &Map[K, V]{size: size, values: map[K]V{}}
}

// Put sets the value of a key. A key that is in the map keeps its place in the
// order.
func (m *Map[K, V]) Put(key K, value V) {
	if _, known := m.values[key]; !known {
		if len(m.order) < m.size {
			m.order = append(m.order, key)
		} else {
			delete(m.values, m.order[m.oldest])
			m.order[m.oldest] = key
			m.oldest = (m.oldest + 1) % m.size
		}
	}
	m.values[key] = value
}

// Get returns the value of a key, and whether the key is in the map.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	value, ok = m.values[key]
	return value, ok
}

// Has reports whether a key is in the map.
func (m *Map[K, V]) Has(key K) bool {
	_, ok := m.values[key]
	return ok
}

// Len returns the number of keys.
func (m *Map[K, V]) Len() int { return len(m.values) }

// Keys returns the keys in the order in which they were added.
func (m *Map[K, V]) Keys() []K {
	keys := make([]K, 0, len(m.order))
	return append(append(keys, m.order[m.oldest:]...), m.order[:m.oldest]...)
}

// Clear removes all keys and releases their memory.
func (m *Map[K, V]) Clear() {
	*m = Map[K, V]{size: m.size, values: map[K]V{}}
}

// Set is a set with a maximum number of keys: a [Map] without values.
// Make one with [NewSet]. Not safe for concurrent use.
type Set[K comparable] struct {
	keys Map[K, struct{}]
}

// NewSet returns an empty set for at most size keys. It panics if size is not
// positive.
func NewSet[K comparable](size int) *Set[K] {
	return &Set[K]{*NewMap[K, struct{}](size)}
}

// Add adds a key and reports whether it is new to the set.
func (s *Set[K]) Add(key K) bool {
	if s.keys.Has(key) {
		return false
	}
	s.keys.Put(key, struct{}{})
	return true
}

// Has reports whether a key is in the set.
func (s *Set[K]) Has(key K) bool { return s.keys.Has(key) }

// Len returns the number of keys.
func (s *Set[K]) Len() int { return s.keys.Len() }

// Keys returns the keys in the order in which they were added.
func (s *Set[K]) Keys() []K { return s.keys.Keys() }

// Clear removes all keys and releases their memory.
func (s *Set[K]) Clear() { s.keys.Clear() }
