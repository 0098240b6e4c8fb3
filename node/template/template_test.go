package template_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testNetwork = chaintest.Network()

// world is a pool on a chain that a builder makes.
type world struct {
	*chaintest.Builder
	tip  *chaintest.Block
	pool *pool.Pool
	now  time.Time
}

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	w := &world{Builder: chaintest.New(testNetwork, seed)}
	w.tip = w.Grow(w.Genesis, 20, 3) // so that there are fees, mature coinbases, a retarget
	w.now = w.Now()
	var err error
	w.pool, err = pool.New(pool.Options{
		Params:  testNetwork,
		View:    func() rules.View { return w.tip.View() },
		Context: func() rules.Context { return rules.Context{Params: testNetwork, Height: w.tip.Height() + 1} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// fill adds n payments to the pool, of several accounts.
func (w *world) fill(t testing.TB, n int) {
	t.Helper()
	var records []*record.Record
	for i := range n {
		r := w.Frame(w.tip, w.Funded(w.tip, i%5))
		r.Seq += uint64(i / 5)
		r.Fee += record.Amount(w.Rand.IntN(10_000))
		r.Payload = record.Pay{To: record.Key{8}, Amount: 1}
		records = append(records, w.Sign(r))
	}
	for i, err := range w.pool.Add(records...) {
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

func tipOf(b *chaintest.Block) *chain.Tip {
	n := b.Node()
	return &chain.Tip{
		Hash: b.Hash(), Height: b.Height(), Header: b.Header, Work: b.Work(),
		MedianTime: n.MedianTime(), NextBits: n.NextBits(), MinTime: n.MinTime(),
	}
}

func (w *world) options() template.Options {
	return template.Options{
		Params: testNetwork,
		Payout: record.Key{7},
		Tag:    []byte("a tag"),
		Now:    func() time.Time { return w.now },
	}
}

func (w *world) build(t testing.TB, edit ...func(*template.Options)) *template.Template {
	t.Helper()
	o := w.options()
	for _, f := range edit {
		f(&o)
	}
	made, err := template.Build(tipOf(w.tip), w.pool, w.tip.View(), o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Whatever a miner changes, the header belongs to the block, and the block is
// valid on the tip.
func TestEveryHeader(t *testing.T) {
	w := newWorld(t, 1)
	w.fill(t, 100)
	templates := []*template.Template{
		w.build(t),
		w.build(t, func(o *template.Options) { o.MaxRecords, o.Tag = 1, nil }),
		w.build(t, func(o *template.Options) { o.MaxBytes, o.Tag = 1, make([]byte, template.MaxTag) }),
	}
	for i, want := range []int{100, 1, 0} {
		if n := len(templates[i].Records); n != want {
			t.Fatalf("template %d has %d records, want %d", i, n, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		made := rapid.SampledFrom(templates).Draw(t, "template")
		extranonce := rapid.Uint64().Draw(t, "extranonce")
		version := made.Version | rapid.Uint32().Draw(t, "version")&made.VersionMask
		time := rapid.Uint32Range(made.MinTime, made.MinTime+1e6).Draw(t, "time")

		header := made.Header(extranonce, version, time)
		if target, err := header.Bits.Target(); err != nil || target != made.Target || made.VersionMask != template.VersionMask {
			t.Fatal("the template is not for the header")
		}
		chaintest.Mine(&header)
		b := made.Block(extranonce, header)
		if err := b.Check(testNetwork); err != nil {
			t.Fatal(err)
		}
		w.Add(w.tip, b) // panics if the block is not valid after the tip
	})
}

// The parts of a template are those of a Stratum job.
func TestStratumParts(t *testing.T) {
	w := newWorld(t, 1)
	w.fill(t, 30)
	made := w.build(t)
	if string(made.Suffix) != "a tag" {
		t.Errorf("the suffix is %q", made.Suffix)
	}
	coinbase := slices.Concat(made.Prefix, binary.LittleEndian.AppendUint64(nil, 0x0102030405060708), made.Suffix)
	node := pow.Sum(coinbase)
	for _, sibling := range made.Branch {
		node = pow.Sum(slices.Concat(node[:], sibling[:]))
	}
	if node != made.MerkleRoot(0x0102030405060708) {
		t.Error("the parts do not give the Merkle root")
	}
	if len(made.Branch) != 5 {
		t.Errorf("the branch over 31 records has %d hashes", len(made.Branch))
	}
}

// A template for another key is as good, and leaves the first as it was.
func TestPaidTo(t *testing.T) {
	w := newWorld(t, 1)
	w.fill(t, 30)
	made := w.build(t)
	for _, key := range []record.Key{{9}, {7}, {10}} {
		paid := made.PaidTo(key)
		header := paid.Header(5, paid.Version, paid.Time)
		chaintest.Mine(&header)
		w.Add(w.tip, paid.Block(5, header)) // panics if the block is not valid after the tip
		if got := paid.Block(5, header).Records[0].Key; got != key || paid.Payout() != key {
			t.Errorf("the block pays %v, the template says %v, want %v", got, paid.Payout(), key)
		}
	}
	if made.Payout() != (record.Key{7}) || made.MerkleRoot(5) != w.build(t).MerkleRoot(5) {
		t.Error("the template itself has changed")
	}
}

// The coinbase takes all that it may.
func TestReward(t *testing.T) {
	w := newWorld(t, 1)
	w.fill(t, 30)
	made := w.build(t)
	var fees record.Amount
	for _, r := range made.Records {
		fees += r.Fee
	}
	if made.Fees != fees || made.Value != rules.Reward(testNetwork, made.Height, fees) {
		t.Errorf("fees %v of %v, value %v", made.Fees, fees, made.Value)
	}
	if got := made.Coinbase(1); got.Key != (record.Key{7}) || got.Payload.(record.Coinbase).Value != made.Value {
		t.Errorf("the coinbase is %+v", got)
	}
}

// A block is never larger than it may be, also with a reward and a tag of the
// greatest size.
func TestSize(t *testing.T) {
	w := newWorld(t, 1)
	w.fill(t, 100)
	for _, size := range []int{300, 1000, 5000, 20_000} {
		made := w.build(t, func(o *template.Options) { o.MaxBytes = size })
		n := made.Block(0, pow.Header{}).Size()
		if n > size {
			t.Errorf("%d bytes, at most %d are allowed", n, size)
		}
		if n < size-1000 {
			t.Errorf("only %d of %d bytes are used", n, size)
		}
	}
	network := *testNetwork
	network.MaxBlockSize = 3000
	made := w.build(t, func(o *template.Options) { o.Params = &network })
	if n := made.Block(0, pow.Header{}).Size(); n > 3000 {
		t.Errorf("%d bytes, the network allows 3000", n)
	}
}

func TestTime(t *testing.T) {
	w := newWorld(t, 1)
	minTime := w.tip.Node().MinTime()
	for now, want := range map[uint32]uint32{
		0:             minTime,
		minTime - 1:   minTime,
		minTime + 100: minTime + 100,
	} {
		w.now = time.Unix(int64(now), 0)
		if made := w.build(t); made.Time != want || made.MinTime != minTime {
			t.Errorf("at %d: time %d, earliest %d, want %d, %d", now, made.Time, made.MinTime, want, minTime)
		}
	}
}

func TestTagTooLong(t *testing.T) {
	w := newWorld(t, 1)
	o := w.options()
	o.Tag = make([]byte, template.MaxTag+1)
	if _, err := template.Build(tipOf(w.tip), w.pool, w.tip.View(), o); err == nil || !strings.Contains(err.Error(), "tag") {
		t.Errorf("got the error %v", err)
	}
}

// Coinbases of the same miner, at the same height, differ in the extranonce
// alone, and so do their ids.
func TestCoinbase(t *testing.T) {
	made := newWorld(t, 1).build(t)
	seen := map[record.ID]bool{}
	for _, extranonce := range []uint64{0, 1, 1 << 63, 1<<64 - 1} {
		r := made.Coinbase(extranonce)
		if err := r.Check(testNetwork.ID); err != nil {
			t.Error(err)
		}
		if seen[r.ID()] {
			t.Error("two coinbases have the same id")
		}
		seen[r.ID()] = true
		if made.MerkleRoot(extranonce) != r.ID() {
			t.Error("the root of a block without records is the coinbase's id")
		}
	}
	if w := block.WitnessRoot([]*record.Record{made.Coinbase(0)}); w != (pow.Hash{}) {
		t.Error("the coinbase counts as a witness")
	}
}
