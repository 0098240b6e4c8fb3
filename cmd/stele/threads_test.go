package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/commands"
	"stele/engine/host"
)

// full is a standard output on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputFails(t *testing.T) {
	var stderr bytes.Buffer
	app := cmdline.NewApp("", nil, full{}, &stderr, commands.All()...)
	got := cmdline.Run(t.Context(), app, []string{"stele", "devices"})
	if got != cmdline.ExitFailed || stderr.String() != "stele: standard output: no space left\n" {
		t.Errorf("exit code %d, stderr %q", got, stderr.String())
	}
}

// The commands use as many threads as the CPU quota allows.
func TestThreadsFitQuota(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "") // restored in the end
	if err := os.Unsetenv("GOMAXPROCS"); err != nil {
		t.Fatal(err)
	}
	limits := host.Limits{CPUs: 64, Quota: 3.5}
	host.FitProcessors(limits)
	output := func(args ...string) []byte {
		var stdout, stderr bytes.Buffer
		if code := cmdline.Run(t.Context(), cmdline.NewApp("", strings.NewReader(""), &stdout, &stderr, commands.All()...), append([]string{"stele"}, args...)); code != cmdline.ExitGood {
			t.Fatalf("%q: exit code %d: %s", args, code, stderr.String())
		}
		return stdout.Bytes()
	}
	var devices struct{ Devices []struct{ Threads int } }
	if err := json.Unmarshal(output("devices", "--json"), &devices); err != nil {
		t.Fatal(err)
	}
	if got := devices.Devices[0].Threads; got != 3 {
		t.Errorf("the CPU has %d threads, want 3", got)
	}
	var result struct {
		Environment struct {
			Threads int
			Devices []struct{ Threads int }
		}
		Cases []struct{ Threads int }
	}
	if err := json.Unmarshal(output("bench", "--mode", "verify", "--device", "cpu", "--duration", "100ms", "--no-history", "--json"), &result); err != nil {
		t.Fatal(err)
	}
	if c := result.Cases; result.Environment.Threads != 3 || len(c) != 3 || c[1].Threads != 1 || c[2].Threads != 3 {
		t.Errorf("bench: %+v, want cases with 1 and with 3 threads", result)
	}
	if d := result.Environment.Devices; len(d) != 1 || d[0].Threads != 3 {
		t.Errorf("bench describes the devices as %+v, want one of 3 threads", d)
	}
}
