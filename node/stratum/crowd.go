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
// Among addresses that have the same number, age decides as well: whoever has many
// addresses pushes out a miner only after all those that came before it.
// It is not safe for concurrent use.
type crowd struct {
	byAddress map[netip.Addr]*group
	places    map[*conn]*list.Element // in the list of its group
	groups    groups                  // the one that makes room first
	arrivals  uint64                  // connections that have entered so far
}

// group is the part of the crowd at an address.
type group struct {
	addr    netip.Addr
	members list.List // of member, the oldest first; never empty in groups
	index   int       // in groups
}

// member is a connection in the crowd.
type member struct {
	conn    *conn
	arrival uint64 // its number among those that have entered
}

// oldest returns the member that came first.
func (g *group) oldest() member { return g.members.Front().Value.(member) }

func newCrowd() crowd {
	return crowd{byAddress: map[netip.Addr]*group{}, places: map[*conn]*list.Element{}}
}

// enter adds a connection.
func (w *crowd) enter(c *conn) {
	g, known := w.byAddress[c.addr]
	if !known {
		g = &group{addr: c.addr}
		w.byAddress[c.addr] = g
	}
	w.arrivals++
	w.places[c] = g.members.PushBack(member{c, w.arrivals})
	if known {
		heap.Fix(&w.groups, g.index)
	} else {
		heap.Push(&w.groups, g)
	}
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
	if g.members.Len() == 1 {
		delete(w.byAddress, c.addr)
		heap.Remove(&w.groups, g.index)
		return
	}
	g.members.Remove(place)
	heap.Fix(&w.groups, g.index)
}

// first returns the connection that makes room, nil if there is none.
func (w *crowd) first() *conn {
	if len(w.groups) == 0 {
		return nil
	}
	return w.groups[0].oldest().conn
}

// groups is a heap, for container/heap.
type groups []*group

func (g groups) Len() int { return len(g) }
func (g groups) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(g[j].members.Len(), g[i].members.Len()), cmp.Compare(g[i].oldest().arrival, g[j].oldest().arrival)) < 0
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
