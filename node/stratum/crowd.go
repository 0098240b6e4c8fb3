package stratum

import (
	"cmp"
	"container/heap"
	"container/list"
	"net/netip"
)

// crowd holds the connections that have had no good share, and decides which of
// them makes room for another one: the oldest of the address that has most of
// them. So whoever opens connections and does no work pushes out its own, and a
// miner at another address has time for its first share, however many there are.
// It is not safe for concurrent use.
type crowd struct {
	byAddress map[netip.Addr]*group
	places    map[*conn]*list.Element // in the list of its group
	groups    groups                  // the largest first
}

// group is the part of the crowd at an address.
type group struct {
	addr  netip.Addr
	conns list.List // of *conn, the oldest first
	index int       // in groups
}

func newCrowd() crowd {
	return crowd{byAddress: map[netip.Addr]*group{}, places: map[*conn]*list.Element{}}
}

// enter adds a connection.
func (w *crowd) enter(c *conn) {
	g := w.byAddress[c.addr]
	if g == nil {
		g = &group{addr: c.addr}
		w.byAddress[c.addr] = g
		heap.Push(&w.groups, g)
	}
	w.places[c] = g.conns.PushBack(c)
	heap.Fix(&w.groups, g.index)
}

// leave removes a connection that has had a good share, or has ended. One that is
// not in the crowd changes nothing.
func (w *crowd) leave(c *conn) {
	place, ok := w.places[c]
	if !ok {
		return
	}
	delete(w.places, c)
	g := w.byAddress[c.addr]
	g.conns.Remove(place)
	if g.conns.Len() == 0 {
		delete(w.byAddress, c.addr)
		heap.Remove(&w.groups, g.index)
		return
	}
	heap.Fix(&w.groups, g.index)
}

// first returns the connection that makes room, nil if there is none.
func (w *crowd) first() *conn {
	if len(w.groups) == 0 {
		return nil
	}
	return w.groups[0].conns.Front().Value.(*conn)
}

// groups is a heap, for container/heap.
type groups []*group

func (g groups) Len() int { return len(g) }
func (g groups) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(g[j].conns.Len(), g[i].conns.Len()), g[i].addr.Compare(g[j].addr)) < 0
}
func (g groups) Swap(i, j int) {
	g[i], g[j] = g[j], g[i]
	g[i].index, g[j].index = i, j
}
func (g *groups) Push(x any) {
	x.(*group).index = len(*g)
	*g = append(*g, x.(*group))
}
func (g *groups) Pop() any {
	last := (*g)[len(*g)-1]
	(*g)[len(*g)-1] = nil
	*g = (*g)[:len(*g)-1]
	return last
}
