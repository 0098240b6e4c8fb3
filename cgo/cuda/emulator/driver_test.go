//go:build cuda && cgo

package emulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/cgo/cuda"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"

var (
	faults string // the file with the rules
	start  sync.Once
)

// devices loads the library, the first time, and sets the faults for a test.
// With the variable STELE_EMU_DEVICES in the environment it has that many, else
// two.
func devices(t *testing.T, rules string) []cuda.Device {
	t.Helper()
	start.Do(func() {
		library := Build(t)
		dir, err := os.MkdirTemp("", "faults")
		if err != nil {
			t.Fatal(err)
		}
		faults = filepath.Join(dir, "rules")
		os.WriteFile(faults, nil, 0o644)
		os.Setenv(cuda.LibraryVariable, library)
		os.Setenv("STELE_EMU_FAULT", "@"+faults)
		if os.Getenv("STELE_EMU_DEVICES") == "" {
			os.Setenv("STELE_EMU_DEVICES", "2")
		}
		cuda.Probe()
	})
	set(t, "")
	t.Cleanup(func() { set(t, "") })
	all, err := cuda.Devices()
	if err != nil {
		t.Fatal(err)
	}
	set(t, rules)
	return all
}

func set(t *testing.T, rules string) {
	t.Helper()
	next := faults + ".new"
	if err := os.WriteFile(next, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, faults); err != nil {
		t.Fatal(err)
	}
}

// words are little-endian numbers in memory.
func words(b []byte) (all []uint32) {
	for ; len(b) >= 4; b = b[4:] {
		all = append(all, binary.LittleEndian.Uint32(b))
	}
	return all
}

// find opens a device and searches the given nonces of the genesis block with
// an entry, at a target that one in four hashes meets; it does so in all the
// steps that a miner takes. The nonces come back in order.
func find(d cuda.Device, e kernels.Entry, first uint32, count int) (nonces []uint32, err error) {
	ctx, err := d.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ctx.Close()) }()
	module, _, err := ctx.LoadPTX(e.PTX)
	if err != nil {
		return nil, err
	}
	f, err := module.Function(e.Name)
	if err != nil {
		return nil, err
	}
	stream, err := ctx.NewStream()
	if err != nil {
		return nil, err
	}
	const capacity = 256
	hits, err := ctx.Alloc(8 + 4*capacity)
	if err != nil {
		return nil, err
	}
	host, err := ctx.HostAlloc(8 + 4*capacity)
	if err != nil {
		return nil, err
	}
	clear(host)
	binary.LittleEndian.PutUint32(host[4:], capacity)
	event, err := ctx.NewEvent(false)
	if err != nil {
		return nil, err
	}
	h, err := pow.ParseHeader(genesis)
	if err != nil {
		return nil, err
	}
	header := h.Encode()
	job := kernels.NewJob(&header, target().Bytes())
	for _, step := range []func() error{
		func() error { return stream.CopyToDeviceAsync(hits, host) },
		func() error {
			params := job.ScanParams(kernels.Range{First: first, Count: uint64(count), Rounds: 4}, uint64(hits))
			return stream.Launch(f, [3]int{(count + 127) / 128, 1, 1}, [3]int{32, 1, 1}, 0, params)
		},
		func() error { return stream.CopyToHostAsync(host, hits) },
		func() error { return event.Record(stream) },
		event.Synchronize,
		stream.Synchronize,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	got := words(host)
	if got[0] > capacity {
		return nil, fmt.Errorf("%d hits", got[0])
	}
	nonces = got[2 : 2+got[0]]
	slices.Sort(nonces)
	return nonces, nil
}

func target() pow.Target { return pow.Target{^uint64(0), ^uint64(0), ^uint64(0), 1<<62 - 1} }

const (
	first = 2083236893 - 100
	count = 300
)

// expected are the nonces that find must return.
func expected(t *testing.T) (nonces []uint32) {
	t.Helper()
	h, err := pow.ParseHeader(genesis)
	if err != nil {
		t.Fatal(err)
	}
	header := h.Encode()
	pow.Search(&header, target(), pow.Range{First: first, Count: count}, func(n uint32) { nonces = append(nonces, n) })
	return nonces
}

func entry(t *testing.T, kind kernels.Kind) kernels.Entry {
	t.Helper()
	for _, e := range kernels.Entries() {
		if e.Kind == kind {
			return e
		}
	}
	t.Fatalf("no entry of kind %s", kind)
	return kernels.Entry{}
}

