package chain

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// Any bit that is flipped in any file of a closed store is noticed, and the file
// is named, also if the store cannot be opened any more. If the bit is in a
// table, height and field of the first block that it breaks are named too.
func TestBitFlips(t *testing.T) {
	flips := rounds(1000, 10_000)
	b := chaintest.New(chaintest.Network(), 12)
	files := closedStore(t, b)
	var names []string
	total := 0
	for name, content := range files {
		names = append(names, name)
		total += len(content)
	}
	slices.Sort(names)

	if report := checkFiles(t, b, files); report.Broken() || !report.Sealed {
		t.Fatalf("without any flip: sealed %v, damage %v, files %v", report.Sealed, report.Damage, report.Files)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	inTables, unopened := 0, 0
	for range flips {
		at, name := rng.IntN(total), ""
		for _, name = range names {
			if at < len(files[name]) {
				break
			}
			at -= len(files[name])
		}
		bit := rng.IntN(8)
		files[name][at] ^= 1 << bit
		report := checkFiles(t, b, files)
		files[name][at] ^= 1 << bit

		what := fmt.Sprintf("bit %d of byte %d of %s is flipped", bit, at, name)
		file := strings.TrimPrefix(name, dir+"/")
		if report.Sealed != (file != "SEAL") || len(report.Files) != 1 || report.Files[0].File != file {
			t.Errorf("%s: sealed %v, files %v", what, report.Sealed, report.Files)
		}
		d := report.Damage
		if d != nil && d.Field == "file" { // it could not be opened
			unopened++
			if d.File != file {
				t.Errorf("%s: damage in %q", what, d.File)
			}
		}
		// The replay reads each block of a table, but nothing of a log after the
		// place where that seems to end.
		if strings.HasSuffix(name, ".sst") {
			inTables++
			if d == nil || d.Height < 0 || d.Height > 12 || d.Field == "" || d.Field == "file" || d.File != file {
				t.Errorf("%s: damage %+v", what, d)
			}
		}
	}
	t.Logf("%d flips in %d files of %d bytes: %d in tables, %d after which the store does not open", flips, len(files), total, inTables, unopened)
	if inTables == 0 || unopened == 0 {
		t.Error("the flips do not reach all that is to be seen")
	}
}

// After a crash there is no seal, and a log may rightly end early: a flipped bit
// there can cost the last blocks. But what is left is never wrong and unnoticed.
func TestBitFlipsAfterCrash(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 12)
	files := closedStore(t, b)
	delete(files, "store/SEAL")
	if report := checkFiles(t, b, files); report.Broken() || report.Sealed {
		t.Fatalf("without any flip: sealed %v, damage %v, files %v", report.Sealed, report.Damage, report.Files)
	}
	twins := map[pow.Hash]pow.Hash{{}: {}} // state by tip
	for _, blk := range b.All() {
		twins[blk.Hash()] = blk.StateHash()
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for range rounds(40, 4000) {
			if len(files[name]) == 0 {
				break
			}
			at, bit := rng.IntN(len(files[name])), rng.IntN(8)
			files[name][at] ^= 1 << bit
			if !checkFiles(t, b, files).Broken() {
				tip, state := tipOf(t, b, files)
				if want, ok := twins[tip]; !ok || state != want {
					t.Errorf("bit %d of byte %d of %s is flipped: the tip is %v with the state %v, want %v", bit, at, name, tip, state, want)
				}
			}
			files[name][at] ^= 1 << bit
		}
	}
}

