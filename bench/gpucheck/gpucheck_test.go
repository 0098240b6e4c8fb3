//go:build linux && cuda && cgo

package gpucheck

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stele/cgo/cuda/emulator"
)

// The driver is loaded once in a process, so each case is a process of its own:
// this test binary, which runs child.
func TestMain(m *testing.M) {
	if os.Getenv("GPUCHECK_CHILD") != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

func child() {
	rep, err := Run(context.Background(), "test", Options{Small: true, Slice: time.Millisecond, Soak: time.Second})
	if err != nil {
		os.Stderr.WriteString(err.Error())
	}
	if rep == nil {
		os.Exit(2)
	}
	if err := json.NewEncoder(os.Stdout).Encode(rep); err != nil {
		os.Exit(3)
	}
}

func check(t *testing.T, env ...string) (*Report, string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "GPUCHECK_CHILD=1", "STELE_CUDA_LIB="+emulator.Build(t), "XDG_CACHE_HOME="+t.TempDir(), "STELE_EMU_SMS=1")
	cmd.Env = append(cmd.Env, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, stderr.String(), err
	}
	var rep Report
	if err := json.Unmarshal(out, &rep); err != nil {
		t.Fatal(err)
	}
	return &rep, stderr.String(), nil
}

func TestRun(t *testing.T) {
	rep, stderr, err := check(t)
	if err != nil {
		t.Fatal(err, stderr)
	}
	if !rep.Good || len(rep.Faults) > 0 || rep.Schema != Schema {
		t.Errorf("not good: %q", rep.Faults)
	}
	if len(rep.Entries) < 10 {
		t.Errorf("%d entries", len(rep.Entries))
	}
	for _, e := range rep.Entries {
		if e.Wrong != 0 || e.Checked == 0 || e.Kind != "LINK" && (e.Rate <= 0 || len(e.Rates) == 0 || e.Bound <= 0) {
			t.Errorf("%+v", e)
		}
	}
	if rep.Copy.HeadersPerSecond <= 0 || rep.Copy.HostBytesPerSecond <= 0 || rep.Copy.Checked == 0 || len(rep.Switch) != 2 {
		t.Errorf("copy %+v, switch %+v", rep.Copy, rep.Switch)
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
		rep, stderr, err := check(t, "STELE_EMU_FAULT="+fault)
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
	if _, stderr, err := check(t, "STELE_EMU_DEVICES=0"); err == nil || stderr == "" {
		t.Errorf("no device: %v, %q", err, stderr)
	}
}
