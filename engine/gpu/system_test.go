package gpu

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stele/cgo/cuda"
	kernels "stele/kernels/cuda"
	"stele/kernels/simd"
)

// openAll opens the GPUs of f, all of which must be good.
func openAll(t *testing.T, f *fake, opts Options) []*Device {
	t.Helper()
	devices, absent := open(f.system, opts)
	if len(absent) > 0 {
		t.Errorf("absent: %v", absent)
	}
	t.Cleanup(func() {
		for _, d := range devices {
			_ = d.Close()
		}
	})
	return devices
}

// inBubble runs a test that measures in a bubble of synctest, with launches that
// take a fixed time and small GPUs: so a tuning launches and hashes little.
func inBubble(t *testing.T, n int, test func(t *testing.T, f *fake)) {
	t.Helper()
	if _, err := simd.Best(); err != nil { // it measures too, for which a bubble has no time
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake(n)
		for i := range f.list {
			f.list[i].SMs = 1
		}
		f.slow = func(string) time.Duration { return 40 * time.Millisecond }
		test(t, f)
	})
}

// GPUs are opened side by side: each waits here until all are being opened.
func TestOpenSideBySide(t *testing.T) {
	f := newFake(8)
	var together sync.WaitGroup
	together.Add(len(f.list))
	f.before = func(call string) {
		if call == "open" {
			together.Done()
			together.Wait()
		}
	}
	opts := quick()
	opts.Deadline = time.Minute // Open hangs for longer if they do not meet
	for i, d := range openAll(t, f, opts) {
		if got := d.Info().ID; got != id(f.list[i]) {
			t.Errorf("device %d is %s", i, got)
		}
	}
}

// opened returns how many kernels are loaded when a GPU is opened and tuned: all but one
// of the two that check headers, and the two that hash blocks.
func opened() int { return len(kernels.Entries()) - 1 - 2 }

// Equal GPUs are tuned once, those of another power limit or model for
// themselves.
func TestTuneOnceForEqualGPUs(t *testing.T) { inBubble(t, 4, testTuneOnceForEqualGPUs) }

func testTuneOnceForEqualGPUs(t *testing.T, f *fake) {
	f.limits[2], f.list[3].Name = 250, "Other GPU"
	devices := openAll(t, f, Options{CacheDir: t.TempDir(), SpotCheck: -1})
	if n, want := f.count("load"), 3*opened()+4; n != want { // the fourth: scan, roll, verify, link
		t.Errorf("%d kernels loaded, want %d", n, want)
	}
	if a, b := devices[0].session, devices[1].session; a.singleVersion.used.Load().shape != b.singleVersion.used.Load().shape || a.multiVersion.used.Load().shape != b.multiVersion.used.Load().shape {
		t.Errorf("equal GPUs use %+v and %+v, %+v and %+v", a.singleVersion.used.Load().shape, b.singleVersion.used.Load().shape, a.multiVersion.used.Load().shape, b.multiVersion.used.Load().shape)
	}
}

// A tuning that fails leaves the next GPU to tune for itself.
func TestTuneFails(t *testing.T) { inBubble(t, 2, testTuneFails) }

func testTuneFails(t *testing.T, f *fake) {
	f.faultAt = 40 // in the tuning of the first
	f.fault = func(string) error { return errBroken }
	devices, absent := open(f.system, Options{CacheDir: t.TempDir(), SpotCheck: -1})
	if len(devices) != 1 || len(absent) != 1 || devices[0].session.singleVersion.used.Load().rate.Load() == 0 {
		t.Errorf("%d devices, absent %v", len(devices), absent)
	}
	for _, d := range devices {
		_ = d.Close()
	}
	f.checkReleased(t)
}

// A kernel that the driver rejects is left out with a warning. Only where none of
// a kind is left, or the context is broken, the GPU is absent.
func TestRefusedKernels(t *testing.T) {
	invalid := &cuda.Error{Call: "cuModuleLoadDataEx", Code: 218, Name: "CUDA_ERROR_INVALID_PTX"}
	broken := &cuda.Error{Call: "cuModuleLoadDataEx", Code: 719, Name: "CUDA_ERROR_LAUNCH_FAILED", Sticky: true}
	taken := []string{"scan_b", "scan_e", "roll_b", "roll_e", "verify_e", "link"}
	for _, tt := range []struct {
		name   string
		noTune bool
		but    string // of those accepted, rejected too
		broken string // the context is broken by this one
		want   error
	}{
		{"tuned", false, "", "", nil},
		{"not tuned", true, "", "", nil},
		{"no search kernel", false, "scan", "", invalid},
		{"no search kernel, not tuned", true, "roll", "", invalid},
		{"no check of headers", true, "verify", "", invalid},
		{"broken", false, "", "scan_a", broken},
		{"broken, not tuned", true, "", "roll_a", broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, f *fake) {
				rejects := 0
				f.loading = func(e kernels.Entry) error {
					switch {
					case e.Name == tt.broken:
						return broken
					case slices.Contains(taken, e.Name) && (tt.but == "" || !strings.HasPrefix(e.Name, tt.but)):
						return nil
					}
					rejects++
					return invalid
				}
				var log bytes.Buffer
				opts := Options{NoTune: tt.noTune, CacheDir: t.TempDir(), SpotCheck: -1, Log: slog.New(slog.NewTextHandler(&log, nil))}
				rolls := tuning{shape: shape{Entry: "roll_b", Blocks: 1}} // measured before: it would take most of the time
				if err := writeCache(cacheFile(opts.CacheDir), cacheKey(f.list[0], f.version(), 0, kernels.Roll, ""), rolls); err != nil {
					t.Fatal(err)
				}
				devices, absent := open(f.system, opts)
				if tt.want != nil {
					if len(devices) != 0 || !errors.Is(absent[0].Err, tt.want) || !strings.Contains(absent[0].Err.Error(), "kernel "+tt.but+tt.broken) {
						t.Errorf("%d devices, absent %v", len(devices), absent)
					}
					f.checkReleased(t)
					return
				}
				if len(devices) != 1 {
					t.Fatalf("absent %v", absent)
				}
				info := devices[0].Info()
				for _, used := range []string{info.SearchKernel, info.RollKernel, info.VerifyKernel} {
					if !slices.Contains(taken, used) {
						t.Errorf("%s is used", used)
					}
				}
				text := log.String()
				if strings.Count(text, "\n") != rejects || strings.Count(text, "CUDA_ERROR_INVALID_PTX") != rejects || strings.Count(text, "kernel=scan_a ") != 1 || strings.Count(text, "kernel=verify ") != 1 {
					t.Errorf("%d kernels were rejected, log:\n%s", rejects, text)
				}
				if err := devices[0].Close(); err != nil {
					t.Error(err)
				}
				f.checkReleased(t)
			})
		})
	}
}

