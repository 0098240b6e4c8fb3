package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// bip320 is the mask of BIP 320.
const bip320 = 0x1fffe000

func TestWithVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		job := testJob(rapid.Byte().Draw(t, "seed"), 0)
		for job.VersionMask = rapid.Uint32().Draw(t, "mask"); bits.OnesCount32(job.VersionMask) > 10; {
			job.VersionMask &= job.VersionMask - 1
		}
		if job.WithVersion(0) != job.Header {
			t.Fatal("version 0 is not the header")
		}
		seen := map[uint32]bool{}
		for i := range job.Versions() {
			h := job.WithVersion(i)
			v := versionOf(&h)
			if (v^versionOf(&job.Header))&^job.VersionMask != 0 || seen[v] {
				t.Fatalf("version %d is %08x, the header has %08x and the mask is %08x", i, v, versionOf(&job.Header), job.VersionMask)
			}
			seen[v] = true
			if setVersion(&h, versionOf(&job.Header)); h != job.Header {
				t.Fatal("more than the version changed")
			}
			// The groups together have the same versions in the same order.
			g := job.group(i / MaxVersions)
			if g.Versions() > MaxVersions || g.WithVersion(i%MaxVersions) != job.WithVersion(i) {
				t.Fatalf("version %d is another one in its group", i)
			}
		}
		if uint64(len(seen)) != job.Versions() {
			t.Fatalf("%d versions, want %d", len(seen), job.Versions())
		}
	})
	job := Job{VersionMask: bip320}
	h := job.WithVersion(0xffff)
	if got := binary.LittleEndian.Uint32(h[:]); got != bip320 || job.Versions() != 1<<16 {
		t.Errorf("the last of %d versions is %08x", job.Versions(), got)
	}
}

// together is a device that scans versions together. A nil function is honest.
type together struct {
	*fake
	versions func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error)
}

func (d together) ScanVersions(ctx context.Context, job *Job, r pow.Range, early func([]Candidate)) (VersionsResult, error) {
	if d.versions == nil {
		return honestVersions(ctx, job, r)
	}
	return d.versions(ctx, job, r)
}

func honestVersions(ctx context.Context, job *Job, r pow.Range) (res VersionsResult, err error) {
	if job.Versions() != MaxVersions {
		return res, errors.New("wrong number of versions")
	}
	for ; res.Done < r.Count; res.Done++ {
		if ctx.Err() != nil {
			return res, ctx.Err()
		}
		nonce := r.First + uint32(res.Done)
		for i := range job.Versions() {
			h := job.WithVersion(i)
			if pow.SetNonce(&h, nonce); job.Target.MetBy(pow.Sum(h[:])) {
				res.Hits = append(res.Hits, Candidate{nonce, uint32(i)})
			}
		}
	}
	return res, nil
}

// found is a hit in a form that can be compared.
type found struct{ nonce, version uint32 }

func inOrder(all []found) []found {
	slices.SortFunc(all, func(a, b found) int {
		if a.version != b.version {
			return int(int64(a.version) - int64(b.version))
		}
		return int(int64(a.nonce) - int64(b.nonce))
	})
	return all
}

// expectedVersions returns the hits of all versions by the reference.
func expectedVersions(job Job, r pow.Range) (all []found) {
	for i := range job.Versions() {
		h := job.WithVersion(i)
		pow.Search(&h, job.Target, r, func(n uint32) { all = append(all, found{n, versionOf(&h)}) })
	}
	return inOrder(all)
}

// gather checks hits and gathers them.
func gather(t interface{ Errorf(string, ...any) }, job Job, all *[]found) func(Hit) {
	return func(h Hit) {
		header := h.Header()
		if h.Job != job || (versionOf(&header)^versionOf(&job.Header))&^job.VersionMask != 0 || versionOf(&header) != h.Version ||
			pow.Sum(header[:]) != h.Hash || !job.Target.MetBy(h.Hash) {
			t.Errorf("wrong hit %+v", h)
		}
		*all = append(*all, found{h.Nonce, h.Version})
	}
}

