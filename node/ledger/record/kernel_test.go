package record

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"stele/kernels/sig"
	"stele/node/ledger/reject"
)

type newVerifier func(cacheEntries, workers int) *Verifier

// variants runs f with each way to check signatures, and fails if another one ran.
func variants(t *testing.T, f func(t *testing.T, v newVerifier)) {
	var checked atomic.Int64 // by the kernel
	with := func(k kernels) newVerifier {
		return func(cacheEntries, workers int) *Verifier {
			v := NewVerifier(cacheEntries, workers)
			v.OnDisagreement = func(d *Disagreement) { t.Error(d) }
			v.kernels = k
			return v
		}
	}
	counted := func(inner func() kernel) kernels {
		return kernels{
			preferred: func() bool { return true },
			make:      func() kernel { return countingKernel{inner(), &checked} },
			disable:   func() { t.Error("the kernel is disabled") },
			sampling:  64,
		}
	}
	t.Run("batch", func(t *testing.T) {
		checked.Store(0)
		kernel := with(counted(func() kernel { return modelKernel{} }))
		f(t, func(cacheEntries, workers int) *Verifier {
			v := kernel(cacheEntries, workers)
			v.UseReference()
			return v
		})
		if checked.Load() != 0 {
			t.Error("the kernel ran")
		}
	})
	run := func(name string, make func() kernel) {
		t.Run(name, func(t *testing.T) {
			checked.Store(0)
			f(t, with(counted(make)))
			if checked.Load() == 0 {
				t.Error("the kernel did not run")
			}
		})
	}
	run("model", func() kernel { return modelKernel{} })
	if !sig.Available() {
		t.Log("the kernel is not available")
		return
	}
	run("kernel", sigKernels.make)
}

// modelKernel is a kernel that runs everywhere: the reference.
type modelKernel struct{}

func (modelKernel) Check(items []sig.Item, good []bool) {
	for i := range items {
		good[i] = signedItem(&items[i])
	}
}

func (modelKernel) MakeTables(_ []*sig.Table, _ []*[32]byte, ok []bool) {
	for i := range ok {
		ok[i] = true
	}
}

// countingKernel counts the signatures that it checks.
type countingKernel struct {
	kernel
	n *atomic.Int64
}

func (c countingKernel) Check(items []sig.Item, good []bool) {
	c.n.Add(int64(len(items)))
	c.kernel.Check(items, good)
}

func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	reasonA, _ := reject.Of(a)
	reasonB, _ := reject.Of(b)
	return reasonA == reasonB && a.Error() == b.Error()
}

// A block with one bad record, at each position, gives the index and the error of the
// plain path.
func TestVerifierOneBad(t *testing.T) { variants(t, testVerifierOneBad) }

func testVerifierOneBad(t *testing.T, newVerifier newVerifier) {
	records := payments(t, chunkRecords+17, 40)
	v := newVerifier(0, 2)
	step := 1
	if raced {
		step = 12 // the race detector makes signatures slow
	}
	for at := 0; at < len(records); at += step {
		batch := spoiled(records, at)
		want := batch[at].Verify()
		if bad, err := v.Verify(batch); bad != at || !sameError(err, want) {
			t.Fatalf("record %d: %d, %v, want %v", at, bad, err, want)
		}
	}
}

// Hostile blocks get the verdicts of the plain path: with records that are nearly good,
// of several signers, by keys of small order, and without signatures.
func TestVerifierHostile(t *testing.T) { variants(t, testVerifierHostile) }

