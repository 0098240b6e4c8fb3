//go:build linux && cuda && cgo

package cuda

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

const image = ".version 6.4\n.visible .entry echo(\n.visible .entry fault(\n"

// open opens a device of the driver of testdata/driver.c.
func open(t *testing.T, index int, flags ...string) *Context {
	t.Helper()
	use(t, flags...)
	devices, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	c, err := devices[index].Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// must returns a value and fails the test if there is an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLaunch(t *testing.T) {
	c := open(t, 0)
	m, log, err := c.LoadPTX([]byte(image))
	ok(t, err)
	if want := "compiled 58 characters"; log != want {
		t.Errorf("log %q, want %q", log, want)
	}
	f := must[*Function](t)(m.Function("echo"))
	s := must[*Stream](t)(c.NewStream())
	const size = 7*4 + 1 + 600 + 3
	p := must[DevicePtr](t)(c.Alloc(size))
	host := must[[]byte](t)(c.HostAlloc(size))

	big := make([]byte, 600)
	for i := range big {
		big[i] = byte(i * 7)
	}
	want := make([]byte, 0, size)
	for _, n := range []uint32{5, 6, 7, 8, 9, 10, 11} {
		want = binary.LittleEndian.AppendUint32(want, n)
	}
	want = append(append(append(want, 42), big...), 1, 2, 3)

	ok(t, s.Launch(f, [3]int{5, 6, 7}, [3]int{8, 9, 10}, 11,
		binary.LittleEndian.AppendUint64(nil, uint64(p)), []byte{42}, big, []byte{1, 2, 3}))
	ok(t, s.CopyToHostAsync(host, p))
	ok(t, s.Synchronize())
	if !bytes.Equal(host, want) {
		t.Errorf("the kernel got\n% x\nwant\n% x", host, want)
	}

	ok(t, c.HostFree(host))
	ok(t, c.Free(p))
	ok(t, s.Close())
	ok(t, m.Unload())
}

func TestLaunchArguments(t *testing.T) {
	c := open(t, 0)
	m, _, err := c.LoadPTX([]byte(image + "\x00"))
	ok(t, err)
	f := must[*Function](t)(m.Function("fault"))
	s := must[*Stream](t)(c.NewStream())
	one := [3]int{1, 1, 1}
	many := func(n, size int) [][]byte {
		p := make([][]byte, n)
		for i := range p {
			p[i] = make([]byte, size)
		}
		return p
	}
	for _, x := range []struct {
		name        string
		grid, block [3]int
		shared      int
		params      [][]byte
		ok          bool
	}{
		{"none", one, one, 0, nil, true},
		{"as many as fit", one, one, 0, many(64, 64), true},
		{"one of the most bytes", one, one, 0, many(1, 4096), true},
		{"too many", one, one, 0, many(65, 1), false},
		{"too big", one, one, 0, many(1, 4097), false},
		{"too big together", one, one, 0, many(2, 2049), false},
		{"empty", one, one, 0, many(1, 0), false},
		{"no blocks", [3]int{1, 0, 1}, one, 0, nil, false},
		{"negative threads", one, [3]int{-1, 1, 1}, 0, nil, false},
		{"blocks beyond 32 bits", [3]int{1 << 32, 1, 1}, one, 0, nil, false},
		{"negative shared memory", one, one, -1, nil, false},
	} {
		err := s.Launch(f, x.grid, x.block, x.shared, x.params...)
		if x.ok && err != nil || !x.ok && !errors.Is(err, ErrInvalidValue) {
			t.Errorf("%s: %v", x.name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "kernel fault") {
			t.Errorf("%s: the error does not name the kernel: %v", x.name, err)
		}
	}
}

func TestFailures(t *testing.T) {
	c := open(t, 0)
	m, _, err := c.LoadPTX([]byte(image))
	ok(t, err)

	if _, err := m.Function("absent"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "absent") {
		t.Errorf("a kernel that does not exist: %v", err)
	}
	for _, bad := range []string{"", "\x00", "nonsense"} {
		m, log, err := c.LoadPTX([]byte(bad))
		if m != nil || !errors.Is(err, ErrInvalidImage) {
			t.Errorf("image %q: %v, %v", bad, m, err)
		}
		if bad == "nonsense" && (!strings.HasSuffix(err.Error(), "Missing .version directive") || !strings.HasSuffix(log, "ptxas fatal")) {
			t.Errorf("image %q: %v, log %q", bad, err, log)
		}
	}
	for _, n := range []int{0, -1} {
		if _, err := c.Alloc(n); !errors.Is(err, ErrInvalidValue) {
			t.Errorf("Alloc(%d): %v", n, err)
		}
		if _, err := c.HostAlloc(n); !errors.Is(err, ErrInvalidValue) {
			t.Errorf("HostAlloc(%d): %v", n, err)
		}
	}

	// Waiting returns the error of a launch that failed, which is sticky.
	f := must[*Function](t)(m.Function("fault"))
	s := must[*Stream](t)(c.NewStream())
	one := [3]int{1, 1, 1}
	ok(t, s.Launch(f, one, one, 0))
	err = s.Synchronize()
	var e *Error
	if !errors.Is(err, ErrLaunchFailed) || !IsSticky(err) || !errors.As(err, &e) || e.Call != "cuStreamSynchronize" || e.Code != 719 {
		t.Errorf("a failed launch: %v", err)
	}
}

func TestOutOfMemory(t *testing.T) {
	c := open(t, 0, "-DFAIL_cuMemAlloc=2")
	_, err := c.Alloc(1 << 20)
	if want := "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory, says the driver; stop other programs"; !errors.Is(err, ErrOutOfMemory) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Alloc: %v", err)
	}
}

