package relay

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/wire"
)

// testBlock returns a block with records beside the coinbase, and records that could
// have been in it.
func testBlock(t testing.TB, inside, outside int) (*block.Block, []*record.Record, *chaintest.Builder) {
	t.Helper()
	b := chaintest.New(chaintest.Network(), 7)
	parent := b.Grow(b.Genesis, 6, 0)
	records := b.Records(parent, inside+outside)
	return b.Extend(parent, records[:inside]...).Block, records[inside:], b
}

// encoded returns records as a peer sends them.
func encoded(b *block.Block, indices []uint32) [][]byte {
	var all [][]byte
	for _, i := range indices {
		all = append(all, b.Records[i].Encode())
	}
	return all
}

// Whatever part of the records is known, what is missing is exactly the rest, and with
// it the block is the one that was sent.
func TestRebuild(t *testing.T) {
	b, others, builder := testBlock(t, 40, 20)
	rapid.Check(t, func(t *rapid.T) {
		has := rapid.SliceOfN(rapid.Bool(), len(b.Records), len(b.Records)).Draw(t, "known")
		lacking := rapid.SliceOfDistinct(rapid.Uint32Range(0, uint32(len(b.Records)-1)), func(i uint32) uint32 { return i }).Draw(t, "lacking")
		slices.Sort(lacking)
		m := NewCompact(b, rapid.Uint64().Draw(t, "nonce"), lacking)
		m = throughWire(t, m)

		pool, recent := slices.Clone(others), []*record.Record{}
		var missing []uint32
		for i, r := range b.Records[1:] {
			switch {
			case has[i+1]:
				pool = append(pool, r)
				recent = append(recent, r) // it may be in both
			case !slices.ContainsFunc(m.Prefilled, func(p wire.Prefilled) bool { return p.Index == uint32(i+1) }):
				missing = append(missing, uint32(i+1))
			}
		}
		pool = rapid.Permutation(pool).Draw(t, "pool")

		r, err := NewRebuild(m, pool, recent)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Missing(), missing) {
			t.Fatalf("missing %v, want %v", r.Missing(), missing)
		}
		if got, want := r.IsMostlyKnown(), 3*len(missing) <= len(b.Records)-len(missing); got != want {
			t.Fatalf("%d of %d missing: mostly known %v", len(missing), len(b.Records), got)
		}
		if len(missing) > 0 && r.Block() != nil {
			t.Fatal("a block in spite of missing records")
		}
		if err := r.Fill(encoded(b, missing)); err != nil {
			t.Fatal(err)
		}
		got := r.Block()
		if got == nil || !bytes.Equal(got.Encode(), b.Encode()) {
			t.Fatal("another block")
		}
		if err := got.Check(builder.Params); err != nil {
			t.Fatal(err)
		}
	})
}

// throughWire encodes and decodes a message.
func throughWire(t *rapid.T, m *wire.Compact) *wire.Compact {
	l := wire.Limits{MaxBlockSize: 1 << 20}
	frame, err := l.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Decode(wire.KindCompact, frame[wire.HeaderSize:], false)
	if err != nil {
		t.Fatal(err)
	}
	return got.(*wire.Compact)
}

// Two candidates for one short id count as none, also when a third one comes.
func TestRebuildTwoCandidates(t *testing.T) {
	b, others, _ := testBlock(t, 4, 2)
	m := NewCompact(b, 1, nil)
	key := m.Key()
	id := func(h pow.Hash) wire.ShortID { // those of others collide with that of record 2
		for _, r := range others {
			if h == r.FullHash() {
				return key.ID(b.Records[2].FullHash())
			}
		}
		return key.ID(h)
	}
	r, err := newRebuild(m, id, [][]*record.Record{b.Records[1:], others})
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint32{2}; !slices.Equal(r.Missing(), want) {
		t.Fatalf("missing %v, want %v", r.Missing(), want)
	}
	if err := r.Fill(encoded(b, r.Missing())); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Block().Encode(), b.Encode()) {
		t.Error("another block")
	}
}

// Two records of the block with one short id are both missing.
func TestRebuildRepeatedID(t *testing.T) {
	b, _, _ := testBlock(t, 4, 0)
	m := NewCompact(b, 1, nil)
	m.IDs[2] = m.IDs[0]
	r, err := NewRebuild(m, b.Records)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint32{1, 3}; !slices.Equal(r.Missing(), want) {
		t.Errorf("missing %v, want %v", r.Missing(), want)
	}
}

// A candidate with the short id of a record that is not at hand gives another block,
// and the check shows it, as a fault of the body.
func TestRebuildCollision(t *testing.T) {
	b, others, builder := testBlock(t, 4, 1)
	m := NewCompact(b, 1, nil)
	key := m.Key()
	id := func(h pow.Hash) wire.ShortID {
		if h == others[0].FullHash() {
			h = b.Records[3].FullHash()
		}
		return key.ID(h)
	}
	r, err := newRebuild(m, id, [][]*record.Record{b.Records[:3], b.Records[4:], others})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Block()
	if got == nil {
		t.Fatalf("missing %v, want none", r.Missing())
	}
	reason, _ := reject.Of(got.Check(builder.Params))
	if !reason.BodyMismatch() {
		t.Errorf("reason %q, want one about the body", reason)
	}
}

// Parts that are not the missing records are rejected, and change nothing.
func TestFillErrors(t *testing.T) {
	b, others, _ := testBlock(t, 6, 1)
	m := NewCompact(b, 1, nil)
	r, err := NewRebuild(m, b.Records[:5])
	if err != nil {
		t.Fatal(err)
	}
	good := encoded(b, r.Missing())
	for name, parts := range map[string][][]byte{
		"none":          nil,
		"one too few":   good[:1],
		"one too many":  append(slices.Clone(good), good[0]),
		"another order": {good[1], good[0]},
		"another":       {good[0], others[0].Encode()},
	} {
		if err := r.Fill(parts); !errors.Is(err, ErrParts) {
			t.Errorf("%s: %v, want ErrParts", name, err)
		}
	}
	_, rejected := reject.Of(r.Fill([][]byte{good[0], make([]byte, 100)}))
	if !rejected || len(r.Missing()) != 2 || r.Block() != nil {
		t.Errorf("a part without a meaning: rejected %v, missing %v", rejected, r.Missing())
	}
	m.Prefilled[0].Record = make([]byte, 100)
	if _, err := NewRebuild(m); err == nil {
		t.Error("a coinbase without a meaning is taken")
	}
	if err := r.Fill(good); err != nil || r.Block() == nil {
		t.Errorf("the good parts: %v", err)
	}
}

// As many of the records are prefilled as the protocol allows.
func TestNewCompactBound(t *testing.T) {
	b, _, _ := testBlock(t, 120, 0)
	var all []uint32
	for i := range b.Records {
		all = append(all, uint32(i))
	}
	m := NewCompact(b, 1, all)
	size := 0
	for _, p := range m.Prefilled[1:] {
		size += len(p.Record)
	}
	if next := b.Records[len(m.Prefilled)].Size(); size > wire.MaxPrefilled || size+next <= wire.MaxPrefilled {
		t.Errorf("%d bytes prefilled and %d more, want about %d", size, next, wire.MaxPrefilled)
	}
	if _, err := (wire.Limits{MaxBlockSize: 1 << 20}).Append(nil, m); err != nil {
		t.Error(err)
	}
}
