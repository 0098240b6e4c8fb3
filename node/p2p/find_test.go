package p2p

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stele/node/blobkeeper"
	"stele/node/blobs"
	"stele/node/chain/chaintest"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/p2p/simnet"
	"stele/node/p2p/wire"
)

// shelf is a custody in memory. It gives data to the carriers that it is given.
type shelf struct {
	mu       sync.Mutex
	now      func() time.Time
	data     map[blobs.Hash][]byte
	carriers map[record.Key]bool
	notices  map[record.Key]recipient.Notice
	asked    int // calls of Get
}

func (s *shelf) Get(r *blobs.Request) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err := r.Check(s.now()); err != nil {
		return nil, err
	}
	if !s.carriers[r.Key] {
		return nil, blobkeeper.ErrStranger
	}
	if data, ok := s.data[r.Blob]; ok {
		return data, nil
	}
	return nil, blobs.ErrNotFound
}

func (s *shelf) Notice(carrier record.Key) (recipient.Notice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.notices[carrier]
	if !ok {
		return n, blobkeeper.ErrNoNotice
	}
	return n, nil
}

func (s *shelf) Publish(n recipient.Notice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices[n.Carrier] = n
	return nil
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// custodians makes a chain of nodes with a shelf each, each connected to the one
// before it, and to that one only.
func (w *world) custodians(n int, carriers ...record.Key) (all []*testNode, shelves []*shelf) {
	w.Helper()
	for i := range n {
		s := &shelf{now: w.clock, data: map[blobs.Hash][]byte{}, carriers: map[record.Key]bool{}, notices: map[record.Key]recipient.Notice{}}
		for _, k := range carriers {
			s.carriers[k] = true
		}
		edit := []func(*Options){func(o *Options) { o.Custody = s }}
		if i > 0 {
			edit = append(edit, peersOf(all[i-1]))
		}
		all, shelves = append(all, w.node(edit...)), append(shelves, s)
	}
	w.waitFor(10*time.Second, "all are connected", func() bool {
		for i, node := range all {
			want := 2
			if i == 0 || i == n-1 {
				want = 1
			}
			if len(node.Status().Connected) != want {
				return false
			}
		}
		return true
	})
	return all, shelves
}

// A carrier gets its data from any node within four steps, and no node on the way keeps
// a copy. Five steps are too far.
func TestFindBlob(t *testing.T) {
	bubble(t, func(w *world) {
		key := w.builder.NewKey()
		all, shelves := w.custodians(6, record.PublicOf(key))
		data := []byte("sealed for the carrier")
		h := blobs.Hash(sha256.Sum256(data))
		shelves[0].data[h] = data

		r := blobs.NewRequest(ed25519.PrivateKey(key), h, w.clock())
		started := time.Now()
		got, err := all[4].FindBlob(w.Context(), &r)
		if err != nil || !bytes.Equal(got, data) {
			w.Fatalf("%q, %v; want %q", got, err, data)
		}
		if took := time.Since(started); took > time.Second {
			w.Errorf("it took %v", took)
		}
		for i, s := range shelves[1:] {
			if len(s.data) > 0 {
				w.Errorf("node %d keeps a copy", 1+i)
			}
		}
		time.Sleep(time.Minute)
		r = blobs.NewRequest(ed25519.PrivateKey(key), h, w.clock())
		if got, err := all[5].FindBlob(w.Context(), &r); !errors.Is(err, blobs.ErrNotFound) {
			w.Errorf("five steps away: %q, %v", got, err)
		}
		time.Sleep(time.Minute)
		for i, n := range all {
			n.onLoop(func() {
				if f := n.finder; len(f.searches) != 0 || len(f.byPeer) > 2 || sum(f.byPeer) != 0 {
					w.Errorf("node %d: open searches %v, of peers %v", i, f.searches, f.byPeer)
				}
			})
			for _, p := range n.Status().Connected {
				if p.Requests != 0 {
					w.Errorf("node %d: %d open requests", i, p.Requests)
				}
			}
		}
	})
}

func sum[K comparable](counts map[K]int) (n int) {
	for _, v := range counts {
		n += v
	}
	return n
}

// Who may not have data gets nothing, and the question is not passed on.
func TestFindBlobForStranger(t *testing.T) {
	bubble(t, func(w *world) {
		all, shelves := w.custodians(3)
		data := []byte("sealed for somebody else")
		h := blobs.Hash(sha256.Sum256(data))
		shelves[0].data[h] = data
		r := blobs.NewRequest(ed25519.PrivateKey(w.builder.NewKey()), h, w.clock())
		if got, err := all[2].FindBlob(w.Context(), &r); !errors.Is(err, blobs.ErrNotFound) {
			w.Errorf("%q, %v", got, err)
		}
		if shelves[1].count() != 1 || shelves[0].count() != 0 {
			w.Errorf("nodes asked: %d and %d times, want 1 and 0", shelves[1].count(), shelves[0].count())
		}
	})
}

// A peer that does not answer costs some seconds; one that answers with other data is
// disconnected and discouraged. Both times the good answer of another peer counts.
func TestFindBlobAmongBadPeers(t *testing.T) {
	bubble(t, func(w *world) {
		key := w.builder.NewKey()
		all, shelves := w.custodians(2, record.PublicOf(key))
		keeps := func(h *wire.Hello) { h.Services |= wire.KeepsBlobs }
		w.net.SetLine(all[0].host, all[1].host, simnet.Line{Latency: 100 * time.Millisecond}) // the liar is faster
		liarHost := w.host()
		w.greet(all[1], w.host(), keeps) // silent
		liar := w.greet(all[1], liarHost, keeps)
		go func() {
			for m := range liar.got {
				if q, ok := m.(*wire.GetBlob); ok {
					_ = liar.Send(&wire.Blob{ID: q.ID, Data: []byte("something else")})
				}
			}
		}()
		data := []byte("sealed")
		h := blobs.Hash(sha256.Sum256(data))
		shelves[0].data[h] = data
		r := blobs.NewRequest(ed25519.PrivateKey(key), h, w.clock())
		got, err := all[1].FindBlob(w.Context(), &r)
		if err != nil || !bytes.Equal(got, data) {
			w.Errorf("%q, %v", got, err)
		}
		w.waitFor(10*time.Second, "the liar is gone", func() bool { _, gone := all[1].goneFrom(liarHost.Addr()); return gone })

		// Nobody has it: the silent peer makes the search wait for its end.
		r = blobs.NewRequest(ed25519.PrivateKey(key), blobs.Hash{1}, w.clock())
		started := time.Now()
		if _, err := all[1].FindBlob(w.Context(), &r); !errors.Is(err, blobs.ErrNotFound) {
			w.Errorf("error %v", err)
		}
		if took := time.Since(started); took < searchTime || took > 5*searchTime {
			w.Errorf("the search took %v", took)
		}
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		r = blobs.NewRequest(ed25519.PrivateKey(key), blobs.Hash{2}, w.clock())
		if _, err := all[1].FindBlob(ctx, &r); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("error %v", err)
		}
	})
}

