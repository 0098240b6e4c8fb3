package miner

import (
	"slices"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/internal/bounded"
)

// Bounds of what a miner remembers. The engine abandons old headers at once when it
// gets a new one, so hits are only for recent ones.
const (
	maxRoots = 1024
	maxHits  = 1 << 16
)

// hitIndex finds what a hit belongs to, and whether it was reported before.
type hitIndex struct {
	origins *bounded.Map[pow.Hash, *origin] // by Merkle root
	seen    *bounded.Set[pow.Hash]          // hits
}

func newHitIndex() hitIndex {
	return hitIndex{bounded.NewMap[pow.Hash, *origin](maxRoots), bounded.NewSet[pow.Hash](maxHits)}
}

// seenBefore reports whether a hit was reported before, and remembers it.
func (x *hitIndex) seenBefore(hash pow.Hash) bool { return !x.seen.Add(hash) }

// origin is what a Merkle root was made of.
type origin struct {
	from       *upstream
	generation uint64 // of the source's work
	work       *Work
	extranonce uint64
}

// hit is called by the engine for each hit.
func (m *Miner) hit(h engine.Hit) {
	encoded := h.Header()
	header, err := pow.DecodeHeader(encoded[:])
	if err != nil {
		return // never: the length is right
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, _ := m.hits.origins.Get(header.MerkleRoot)
	switch {
	case o == nil:
		m.Log.Error("hit for unknown work", "device", h.Device, "hash", h.Hash)
		return
	case !o.work.Target.MetBy(h.Hash):
		m.Log.Error("hit above the target of its work", "device", h.Device, "hash", h.Hash, "job", o.work.ID)
		return
	case o.work.Wanted != nil && !o.work.Wanted():
		return
	case m.hits.seenBefore(h.Hash):
		m.Log.Error("duplicate hit", "device", h.Device, "hash", h.Hash, "job", o.work.ID)
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
	// The first block on a parent goes to the source although its work is out of
	// date: many pools declare all older work stale with every job, and their nodes
	// may see it otherwise. Further ones can at best be stale.
	first := block && o.from.solved.Add(header.Prev)
	if o.generation != o.from.generation && !first {
		m.reject(o.from, s, &Rejection{Cause: Stale, Text: "its work was out of date when it was found"})
		return
	}
	m.send(o.from, s, block)
}
