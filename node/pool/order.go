package pool

// rank is a place in an order: the smaller one comes first.
type rank struct{ key, tie uint64 }

func (a rank) before(b rank) bool {
	return a.key < b.key || a.key == b.key && a.tie < b.tie
}

// ranked is an item of a heap. The rank is kept beside the item, so that a
// comparison does not have to follow a pointer.
type ranked[T any] struct {
	rank
	item T
}

// heap is a binary heap: the children of place i are at 2i+1 and 2i+2. If moved is set,
// it is called with each new place of an item, so that the item can be moved or removed
// later.
type heap[T any] struct {
	items []ranked[T]
	moved func(item T, place int)
}

// push adds an item.
func (h *heap[T]) push(r rank, item T) {
	h.items = append(h.items, ranked[T]{})
	h.sift(len(h.items)-1, ranked[T]{r, item})
}

// pop removes the first item. The heap must not be empty.
func (h *heap[T]) pop() T {
	first := h.items[0].item
	h.remove(0)
	return first
}

// rerank changes the rank of the item at a place.
func (h *heap[T]) rerank(place int, r rank) {
	if x := h.items[place]; x.rank != r {
		h.sift(place, ranked[T]{r, x.item})
	}
}

// remove removes the item at a place.
func (h *heap[T]) remove(place int) {
	end := len(h.items) - 1
	last := h.items[end]
	h.items[end] = ranked[T]{}
	h.items = h.items[:end]
	if place < end {
		h.sift(place, last)
	}
}

// sift puts x into the heap, where i is free.
func (h *heap[T]) sift(i int, x ranked[T]) {
	for i > 0 && x.before(h.items[(i-1)/2].rank) {
		h.put(i, h.items[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(h.items) && h.items[child+1].before(h.items[child].rank) {
			child++
		}
		if child >= len(h.items) || !h.items[child].before(x.rank) {
			break
		}
		h.put(i, h.items[child])
		i = child
	}
	h.put(i, x)
}

func (h *heap[T]) put(i int, x ranked[T]) {
	h.items[i] = x
	if h.moved != nil {
		h.moved(x.item, i)
	}
}