func testVerifierHostile(t *testing.T, newVerifier newVerifier) {
	base, most := slices.Concat(payments(t, 100, 20), samples(t)), 300
	if raced {
		most = 60
	}
	weak := smallOrderKeys(t)
	v := newVerifier(1000, 2)
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		records := make([]*Record, random.IntN(most))
		want := make([]error, len(records))
		share := random.IntN(40)
		for i := range records {
			records[i] = base[random.IntN(len(base))]
			if random.IntN(200) < share {
				records[i] = hostile(random, records[i], weak)
				want[i] = records[i].Verify()
			}
		}
		if random.IntN(2) == 0 {
			v = newVerifier(1000, 1+random.IntN(3))
		}
		first := slices.IndexFunc(want, func(err error) bool { return err != nil })
		if bad, err := v.Verify(records); bad != first || first >= 0 && !sameError(err, want[first]) {
			t.Fatalf("%d, %v, want %d", bad, err, first)
		}
		for i, err := range v.VerifyEach(records) {
			if !sameError(err, want[i]) {
				t.Fatalf("record %d: %v, want %v", i, err, want[i])
			}
		}
	})
}

// hostile returns r with a change that makes its signatures bad, most of the time.
func hostile(random *rand.Rand, r *Record, weak []Key) *Record {
	h := *r
	h.Signatures = slices.Clone(r.Signatures)
	if len(h.Signatures) == 0 {
		h.Signatures = make([]Signature, 1) // of a COINBASE
		return New(h)
	}
	s := &h.Signatures[random.IntN(len(h.Signatures))]
	switch random.IntN(7) {
	case 0:
		s[random.IntN(64)] ^= 1 << random.IntN(8)
	case 1:
		*s = plusOrder(*s)
	case 2:
		*s = Signature{}
	case 3:
		h.Signatures = append(h.Signatures, Signature{})
	case 4:
		h.Seq++
	case 5:
		h.Key[random.IntN(32)] ^= 1 << random.IntN(8)
	case 6: // good: S = 0, and A and R have small order
		h.Key = weak[random.IntN(len(weak))]
		h.Signatures[0] = Signature{}
		copy(h.Signatures[0][:32], weak[random.IntN(len(weak))][:])
	}
	return New(h)
}

// lyingKernel gives wrong verdicts on some signatures, until it is disabled.
type lyingKernel struct {
	modelKernel
	lie func(i *sig.Item, good bool) bool
}

func (l lyingKernel) Check(items []sig.Item, good []bool) {
	l.modelKernel.Check(items, good)
	for i := range items {
		if l.lie(&items[i], good[i]) {
			good[i] = !good[i]
		}
	}
}

// lying returns a Verifier with a kernel that lies, and what it reports.
func lying(sampling uint32, lie func(i *sig.Item, good bool) bool) (v *Verifier, reported func() []*Disagreement) {
	var off atomic.Bool
	var mu sync.Mutex
	var all []*Disagreement
	v = NewVerifier(1000, 2)
	v.kernels = kernels{
		preferred: func() bool { return !off.Load() },
		make:      func() kernel { return lyingKernel{lie: lie} },
		disable:   func() { off.Store(true) },
		sampling:  sampling,
	}
	v.OnDisagreement = func(d *Disagreement) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, d)
	}
	return v, func() []*Disagreement { return all }
}

// A kernel that rejects a good signature, or accepts a bad one, is disabled, and the
// verdict is right all the same.
func TestVerifierLyingKernel(t *testing.T) {
	good := payments(t, 300, 30)
	for _, c := range []struct {
		name     string
		records  []*Record
		at       int
		sampling uint32
		wantBad  int
		text     string
	}{
		{"rejects a good one", good, 200, 1 << 31, -1, "the reference accepts a signature that the kernel rejects: key "},
		{"accepts a bad one", spoiled(good, 200), 200, 1, 200, "the kernel accepts a signature that the reference rejects: key "},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := c.records[c.at]
			v, reported := lying(c.sampling, func(i *sig.Item, _ bool) bool { return *i.Sig == [64]byte(target.Signatures[0]) })
			for range 2 {
				if bad, err := v.Verify(c.records); bad != c.wantBad || (err != nil) != (bad >= 0) {
					t.Errorf("%d, %v, want %d", bad, err, c.wantBad)
				}
			}
			if known := v.Known(target); known != (c.wantBad < 0) {
				t.Errorf("remembered is %v", known)
			}
			if v.kernels.preferred() {
				t.Error("the kernel is still in use")
			}
			all := reported()
			if len(all) != 1 || v.Stats().Disagreements != 1 {
				t.Fatalf("%d reports, %d counted", len(all), v.Stats().Disagreements)
			}
			d := all[0]
			if d.Key != target.Key || d.Signature != target.Signatures[0] || string(d.Message) != string(target.SigningMessage()) {
				t.Errorf("not the input: %v", d)
			}
			if !strings.HasPrefix(d.Error(), c.text) {
				t.Errorf("text %q", d)
			}
		})
	}
}