// Whatever the devices do, one honest device among them is enough for the
// exact set of versions and nonces, each reported once and counted once.
func TestSearchVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		faults := []func(context.Context, *Job, pow.Range) (VersionsResult, error){
			honestVersions,
			func(context.Context, *Job, pow.Range) (VersionsResult, error) { return VersionsResult{}, errBroken },
			func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) { // fails half way
				res, _ := honestVersions(ctx, job, pow.Range{First: r.First, Count: r.Count / 2})
				return res, errBroken
			},
			func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) { // a version that does not exist
				return VersionsResult{[]Candidate{{r.First, MaxVersions}}, r.Count}, nil
			},
			func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) { // reports an error only after it left out hits
				return VersionsResult{Done: r.Count}, ErrWrong
			},
			func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) { // reports hits twice
				res, err := honestVersions(ctx, job, r)
				res.Hits = append(res.Hits, res.Hits...)
				return res, err
			},
			func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) { // does too much
				r.Count++
				return honestVersions(ctx, job, r)
			},
		}
		devices := []Device{device("honest", nil)}
		if rapid.Bool().Draw(t, "the honest one scans together") {
			devices[0] = together{device("honest", nil), nil}
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "others") {
			others := &fake{id: named(i), lanes: rapid.IntRange(1, 3).Draw(t, "lanes")}
			if !rapid.Bool().Draw(t, "together") {
				others.scan = calls(rapid.IntRange(0, 200).Draw(t, "good calls"), honest,
					rapid.SampledFrom([]scanFunc{honest, wrong, breaks}).Draw(t, "fault"))
				devices = append(devices, others)
				continue
			}
			good := make(chan struct{}, 8)
			for range rapid.IntRange(0, 3).Draw(t, "good calls") {
				good <- struct{}{}
			}
			fault := rapid.SampledFrom(faults).Draw(t, "fault")
			devices = append(devices, together{others, func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) {
				select {
				case <-good:
					return honestVersions(ctx, job, r)
				default:
					return fault(ctx, job, r)
				}
			}})
		}
		job := testJob(rapid.Byte().Draw(t, "seed"), rapid.IntRange(2, 8).Draw(t, "zeros"))
		job.VersionMask = rapid.SampledFrom([]uint32{0, 1, 0xe000, 0x80000001, 0xfe000, 0x10203e}).Draw(t, "mask")
		r := pow.Range{First: rapid.Uint32().Draw(t, "first"), Count: uint64(rapid.IntRange(0, 100).Draw(t, "count"))}

		e := testEngine(t, devices...)
		var got []found
		sum, err := e.Search(context.Background(), job, r, gather(t, job, &got))
		if err != nil {
			t.Fatal(err)
		}
		if want := expectedVersions(job, r); !slices.Equal(inOrder(got), want) {
			t.Fatalf("found %d, want %d: %v, %v", len(got), len(want), got, want)
		}
		if all := r.Count * job.Versions(); sum.Scanned != all {
			t.Fatalf("scanned %d, want %d", sum.Scanned, all)
		}
	})
}

func TestSearchTooManyVersions(t *testing.T) {
	job := testJob(1, 4)
	job.VersionMask = 0xff
	_, err := testEngine(t, device("a", nil)).Search(context.Background(), job, pow.Range{Count: 1}, nil)
	if !errors.Is(err, ErrRange) || !strings.Contains(err.Error(), "256 versions by the mask 000000ff") {
		t.Errorf("got %v", err)
	}
}

// Pieces are cut in hashes: an item of a job with versions has one hash for each
// version, and a piece has as few hits as those of other jobs.
func TestPieceOfVersions(t *testing.T) {
	f := newDispatcher(context.Background(), searching, nil)
	defer f.stop()
	for _, c := range []struct {
		mask  uint32
		zeros int
		want  uint64
	}{{0, 40, 1 << 20}, {1, 40, 1 << 19}, {bip320, 40, 1 << 13}, {bip320, 0, 1 << 9}} {
		job := testJob(1, c.zeros)
		job.VersionMask = c.mask
		f.replace(nonceRound(job, allNonces))
		if p, ok := f.cut(1 << 20); !ok || p.n != c.want {
			t.Errorf("mask %x, %d zeros: %d nonces, want %d", c.mask, c.zeros, p.n, c.want)
		}
		if p, ok := f.cut(1); !ok || p.n != 1 {
			t.Errorf("mask %x: %d nonces, want 1", c.mask, p.n)
		}
		if got, want := f.pending(), (uint64(1<<32)-c.want-1)*min(job.Versions(), MaxVersions); got != want {
			t.Errorf("mask %x: %d hashes to hand out, want %d", c.mask, got, want)
		}
	}
}

