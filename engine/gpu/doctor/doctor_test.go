package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/gpu"
	"stele/engine/pow"
	"stele/kernels/sha256d"
	"stele/kernels/sig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healthy returns a machine with one GPU and no faults.
func healthy(t *testing.T) machine {
	root := t.TempDir()
	m := machine{
		root:  root,
		probe: func() cuda.Status { return cuda.Status{Library: "libcuda.so.1", Loaded: true, DriverVersion: 12040} },
		devices: func() ([]cuda.Device, error) {
			return []cuda.Device{{Name: "Fake GPU", UUID: "GPU-1", PCI: "0000:41:00.0", Major: 9, SMs: 2}}, nil
		},
		compile:      func(cuda.Device) (string, error) { return "10 compiled", nil },
		release:      func(context.Context) {},
		open:         func(gpu.Options) (engine.Device, error) { return versionScanner{Device: engine.Reference()}, nil },
		kernels:      func() []string { return []string{"scan_a"} },
		multiVersion: func() []string { return []string{"roll_a"} },
		sensors:      func(cuda.Device) (string, error) { return "40 C", nil },
		cpu: []cpuKernel{
			{name: "plain", open: func() (engine.Device, error) { return engine.Reference(), nil }},
			{name: "wide", why: "this CPU is narrow"},
		},
		messages: func() (string, error) { return "good", nil },
		verdicts: func() (string, error) { return "good", nil },
	}
	put(t, m, "sys/bus/pci/devices/0000:41:00.0/vendor", "0x10de\n")
	put(t, m, "sys/bus/pci/devices/0000:41:00.0/class", "0x030200\n")
	put(t, m, "sys/module/nvidia/version", "550.54.14\n")
	for _, node := range []string{"nvidiactl", "nvidia-uvm", "nvidia0"} {
		put(t, m, "dev/"+node, "")
	}
	return m
}

func put(t *testing.T, m machine, name, text string) {
	t.Helper()
	path := filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func drop(t *testing.T, m machine, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(m.root, name)); err != nil {
		t.Fatal(err)
	}
}

// step finds a step by its name.
func step(t *testing.T, r Report, name string) Step {
	t.Helper()
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no step %q in %+v", name, r.Steps)
	}
	return r.Steps[i]
}

func TestHealthy(t *testing.T) {
	r := walkOf(healthy(t), Options{}).run(context.Background())
	if r.Exit != 0 {
		t.Errorf("exit %d", r.Exit)
	}
	for _, s := range r.Steps {
		if want := s.Name != "known answers of wide"; (s.State == OK) != want || s.State != OK && s.Reason == "" {
			t.Errorf("%+v", s)
		}
	}
	if s := step(t, r, "compute capability"); s.Device != "cuda:0" || !strings.Contains(s.Found, "sm_90") {
		t.Errorf("%+v", s)
	}
}

// liar is a device with wrong answers.
type liar struct {
	engine.Device
	scan   func(engine.ScanResult) engine.ScanResult
	verify func([]pow.Verdict)
}

func (l liar) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (engine.ScanResult, error) {
	res, err := l.Device.Scan(ctx, job, r, early)
	if l.scan != nil {
		res = l.scan(res)
	}
	return res, err
}

func (l liar) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	err := l.Device.Verify(ctx, headers, linked, verdicts)
	if l.verify != nil {
		l.verify(verdicts)
	}
	return err
}

// versionScanner is a device that searches several versions and hashes blocks, and then
// changes the answer.
type versionScanner struct {
	engine.Device
	then   func(engine.VersionsResult) engine.VersionsResult
	hashed func(*pow.MerkleWork)
}

func (d versionScanner) Merkle(_ context.Context, w *pow.MerkleWork) error {
	w.Compute()
	if d.hashed != nil {
		d.hashed(w)
	}
	return nil
}

func (d versionScanner) ScanVersions(ctx context.Context, job *engine.Job, r pow.Range, early func([]engine.Candidate)) (res engine.VersionsResult, err error) {
	for ; res.Done < r.Count; res.Done++ {
		nonce := r.First + uint32(res.Done)
		for v := range job.Versions() {
			header := job.WithVersion(v)
			if pow.SetNonce(&header, nonce); job.Target.MetBy(pow.Sum(header[:])) {
				res.Hits = append(res.Hits, engine.Candidate{Nonce: nonce, Version: uint32(v)})
			}
		}
	}
	if d.then != nil {
		res = d.then(res)
	}
	return res, nil
}