// A context that exists already keeps its flags, and works.
func TestContextInUse(t *testing.T) {
	c := open(t, 0, "-DFAIL_cuDevicePrimaryCtxSetFlags=708")
	must[DevicePtr](t)(c.Alloc(1))
}

func TestOpenFailures(t *testing.T) {
	for flag, kind := range map[string]error{
		"-DFAIL_cuDevicePrimaryCtxSetFlags=800": ErrNotPermitted,
		"-DFAIL_cuDevicePrimaryCtxRetain=46":    ErrDeviceLost,
		"-DFAIL_cuDevicePrimaryCtxRetain=2":     ErrOutOfMemory,
	} {
		use(t, flag)
		if c, err := (Device{}).Open(); c != nil || !errors.Is(err, kind) {
			t.Errorf("Open with %s: %v, want %v", flag, err, kind)
		}
	}
}

func TestMemory(t *testing.T) {
	c := open(t, 0)
	s := must[*Stream](t)(c.NewStream())
	p := must[DevicePtr](t)(c.Alloc(8))
	host := must[[]byte](t)(c.HostAlloc(8))
	if len(host) != 8 || cap(host) != 8 {
		t.Errorf("HostAlloc(8) has length %d and capacity %d", len(host), cap(host))
	}
	copy(host, "abcdefgh")
	ok(t, s.CopyToDeviceAsync(p, host))
	ok(t, s.MemsetAsync(p+2, 'x', 3))
	ok(t, s.MemsetAsync(p, 'y', 0))
	ok(t, s.CopyToDeviceAsync(p, nil))
	ok(t, s.CopyToHostAsync(nil, p))
	clear(host)
	ok(t, s.CopyToHostAsync(host[1:], p))
	ok(t, s.Synchronize())
	if want := "\x00abxxxfg"; string(host) != want {
		t.Errorf("got %q, want %q", host, want)
	}
	if err := s.MemsetAsync(p, 0, -1); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("MemsetAsync of -1 bytes: %v", err)
	}
	free, total, err := c.MemoryInfo()
	if free != 8<<30 || total != 16<<30 || err != nil {
		t.Errorf("MemoryInfo: %d, %d, %v", free, total, err)
	}
	ok(t, c.HostFree(host))
	ok(t, c.Free(p))
}

