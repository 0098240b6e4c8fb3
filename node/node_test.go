package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"

	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
	"stele/internal/rate"
	"stele/node/api"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/query"

	"stele/node/ledger/record"
	"stele/node/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testNode is a node that runs, with a miner, traffic and an API.
type testNode struct {
	*testing.T
	*Node
	options Options
	log     bytes.Buffer
	stop    func() // waits for Run and closes the node
}

func testOptions(t *testing.T) Options {
	t.Helper()
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return Options{
		Params: chaintest.Network(), Dir: "store", Engine: e, Payout: record.PublicOf(network.DevFaucets()[0]), Tag: []byte("test"),
		API: "127.0.0.1:0", Version: "v1", Traffic: 200, Seed: 1, Store: store.Options{FS: vfs.NewMem()},
	}
}

func start(t *testing.T, o Options) *testNode {
	t.Helper()
	n := &testNode{T: t, options: o}
	o.Log = slog.New(slog.NewTextHandler(&n.log, nil))
	var err error
	if n.Node, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- n.Node.Run(ctx) }()
	stopped := false
	n.stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, n.Close()); err != nil {
			t.Errorf("%v; log:\n%s", err, n.log.String())
		}
	}
	t.Cleanup(n.stop)
	return n
}

// wait waits until the node's status is as ready wants it.
func (n *testNode) wait(what string, ready func(query.Status) bool) query.Status {
	n.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s := n.Status()
		if ready(s) {
			return s
		}
		if time.Now().After(deadline) {
			n.Fatalf("not within a minute: %s; status %+v; log:\n%s", what, s, n.log.String())
		}
	}
}

func (n *testNode) reach(height uint32) query.Status {
	n.Helper()
	return n.wait(fmt.Sprintf("height %d", height), func(s query.Status) bool { return s.Height >= height })
}

// check replays the store of a node that has stopped.
func (n *testNode) check() chain.Report {
	n.Helper()
	id := store.Identity{Network: n.options.Params.ID, Genesis: block.Genesis(n.options.Params).Hash()}
	st, err := store.Open(n.options.Dir, id, store.Options{FS: n.options.Store.FS, ReadOnly: true})
	if err != nil {
		n.Fatal(err)
	}
	defer st.Close()
	report, err := chain.Check(n.Context(), st, n.options.Params, chain.CheckOptions{})
	if err != nil {
		n.Fatal(err)
	}
	if report.Broken() || !report.Sealed {
		n.Errorf("check: %+v", report)
	}
	return report
}

// A node mines the records of its traffic, stops, and goes on where it was.
func TestNode(t *testing.T) {
	o := testOptions(t)
	n := start(t, o)
	// The tip is seen a moment before what follows it.
	s := n.wait("records in blocks", func(s query.Status) bool {
		return s.Height >= 20 && s.Mined.Blocks >= 20 && len(s.Intervals) >= 20 &&
			s.Records.Connected >= 50 && s.HashRate() > 0 && s.Records.ConnectedRate > 0
	})
	if s.Miner == nil || s.Mined.Rejected != 0 || s.Mined.Stale != 0 || len(s.Miner.Devices) != 1 || s.Trouble != "" ||
		s.Network != "chaintest" && s.Network != o.Params.Name || s.Records.Accepted < s.Records.Connected || s.NextRetarget <= s.Height ||
		len(s.Intervals) > maxIntervals || s.Pool.MaxBytes == 0 {
		t.Errorf("status %+v", s)
	}
	n.stop()
	last := n.Status()
	report := n.check()
	if report.Height != last.Height || report.Tip != last.Tip {
		t.Errorf("stored %d %v, the node was at %d %v", report.Height, report.Tip, last.Height, last.Tip)
	}

	again := start(t, o)
	if s := again.Status(); s.Height < last.Height || s.Started.Before(last.Now) {
		t.Errorf("started again at %d, was at %d", s.Height, last.Height)
	}
	again.reach(last.Height + 3)
	again.stop()
	again.check()
}

// The API of a running node reports its health and accepts a record that is then
// mined.
func TestNodeAPI(t *testing.T) {
	o := testOptions(t)
	o.Traffic = 0
	n := start(t, o)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	call := func(method, path string, body []byte, v any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.Status().API+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/octet-stream")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(v); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %+v %v", method, path, answer.StatusCode, v, err)
		}
	}
	from, to := network.DevFaucets()[1], record.PublicOf(network.DevFaucets()[2])
	r, err := record.Sign(record.New(record.Record{
		Network: o.Params.ID, Version: 1, ValidUntil: 1000, Fee: 1e4, Key: record.PublicOf(from),
		Payload: record.Pay{To: to, Amount: 7},
	}), from)
	if err != nil {
		t.Fatal(err)
	}
	call("POST", "/v1/records", r.Encode(), new(api.Sent))
	var got api.Record
	for ; got.State != "confirmed"; time.Sleep(10 * time.Millisecond) {
		call("GET", "/v1/records/"+r.ID().String(), nil, &got)
	}
	var health api.Health
	call("GET", "/v1/health", nil, &health)
	if health.Status != "ok" || health.Height == 0 || !health.Mining || health.Version != "v1" || health.Genesis != block.Genesis(o.Params).Hash().String() {
		t.Errorf("health %+v", health)
	}
}