// Each fault has its step and its class.
func TestClasses(t *testing.T) {
	status := func(change func(*cuda.Status)) func(*machine) {
		return func(m *machine) {
			s := m.probe()
			change(&s)
			m.probe = func() cuda.Status { return s }
		}
	}
	answer := func(l liar) func(*machine) {
		return func(m *machine) {
			l.Device = engine.Reference()
			m.open = func(gpu.Options) (engine.Device, error) { return l, nil }
		}
	}
	gpuError := func(err error) func(*machine) {
		return func(m *machine) {
			m.open = func(gpu.Options) (engine.Device, error) { return nil, err }
		}
	}
	tests := []struct {
		name  string
		opts  Options
		spoil func(m *machine)
		step  string
		want  Class
	}{
		{"no library", Options{}, status(func(s *cuda.Status) { *s = cuda.Status{Reason: "no file; install it"} }), "driver library", NoDriver},
		{"old", Options{}, status(func(s *cuda.Status) { s.DriverVersion, s.Reason = 10020, "too old; update" }), "driver version", DriverTooOld},
		{"no GPU in cuInit", Options{}, status(func(s *cuda.Status) { s.InitCode, s.Reason = 100, "no device" }), "driver start", NoDevice},
		{"mismatch", Options{}, status(func(s *cuda.Status) { s.InitCode, s.Reason = 803, "mismatch" }), "driver start", DriverTooOld},
		{"denied by cuInit", Options{}, status(func(s *cuda.Status) { s.InitCode, s.Reason = 304, "system call" }), "driver start", NotPermitted},
		{"no node", Options{}, func(m *machine) { drop(t, *m, "dev/nvidia0") }, "device nodes", NoDevice},
		{"no nvidia_uvm", Options{}, func(m *machine) {
			drop(t, *m, "dev/nvidia-uvm")
			status(func(s *cuda.Status) { s.InitCode, s.Reason = 3, "not started; load it" })(m)
		}, "device nodes", NoDriver},
		{"no nvidia_uvm, and the driver tried", Options{}, func(m *machine) {
			drop(t, *m, "dev/nvidia-uvm")
			status(func(s *cuda.Status) { s.InitCode, s.Reason = 999, "unknown; load it" })(m)
		}, "device nodes", NoDriver},
		{"WSL without a GPU", Options{}, func(m *machine) {
			wsl(t, *m)
			drop(t, *m, "dev/dxg")
			status(func(s *cuda.Status) { s.InitCode, s.Reason = 100, "no device" })(m)
		}, "device nodes", NoDevice},
		{"WSL without a library", Options{}, func(m *machine) {
			wsl(t, *m)
			status(func(s *cuda.Status) { *s = cuda.Status{Reason: "no file; install it"} })(m)
		}, "driver library", NoDriver},
		{"container", Options{}, func(m *machine) {
			put(t, *m, ".dockerenv", "")
			put(t, *m, "sys/fs/cgroup/devices/devices.list", "c 1:3 rwm\n")
		}, "container", NotPermitted},
		{"none", Options{}, func(m *machine) { m.devices = func() ([]cuda.Device, error) { return nil, nil } }, "devices", NoDevice},
		{"another", Options{Device: "cuda:7"}, func(*machine) {}, "devices", NoDevice},
		{"one of two", Options{Device: "cpu,cuda:0,cuda:7"}, func(*machine) {}, "devices", NoDevice},
		{"old GPU", Options{}, func(m *machine) {
			m.devices = func() ([]cuda.Device, error) { return []cuda.Device{{Major: 6, Minor: 1}}, nil }
		}, "compute capability", NoDevice},
		{"no compiler", Options{}, func(m *machine) {
			m.compile = func(cuda.Device) (string, error) { return "", fmt.Errorf("kernel x: %w", cuda.ErrInvalidImage) }
		}, "kernels", KernelLoad},
		{"no memory", Options{}, gpuError(cuda.ErrOutOfMemory), "known answers of scan_a", DeviceFailed},
		{"denied", Options{}, gpuError(cuda.ErrNotPermitted), "known answers of scan_a", NotPermitted},
		{"hangs", Options{}, gpuError(gpu.ErrHung), "known answers of scan_a", DeviceFailed},
		{"breaks", Options{}, gpuError(errors.New("broken")), "known answers of scan_a", DeviceFailed},
		{"misses one", Options{}, answer(liar{scan: func(r engine.ScanResult) engine.ScanResult {
			r.Nonces = slices.DeleteFunc(r.Nonces, func(n uint32) bool { return n == 0 })
			return r
		}}), "known answers of scan_a", WrongAnswers},
		{"stops early", Options{}, answer(liar{scan: func(r engine.ScanResult) engine.ScanResult { r.Done--; return r }}), "known answers of scan_a", WrongAnswers},
		{"wrong verdict", Options{}, answer(liar{verify: func(v []pow.Verdict) { v[1] = pow.Valid }}), "known answers of scan_a", WrongAnswers},
		{"misses a version", Options{}, func(m *machine) {
			m.open = func(gpu.Options) (engine.Device, error) {
				return versionScanner{Device: engine.Reference(), then: func(r engine.VersionsResult) engine.VersionsResult { r.Hits = r.Hits[1:]; return r }}, nil
			}
		}, "known answers of roll_a", WrongAnswers},
		{"wrong root", Options{}, func(m *machine) {
			m.open = func(gpu.Options) (engine.Device, error) {
				return versionScanner{Device: engine.Reference(), hashed: func(w *pow.MerkleWork) { w.Roots[1][0] ^= 1 }}, nil
			}
		}, "known answers of hash and merkle", WrongAnswers},
		{"has no versions", Options{}, func(m *machine) {
			m.open = func(gpu.Options) (engine.Device, error) { return engine.Reference(), nil }
		}, "known answers of roll_a", DeviceFailed},
		{"bad CPU", Options{Device: "cpu"}, func(m *machine) {
			m.cpu[0].open = func() (engine.Device, error) {
				return liar{Device: engine.Reference(), scan: func(r engine.ScanResult) engine.ScanResult { r.Nonces = nil; return r }}, nil
			}
		}, "known answers of plain", WrongAnswers},
		{"a CPU misses a version", Options{Device: "cpu"}, func(m *machine) {
			m.cpu[0].open = func() (engine.Device, error) {
				return versionScanner{Device: engine.Reference(), then: func(r engine.VersionsResult) engine.VersionsResult { r.Hits = r.Hits[1:]; return r }}, nil
			}
		}, "known answers of plain", WrongAnswers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := healthy(t)
			tt.spoil(&m)
			r := walkOf(m, tt.opts).run(context.Background())
			s := step(t, r, tt.step)
			if r.Exit != tt.want || s.State != Missing || s.Class != tt.want || s.Reason == "" || s.Fix == "" {
				t.Errorf("exit %d, want %d; %+v", r.Exit, tt.want, s)
			}
		})
	}
}