func TestFunction(t *testing.T) {
	c := open(t, 0)
	m, _, err := c.LoadPTX([]byte(image))
	ok(t, err)
	f := must[*Function](t)(m.Function("echo"))
	if f.Name() != "echo" {
		t.Errorf("name %q", f.Name())
	}
	got := must[FunctionAttributes](t)(f.Attributes()) // 10 + the number of the attribute
	want := FunctionAttributes{MaxThreads: 10, SharedBytes: 11, ConstBytes: 12, LocalBytes: 13, Registers: 14, PTX: 15, Binary: 16}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n := must[int](t)(f.Occupancy(256, 3)); n != 2048/256-3 {
		t.Errorf("occupancy %d", n)
	}
	ok(t, f.PreferShared(100))
	if err := f.PreferShared(101); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("101 %% of shared memory: %v", err)
	}
}

func TestEvents(t *testing.T) {
	c := open(t, 0)
	s := must[*Stream](t)(c.NewStream())
	a, b := must[*Event](t)(c.NewEvent(true)), must[*Event](t)(c.NewEvent(true))
	ok(t, a.Record(s))
	for i, want := range []bool{false, true, true} { // the driver of the test needs asking twice
		if done, err := a.Done(); done != want || err != nil {
			t.Errorf("asked %d times: %v, %v", i, done, err)
		}
	}
	ok(t, s.Wait(a))
	ok(t, b.Record(s))
	ok(t, b.Synchronize())
	if d := must[time.Duration](t)(Elapsed(a, b)); d != 1500*time.Microsecond {
		t.Errorf("elapsed %v", d)
	}
	plain := must[*Event](t)(c.NewEvent(false))
	if _, err := Elapsed(a, plain); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("time of an event without: %v", err)
	}
	for _, e := range []*Event{a, b, plain} {
		ok(t, e.Close())
	}
}

// Contexts of two devices, used by many goroutines, do not mix: the test driver
// reports the memory of the device whose context is current.
func TestManyThreads(t *testing.T) {
	use(t)
	devices := must[[]Device](t)(Devices())
	var contexts []*Context
	for _, d := range devices {
		contexts = append(contexts, must[*Context](t)(d.Open()))
	}
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			c := contexts[i%2]
			for range 200 {
				if _, total, err := c.MemoryInfo(); err != nil || total != c.Device().Memory {
					t.Errorf("device %d: %d bytes, %v", c.Device().Index, total, err)
					return
				}
			}
		})
	}
	g.Wait()
	for _, c := range contexts {
		ok(t, c.Close())
	}
}

func TestClose(t *testing.T) {
	c := open(t, 1)
	s := must[*Stream](t)(c.NewStream())
	e := must[*Event](t)(c.NewEvent(false))
	m, _, err := c.LoadPTX([]byte(image))
	ok(t, err)
	f := must[*Function](t)(m.Function("echo"))
	ok(t, c.Close())
	ok(t, c.Close())
	one := [3]int{1, 1, 1}
	for name, f := range map[string]func() error{
		"Alloc":       func() error { _, err := c.Alloc(1); return err },
		"Free":        func() error { return c.Free(1) },
		"LoadPTX":     func() error { _, _, err := c.LoadPTX([]byte(image)); return err },
		"Launch":      func() error { return s.Launch(f, one, one, 0) },
		"Synchronize": s.Synchronize,
		"Done":        func() error { _, err := e.Done(); return err },
		"Unload":      m.Unload,
	} {
		if err := f(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}

	// Another Open works, and Reset takes the context away from its holder.
	c = must[*Context](t)(c.Device().Open())
	must[DevicePtr](t)(c.Alloc(1))
	ok(t, c.Device().Reset())
	if _, err := c.Alloc(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Alloc after Reset: %v", err)
	}
}
