package views

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/store"
)

// world is what the records of a branch can refer to.
type world struct {
	vouchers, claims, shipments, others []record.ID
	open                                []record.ID      // claims
	keys                                []record.Key     // of the parties, now
	next                                int              // number of the next new key
	made                                bool             // the product is registered
	maker                               int              // who registered it, among keys
	kept                                []*record.Record // of the block in the making
}

func (w world) clone() world {
	for _, list := range []*[]record.ID{&w.vouchers, &w.claims, &w.shipments, &w.others, &w.open} {
		*list = append([]record.ID(nil), *list...)
	}
	w.keys = append([]record.Key(nil), w.keys...)
	w.kept = nil
	return w
}

// record makes a random record that is possible in the world.
func (w *world) record(t *rapid.T) {
	pick := func(name string, n int) int { return rapid.IntRange(0, n-1).Draw(t, name) }
	who := pick("author", len(w.keys))
	author := w.keys[who]
	other := w.keys[pick("other", len(w.keys))]
	some := func(ids []record.ID) record.ID { return ids[pick("subject", len(ids))] }
	var p record.Payload
	switch kind := pick("kind", 13); {
	case !w.made:
		w.made, w.maker = true, who
		p = record.ProductRegister{Time: 1, GTIN: gtin}
	case kind == 11: // other terms, perhaps with another key of the maker
		author = w.keys[w.maker]
		p = record.ProductRegister{Time: 1, GTIN: gtin, Terms: digest(1)}
	case kind == 0 || len(w.vouchers) == 0:
		p = record.VoucherIssue{Time: 1, GTIN: gtin, Serial: record.Serial("S" + string(rune('A'+pick("serial", 3)))), Buyer: other}
	case kind == 1:
		p = record.VoucherTransfer{Time: 1, Voucher: some(w.vouchers), To: other}
	case kind == 2 || len(w.shipments) == 0:
		p = record.ShipmentCreate{Time: 1, Voucher: some(w.vouchers), Carrier: other, BlobHash: digest(pick("blob", 3) - 1)}
	case kind == 3:
		p = record.CustodyHandover{Time: 1, Shipment: some(w.shipments), To: other, BlobHash: digest(pick("blob", 3) - 1)}
	case kind == 4 || len(w.claims) == 0:
		p = record.ClaimOpen{Time: 1, Voucher: some(w.vouchers)}
	case kind == 5:
		p = record.Pay{To: other, Amount: 1, Reference: some(w.claims)}
	case kind == 6:
		p = record.SettleExecute{Time: 1, Claim: some(w.claims), Replacement: some(w.vouchers)}
	case kind == 7 && len(w.open) > 0:
		i := pick("open", len(w.open))
		p = record.SettleConfirm{Time: 1, Claim: w.open[i], Accept: true}
		w.open = append(w.open[:i:i], w.open[i+1:]...)
	case kind == 8:
		w.next++
		p = record.KeyRotate{New: key(1000 + w.next)}
		if pick("known", 2) == 0 { // the new key was used already in this very block
			w.keep(by(other, record.RoleGrant{Role: record.Carrier, Key: key(1000 + w.next)}))
		}
		w.keys[who] = key(1000 + w.next)
	case kind == 9:
		p = record.RecallNotice{Time: 1, GTIN: gtin, Serial: "SA"}
	case kind == 10 && len(w.others) > 0:
		p = record.Correction{Time: 1, Record: some(w.others)}
	default:
		p = record.EvidenceAdd{Time: 1, Claim: some(w.claims)}
	}
	w.keep(by(author, p))
}

func (w *world) keep(r *record.Record) {
	w.kept = append(w.kept, r)
	switch r.Payload.(type) {
	case record.VoucherIssue:
		w.vouchers = append(w.vouchers, r.ID())
	case record.ShipmentCreate:
		w.shipments = append(w.shipments, r.ID())
	case record.ClaimOpen:
		w.claims = append(w.claims, r.ID())
		w.open = append(w.open, r.ID())
	}
	if r.Type() >= record.TypeProductRegister {
		w.others = append(w.others, r.ID())
	}
}

