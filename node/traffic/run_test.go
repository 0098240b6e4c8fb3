package traffic_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/template"
	"stele/node/traffic"
)

// world is the development network with a clock that goes on by a block's time
// with each block, so that all that happens follows from a seed.
type world struct {
	*testing.T
	params *network.Params
	now    time.Time
	store  *store.Store
	chain  *chain.Chain
	pool   *pool.Pool
	gen    *traffic.Generator
	custody
	types map[record.Type]int
}

// custody is a traffic.Custody on real files.
type custody struct {
	*blobs.Store
	notices map[[32]byte]recipient.Notice
	got     int // blobs that a carrier was given
}

func (c *custody) Get(r *blobs.Request) ([]byte, error) {
	blob, err := c.Store.Get(r.Blob)
	if err == nil {
		c.got++
	}
	return blob, err
}

func (c *custody) Publish(n recipient.Notice) error {
	c.notices[n.Carrier] = n
	_, err := n.PublicKey()
	return err
}

func (c *custody) Notice(carrier record.Key) (recipient.Notice, error) {
	return c.notices[carrier], nil
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{T: t, params: network.Dev, types: map[record.Type]int{}}
	w.now = time.Unix(int64(w.params.GenesisTime), 0)
	id := store.Identity{Network: w.params.ID, Genesis: block.Genesis(w.params).Hash()}
	var err error
	w.store, err = store.Open("store", id, store.Options{FS: vfs.NewMem()})
	w.check(err)
	t.Cleanup(func() { w.check(w.store.Close()) })
	w.chain, err = chain.Open(t.Context(), chain.Options{
		Store: w.store, Params: w.params, Clock: w.clock,
		OnChange: func(c chain.Change) { w.check(w.pool.Update(c)) },
	})
	w.check(err)
	w.pool, err = pool.New(pool.Options{Params: w.params, View: w.chain.View, Context: w.chain.NextContext})
	w.check(err)
	w.custody.notices = map[[32]byte]recipient.Notice{}
	w.custody.Store, err = blobs.Open(t.TempDir(), blobs.Options{Now: w.clock})
	w.check(err)
	w.start(seed)
	return w
}

// start starts a generator in the place of the one before.
func (w *world) start(seed uint64) {
	log, err := w.log(), error(nil)
	if w.gen != nil {
		log = nil // of a parcel at its second carrier a new generator does not know which data were sealed
	}
	w.gen, err = traffic.New(traffic.Options{
		Params: w.params, Rate: 1, Seed: seed, Accounts: network.DevFaucets(), Roots: network.DevRoots(),
		Chain: w.chain, Pool: w.pool, Custody: &w.custody, Now: w.clock, Log: log,
		Seal: func(to recipient.PublicKey, s recipient.Secret) ([]byte, error) {
			c := s.Commitment()
			cryptotest.SetGlobalRandom(w.T, binary.LittleEndian.Uint64(c[:])) // of the ephemeral key
			return recipient.Seal(to, s)
		},
	})
	w.check(err)
}