// A node without engine, API and traffic only keeps its chain. Its pool follows
// the chain.
func TestQuietNode(t *testing.T) {
	o := testOptions(t)
	o.Engine, o.API, o.Traffic = nil, "", 0
	n := start(t, o)
	b := chaintest.New(o.Params, 1)
	next := b.Extend(b.Genesis, b.Records(b.Genesis, 5)...)
	if errs := n.pool.Add(next.Records[1:]...); errors.Join(errs...) != nil {
		t.Fatal(errs)
	}
	if _, err := n.chain.Submit(next.Block); err != nil {
		t.Fatal(err)
	}
	s := n.Status()
	if s.Height != 1 || s.Pool.Records != 0 || s.Records.Connected != 5 || s.Miner != nil || s.API != "" || len(s.Intervals) != 1 {
		t.Errorf("status %+v", s)
	}
	// A longer branch takes the place of the block, and its records come back.
	longer := b.Grow(b.Genesis, 2, 0)
	for _, x := range longer.Chain()[1:] {
		if _, err := n.chain.Submit(x.Block); err != nil {
			t.Fatal(err)
		}
	}
	if s := n.Status(); s.Height != 2 || s.Pool.Records == 0 || len(s.Intervals) != 2 {
		t.Errorf("status %+v", s)
	}
}

// The store has its seal before that of the views is made, which can take long.
func TestStoreIsSealedFirst(t *testing.T) {
	o := testOptions(t)
	disk := o.Store.FS
	var sealed []store.SealState
	o.Store.FS = errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		folder, name := filepath.Split(op.Path)
		if op.Kind != errorfs.OpCreate || filepath.Base(folder) != ViewsFolder || !strings.HasPrefix(name, "SEAL") {
			return nil
		}
		state, damage, err := store.VerifySeal(t.Context(), o.Dir, disk)
		if err != nil || len(damage) > 0 {
			t.Errorf("%v, %v", damage, err)
		}
		sealed = append(sealed, state)
		return nil
	}))
	n := start(t, o)
	n.reach(3)
	n.stop()
	if !slices.Equal(sealed, []store.SealState{store.Sealed}) {
		t.Errorf("states of the store when the views are sealed: %v", sealed)
	}
}

// fullDisk is a file system that can be full.
type fullDisk struct{ full atomic.Bool }

func (d *fullDisk) MaybeError(op errorfs.Op) error {
	if d.full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return syscall.ENOSPC
	}
	return nil
}

func (d *fullDisk) String() string { return "disk" }

// On a full disk a node accepts nothing, reports it, and continues when there is
// space.
func TestFullDisk(t *testing.T) {
	disk := new(fullDisk)
	o := testOptions(t)
	o.Store.FS = errorfs.Wrap(o.Store.FS, disk)
	n := start(t, o)
	n.reach(5)
	disk.full.Store(true)
	s := n.wait("trouble", func(s query.Status) bool { return s.Trouble != "" })
	if h := api.NewHealth(n.Status()); h.Status != "trouble" || h.Trouble == "" {
		t.Errorf("health %+v", h)
	}
	pay, to := network.DevFaucets()[3], record.PublicOf(network.DevFaucets()[4])
	seq, err := n.pool.NextSeq(record.PublicOf(pay))
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Sign(record.New(record.Record{
		Network: o.Params.ID, Version: 1, Seq: seq, ValidUntil: 1000, Fee: 1e4, Key: record.PublicOf(pay),
		Payload: record.Pay{To: to, Amount: 7},
	}), pay)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.pool.Add(r)[0]; err == nil {
		t.Error("a record was acknowledged that cannot be on disk")
	}
	if now := n.Status(); now.Height != s.Height {
		t.Errorf("height %d, then %d on a full disk", s.Height, now.Height)
	}
	disk.full.Store(false)
	n.reach(s.Height + 3)
	n.wait("no trouble", func(s query.Status) bool { return s.Trouble == "" })
	n.stop()
	n.check()
}

