//go:build linux && cuda && cgo

package gpucheck

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/cgo/cuda/emulator"
	kernels "stele/kernels/cuda"
)

// Each part is a process of its own: this test binary.
func TestMain(m *testing.M) {
	if part := os.Getenv("GPUCHECK_PART"); part != "" {
		// GPUCHECK_FAULT is a rule for the emulated driver of one part.
		if name, rule, _ := strings.Cut(os.Getenv("GPUCHECK_FAULT"), "="); name == part {
			os.Setenv("STELE_EMU_FAULT", rule)
		}
		opts := small()
		opts.Log = os.Stderr
		if slice := os.Getenv("GPUCHECK_SLICE"); slice != "" {
			opts.Slice, _ = time.ParseDuration(slice)
		}
		if err := Child(context.Background(), part, opts); err != nil {
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

func small() Options {
	return Options{Small: true, Slice: time.Millisecond, Soak: time.Second}
}

// check runs what opts say on an emulated driver with this environment.
func check(t *testing.T, opts Options, env ...string) (*Report, string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env = append(append(os.Environ(), "STELE_CUDA_LIB="+emulator.Build(t), "XDG_CACHE_HOME="+t.TempDir(), "STELE_EMU_SMS=1"), env...)
	var log strings.Builder
	opts.Log = &log
	opts.Child = func(ctx context.Context, part string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, exe)
		cmd.Env = append(slices.Clip(env), "GPUCHECK_PART="+part)
		return cmd
	}
	saved := 0
	opts.Save = func(rep *Report) error {
		saved++
		return nil
	}
	rep, err := Run(t.Context(), "test", opts)
	if rep != nil {
		ran := 0
		for _, p := range rep.Parts {
			if p.State != Waiting {
				ran++
			}
		}
		if saved != ran {
			t.Errorf("%d parts ran and the report was saved %d times", ran, saved)
		}
	}
	return rep, log.String(), err
}

// part finds a part of the report.
func part(t *testing.T, rep *Report, name string) Part {
	t.Helper()
	i := slices.IndexFunc(rep.Parts, func(p Part) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no part %q in %+v", name, rep.Parts)
	}
	return rep.Parts[i]
}

func TestRun(t *testing.T) {
	rep, stderr, err := check(t, small())
	if err != nil {
		t.Fatal(err, stderr)
	}
	if !rep.Good || len(rep.Faults) > 0 || rep.Schema != Schema {
		t.Errorf("not good: %q", rep.Faults)
	}
	for _, p := range rep.Parts {
		if p.State != Done || p.Error != "" || p.Seconds <= 0 || p.Name != "device" && p.Sensors == "" {
			t.Errorf("%+v", p)
		}
	}
	if len(rep.Entries) < 10 {
		t.Errorf("%d entries", len(rep.Entries))
	}
	for _, e := range rep.Entries {
		if e.Wrong != 0 || e.Checked == 0 || e.Kind != kernels.Link && (e.Rate <= 0 || len(e.Rates) == 0 || e.ClockOf != "highest") || !e.Kind.IsBoundByBus() && e.Bound <= 0 {
			t.Errorf("%+v", e)
		}
	}
	if rep.Copy.HeadersPerSecond <= 0 || rep.Copy.HostBytesPerSecond <= 0 || rep.Copy.Checked == 0 || len(rep.Switch) != 2 {
		t.Errorf("copy %+v, switch %+v", rep.Copy, rep.Switch)
	}
	if b := rep.Blocks; b.Checked == 0 || b.BytesPerSecond <= 0 || b.CPUBytesPerSecond <= 0 || len(b.Rates) != 11 {
		t.Errorf("blocks %+v", b)
	}
	if s := rep.Soak; s.Hashes == 0 || s.Compared == 0 || s.Found == 0 || s.Missed+s.Wrong > 0 || s.State != "ok" {
		t.Errorf("soak %+v", s)
	}
	exact := 0
	for _, f := range rep.Figures {
		if f.Name == "wrong answers" || f.Name == "missed hits" {
			if exact++; f.Value != 0 || !f.Met {
				t.Errorf("%+v", f)
			}
		}
	}
	if exact != 2 || len(rep.Figures) < 12 {
		t.Errorf("figures %+v", rep.Figures)
	}
}

// A GPU that lies must not pass.
func TestWrongAnswers(t *testing.T) {
	for _, fault := range []string{"kernel:*:lost-hit", "kernel:*:wrong-hit"} {
		rep, stderr, err := check(t, small(), "STELE_EMU_FAULT="+fault)
		if err != nil {
			t.Fatal(err, stderr)
		}
		if rep.Good || len(rep.Faults) == 0 {
			t.Errorf("%s: passed: %s", fault, stderr)
		}
		for _, e := range rep.Entries {
			if e.Wrong == 0 {
				t.Errorf("%s: %s passed", fault, e.Name)
			}
		}
	}
}

func TestNoDevice(t *testing.T) {
	rep, _, err := check(t, small(), "STELE_EMU_DEVICES=0")
	if err == nil || rep.Good || part(t, rep, "device").Error == "" || part(t, rep, "soak").State != Waiting || rep.Driver.InitCode != 100 {
		t.Errorf("no device: %v, %+v", err, rep.Parts)
	}
}

// A kernel that does not compile, fails in its launch, hangs, or kills its
// process is in the report with the reason, and touches no other.
func TestPartFails(t *testing.T) {
	opts := small()
	opts.Only, opts.Deadline = []string{"scan_a", "scan_b", "verify"}, 6*time.Second
	for _, c := range []struct{ fault, want string }{
		{"cuModuleLoadDataEx:1:218", "CUDA_ERROR_INVALID_PTX"},
		{"kernel:1:719", "CUDA_ERROR_LAUNCH_FAILED"},
		{"kernel:1:hang", "no answer within 6s"},
		{"cuModuleLoadDataEx:1:hang", "no answer within 6s"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			rep, log, err := check(t, opts, "GPUCHECK_FAULT=scan_a="+c.fault)
			if err != nil || rep.Good || len(rep.Faults) > 0 {
				t.Errorf("good %t, %q, %v, %s", rep.Good, rep.Faults, err, log)
			}
			if p := part(t, rep, "scan_a"); p.State != Failed || !strings.Contains(p.Error, c.want) {
				t.Errorf("%+v", p)
			}
			for _, name := range []string{"scan_b", "verify"} {
				if p := part(t, rep, name); p.State != Done || rep.entry(name).Checked == 0 {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// The parts that use the device do so without a kernel that does not compile, and
// say so.
func TestKernelFails(t *testing.T) {
	loaded := map[string]int{} // in which place the device loads a kernel: verify_e if verify fails
	for _, kind := range []kernels.Kind{kernels.Verify, kernels.Link, kernels.Scan, kernels.Roll} {
		for _, e := range kernels.Entries() {
			if e.Kind == kind {
				loaded[e.Name] = len(loaded) + 1
			}
		}
	}
	left := []string{"verify", "scan_a", "roll_d"}
	var faults []string
	for _, name := range left {
		faults = append(faults, fmt.Sprintf("cuModuleLoadDataEx:%d:218", loaded[name]))
	}
	opts := small()
	opts.Only = []string{partBatch} // the others open the device as it does
	rep, log, err := check(t, opts, "STELE_EMU_FAULT="+strings.Join(faults, ","))
	if err != nil || !rep.Good || rep.Copy.Checked == 0 {
		t.Fatalf("%v, %+v, %q, %s", err, rep.Parts, rep.Faults, log)
	}
	for _, name := range left {
		if c := rep.Chosen; c.SearchKernel == name || c.RollKernel == name || c.VerifyKernel == name {
			t.Errorf("%+v", c)
		}
		if strings.Count(log, "kernel="+name+" ") != 1 {
			t.Errorf("%s: %s", name, log)
		}
	}
	if strings.Count(log, "level=WARN") != len(left) || strings.Count(log, "CUDA_ERROR_INVALID_PTX") != len(left) {
		t.Error(log)
	}
}

// The clock is NVML's where that is.
func TestNVML(t *testing.T) {
	dir := t.TempDir()
	cc := strings.Fields(cmp.Or(os.Getenv("CC"), "gcc"))
	args := append(cc[1:], "-shared", "-fPIC", "-O1", "-o", filepath.Join(dir, "libnvidia-ml.so.1"), "../../cgo/nvml/testdata/nvml.c")
	if out, err := exec.Command(cc[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	opts := small()
	opts.Only = []string{"scan_e"}
	rep, log, err := check(t, opts, "GPUCHECK_SLICE=80ms", "LD_LIBRARY_PATH="+dir)
	if err != nil || !rep.Good {
		t.Fatalf("%v, %s", err, log)
	}
	if e := rep.entry("scan_e"); e.ClockOf != "nvml" || e.ClockMHz != 1755 || e.Temperature != 61 || part(t, rep, "scan_e").Sensors != "nvml" {
		t.Errorf("%+v, %+v", e, rep.Parts)
	}
}

// Without NVML the clock is nvidia-smi's, whichever name of the throttle reasons
// that knows. The report says so, and why.
func TestSensors(t *testing.T) {
	for _, known := range []string{"clocks_event_reasons.active", "clocks_throttle_reasons.active"} {
		t.Run(known, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// As nvidia-smi does it: what is wrong goes to standard output.
			script := `#!/bin/sh
case "$*" in
*` + known + `*) ;;
*) echo 'Field "clocks_x" is not a valid field to query.'; exit 2 ;;
esac
while echo '1755, 512.25, 61, 0x0000000000000044'; do sleep 0.1; done
`
			if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			opts := small()
			opts.Only = []string{"scan_e"}
			rep, log, err := check(t, opts, "GPUCHECK_SLICE=80ms", "PATH="+dir+":"+os.Getenv("PATH"))
			if err != nil || !rep.Good {
				t.Fatalf("%v, %s", err, log)
			}
			e := rep.entry("scan_e")
			if e.ClockOf != "nvidia-smi" || e.ClockMHz != 1755 || e.PowerW != 512.25 || e.Temperature != 61 {
				t.Errorf("%+v", e)
			}
			if len(rep.Hardware) == 0 || !slices.Equal(rep.Hardware[0].Throttle, []string{"power-cap", "hardware-thermal"}) {
				t.Errorf("%+v", rep.Hardware)
			}
			if s := part(t, rep, "scan_e").Sensors; !strings.HasPrefix(s, "nvidia-smi (nvml: ") {
				t.Errorf("sensors %q", s)
			}
		})
	}
}