// A peer gets answers at a bounded rate, whatever it asks.
func TestFindBlobFlood(t *testing.T) {
	bubble(t, func(w *world) {
		key := w.builder.NewKey()
		all, shelves := w.custodians(2, record.PublicOf(key))
		s := w.greet(all[0], w.host())
		for i := range 200 {
			r := blobs.NewRequest(ed25519.PrivateKey(key), blobs.Hash{byte(i)}, w.clock())
			w.must(s.Send(&wire.GetBlob{ID: uint64(i), Hops: wire.MaxHops, Blob: r.Blob, Key: r.Key, Time: r.Time, Signature: r.Signature}))
		}
		for range 200 {
			if m := s.wants(wire.KindBlob).(*wire.Blob); len(m.Data) != 0 {
				w.Errorf("%q", m.Data)
			}
		}
		if n := shelves[0].count(); n > searchBurst+searchRate || n < maxPeerSearches {
			w.Errorf("%d requests were looked up", n)
		}
		if n := shelves[1].count(); n > maxPeerSearches+searchRate {
			w.Errorf("%d requests were passed on", n)
		}
	})
}

// A sender finds the notice of a carrier that has published it elsewhere, and from
// then on the nodes on the way have it too. Nobody is asked for a key that is not a
// carrier's.
func TestFindNotice(t *testing.T) {
	bubble(t, func(w *world) {
		carrier := w.builder.NewKey()
		key := record.PublicOf(carrier)
		all, shelves := w.custodians(3)
		n, err := recipient.NewNotice(carrier)
		w.must(err)
		if _, err := all[2].FindNotice(w.Context(), key); !errors.Is(err, blobkeeper.ErrNoNotice) {
			w.Errorf("before the grant: %v", err)
		}
		grant := w.builder.Extend(w.builder.Genesis, w.builder.Grant(w.builder.Genesis, record.Carrier, key))
		w.giveAll(all, grant)
		if _, err := all[2].FindNotice(w.Context(), key); !errors.Is(err, blobkeeper.ErrNoNotice) {
			w.Errorf("before it is published: %v", err)
		}
		shelves[0].notices[key] = n
		time.Sleep(time.Minute)
		if got, err := all[2].FindNotice(w.Context(), key); err != nil || got != n {
			w.Errorf("%v, %v; want %v", got, err, n)
		}
		synctest.Wait()
		for i, s := range shelves {
			if got, err := s.Notice(key); err != nil || got != n {
				w.Errorf("node %d: %v, %v", i, got, err)
			}
		}
	})
}

// giveAll submits a block to the chains of all nodes.
func (w *world) giveAll(all []*testNode, b *chaintest.Block) {
	w.Helper()
	for _, n := range all {
		if !n.has(b) {
			n.give(b)
		}
	}
	for _, n := range all {
		w.waitFor(10*time.Second, "the block is the tip", func() bool { return n.has(b) })
	}
}
