package stratum

import (
	"cmp"
	"container/heap"
	"container/list"
	"net/netip"
)

// crowd holds the connections that have had no good share, and decides which of them
// is evicted for another one: the oldest of the address that has the most of them. So
// a peer that opens connections and does no work evicts its own, and a miner at
// another address has time for its first share, however many there are. Among
// addresses with the same number, age decides as well: a peer with many addresses
// evicts a miner only after all connections that are older. Not safe for concurrent
// use.
type crowd struct {
	byAddress map[netip.Addr]*group
	places    map[*conn]*list.Element // in the list of its group
	groups    groups                  // the next victim's first
	arrivals  uint64                  // connections that were ever added
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
	arrival uint64 // its number among those that were ever added
}

// oldest returns the member that was added first.
func (g *group) oldest() member { return g.members.Front().Value.(member) }

func newCrowd() crowd {
	return crowd{byAddress: map[netip.Addr]*group{}, places: map[*conn]*list.Element{}}
}

// add adds a connection.
func (w *crowd) add(c *conn) {
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

// remove removes a connection that has had a good share, or has ended. It does nothing
// if the connection is not in the crowd.
func (w *crowd) remove(c *conn) {
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

// victim returns the connection to evict, nil if there is none.
func (w *crowd) victim() *conn {
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