func TestEveryDeviceSearches(t *testing.T) {
	all := devices(t, "")
	want := expected(t)
	var wg sync.WaitGroup
	for _, d := range all {
		for _, e := range kernels.Entries() {
			if e.Kind != kernels.Scan {
				continue
			}
			wg.Go(func() { // all at once
				got, err := find(d, e, first, count)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("device %d, %s: nonces %d, error %v, want %d", d.Index, e.Name, got, err, want)
				}
			})
		}
	}
	wg.Wait()
}

func TestEveryEntryLoads(t *testing.T) {
	ctx, err := devices(t, "")[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.Close()
	for _, e := range kernels.Entries() {
		m, log, err := ctx.LoadPTX(e.PTX)
		if err != nil {
			t.Errorf("%s: %v, log %q", e.Name, err, log)
			continue
		}
		f, err := m.Function(e.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		if a, err := f.Attributes(); err != nil || a.MaxThreads != e.Kind.Threads() {
			t.Errorf("%s: attributes %+v, error %v", e.Name, a, err)
		}
		if blocks, err := f.Occupancy(e.Kind.Threads(), 0); err != nil || blocks < 1 {
			t.Errorf("%s: %d blocks, error %v", e.Name, blocks, err)
		}
		if _, err := m.Function("another"); !errors.Is(err, cuda.ErrNotFound) {
			t.Errorf("%s: a function that does not exist: %v", e.Name, err)
		}
	}
	ptx := string(kernels.Entries()[0].PTX)
	for name, text := range map[string]string{
		"truncated":  ptx[:len(ptx)/2],
		"foreign":    "hello",
		"other":      strings.ReplaceAll(ptx, "scan_a", "scan_z"),
		"parameters": strings.ReplaceAll(ptx, "[168]", "[164]"),
		"newer":      strings.Replace(ptx, ".version 6.3", ".version 8.5", 1),
	} {
		if _, log, err := ctx.LoadPTX([]byte(text)); !errors.Is(err, cuda.ErrInvalidImage) || log == "" {
			t.Errorf("%s PTX: error %v, log %q", name, err, log)
		}
	}
}

// A search returns an error of the right kind for each fault, and the device works
// again after the context was closed.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		rules string
		kind  error
	}{
		{"cuDevicePrimaryCtxRetain:1:2", cuda.ErrOutOfMemory},
		{"cuDevicePrimaryCtxRetain:1:46", cuda.ErrDeviceLost},
		{"cuCtxSetCurrent:3:201", cuda.ErrClosed},
		{"cuModuleLoadDataEx:1:218", cuda.ErrInvalidImage},
		{"cuModuleGetFunction:1:500", cuda.ErrNotFound},
		{"cuStreamCreate:1:2", cuda.ErrOutOfMemory},
		{"cuEventCreate:1:2", cuda.ErrOutOfMemory},
		{"cuMemAlloc:1:2", cuda.ErrOutOfMemory},
		{"cuMemHostAlloc:1:2", cuda.ErrOutOfMemory},
		{"cuMemcpyHtoDAsync:1:719:sticky", cuda.ErrLaunchFailed},
		{"cuMemcpyDtoHAsync:1:1", cuda.ErrInvalidValue},
		{"cuLaunchKernel:1:719:sticky", cuda.ErrLaunchFailed},
		{"cuLaunchKernel:1:701", cuda.ErrLaunchFailed},
		{"cuLaunchKernel:1:lost=50", cuda.ErrDeviceLost},
		{"cuEventRecord:1:400", cuda.ErrInvalidValue},
		{"cuEventSynchronize:1:999:sticky", cuda.ErrDeviceLost},
		{"cuStreamSynchronize:1:214:sticky", cuda.ErrDeviceLost},
		{"copy:1:700", cuda.ErrLaunchFailed},
		{"copy:2:214", cuda.ErrDeviceLost},
		{"kernel:1:719", cuda.ErrLaunchFailed},
		{"kernel:1:lost=50", cuda.ErrDeviceLost},
		{"kernel:1:slow=20,copy:2:700", cuda.ErrLaunchFailed},
	} {
		t.Run(c.rules, func(t *testing.T) {
			d := devices(t, c.rules)[0]
			scan := entry(t, kernels.Scan)
			if _, err := find(d, scan, first, count); !errors.Is(err, c.kind) {
				t.Fatalf("error %v, want one of kind %q", err, c.kind)
			}
			set(t, "")
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				got, err := find(d, scan, first, count)
				if err == nil {
					if want := expected(t); !slices.Equal(got, want) {
						t.Errorf("afterwards: nonces %d, want %d", got, want)
					}
					return
				}
				if !strings.Contains(c.rules, "lost") || time.Now().After(deadline) {
					t.Fatal("afterwards: ", err)
				}
			}
		})
	}
}