// wsl turns a machine into one of WSL2.
func wsl(t *testing.T, m machine) {
	t.Helper()
	drop(t, m, "sys")
	drop(t, m, "dev")
	put(t, m, "dev/dxg", "")
	put(t, m, "proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n")
	put(t, m, "usr/lib/wsl/lib/libcuda.so.1", "")
}

// WSL has neither a PCI bus nor NVIDIA device nodes.
func TestWSL(t *testing.T) {
	m := healthy(t)
	wsl(t, m)
	r := walkOf(m, Options{}).run(context.Background())
	if s := step(t, r, "device nodes"); r.Exit != 0 || s.State != OK || s.Found != "/dev/dxg" || step(t, r, "hardware").State != OK {
		t.Errorf("exit %d, %+v", r.Exit, s)
	}
	// Without an NVIDIA driver on Windows no GPU is missing.
	drop(t, m, "usr")
	m.probe = func() cuda.Status { return cuda.Status{Reason: "no file"} }
	if r := walkOf(m, Options{}).run(context.Background()); r.Exit != 0 || step(t, r, "hardware").State != Absent {
		t.Errorf("%+v", r)
	}
}

// A driver that was not started because nvidia_uvm is missing is not a second fault.
func TestNoUVM(t *testing.T) {
	m := healthy(t)
	drop(t, m, "dev/nvidia-uvm")
	m.probe = func() cuda.Status {
		return cuda.Status{Loaded: true, InitCode: 3, DriverVersion: 12040, Reason: "not started; load it"}
	}
	r := walkOf(m, Options{}).run(context.Background())
	if s := step(t, r, "device nodes"); r.Exit != NoDriver || s.State != Missing || !strings.Contains(s.Fix, "modprobe nvidia_uvm") {
		t.Errorf("%+v", s)
	}
	if s := step(t, r, "driver start"); s.State != Skipped {
		t.Errorf("%+v", s)
	}
}