// A node stops on a full disk too, and goes on where it was when there is space.
func TestStopOnFullDisk(t *testing.T) {
	disk := new(fullDisk)
	o := testOptions(t)
	o.Store.FS = errorfs.Wrap(o.Store.FS, disk)
	n, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	status := (&testNode{T: t, Node: n}).wait("height 5", func(s query.Status) bool { return s.Height >= 5 })
	disk.full.Store(true)
	status = (&testNode{T: t, Node: n}).wait("trouble", func(s query.Status) bool { return s.Trouble != "" && s.Height >= status.Height })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := n.Close(); !errors.Is(err, store.ErrFull) {
		t.Errorf("closed with the error %v, want %v", err, store.ErrFull)
	}
	disk.full.Store(false)
	again := start(t, o)
	if s := again.Status(); s.Height != status.Height || s.Tip != status.Tip {
		t.Errorf("started again at %d, was at %d", s.Height, status.Height)
	}
	again.reach(status.Height + 3)
	again.stop()
	again.check()
}

// A stopped chain is trouble even if its store reports nothing any more.
func TestStoppedChain(t *testing.T) {
	disk := new(fullDisk)
	o := testOptions(t)
	o.Engine, o.API, o.Traffic = nil, "", 0
	o.Store.FS = errorfs.Wrap(o.Store.FS, disk)
	n := start(t, o)
	b := chaintest.New(o.Params, 1)
	next := b.Extend(b.Genesis)
	disk.full.Store(true)
	if _, err := n.chain.Submit(next.Block); !errors.Is(err, chain.ErrStopped) {
		t.Fatalf("on a full disk: %v", err)
	}
	disk.full.Store(false)
	if errs := n.pool.Add(b.Records(b.Genesis, 1)...); errors.Join(errs...) != nil || n.store.Err() != nil {
		t.Fatalf("with space again: %v, %v", errs, n.store.Err()) // the journal of the pool is in the store too
	}
	if s := n.Status(); !strings.Contains(s.Trouble, "the chain has stopped") || api.NewHealth(n.Status()).Status != "trouble" {
		t.Errorf("trouble %q", s.Trouble)
	}
	if _, err := n.chain.Submit(next.Block); err != nil {
		t.Fatal(err)
	}
	if s := n.Status(); s.Trouble != "" || s.Height != 1 || api.NewHealth(n.Status()).Status != "stale" { // its block is dated next to the genesis block
		t.Errorf("status %+v", s)
	}
}

// With a clock far behind the chain a node mines nothing and reports it, and
// continues when the clock is right.
func TestClockBehind(t *testing.T) {
	var behind atomic.Int64
	o := testOptions(t)
	o.now = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
	wrong := func(s query.Status) bool { return strings.Contains(s.Trouble, "the clock here is wrong: it is 3h") }
	n := start(t, o)
	n.reach(12)
	behind.Store(int64(3*time.Hour + time.Minute))
	s := n.wait("nothing to mine", func(s query.Status) bool {
		return wrong(s) && s.Miner.State == miner.Waiting
	})
	if h := api.NewHealth(n.Status()); h.Status != "trouble" || h.Trouble != s.Trouble {
		t.Errorf("health %+v", h)
	}
	n.wait("several checks of the clock", func(now query.Status) bool { return now.Now.Sub(s.Now) > 3*refreshEvery })
	if now := n.Status(); now.Height != s.Height || !wrong(now) {
		t.Errorf("height %d, then %d; trouble %q", s.Height, now.Height, now.Trouble)
	}
	behind.Store(0)
	if s := n.reach(s.Height + 3); s.Trouble != "" || s.Mined.Rejected != 0 {
		t.Errorf("status %+v", s)
	}
	n.stop()
	log := n.log.String()
	for text, want := range map[string]int{"mining paused": 1, "mining resumed": 1, "rejected": 0} {
		if got := strings.Count(log, text); got != want {
			t.Errorf("%d times %q in the log, want %d:\n%s", got, text, want, log)
		}
	}

	// The same from the start on.
	last := n.Status()
	behind.Store(int64(3*time.Hour + time.Minute))
	again := start(t, o)
	if s := again.wait("trouble", wrong); s.Height != last.Height {
		t.Errorf("height %d, was %d", s.Height, last.Height)
	}
	behind.Store(0)
	again.reach(last.Height + 3)
	again.stop()
	again.check()
}

// deadDevice is a device that always fails.
type deadDevice struct{ engine.Device }

func (deadDevice) Info() engine.Info { return engine.Info{ID: "dead"} }

// Scan implements engine.Device.
func (deadDevice) Scan(context.Context, *engine.Job, pow.Range, func([]uint32)) (engine.ScanResult, error) {
	return engine.ScanResult{}, errors.New("out of order")
}