// Whatever the chain does, the views are those that are built anew: after
// changes of branches, crashes and orderly ends at any time.
func TestReorgsAndCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newTree()
		worlds := map[pow.Hash]world{c.tip.hash: {keys: []record.Key{key(1), key(2), key(3), key(4)}}}
		all := []*node{c.tip}
		fs := vfs.NewCrashableMem()
		v := open(t, c, fs)
		defer func() { v.Close() }()
		grow := func(t *rapid.T, parent *node) *node {
			w := worlds[parent.hash].clone()
			for range rapid.IntRange(0, 8).Draw(t, "records") {
				w.record(t)
			}
			n := c.add(parent, w.kept...)
			worlds[n.hash] = w
			all = append(all, n)
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"extend": func(t *rapid.T) { c.tip = grow(t, c.tip) },
			"branch": func(t *rapid.T) {
				c.tip = grow(t, rapid.SampledFrom(all).Draw(t, "parent"))
				for range rapid.IntRange(0, 3).Draw(t, "more") {
					c.tip = grow(t, c.tip)
				}
			},
			"go back": func(t *rapid.T) { c.tip = rapid.SampledFrom(all).Draw(t, "tip") },
			"update": func(t *rapid.T) {
				if err := v.Update(t.Context()); err != nil {
					t.Fatal(err)
				}
				same(t, v, c)
			},
			"reopen": func(t *rapid.T) {
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
				v = open(t, c, fs)
			},
			"crash": func(t *rapid.T) {
				crashed := fs.CrashClone(vfs.CrashCloneCfg{})
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
				fs = crashed
				v = open(t, c, fs)
			},
		})
		if err := v.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
		same(t, v, c)
	})
}

func grown(blocks int) *tree {
	c := newTree()
	issue := by(key(1), record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: key(2)})
	c.extend(issue)
	for range blocks {
		c.extend(by(key(2), record.VoucherTransfer{Time: 1, Voucher: issue.ID(), To: key(3)}))
	}
	return c
}

// Views of another chain, or whose files are damaged, are built anew.
func TestBuiltAnew(t *testing.T) {
	for name, spoil := range map[string]func(fs vfs.FS) Options{
		"other network": func(vfs.FS) Options { return Options{Identity: store.Identity{Network: 7}} },
		"other genesis": func(vfs.FS) Options { return Options{Identity: store.Identity{Genesis: pow.Hash{1}}} },
		"damaged files": func(fs vfs.FS) Options {
			names, err := fs.List("views")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if len(name) > 8 && name[:8] == "MANIFEST" || len(name) > 4 && name[len(name)-4:] == ".sst" {
					if err := fs.Remove("views/" + name); err != nil {
						t.Fatal(err)
					}
				}
			}
			return Options{}
		},
		"unknown tip":   func(vfs.FS) Options { return Options{} },
		"other version": func(vfs.FS) Options { return Options{} },
	} {
		t.Run(name, func(t *testing.T) {
			c, fs := grown(10), vfs.NewMem()
			v := open(t, c, fs)
			if err := v.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			if name == "other version" {
				older := append([]byte{version - 1}, make([]byte, 4+32)...)
				if err := v.db.Set([]byte{identityEntry}, older, pebble.NoSync); err != nil {
					t.Fatal(err)
				}
				if err := v.db.Set(listKey(Party(key(3)), store.Place{Height: 1000}), make([]byte, 32), pebble.NoSync); err != nil {
					t.Fatal(err)
				}
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			o := spoil(fs)
			o.Chain, o.FS = c, fs
			if name == "unknown tip" {
				o.Chain = grown(3)
			}
			v, err := Open("views", o)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if err := v.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			tip, _ := v.Tip()
			if tip.Hash != o.Chain.Tip().Hash {
				t.Errorf("tip %v, want %v", tip, o.Chain.Tip())
			}
			if got, err := v.All(Party(key(3)), 100); err != nil || len(got) != int(tip.Height)-1 {
				t.Errorf("%d entries at height %d, %v", len(got), tip.Height, err)
			}
		})
	}
}

