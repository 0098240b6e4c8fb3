//go:build linux && cuda && cgo

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stele/bench/gpucheck"
	"stele/cgo/cuda/emulator"
)

// The test binary is the program where GPUCHECK_MAIN is set; so it also is where
// the program starts itself.
func TestMain(m *testing.M) {
	if os.Getenv("GPUCHECK_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, fault string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, append([]string{"-small"}, args...)...)
	cmd.Env = append(os.Environ(), "GPUCHECK_MAIN=1", "STELE_CUDA_LIB="+emulator.Build(t), "STELE_EMU_SMS=1", "STELE_EMU_FAULT="+fault)
	return cmd
}

func readReport(t *testing.T, name string) (rep gpucheck.Report) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &rep)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func code(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name, fault, args string
		code              int
	}{
		{"good", "", "-only link", 0},
		{"wrong answers", "kernel:*:lost-hit", "-only link", 1},
		{"a part fails", "cuModuleLoadDataEx:*:218", "-only link", 2},
		{"no device", "cuInit:*:100", "-only link", 2},
		{"no such part", "", "-only lint", 2},
		{"no such device", "", "-device 7", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "report.json")
			text, err := program(t, c.fault, append(strings.Fields(c.args), "-out", out)...).CombinedOutput()
			if code(err) != c.code {
				t.Fatalf("code %d, want %d: %s", code(err), c.code, text)
			}
			if c.name != "no such part" && readReport(t, out).Good != (c.code == 0) {
				t.Errorf("%s", text)
			}
		})
	}
}

// A driver that hangs keeps nobody: the first signal ends the program after what
// it found is saved, a second one ends it at once, and no process is left.
func TestSignals(t *testing.T) {
	for _, signals := range []int{1, 2} {
		out := filepath.Join(t.TempDir(), "report.json")
		cmd := program(t, "kernel:*:hang", "-only", "link,verify", "-out", out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for saved := false; !saved; time.Sleep(10 * time.Millisecond) {
			_, err := os.Stat(out) // the device was found
			saved = err == nil
			select {
			case err := <-ended:
				t.Fatal(err)
			default:
			}
		}
		var parts []string
		for len(parts) == 0 {
			parts = children(t, cmd.Process.Pid) // it hangs, and stays
		}
		for range signals {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) // two signals at once are one
		}
		select {
		case err := <-ended:
			if want := map[int]int{1: 2, 2: -1}[signals]; code(err) != want {
				t.Errorf("%d signals: %v", signals, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%d signals and it still runs", signals)
		}
		rep := readReport(t, out)
		if rep.Good || rep.Device.UUID == "" || len(rep.Parts) != 3 || rep.Parts[2].State != gpucheck.Waiting {
			t.Errorf("%d signals: %+v", signals, rep.Parts)
		}
		if p := rep.Parts[1]; signals == 1 && (p.State != gpucheck.Failed || p.Error != "interrupted") {
			t.Errorf("%+v", p)
		}
		for _, pid := range parts {
			waitForEnd(t, pid)
		}
	}
}

// children returns the processes that a process started.
func children(t *testing.T, pid int) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread that ended has none
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// waitForEnd waits until a process is gone, or is a zombie.
func waitForEnd(t *testing.T, pid string) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return
		}
		if _, state, _ := strings.Cut(string(text), ") "); strings.HasPrefix(state, "Z") {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("process %s still runs", pid)
		}
	}
}