// Good signatures are looked at only now and then; what a kernel said before it was
// caught is forgotten.
func TestVerifierForgetsLies(t *testing.T) {
	good := payments(t, 300, 30)
	lies := false
	v, reported := lying(1<<31, func(_ *sig.Item, good bool) bool { return lies || !good })
	bad := spoiled(good, 7)
	if at, err := v.Verify(bad); err != nil {
		t.Fatalf("record %d: %v: this kernel should not be caught", at, err)
	}
	lies = true
	if at, err := v.Verify(payments(t, 70, 1)[60:]); err != nil {
		t.Fatalf("record %d: %v", at, err)
	}
	if len(reported()) != 1 {
		t.Fatalf("%d reports", len(reported()))
	}
	if at, err := v.Verify(bad); at != 7 || err == nil {
		t.Errorf("the wrong verdict is remembered: %d, %v", at, err)
	}
}

// What the kernel says to one worker while another one finds it wrong does not count.
func TestVerifierDistrustsRunningChecks(t *testing.T) {
	const at = chunkRecords + 7
	records := spoiled(payments(t, 2*chunkRecords, 30), at)
	begun, caught := make(chan struct{}), make(chan struct{})
	isOf := func(i *sig.Item, r *Record) bool { return *i.Sig == [64]byte(r.Signatures[0]) }
	v, _ := lying(1<<31, func(i *sig.Item, _ bool) bool {
		switch {
		case isOf(i, records[3]): // rejects a good one, once the other chunk is checked too
			<-begun
			return true
		case isOf(i, records[at]): // accepts the bad one
			close(begun)
			<-caught
			return true
		}
		return false
	})
	v.OnDisagreement = func(*Disagreement) { close(caught) }
	if bad, err := v.Verify(records); bad != at || err == nil {
		t.Errorf("%d, %v, want %d", bad, err, at)
	}
	if v.Known(records[at]) {
		t.Error("the bad record is remembered")
	}
}

// A text has a bounded part of a long message.
func TestDisagreementText(t *testing.T) {
	d := Disagreement{Message: make([]byte, MaxSize)}
	if text := d.Error(); len(text) > 3000 || !strings.HasSuffix(text, "... (16384 bytes)") {
		t.Errorf("%d bytes: ...%s", len(text), text[len(text)-30:])
	}
}

// Keys get tables at their second good signature, eight together, and are found then.
func TestTables(t *testing.T) {
	made := 0
	k := tableKernel{made: &made}
	items, good := itemsOf(20), slices.Repeat([]bool{true}, 20)
	good[3] = false // its key never gets one
	tables := newTables(keyBytes)
	for round, want := range []int{0, 16, 16, 16} {
		tables.find(items)
		tables.learn(k, items, good)
		if made != want || tables.len() != want {
			t.Errorf("round %d: %d tables made, %d kept, want %d", round, made, tables.len(), want)
		}
	}
	tables.find(items)
	found := 0
	for i := range items {
		if items[i].Table != nil {
			found++
		}
	}
	if found != 16 || items[3].Table != nil {
		t.Errorf("%d tables found", found)
	}
	more := itemsOf(25)[20:]
	for range 2 { // five more keys, with three that wait: eight
		tables.find(more)
		tables.learn(k, more, good[4:9])
	}
	if tables.len() != 24 {
		t.Errorf("%d tables", tables.len())
	}
}