// Of a chain without its first bodies no views can be built; but those that
// there are go on.
func TestPrunedChain(t *testing.T) {
	c, fs := grown(10), vfs.NewMem()
	v := open(t, c, fs)
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.pruned[c.tip.ancestor(1).hash] = true
	c.extend()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same := open(t, c, vfs.NewMem())
	defer same.Close()
	if err := same.Update(t.Context()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("views of half a chain: %v", err)
	}
	if err := same.Err(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("half a chain: %v", err)
	}
	if _, err := same.List(Rulings(), store.Place{}, 1); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a list of half a chain: %v", err)
	}
	if _, err := same.Count(Claims, All(), 1); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a number of half a chain: %v", err)
	}
}

func TestClosed(t *testing.T) {
	c := grown(1)
	v := open(t, c, vfs.NewMem())
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if err := v.Update(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("update: %v", err)
	}
	if _, err := v.List(Rulings(), store.Place{}, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("list: %v", err)
	}
}

// A disk that fails while Pebble writes its files ends nothing: the views are
// built anew when it works again.
func TestDiskFails(t *testing.T) {
	c, disk := grown(10), new(failing)
	v := open(t, c, disk.wrap(vfs.NewMem()))
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.logger().Fatalf("MANIFEST write failed: no space left on device")
	if !v.broken.Load() {
		t.Fatal("a failed write was not noticed")
	}
	disk.on.Store(true)
	c.extend()
	if err := v.Update(t.Context()); err == nil {
		t.Error("views were built anew on a disk that does not work")
	}
	if _, err := v.All(Rulings(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("a list of nothing: %v", err)
	}
	disk.on.Store(false)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, v, c)
}

// Views close on a full disk too, without a seal, and catch up afterwards.
func TestCloseOnFullDisk(t *testing.T) {
	c, disk := grown(10), new(failing)
	fs := disk.wrap(vfs.NewMem())
	v := open(t, c, fs)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	disk.on.Store(true)
	if err := v.Close(); !errors.Is(err, errFlush) {
		t.Errorf("closed with the error %v, want %v", err, errFlush)
	}
	disk.on.Store(false)
	v = open(t, c, fs)
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, v, c)
}

// The chain is made durable before the views are: else a crash could leave views of
// blocks that the chain does not have.
func TestChainIsDurableFirst(t *testing.T) {
	c := grown(10)
	v := open(t, c, vfs.NewMem())
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.synced != nil {
		t.Error("the chain was synced before the views were written")
	}
	if err := v.flush(v.db); err != nil {
		t.Fatal(err)
	}
	if c.synced != c.tip {
		t.Error("the views were written, and the chain was not synced")
	}
}

// Views that are flushed now and then need few blocks after a crash.
func TestFlushEvery(t *testing.T) {
	c, fs := grown(25), vfs.NewCrashableMem()
	v, err := Open("views", Options{Chain: c, FS: fs, FlushEvery: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got := v.Needed(); got != 0 {
		t.Errorf("empty views need blocks from height %d on", got)
	}
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := v.Needed(); got != 20 {
		t.Errorf("views need blocks from height %d on, want 20", got)
	}
	again := open(t, c, fs.CrashClone(vfs.CrashCloneCfg{}))
	defer again.Close()
	if got := again.Needed(); got != 20 {
		t.Errorf("after a crash: from %d on, want 20", got)
	}
	for height := range uint32(20) {
		c.pruned[c.tip.ancestor(height).hash] = true
	}
	if err := again.Update(t.Context()); err != nil {
		t.Error(err)
	}
	c.tip = c.add(c.tip.ancestor(15)) // a reorganisation
	if got := again.Needed(); got != 16 {
		t.Errorf("views of another branch need blocks from height %d on, want 16", got)
	}
}