// Without a working device, a node still keeps its chain.
func TestNoDevice(t *testing.T) {
	o := testOptions(t)
	e := engine.New([]engine.Device{deadDevice{engine.Reference()}}, nil)
	defer e.Close()
	o.Engine = e
	n := start(t, o)
	s := n.wait("trouble", func(s query.Status) bool { return s.Trouble != "" && s.Miner.Devices[0].Reason != "" })
	if !strings.Contains(s.Trouble, "out of order") {
		t.Errorf("trouble %q", s.Trouble)
	}
	if d := s.Miner.Devices; len(d) != 1 || d[0].State != engine.Dead || d[0].Reason == "" {
		t.Errorf("status %+v", s)
	}
	n.wait("records", func(s query.Status) bool { return s.Pool.Records > 10 })
	n.stop()
	n.check()
}

// What cannot be opened is an error, and leaves nothing open.
func TestOpenErrors(t *testing.T) {
	good := testOptions(t)
	n := start(t, good)
	n.reach(1)
	taken := n.Status().API
	other := *good.Params
	other.ID++
	if err := other.SolveGenesis(); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		edit func(*Options)
		want error
	}{
		"locked":        {func(o *Options) {}, store.ErrLocked},
		"taken address": {func(o *Options) { o.API, o.Dir = taken, "other" }, syscall.EADDRINUSE},
		"bad address":   {func(o *Options) { o.API, o.Dir = "nowhere", "other" }, nil},
	} {
		o := good
		c.edit(&o)
		if m, err := Open(t.Context(), o); err == nil || c.want != nil && !errors.Is(err, c.want) || m != nil {
			t.Errorf("%s: %v, %v", what, m, err)
		}
	}
	n.stop()
	o := good
	o.Params = &other
	if _, err := Open(t.Context(), o); !errors.Is(err, store.ErrNetwork) {
		t.Errorf("store of another network: %v", err)
	}
	o = good
	o.Keep = 1
	if _, err := Open(t.Context(), o); err == nil {
		t.Error("a node that keeps one block was opened")
	}
	n.check()
}

func TestRates(t *testing.T) {
	rates := newRates()
	w := &rates.accepted
	at := time.Unix(1_800_000_000, 0)
	if w.Add(at, 100); perSecond(w, at) != 0 {
		t.Errorf("rate %v of one sample", perSecond(w, at))
	}
	for i := range 100 {
		at = at.Add(time.Second / 2)
		w.Add(at, rate.Count(100+(i+1)*5))
	}
	if r := perSecond(w, at); r != 10 {
		t.Errorf("rate %v, want 10", r)
	}
	at = at.Add(time.Hour)
	w.Add(at, 1e6)
	if r := perSecond(w, at); r <= 0 || r > 1e6 {
		t.Errorf("rate %v after a long pause", r)
	}
}

func TestBlockTimes(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	b := blockTimes{last: at}
	for i := range maxIntervals + 5 {
		b.change(0, 1, at.Add(time.Duration(i+1)*time.Second))
	}
	if len(b.intervals) != maxIntervals || b.intervals[0] != time.Second {
		t.Errorf("%d intervals: %v", len(b.intervals), b.intervals)
	}
	b.change(2, 3, at.Add(70*time.Second))
	if n := len(b.intervals); n != maxIntervals || b.intervals[n-3] != 5*time.Second || b.intervals[n-1] != 0 {
		t.Errorf("%d intervals: %v", n, b.intervals)
	}
}

// The status counts a block as soon as Submit has returned, also before Run, and takes
// it back when a longer branch replaces it.
func TestStatusFollowsChain(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	n, err := Open(t.Context(), Options{Params: b.Params, Dir: "store", Store: store.Options{FS: vfs.NewMem()}, now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	submit := func(blk *chaintest.Block) query.Status {
		t.Helper()
		if _, err := n.chain.Submit(blk.Block); err != nil {
			t.Fatal(err)
		}
		return n.Status()
	}
	count := func(s query.Status) (records uint64) {
		for _, each := range s.Types {
			records += each
		}
		return records
	}
	one := b.Extend(b.Genesis, b.Records(b.Genesis, 5)...)
	if s := submit(one); s.Height != 1 || count(s) != 5 || s.Records.Connected != 5 || len(s.Intervals) != 1 {
		t.Errorf("after a block: %+v", s)
	}
	two := b.Extend(b.Genesis, b.Records(b.Genesis, 2)...)
	if s := submit(two); s.Height != 1 || count(s) != 5 {
		t.Errorf("after a block of another branch: %+v", s)
	}
	three := b.Extend(two, b.Records(two, 1)...)
	if s := submit(three); s.Height != 2 || count(s) != 3 || s.Records.Connected != 8 || len(s.Intervals) != 2 {
		t.Errorf("after a reorganisation: %+v", s)
	}
}