// log fails the test if a carrier cannot read the data that were sealed to it.
func (w *world) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(failOn{w.T, "cannot read"}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type failOn struct {
	*testing.T
	text string
}

func (f failOn) Write(line []byte) (int, error) {
	if strings.Contains(string(line), f.text) {
		f.Errorf("log: %s", line)
	}
	return len(line), nil
}

func (w *world) clock() time.Time { return w.now }

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// block lets the parties make records, and mines a block of them.
func (w *world) block(records int) {
	w.Helper()
	w.now = w.now.Add(time.Duration(w.params.Pow.TargetSpacing) * time.Second)
	w.check(w.gen.Send(records))
	t, err := template.Build(w.chain.Tip(), w.pool, w.chain.View(), template.Options{Params: w.params, Now: w.clock})
	w.check(err)
	_, err = w.chain.Submit(solve(w, t))
	w.check(err)
	for _, r := range t.Records {
		w.types[r.Type()]++
	}
}

// solve returns the block with the lowest extranonce and nonce that solve it.
func solve(w *world, t *template.Template) *block.Block {
	for extranonce := uint64(1); ; extranonce++ {
		header := t.Header(extranonce, t.Version, t.Time)
		encoded := header.Encode()
		for first := uint64(0); first < pow.NonceSpace; first += 1 << 12 {
			found, nonce := false, uint32(0)
			pow.Search(&encoded, t.Target, pow.Range{First: uint32(first), Count: 1 << 12}, func(n uint32) {
				if !found {
					found, nonce = true, n
				}
			})
			if found {
				header.Nonce = nonce
				return t.Block(extranonce, header)
			}
		}
	}
}

// stateHash returns the hash of the whole state.
func (w *world) stateHash() pow.Hash {
	snapshot := w.store.Snapshot()
	defer snapshot.Close()
	hash := rules.StateHash(snapshot.State)
	w.check(snapshot.Err())
	return hash
}

// Two minutes of the development network, and as much again, end in the same
// state on every machine. Whoever changes a rule, an encoding or the generator
// finds the new hash here; that it is the same twice proves that it is no
// accident.
func TestTwoMinutes(t *testing.T) {
	const want = "3630890befd964ffbb6077f3fedcb43cdb56bc298c775efd42111802c1f796b8"
	for _, procs := range []int{runtime.GOMAXPROCS(0), 1} {
		before := runtime.GOMAXPROCS(procs)
		w := newWorld(t, 1)
		for range 80 {
			w.block(60)
		}
		runtime.GOMAXPROCS(before)
		if got := w.stateHash().String(); got != want {
			t.Errorf("with GOMAXPROCS=%d the state is %s, want %s", procs, got, want)
		}
		w.checkCounts()
		if w.got < 100 {
			t.Errorf("carriers read the data of only %d recipients", w.got)
		}
	}
}

// checkCounts checks that there was every type of record, and that of what was
// tried against the rules nothing passed, while honest records did.
func (w *world) checkCounts() {
	w.Helper()
	for _, kind := range record.Types() {
		if kind != record.TypeCoinbase && w.types[kind] == 0 {
			w.Errorf("no %v", kind)
		}
	}
	c := w.gen.Counts()
	sent, rejected, tries := total(c.Sent), total(c.Rejected), total(c.Tries)
	if len(c.Passed) > 0 || rejected > sent/50 || tries < sent/50 || len(c.Tries) < 20 {
		w.Errorf("of %d records %d were rejected, of %d tries passed %v", sent, rejected, tries, c.Passed)
	}
	if w.Failed() || testing.Verbose() {
		w.report()
	}
}

func total[K comparable](counts map[K]uint64) (n uint64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// A generator goes on with the cases of the one before: what was under way
// arrives, and claims that were open are answered.
func TestRestart(t *testing.T) {
	w := newWorld(t, 2)
	for range 20 {
		w.block(75)
	}
	before := map[record.ID]record.Type{}
	for height := uint32(1); height <= w.chain.Tip().Height; height++ {
		b, err := w.chain.BlockAt(height)
		w.check(err)
		for _, r := range b.Records {
			before[r.ID()] = r.Type()
		}
	}
	w.check(w.gen.Send(60)) // and they are left in the pool
	w.start(3)
	about := map[record.Type]int{}
	for range 15 {
		w.block(75)
		b, err := w.chain.BlockAt(w.chain.Tip().Height)
		w.check(err)
		for _, r := range b.Records {
			for _, id := range record.Subjects(r.Payload) {
				if before[id] != 0 {
					about[r.Type()]++
				}
			}
		}
	}
	for _, kind := range []record.Type{
		record.TypeCustodyHandover, record.TypeDeliveryConfirm, record.TypeClaimRespond, record.TypeSettleConfirm, record.TypeEvaluate,
	} {
		if about[kind] == 0 {
			t.Errorf("no %v about a case of before the restart", kind)
		}
	}
	if c := w.gen.Counts(); len(c.Passed) > 0 || total(c.Rejected) > total(c.Sent)/200 {
		t.Errorf("rejected %v, passed %v", c.Rejected, c.Passed)
	}
	report, err := chain.Check(t.Context(), w.store, w.params, chain.CheckOptions{})
	w.check(err)
	if report.Broken() {
		t.Errorf("replayed from the genesis block: %v", report.Damage)
	}
}

func (w *world) report() {
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(w.types)) {
		lines = append(lines, fmt.Sprintf("%-18v %d", kind, w.types[kind]))
	}
	c := w.gen.Counts()
	for _, m := range []struct {
		name string
		m    map[string]uint64
	}{{"rejected", words(c.Rejected)}, {"try", words(c.Tries)}, {"PASSED", c.Passed}} {
		for _, k := range slices.Sorted(maps.Keys(m.m)) {
			lines = append(lines, fmt.Sprintf("%s: %-30s %d", m.name, k, m.m[k]))
		}
	}
	w.Log("\n" + strings.Join(lines, "\n"))
}

func words[K ~string](m map[K]uint64) map[string]uint64 {
	all := map[string]uint64{}
	for k, n := range m {
		all[string(k)] = n
	}
	return all
}