func itemsOf(n int) []sig.Item {
	items := make([]sig.Item, n)
	for i := range items {
		items[i].Key = &[32]byte{byte(i), byte(i >> 8), 1}
	}
	return items
}

type tableKernel struct {
	modelKernel
	made *int
}

func (k tableKernel) MakeTables(tables []*sig.Table, keys []*[32]byte, ok []bool) {
	*k.made += len(tables)
	k.modelKernel.MakeTables(tables, keys, ok)
}

// More keys than there is room for, which come round and round: few tables are made, and
// those that are kept are used.
func TestTablesTooManyKeys(t *testing.T) {
	const limit, keys, rounds = 64, 512, 40
	made := 0
	tables := newTables(limit * (sig.TableSize + keyOverhead))
	items, good := itemsOf(keys), slices.Repeat([]bool{true}, keys)
	for range rounds {
		for from := 0; from < keys; from += 32 {
			part := items[from : from+32]
			tables.find(part)
			tables.learn(tableKernel{made: &made}, part, good[from:from+32])
			if tables.len() > limit {
				t.Fatalf("%d tables, want at most %d", tables.len(), limit)
			}
		}
	}
	if made != limit {
		t.Errorf("%d tables made, want %d", made, limit)
	}
	// Other keys take their places, once these have not been used for long.
	others := itemsOf(2 * keys)[keys:]
	for range 2*patience*limit/keys + 2 {
		for from := 0; from < keys; from += 32 {
			part := others[from : from+32]
			tables.find(part)
			tables.learn(tableKernel{made: &made}, part, good[from:from+32])
		}
	}
	if made <= limit || tables.len() > limit {
		t.Errorf("%d tables made, %d kept", made, tables.len())
	}
	found := 0
	tables.find(others)
	for i := range others {
		if others[i].Table != nil {
			found++
		}
	}
	if found != limit {
		t.Errorf("%d of the new keys have tables, want %d", found, limit)
	}
}

// A kernel that is caught while it checks a block has given wrong verdicts on other parts
// of the block, before and at the same time: none of them counts, nor is remembered.
func TestVerifierCaughtHalfWay(t *testing.T) {
	good := payments(t, 3*chunkRecords, 30)
	const accepted, rejected = 5, 2 * chunkRecords
	records := spoiled(good, accepted)
	for _, workers := range []int{1, 3} {
		v, reported := lying(1<<31, func(i *sig.Item, good bool) bool {
			return !good || *i.Sig == [64]byte(records[rejected].Signatures[0])
		})
		for i, err := range v.StartEach(records).WaitEach() {
			if i == accepted {
				wantReason(t, err, reject.BadSignature)
			} else if err != nil {
				t.Errorf("%d workers: good record %d: %v", workers, i, err)
			}
		}
		if len(reported()) != 1 {
			t.Errorf("%d workers: %d reports", workers, len(reported()))
		}
		if v.Known(records[accepted]) {
			t.Errorf("%d workers: the bad record is remembered", workers)
		}
	}
}

// A verdict that a kernel gave before it was caught is not remembered afterwards.
func TestVerifierForgetsLateLies(t *testing.T) {
	records := payments(t, 2, 2)
	v, _ := lying(1<<31, nil)
	before := v.disagreements.Load()
	v.distrust(&Disagreement{})
	v.remember(records, make([]error, 2), []int{0, 1}, before)
	if v.Known(records[0]) || v.Known(records[1]) {
		t.Error("remembered")
	}
}

// Wait after Cancel would call records good that nobody has checked.
func TestWaitAfterCancel(t *testing.T) {
	c := NewVerifier(10, 1).Start(spoiled(payments(t, 2, 2), 1))
	c.Cancel()
	defer func() {
		if recover() == nil {
			t.Error("Wait returns")
		}
	}()
	_, _ = c.Wait()
}