// Devices of one GPU load each kernel once, of the two that check headers the one
// that they use, and the last one releases it.
func TestKernelsAreLoadedOnce(t *testing.T) {
	f := newFake(1)
	var devices []*Device
	for _, name := range SearchKernels() {
		opts := quick()
		opts.Kernel = name
		devices = append(devices, openAll(t, f, opts)...)
	}
	for _, name := range MultiVersionKernels() {
		opts := quick()
		opts.RollKernel = name
		devices = append(devices, openAll(t, f, opts)...)
	}
	if loads, all := f.count("load"), opened(); loads != all || f.count("open") != 1 {
		t.Errorf("%d kernels loaded in %d contexts, want %d in 1", loads, f.count("open"), all)
	}
	for _, d := range devices {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	f.checkReleased(t)
}

// A cache that cannot be written is reported once, with what to do.
func TestUnwritableCache(t *testing.T) { inBubble(t, 3, testUnwritableCache) }

func testUnwritableCache(t *testing.T, f *fake) {
	f.limits[1], f.limits[2] = 100, 200 // three tunings of two kernels each
	var log bytes.Buffer
	openAll(t, f, Options{CacheDir: "/dev/null/stele", SpotCheck: -1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	text := log.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "--cache") || !strings.Contains(text, "CacheDirectory=") || !strings.Contains(text, "/dev/null") {
		t.Errorf("log:\n%s", text)
	}
}

// GPUs that store what they measured at the same time lose nothing.
func TestStoreSideBySide(t *testing.T) {
	f := newFake(1)
	opts := Options{Log: slog.New(slog.DiscardHandler)}
	file := filepath.Join(t.TempDir(), "cache", "autotune.json")
	want := map[string]tuning{}
	var stored sync.WaitGroup
	for i := range 32 {
		key, measured := fmt.Sprintf("GPU %d", i), tuning{shape: shape{Entry: "scan_a", Blocks: i + 1}}
		want[key] = measured
		stored.Go(func() { (&session{system: f.system}).store(opts, file, key, measured) })
	}
	stored.Wait()
	if got := readCache(file); !maps.Equal(got, want) {
		t.Errorf("%d of %d are stored", len(got), len(want))
	}
}

// Retune measures again and stores what it finds, once in a process.
func TestRetune(t *testing.T) { inBubble(t, 2, testRetune) }

func testRetune(t *testing.T, f *fake) {
	opts := Options{CacheDir: filepath.Join(t.TempDir(), "cache"), SpotCheck: -1}
	file, key := cacheFile(opts.CacheDir), cacheKey(f.list[0], f.version(), 0, kernels.Scan, "")
	old := shape{Entry: "scan_b", Blocks: 999}
	if err := writeCache(file, key, tuning{shape: old}); err != nil {
		t.Fatal(err)
	}
	if d := openAll(t, f, opts)[0]; d.session.singleVersion.used.Load().shape != old {
		t.Errorf("%+v is not what the cache says", d.session.singleVersion.used.Load().shape)
	}
	f.system = newSystem(fakeDriver{f})
	opts.Retune = true
	before := f.count("load")
	d := openAll(t, f, opts)[0]
	if got := readCache(file)[key].shape; got == old || got != d.session.singleVersion.used.Load().shape {
		t.Errorf("%+v is stored, %+v in use", got, d.session.singleVersion.used.Load().shape)
	}
	if loads, want := f.count("load")-before, opened()+4; loads != want {
		t.Errorf("%d kernels loaded, want %d", loads, want)
	}
}

// The list of GPUs opens none.
func TestList(t *testing.T) { inBubble(t, 3, testList) }

func testList(t *testing.T, f *fake) {
	f.list[1].Major, f.list[1].Minor = 7, 0
	opts := Options{CacheDir: t.TempDir(), SpotCheck: -1}
	infos, absent := describe(f.system, opts)
	if len(infos) != 2 || len(absent) != 1 || absent[0].ID != "cuda:1" || infos[1].ID != "cuda:2" ||
		infos[1].SearchKernel != "" || infos[1].RollKernel != "" || infos[1].VerifyKernel != "verify" {
		t.Errorf("%+v, absent %v", infos, absent)
	}
	if f.count("open")+f.count("load") > 0 {
		t.Errorf("calls %v", f.calls)
	}
	devices, _ := open(f.system, opts)
	for _, d := range devices {
		_ = d.Close()
	}
	infos, _ = describe(f.system, opts)
	if want := devices[0].Info(); infos[0].SearchKernel != want.SearchKernel || infos[0].RollKernel != want.RollKernel {
		t.Errorf("%+v, want the kernels of %+v", infos[0], want)
	}
}
