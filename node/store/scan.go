package store

import (
	"context"
	"slices"

	"stele/engine/pow"
)

// Scan reads everything stored and checks what can be checked without the rules of the
// chain: that every key and value is well-formed, that checksums and header hashes are
// correct, and that headers, bodies, undo data, active chain and tip are consistent. It
// returns the first fault as a *Damage.
func (s *Store) Scan(ctx context.Context) error {
	snapshot := s.Snapshot()
	defer snapshot.Close()
	c := scanner{ctx: ctx, snapshot: snapshot, headers: map[pow.Hash]*scanned{}}
	for _, step := range []func() error{c.allHeaders, c.allHeights, c.allBodies, c.activeChain, c.theRest} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// scanner is one Scan.
type scanner struct {
	ctx      context.Context
	snapshot *Snapshot
	headers  map[pow.Hash]*scanned
}

// scanned is a header and what is still to be found for it.
type scanned struct {
	height           uint32
	hasBody, hasUndo bool
	indexed          bool
}

// scan is Snapshot.scan, until the context ends.
func (c *scanner) scan(in space, fn func(key, value []byte) error) error {
	return c.snapshot.scan(in, func(key, value []byte) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		return fn(key, value)
	})
}

func (c *scanner) allHeaders() error {
	return c.scan(headers, func(key, value []byte) error {
		h, height, err := headerEntry(key, value)
		if err != nil {
			return err
		}
		if parent := c.headers[h.Prev]; height > 0 && (parent == nil || parent.height != height-1) {
			return damaged(int64(height), headers.name(), "the parent of %s is not stored", h.Hash())
		}
		c.headers[h.Hash()] = &scanned{height: height, hasBody: h.HasBody, hasUndo: h.HasUndo}
		return nil
	})
}

func (c *scanner) allHeights() error {
	err := c.scan(heights, func(key, value []byte) error {
		height, ok := decodeHeight(value)
		if !ok || len(key) != hashSize {
			return damaged(NoHeight, heights.name(), "wrong checksum of block %x", key)
		}
		h := c.headers[pow.Hash(key)]
		if h == nil || h.height != height {
			return damaged(int64(height), heights.name(), "block %s is not at this height", pow.Hash(key))
		}
		h.indexed = true
		return nil
	})
	if err != nil {
		return err
	}
	for hash, h := range c.headers {
		if !h.indexed {
			return damaged(int64(h.height), heights.name(), "block %s has no entry", hash)
		}
	}
	return nil
}

// allBodies compares bodies and undo data with the headers.
func (c *scanner) allBodies() error {
	for _, in := range []space{bodies, undos} {
		flag := func(h *scanned) *bool {
			if in == undos {
				return &h.hasUndo
			}
			return &h.hasBody
		}
		err := c.scan(in, func(key, value []byte) error {
			height, hash, ok := cutBlockKey(key)
			if !ok {
				return damaged(NoHeight, in.name(), "key of %d bytes", len(key))
			}
			if _, ok := cutSum(value); !ok {
				return damaged(int64(height), in.name(), "wrong checksum")
			}
			h := c.headers[hash]
			if h == nil || h.height != height || !*flag(h) {
				return damaged(int64(height), in.name(), "there is no header for it, or one that says it is not stored")
			}
			*flag(h) = false // found
			return nil
		})
		if err != nil {
			return err
		}
		for hash, h := range c.headers {
			if *flag(h) {
				return damaged(int64(h.height), in.name(), "%s of block %s is missing", in.name(), hash)
			}
		}
	}
	return nil
}

func (c *scanner) activeChain() error {
	tip, found, err := c.snapshot.Tip()
	if err != nil {
		return err
	}
	var next uint32
	var last link
	err = c.scan(chain, func(key, value []byte) error {
		height, l, err := linkEntry(key, value)
		if err != nil {
			return err
		}
		if h := c.headers[l.Hash]; h == nil || h.height != height || height != next {
			return damaged(int64(height), chain.name(), "block %s does not have this height", l.Hash)
		}
		next, last = height+1, l
		return nil
	})
	if err != nil {
		return err
	}
	if found != (next > 0) || found && (tip != Tip{last.Hash, next - 1, last.Digest}) {
		return damaged(int64(tip.Height), tipSpace.name(), "it is not the last block of the active chain")
	}
	return nil
}

// theRest reads the record index, the journal and the state, and looks for other keys.
func (c *scanner) theRest() error {
	err := c.scan(records, func(key, value []byte) error {
		_, _, err := placeEntry(key, value)
		return err
	})
	if err == nil {
		err = c.scan(pool, func(key, value []byte) error {
			_, _, err := poolEntry(key, value)
			return err
		})
	}
	if err == nil {
		err = c.scan(state, func(_, _ []byte) error { return nil })
	}
	if err != nil {
		return err
	}
	return c.strangers()
}

// strangers returns damage if there is a key outside of the spaces.
func (c *scanner) strangers() error {
	lower := []byte{0}
	for _, in := range append(slices.Clone(spaces), 0xff) {
		err := c.snapshot.read(func(*database) error {
			return scanRange(c.snapshot.at, lower, in.start(), func(key, _ []byte) error {
				return damaged(NoHeight, "key", "%x is not a key of a store", key)
			})
		})
		if err != nil {
			return err
		}
		lower = in.end()
	}
	return nil
}
