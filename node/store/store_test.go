package store

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/engine/pow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A store holds what was committed, while open and opened again.
func TestConnectDisconnect(t *testing.T) {
	disk := vfs.NewMem()
	c := newTestChain(1)
	s := openStore(t, disk, Options{})
	for step := range 60 {
		b := s.NewBatch()
		switch {
		case step%7 == 6:
			c.disconnect(b)
			c.disconnect(b)
			c.connect(b, c.next(5, 8))
		default:
			c.connect(b, c.next(10, 20))
		}
		id := pow.Sum([]byte{byte(step)})
		c.pool[id] = id[:step%32]
		b.PutPool(id, c.pool[id])
		if step%3 == 0 {
			for id := range c.pool {
				delete(c.pool, id)
				b.DeletePool(id)
				break
			}
		}
		commit(t, b)
		if err := c.compare(s); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if step%10 == 9 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, disk, Options{ReadOnly: step%20 == 9})
			if err := c.compare(s); err != nil {
				t.Fatalf("step %d, opened again: %v", step, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, disk, Options{})
		}
	}
}

// A batch that is larger than a memtable works like any other, and its memory is not
// used for the next one.
func TestLargeBatch(t *testing.T) {
	disk := vfs.NewMem()
	s := openStore(t, disk, small)
	c := newTestChain(6)
	for range 10 {
		b := s.NewBatch()
		c.connect(b, c.next(500, 500))
		commit(t, b)
		b = s.NewBatch()
		c.connect(b, c.next(1, 1))
		commit(t, b)
	}
	if err := c.compare(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, disk, small)
	if err := c.compare(s); err != nil {
		t.Fatal(err)
	}
}