// Exactly the devices of a list are examined.
func TestDeviceList(t *testing.T) {
	m := healthy(t)
	m.devices = func() (all []cuda.Device, err error) {
		for i := range 3 {
			all = append(all, cuda.Device{Index: i, Name: "Fake GPU", UUID: fmt.Sprintf("GPU-%d", i), Major: 9})
		}
		return all, nil
	}
	for list, want := range map[string][]string{
		"":              {"cpu", "cuda:0", "cuda:1", "cuda:2"},
		"cpu":           {"cpu"},
		"cuda":          {"cuda:0", "cuda:1", "cuda:2"},
		"cuda:2,GPU-0":  {"cuda:0", "cuda:2"},
		"cpu,cuda:1":    {"cpu", "cuda:1"},
		"cuda:1,cuda:1": {"cuda:1"},
	} {
		r := walkOf(m, Options{Device: list}).run(context.Background())
		var got []string
		for _, s := range r.Steps {
			if s.Device != "" && !slices.Contains(got, s.Device) {
				got = append(got, s.Device)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) || r.Exit != 0 {
			t.Errorf("%q: examined %q, want %q; exit %d", list, got, want, r.Exit)
		}
	}
}

// Without any sign of a GPU its absence does no harm.
func TestOnlyCPU(t *testing.T) {
	m := healthy(t)
	m.probe = func() cuda.Status { return cuda.Status{Reason: "no file"} }
	drop(t, m, "sys/bus/pci/devices/0000:41:00.0")
	drop(t, m, "dev")
	if r := walkOf(m, Options{}).run(context.Background()); r.Exit != 0 || step(t, r, "driver library").State != Absent {
		t.Errorf("%+v", r)
	}
	if r := walkOf(m, Options{Device: "cuda"}).run(context.Background()); r.Exit != NoDriver {
		t.Errorf("asked for a GPU: %+v", r)
	}
	if r := walkOf(m, Options{Device: "cpu"}).run(context.Background()); r.Exit != 0 || len(r.Steps) != 4 {
		t.Errorf("asked for the CPU: %+v", r)
	}
}

// A sensor that cannot be read is reported, and does no harm.
func TestNoSensors(t *testing.T) {
	m := healthy(t)
	m.sensors = func(cuda.Device) (string, error) { return "", errors.New("no NVML") }
	r := walkOf(m, Options{}).run(context.Background())
	if s := step(t, r, "sensors"); r.Exit != 0 || s.State != Absent || s.Reason != "no NVML" {
		t.Errorf("%+v", s)
	}
}

// A kernel for signatures that cannot run does no harm; one that gives wrong verdicts does.
func TestSignatures(t *testing.T) {
	for _, c := range []struct {
		err   error
		state State
		exit  Class
	}{
		{nil, OK, 0},
		{fmt.Errorf("narrow: %w", sig.ErrAbsent), Absent, 0},
		{fmt.Errorf("broken: %w", sig.ErrWrong), Missing, WrongAnswers},
	} {
		m := healthy(t)
		m.verdicts = func() (string, error) { return "good", c.err }
		r := walkOf(m, Options{Device: "cpu"}).run(context.Background())
		s := step(t, r, "signatures")
		if r.Exit != c.exit || s.State != c.state || s.Device != "cpu" || (s.Reason == "") != (c.err == nil) || (s.Found == "") != (c.err != nil) {
			t.Errorf("%v: exit %d, %+v", c.err, r.Exit, s)
		}
	}
}

// Wrong hashes of records are a failure.
func TestMessages(t *testing.T) {
	m := healthy(t)
	if s := step(t, walkOf(m, Options{Device: "cpu"}).run(context.Background()), "messages"); s.State != OK || s.Found != "good" || s.Device != "cpu" {
		t.Errorf("right hashes: %+v", s)
	}
	m.messages = func() (string, error) { return "", sha256d.ErrWrong }
	r := walkOf(m, Options{Device: "cpu"}).run(context.Background())
	if s := step(t, r, "messages"); r.Exit != WrongAnswers || s.State != Missing || s.Reason == "" {
		t.Errorf("wrong hashes: exit %d, %+v", r.Exit, s)
	}
}

// The CPU of this machine returns correct answers.
func TestThisCPU(t *testing.T) {
	r := Run(context.Background(), Options{Device: "cpu"})
	if r.Exit != 0 || len(r.Steps) == 0 {
		t.Errorf("%+v", r)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := healthy(t)
	m.cpu = nil
	if r := walkOf(m, Options{}).run(ctx); r.Exit == 0 {
		t.Errorf("%+v", r)
	}
}