// A fault can be limited to one device.
func TestFaultOfOneDevice(t *testing.T) {
	all := devices(t, "kernel:*:719@1")
	scan := entry(t, kernels.Scan)
	if _, err := find(all[0], scan, first, count); err != nil {
		t.Error("device 0: ", err)
	}
	if _, err := find(all[1], scan, first, count); !errors.Is(err, cuda.ErrLaunchFailed) {
		t.Error("device 1: ", err)
	}
}

func TestWrongAndLostHits(t *testing.T) {
	d, want := devices(t, "kernel:1:wrong-hit,kernel:2:lost-hit")[0], expected(t)
	for _, step := range []int{1, -1, 0} {
		got, err := find(d, entry(t, kernels.Scan), first, count)
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for _, n := range got {
			if slices.Contains(want, n) {
				right++
			}
		}
		if len(got) != len(want)+step || right != len(want)+min(step, 0) {
			t.Errorf("%d nonces, %d of them right, want %d and %d", len(got), right, len(want)+step, len(want)+min(step, 0))
		}
	}
}

// Waiting lasts until a call that hangs for a while returns.
func TestHang(t *testing.T) {
	for _, rules := range []string{"kernel:1:hang=200", "copy:2:hang=200", "cuStreamSynchronize:1:hang=200"} {
		d, begin := devices(t, rules)[0], time.Now()
		got, err := find(d, entry(t, kernels.Scan), first, count)
		if want := expected(t); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: nonces %d, error %v, want %d", rules, got, err, want)
		}
		if took := time.Since(begin); took < 200*time.Millisecond {
			t.Errorf("%s: finished after %v", rules, took)
		}
	}
}