func TestHeaders(t *testing.T) {
	s := openStore(t, vfs.NewMem(), Options{})
	c := newTestChain(2)
	b := s.NewBatch()
	for range 5 {
		c.connect(b, c.next(3, 3))
	}
	side := c.next(1, 1)
	b.PutHeader(side.header, Meta{Height: side.height, Status: 9})
	commit(t, b)

	b = s.NewBatch()
	b.Prune(c.blocks[1].hash)
	b.PutHeader(c.blocks[2].header, Meta{Height: 2, Status: 3}) // keeps body and undo
	b.PutBody(side.hash, side.raw)
	commit(t, b)
	b = s.NewBatch()
	c.disconnect(b)
	commit(t, b)

	var got []Meta
	last := uint32(0)
	err := s.Headers(func(h pow.Header, m Meta) error {
		if m.Height < last {
			t.Error("a child comes before its parent")
		}
		last = m.Height
		got = append(got, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Meta{{0, 1, true, true}, {1, 1, false, false}, {2, 3, true, true}, {3, 1, true, true}, {4, 1, true, false}, {5, 9, true, false}}
	if len(got) != len(want) {
		t.Fatalf("%d headers, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("header %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	stop := errors.New("enough")
	if err := s.Headers(func(pow.Header, Meta) error { return stop }); err != stop {
		t.Errorf("error of the caller: %v", err)
	}

	unknown := pow.Sum([]byte("unknown"))
	for name, err := range map[string]error{
		"pruned body":      second(s.Body(c.blocks[1].hash)),
		"pruned undo":      second(s.Undo(c.blocks[1].hash)),
		"undo of no block": second(s.Undo(side.hash)),
	} {
		if !errors.Is(err, ErrPruned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"body":             second(s.Body(unknown)),
		"undo":             second(s.Undo(unknown)),
		"digest":           second(s.Digest(unknown)),
		"digest of a side": second(s.Digest(side.hash)),
		"hash":             second(s.HashAt(77)),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, found, err := s.Find(unknown); found || err != nil {
		t.Errorf("unknown record: %v, %v", found, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMisuse(t *testing.T) {
	s := openStore(t, vfs.NewMem(), Options{})
	c := newTestChain(3)
	first := s.NewBatch()
	c.connect(first, c.next(2, 2))
	commit(t, first)
	stranger := c.next(1, 1)
	for name, use := range map[string]func(*Batch){
		"body without header":    func(b *Batch) { b.PutBody(stranger.hash, nil) },
		"connect without header": func(b *Batch) { b.Connect(1, stranger.hash, pow.Hash{}, nil, nil, nil) },
		"connect at height 5":    func(b *Batch) { b.Connect(5, c.blocks[0].hash, pow.Hash{}, nil, nil, nil) },
		"prune the unknown":      func(b *Batch) { b.Prune(stranger.hash) },
		"two heights": func(b *Batch) {
			b.PutHeader(stranger.header, Meta{Height: 1})
			b.PutHeader(stranger.header, Meta{Height: 2})
		},
	} {
		b := s.NewBatch()
		use(b)
		if err := b.Commit(); !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := first.Commit(); !errors.Is(err, ErrMisuse) {
		t.Errorf("second commit: %v", err)
	}
	if err := c.compare(s); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	disk := vfs.NewMem()
	if _, err := tryOpen(disk, Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there, for reading: %v", err)
	}
	s := openStore(t, disk, Options{})
	if _, err := tryOpen(disk, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("open already: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second close: %v", err)
	}

	for _, id := range []Identity{{8, testIdentity.Genesis}, {7, pow.Hash{1}}} {
		if _, err := Open(testDir, id, Options{FS: disk}); !errors.Is(err, ErrNetwork) {
			t.Errorf("other network: %v", err)
		}
	}
	if state, damage, err := VerifySeal(t.Context(), testDir, disk); state != Sealed || len(damage) > 0 || err != nil {
		t.Errorf("a rejected opening left the store changed: %v, %v, %v", state, damage, err)
	}

	identity := disk.PathJoin(testDir, IdentityFile)
	newer := []byte("stele store, schema 2, something else\n")
	newer = append(newer, "sum "+pow.Sum(newer).String()+"\n"...)
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"newer", string(newer), ErrNewer},
		{"damaged", "stele store, schema 1", ErrCorrupt},
		{"empty", "", ErrCorrupt},
	} {
		if err := writeFile(disk, testDir, IdentityFile, []byte(test.text)); err != nil {
			t.Fatal(err)
		}
		if _, err := tryOpen(disk, Options{}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if err := disk.Remove(identity); err != nil {
		t.Fatal(err)
	}
	if _, err := tryOpen(disk, Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("identity missing: %v", err)
	}
}

// On a real disk, as in memory.
func TestOperatingSystem(t *testing.T) {
	dir := t.TempDir()
	c := newTestChain(4)
	for range 3 {
		s, err := Open(dir, testIdentity, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, testIdentity, Options{ReadOnly: true}); !errors.Is(err, ErrLocked) {
			t.Errorf("open already: %v", err)
		}
		for range 3 {
			b := s.NewBatch()
			c.connect(b, c.next(10, 10))
			commit(t, b)
		}
		if err := c.compare(s); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if state, damage, err := VerifySeal(t.Context(), dir, nil); state != Sealed || len(damage) > 0 || err != nil {
			t.Errorf("seal: %v, %v, %v", state, damage, err)
		}
	}
}

// A snapshot does not change, and the store cannot be closed before it.
func TestSnapshot(t *testing.T) {
	s := openStore(t, vfs.NewMem(), Options{})
	c := newTestChain(5)
	b := s.NewBatch()
	c.connect(b, c.next(5, 5))
	commit(t, b)
	before := c.clone()
	snapshot := s.Snapshot()
	for range 5 {
		b := s.NewBatch()
		c.connect(b, c.next(5, 5))
		commit(t, b)
	}
	if tip, found, err := snapshot.Tip(); err != nil || !found || tip != before.blocks[0].tip() {
		t.Errorf("tip at height %d, %v, %v", tip.Height, found, err)
	}
	n := 0
	for key, value := range snapshot.State {
		n++
		if got, err := snapshot.Get(key); err != nil || string(got) != string(value) || string(value) != string(before.state[string(key)]) {
			t.Errorf("entry %q: %v", key, err)
		}
	}
	if n != len(before.state) {
		t.Errorf("%d entries, want %d", n, len(before.state))
	}
	n = 0
	snapshot.Chain(func(height uint32, hash, digest pow.Hash) bool {
		n++
		if want := before.blocks[height]; hash != want.hash || digest != want.digest {
			t.Errorf("wrong block at height %d", height)
		}
		return true
	})
	if n != 1 {
		t.Errorf("%d blocks, want 1", n)
	}
	for range snapshot.Index {
		n++
	}
	if n != 6 || snapshot.Err() != nil {
		t.Errorf("%d records, want 5, %v", n-1, snapshot.Err())
	}
	if err := s.Close(); !errors.Is(err, ErrMisuse) {
		t.Errorf("close with an open snapshot: %v", err)
	}
	if err := errors.Join(snapshot.Close(), snapshot.Close()); err != nil {
		t.Error(err)
	}
	if _, err := snapshot.Get([]byte("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
