package miner

import (
	"slices"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

// Bounds of what a miner remembers. The engine leaves old headers at once when
// it gets a new one, so that a hit for one long before the last does not come.
const (
	mostRoots = 1024
	mostSeen  = 1 << 16
)

// finds tell what a hit belongs to, and whether it was there before.
type finds struct {
	roots   map[pow.Hash]*origin
	order   []pow.Hash // of roots, oldest first
	seen    map[pow.Hash]bool
	seeing  []pow.Hash // of seen, a ring
	nextOld int
}

// origin is what a Merkle root was made of.
type origin struct {
	from       *upstream
	generation uint64 // of the source's work
	work       *Work
	extranonce uint64
}

func (f *finds) remember(root pow.Hash, o *origin) {
	if _, known := f.roots[root]; known {
		f.roots[root] = o
		return
	}
	if len(f.order) >= mostRoots {
		delete(f.roots, f.order[0])
		f.order = f.order[1:]
	}
	f.roots[root] = o
	f.order = append(f.order, root)
}

// again reports whether a hit was there before, and remembers it.
func (f *finds) again(hash pow.Hash) bool {
	if f.seen[hash] {
		return true
	}
	f.seen[hash] = true
	if len(f.seeing) < mostSeen {
		f.seeing = append(f.seeing, hash)
		return false
	}
	delete(f.seen, f.seeing[f.nextOld])
	f.seeing[f.nextOld] = hash
	f.nextOld = (f.nextOld + 1) % mostSeen
	return false
}

// parents are the last ones on which a source's blocks were found.
type parents []pow.Hash

// mostParents bounds parents.
const mostParents = 16

// first reports whether a block is the first one on a parent, and remembers it.
// Such a block goes to the source although its work is out of date: many pools
// say that of all older work with every job, and their nodes may see it otherwise.
// Further ones can at best be stale.
func (p *parents) first(parent pow.Hash) bool {
	if slices.Contains(*p, parent) {
		return false
	}
	if len(*p) == mostParents {
		*p = (*p)[1:]
	}
	*p = append(*p, parent)
	return true
}

// hit is called by the engine for each hit.
func (m *Miner) hit(h engine.Hit) {
	encoded := h.Header()
	header, err := pow.DecodeHeader(encoded[:])
	if err != nil {
		return // it has 80 bytes
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.found.roots[header.MerkleRoot]
	switch {
	case o == nil:
		m.Log.Error("a hit belongs to no work", "device", h.Device, "hash", h.Hash)
		return
	case !o.work.Target.MetBy(h.Hash):
		m.Log.Error("a hit does not meet the target of its work", "device", h.Device, "hash", h.Hash, "job", o.work.ID)
		return
	case m.found.again(h.Hash):
		m.Log.Error("a hit comes twice", "device", h.Device, "hash", h.Hash, "job", o.work.ID)
		return
	}
	if i := slices.IndexFunc(m.devices, func(d *device) bool { return d.info.ID == h.Device }); i >= 0 {
		m.devices[i].shares++
	}
	s := Share{Work: o.work, Extranonce: o.extranonce, Header: header, Hash: h.Hash, Device: h.Device, Found: time.Now()}
	block := s.Block()
	for _, t := range m.tallies(o.from) {
		t.find(s.Hash)
	}
	first := block && o.from.blocksOn.first(header.Prev)
	if o.generation != o.from.generation && !first {
		m.reject(o.from, s, &Rejection{Cause: Stale, Text: "its work was out of date when it was found"})
		return
	}
	m.send(o.from, s, block)
}