// A kernel that accesses memory that is not allocated fails, and fresh memory holds
// 0xa5.
func TestMemoryIsStrict(t *testing.T) {
	d := devices(t, "")[0]
	h, err := pow.ParseHeader(genesis)
	if err != nil {
		t.Fatal(err)
	}
	header := h.Encode()
	job := kernels.NewJob(&header, target().Bytes())
	try := func(size int, address func(cuda.DevicePtr) uint64) error {
		ctx, err := d.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer ctx.Close()
		e := entry(t, kernels.Scan)
		m, _, err := ctx.LoadPTX(e.PTX)
		if err != nil {
			t.Fatal(err)
		}
		f, err := m.Function(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ctx.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		p, err := ctx.Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.MemsetAsync(p, 0, size); err != nil { // a capacity of none
			t.Fatal(err)
		}
		params := job.ScanParams(kernels.Range{Count: 10, Rounds: 1}, address(p))
		return errors.Join(s.Launch(f, [3]int{1, 1, 1}, [3]int{32, 1, 1}, 0, params), s.Synchronize())
	}
	for name, c := range map[string]struct {
		size    int
		address func(cuda.DevicePtr) uint64
		kind    error
	}{
		"good":       {8, func(p cuda.DevicePtr) uint64 { return uint64(p) }, nil},
		"too small":  {7, func(p cuda.DevicePtr) uint64 { return uint64(p) }, cuda.ErrLaunchFailed},
		"beyond":     {8, func(p cuda.DevicePtr) uint64 { return uint64(p) + 4 }, cuda.ErrLaunchFailed},
		"misaligned": {16, func(p cuda.DevicePtr) uint64 { return uint64(p) + 1 }, cuda.ErrLaunchFailed},
		"null":       {8, func(p cuda.DevicePtr) uint64 { return 0 }, cuda.ErrLaunchFailed},
	} {
		if err := try(c.size, c.address); !errors.Is(err, c.kind) {
			t.Errorf("%s: error %v, want %v", name, err, c.kind)
		}
	}

	ctx, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.Close()
	s, err := ctx.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	p, err := ctx.Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ctx.HostAlloc(64)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if err := errors.Join(s.CopyToHostAsync(b, p), s.Synchronize()); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(b, func(x byte) bool { return x != 0xa5 }) {
		t.Errorf("fresh memory holds %x", b)
	}
	if err := s.CopyToHostAsync(make([]byte, 8), p); !errors.Is(err, cuda.ErrInvalidValue) {
		t.Errorf("copy to memory that is not pinned: %v", err)
	}
	if _, err := ctx.Alloc(2 << 30); !errors.Is(err, cuda.ErrOutOfMemory) {
		t.Errorf("2 GiB of 1 GiB: %v", err)
	}
}

// TestMain runs the tests, or what TestEnvironments wants of a process of its
// own.
func TestMain(m *testing.M) {
	if os.Getenv("EMULATOR_CHILD") == "" {
		os.Exit(m.Run())
	}
	all, err := cuda.Devices()
	if name := os.Getenv("EMULATOR_OCCUPANCY"); name != "" {
		printOccupancy(all[0], name)
		return
	}
	fmt.Println(len(all), "devices, error", err)
	for i, d := range all {
		if d.Index != i || i > 0 && (d.PCI <= all[i-1].PCI || d.UUID == all[i-1].UUID) {
			fmt.Printf("device %d is %+v\n", i, d)
		}
		if _, err := find(d, kernels.Entries()[0], first, 8); err != nil {
			fmt.Printf("device %d: %v\n", i, err)
		}
	}
}

func TestEnvironments(t *testing.T) {
	for env, want := range map[string]string{
		"STELE_EMU_DEVICES=0":               "CUDA_ERROR_NO_DEVICE",
		"STELE_EMU_DEVICES=1":               "1 devices, error <nil>\n",
		"STELE_EMU_DEVICES=2":               "2 devices, error <nil>\n",
		"STELE_EMU_DEVICES=8":               "8 devices, error <nil>\n",
		"STELE_EMU_DRIVER=10020":            "too old",
		"STELE_EMU_FAULT=cuInit:1:100":      "CUDA_ERROR_NO_DEVICE",
		"STELE_EMU_FAULT=cuInit:1:999":      "CUDA_ERROR_UNKNOWN",
		"STELE_EMU_FAULT=cuDeviceGet:1:101": "CUDA_ERROR_INVALID_DEVICE",
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "EMULATOR_CHILD=1", cuda.LibraryVariable+"="+Build(t), "STELE_EMU_FAULT=", "STELE_EMU_DEVICES=1", env)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", env, err, out)
			continue
		}
		got := string(out)
		if good := strings.HasSuffix(want, "\n"); good && got != want || !good && !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", env, got, want)
		}
	}
}

// printOccupancy prints how many blocks of an entry an SM holds, with and without
// a preference for shared memory.
func printOccupancy(d cuda.Device, name string) {
	e := kernels.Entries()[slices.IndexFunc(kernels.Entries(), func(e kernels.Entry) bool { return e.Name == name })]
	ctx, err := d.Open()
	if err != nil {
		panic(err)
	}
	m, _, err := ctx.LoadPTX(e.PTX)
	if err != nil {
		panic(err)
	}
	f, err := m.Function(name)
	if err != nil {
		panic(err)
	}
	before, err1 := f.Occupancy(e.Kind.Threads(), 0)
	err2 := f.PreferShared(100)
	after, err3 := f.Occupancy(e.Kind.Threads(), 0)
	fmt.Println(before, after, errors.Join(err1, err2, err3))
}

// Shared memory, registers and threads bound the blocks of an SM. On Turing it is
// shared memory for multi-version searches.
func TestOccupancy(t *testing.T) {
	for _, tt := range []struct{ capability, entry, want string }{
		{"7.5", "roll_a", "2 4"},
		{"8.0", "roll_a", "1 6"},
		{"8.6", "roll_a", "1 6"},
		{"9.0", "roll_a", "1 6"},
		{"7.5", "scan_a", "4 4"},
		{"9.0", "verify", "7 7"},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "EMULATOR_CHILD=1", "EMULATOR_OCCUPANCY="+tt.entry, cuda.LibraryVariable+"="+Build(t),
			"STELE_EMU_FAULT=", "STELE_EMU_DEVICES=1", "STELE_EMU_CC="+tt.capability)
		out, err := cmd.CombinedOutput()
		if want := tt.want + " <nil>\n"; err != nil || string(out) != want {
			t.Errorf("%s of sm_%s: %v, %q, want %q", tt.entry, tt.capability, err, out, want)
		}
	}
}