// tipOf returns the tip of a store with these files, and its state's hash.
func tipOf(t *testing.T, b *chaintest.Builder, files map[string][]byte) (tip, state pow.Hash) {
	t.Helper()
	s, err := store.Open(dir, identity(b.Params), store.Options{FS: writeFiles(t, files), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stored, _, err := s.Tip()
	if err != nil {
		t.Fatal(err)
	}
	return stored.Hash, stateHash(t, s)
}

// closedStore returns the files of a store with some blocks, on two branches,
// and a record in the pool's journal.
func closedStore(t *testing.T, b *chaintest.Builder) map[string][]byte {
	t.Helper()
	n, err := open(vfs.NewMem(), b)
	if err != nil {
		t.Fatal(err)
	}
	first := grown(b, b.Genesis, 10, 3)
	n.give(t, Extended, first[:8]...)
	n = reopen(t, n, b) // what was in the log so far goes into tables
	n.give(t, Extended, first[8:]...)
	n.give(t, SideBranch, grown(b, first[6], 2, 2)...)
	batch := n.store.NewBatch()
	pooled := b.Records(last(first), 1)[0]
	batch.PutPool(pooled.ID(), pooled.Encode())
	if err := errors.Join(batch.Commit(), n.store.Close()); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	readFolder(t, n.fs, dir, files)
	return files
}

func readFolder(t *testing.T, fs vfs.FS, path string, files map[string][]byte) {
	t.Helper()
	names, err := fs.List(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		name = fs.PathJoin(path, name)
		if info, err := fs.Stat(name); err != nil {
			t.Fatal(err)
		} else if info.IsDir() {
			readFolder(t, fs, name, files)
			continue
		}
		f, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name], err = io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// writeFiles returns a file system with these files.
func writeFiles(t *testing.T, files map[string][]byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	for name, content := range files {
		if err := fs.MkdirAll(fs.PathDir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(slices.Clone(content)) // Pebble spoils what it was given, to find mistakes, under the race detector
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

// checkFiles checks a store with these files.
func checkFiles(t *testing.T, b *chaintest.Builder, files map[string][]byte) Report {
	t.Helper()
	o := store.Options{FS: writeFiles(t, files), CacheBytes: 1 << 20}
	report, err := CheckFolder(t.Context(), dir, b.Params, o, CheckOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// A store whose lock or identity is unusable is still one of its own network, or of an
// unknown one. It is never taken for one of the network that is tried first.
func TestUnusableFilesOfNetwork(t *testing.T) {
	own := chaintest.Network()
	for file, want := range map[string]string{"LOCK": own.Name, store.IdentityFile: UnknownNetwork} {
		folder := filepath.Join(t.TempDir(), "store")
		s, err := store.Open(folder, identity(own), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, file)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		report, err := CheckFolder(t.Context(), folder, own, store.Options{}, CheckOptions{})
		if d := report.Damage; err != nil || d == nil || d.File != file || report.Network != want {
			t.Errorf("%s: network %q, damage %v, %v", file, report.Network, d, err)
		}
		report, err = CheckFolder(t.Context(), folder, network.Main, store.Options{}, CheckOptions{})
		if file == "LOCK" {
			if !errors.Is(err, store.ErrNetwork) {
				t.Errorf("%s: as another network: %+v, %v", file, report, err)
			}
		} else if err != nil || report.Damage == nil || report.Network != want {
			t.Errorf("%s: as another network: %+v, %v", file, report, err)
		}
	}
}

// Data with correct checksums that are not what the rules give: only the replay
// finds them.
func TestForgery(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 13)
	chain := grown(b, b.Genesis, 8, 4)
	seven, tip := chain[6], last(chain)
	testForgeries(t, b, chain, []forgery{
		{"a balance", 8, "state", setBalance},
		{"an entry too many", 8, "state", func(batch *store.Batch, n *node) {
			batch.SetState([]rules.Change{{Key: []byte("zzz"), New: []byte{1}}})
		}},
		{"an entry too few", 8, "state", func(batch *store.Batch, n *node) {
			batch.SetState([]rules.Change{{Key: []byte("s")}})
		}},
		{"a body that is none", 7, "body", func(batch *store.Batch, n *node) {
			batch.PutBody(seven.Hash(), seven.Encode()[:100])
		}},
		{"another block's body", 7, "body", func(batch *store.Batch, n *node) {
			batch.PutBody(seven.Hash(), tip.Encode())
		}},
		{"a record of another block", 7, "body", func(batch *store.Batch, n *node) {
			forged := slices.Clone(seven.Records)
			forged[2] = tip.Records[2]
			batch.PutBody(seven.Hash(), block.New(seven.Header, forged).Encode())
		}},
		{"a signature", 7, "body", func(batch *store.Batch, n *node) {
			batch.PutBody(seven.Hash(), withBadSignature(seven).Encode())
		}},
		{"the digest of the tip", 8, "digest", func(batch *store.Batch, n *node) {
			connectAgain(batch, n, tip, func(digest *pow.Hash, _ *[]pow.Hash, _ *[]byte) { digest[0] ^= 1 })
		}},
		{"undo data", 8, "undo", func(batch *store.Batch, n *node) {
			connectAgain(batch, n, tip, func(_ *pow.Hash, _ *[]pow.Hash, undo *[]byte) { (*undo)[len(*undo)-1] ^= 1 })
		}},
		{"a record at the wrong place", 8, "record index", func(batch *store.Batch, n *node) {
			connectAgain(batch, n, tip, func(_ *pow.Hash, ids *[]pow.Hash, _ *[]byte) { slices.Reverse(*ids) })
		}},
		{"a record that is nowhere", 8, "record index", func(batch *store.Batch, n *node) {
			connectAgain(batch, n, tip, func(_ *pow.Hash, ids *[]pow.Hash, _ *[]byte) { *ids = append(*ids, pow.Sum(nil)) })
		}},
		{"the tip", 7, "tip", func(batch *store.Batch, n *node) {
			ids, changes := tip.IDs(), []rules.Change(nil)
			batch.Disconnect(8, tip.Hash(), store.Tip{Hash: tip.Hash(), Height: 7}, ids, changes)
		}},
	})
}

// forgery is what somebody changes in a store, and the damage that Check must report.
type forgery struct {
	name   string
	height int64
	field  string
	forge  func(batch *store.Batch, n *node)
}

// testForgeries makes each forgery in a store of its own with the chain.
func testForgeries(t *testing.T, b *chaintest.Builder, chain []*chaintest.Block, all []forgery, options ...option) {
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, b, options...)
			n.give(t, Extended, chain...)
			n.check(t)
			batch := n.store.NewBatch()
			test.forge(batch, n)
			if err := batch.Commit(); err != nil {
				t.Fatal(err)
			}
			n.damage(t, test.height, test.field)
		})
	}
}

// damage runs Check, which must find damage at a height and in a field.
func (n *node) damage(t *testing.T, height int64, field string) *store.Damage {
	t.Helper()
	report, err := Check(t.Context(), n.store, n.params, CheckOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	d := report.Damage
	if d == nil || d.Height != height || d.Field != field {
		t.Fatalf("damage %v, want height %d, %s", d, height, field)
	}
	return d
}

// setBalance writes an entry of the state that no rule gives.
func setBalance(batch *store.Batch, _ *node) {
	batch.SetState([]rules.Change{{Key: []byte("p"), New: []byte{1, 2, 3, 4, 5, 6, 7, 8}}})
}

// A signature that is wrong, but committed to, as by a miner whose node did not
// check it: the replay finds it between good blocks.
func TestForgedSignature(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 17)
	chain := grown(b, b.Genesis, 5, 3)
	records := b.Records(last(chain), 4)
	records[2] = badSignature(records[2])
	forged := b.Extend(last(chain), records...)
	n := newNode(t, b)
	n.give(t, Extended, chain...)
	n.reject(t, reject.BadSignature, forged.Block)

	n = newNode(t, b)
	n.give(t, Extended, chain...)
	digest := n.Tip().Digest
	for _, blk := range append([]*chaintest.Block{forged}, grown(b, forged, 3, 3)...) {
		state := rules.NewState(n.store.View())
		c := rules.Context{Params: n.params, Height: blk.Height(), MedianTime: blk.Parent.Node().MedianTime()}
		if err := rules.ApplyBlock(state, c, blk.Records); err != nil {
			t.Fatal(err)
		}
		changes := state.Changes()
		digest = rules.Digest(digest, changes)
		batch := n.store.NewBatch()
		batch.PutHeader(blk.Header, store.Meta{Height: blk.Height(), Status: statusConnected})
		batch.PutBody(blk.Hash(), blk.Encode())
		batch.Connect(blk.Height(), blk.Hash(), digest, blk.IDs(), rules.EncodeUndo(changes), changes)
		if err := batch.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if d := n.damage(t, 6, "signature"); !strings.Contains(d.Detail, "record 3") {
		t.Errorf("damage %v", d)
	}
}

// badSignature returns the record with its first signature changed.
func badSignature(r *record.Record) *record.Record {
	forged := *record.New(*r)
	forged.Signatures = slices.Clone(r.Signatures)
	forged.Signatures[0][0] ^= 1
	return record.New(forged)
}

// withBadSignature returns the block with a changed signature of record 1.
func withBadSignature(b *chaintest.Block) *block.Block {
	forged := slices.Clone(b.Records)
	forged[1] = badSignature(forged[1])
	return block.New(b.Header, forged)
}

// connectAgain connects the tip a second time, with an edit.
func connectAgain(batch *store.Batch, n *node, tip *chaintest.Block, edit func(digest *pow.Hash, ids *[]pow.Hash, undo *[]byte)) {
	undo, err := n.store.Undo(tip.Hash())
	if err != nil {
		panic(err)
	}
	digest, ids := n.Tip().Digest, tip.IDs()
	undo = slices.Clone(undo)
	edit(&digest, &ids, &undo)
	batch.Connect(tip.Height(), tip.Hash(), digest, ids, undo, nil)
}

// What a pruned store still has is checked as well.
func TestForgeryInPrunedStore(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 16)
	chain := grown(b, b.Genesis, MinKeep+5, 1)
	signed := chain[100]
	testForgeries(t, b, chain, []forgery{
		{"a balance", MinKeep + 5, "state", setBalance},
		{"a signature", 101, "body", func(batch *store.Batch, _ *node) {
			batch.PutBody(signed.Hash(), withBadSignature(signed).Encode())
		}},
		{"a missing body", 101, "body", func(batch *store.Batch, _ *node) { batch.Prune(signed.Hash()) }},
	}, keep(MinKeep))
}

// Opening a chain notices when state, undo data and digests of the last blocks
// do not fit together.
func TestOpenChecksTheEnd(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 14)
	chain := grown(b, b.Genesis, 8, 4)
	n := newNode(t, b)
	n.give(t, Extended, chain...)
	batch := n.store.NewBatch()
	setBalance(batch, n)
	if err := batch.Commit(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Store: n.store, Params: n.params})
	var damage *store.Damage
	if !errors.As(err, &damage) || damage.Height != 8 || damage.Field != "digest" {
		t.Errorf("%v", err)
	}
}