// The hits of a device that stops between its versions are not wrong: they are in
// the order of the range.
func TestStoppedBetweenVersions(t *testing.T) {
	job := testJob(1, 2)
	job.VersionMask = 0xf
	r := pow.Range{First: 1<<32 - 50, Count: 100}
	d := device("a", calls(3, honest, breaks))
	got, err := scanVersions(context.Background(), d, &job, r, func([]Candidate) {})
	if err == nil || got.Done != 0 || got.hashes != 3*100+50 {
		t.Errorf("%d nonces, %d hashes, %v", got.Done, got.hashes, err)
	}
	hits, wrong := confirm(&job, r, got.Hits)
	if wrong != 0 || len(hits) < 50 {
		t.Errorf("%d good hits, %d wrong ones", len(hits), wrong)
	}
}

// All versions are searched before roll is called.
func TestMineVersions(t *testing.T) {
	var mu sync.Mutex
	var seen []uint32 // first versions of the groups, in the order of their pieces
	done := make(chan struct{})
	d := together{device("a", nil), func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) {
		mu.Lock()
		defer mu.Unlock()
		if versionOf(&job.Header) == 7 {
			close(done)
			<-ctx.Done()
			return VersionsResult{}, ctx.Err()
		}
		seen = append(seen, versionOf(&job.Header))
		return VersionsResult{Done: r.Count}, nil
	}}
	e := testEngine(t, d)
	e.searching.period, e.searching.minHashes = 1, pow.NonceSpace*MaxVersions
	rolls := 0
	first := testJob(1, 60)
	setVersion(&first.Header, 0x20001000)
	first.VersionMask = 0x1ff000 // 4 groups
	jobs, stop := mining(t, e, func(j Job) (Job, bool) {
		if j != first {
			t.Errorf("rolled %+v, want the original job", j)
		}
		rolls++
		setVersion(&j.Header, 7)
		return j, true
	}, nil)
	jobs <- first
	<-done
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	want := []uint32{0x20001000, 0x20081000, 0x20101000, 0x20181000}
	if !slices.Equal(slices.Compact(seen), want) || rolls != 1 {
		t.Errorf("versions %08x, want %08x; rolled %d times", seen, want, rolls)
	}
	if n := status(t, e, "a").Nonces; n != 4*MaxVersions<<32 {
		t.Errorf("counted %d hashes", n)
	}
}

// A device that turns out sick while mining with versions does not lose hits of
// the group that is still in work, and no hit is reported twice.
func TestMineVersionsSickDevice(t *testing.T) {
	job := testJob(1, 4)
	job.VersionMask = bip320
	called, after := gate()
	wait := after(func(context.Context, *Job, pow.Range) (ScanResult, error) { return ScanResult{}, nil })
	good := together{device("good", nil), func(ctx context.Context, job *Job, r pow.Range) (VersionsResult, error) {
		_, _ = wait(ctx, job, r)
		return honestVersions(ctx, job, r)
	}}
	e := testEngine(t, device("bad", calls(2*MaxVersions, blind, called(wrong))), good)
	want := expectedVersions(job.group(0), pow.Range{Count: 100})
	hits := make(chan Hit)
	ctx, cancel := context.WithCancel(context.Background())
	jobs, stop := mining(t, e, nil, func(h Hit) {
		select {
		case hits <- h:
		case <-ctx.Done():
		}
	})
	jobs <- job
	var all []found
	report := gather(t, job, &all)
	seen := map[found]bool{}
	for missing := len(want); missing > 0; {
		report(<-hits)
		f := all[len(all)-1]
		if seen[f] {
			t.Errorf("%+v is reported twice", f)
		}
		seen[f] = true
		if slices.Contains(want, f) {
			missing--
		}
	}
	cancel()
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := status(t, e, "bad"); s.State != Sick {
		t.Errorf("status %+v", s)
	}
}
