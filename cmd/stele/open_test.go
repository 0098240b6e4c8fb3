package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"stele/engine/host"
)

// The commands take as many threads as fit the CPU quota.
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
		if code := run(t.Context(), newApp(strings.NewReader(""), &stdout, &stderr), append([]string{"stele"}, args...)); code != exitGood {
			t.Fatalf("%q: exit code %d: %s", args, code, stderr.String())
		}
		return stdout.Bytes()
	}
	var devices devicesResult
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
	if err := json.Unmarshal(output("bench", "--mode", "verify", "--device", "cpu", "--duration", "100ms", "--json"), &result); err != nil {
		t.Fatal(err)
	}
	if c := result.Cases; result.Environment.Threads != 3 || len(c) != 3 || c[1].Threads != 1 || c[2].Threads != 3 {
		t.Errorf("bench: %+v, want cases with 1 and with 3 threads", result)
	}
	if d := result.Environment.Devices; len(d) != 1 || d[0].Threads != 3 {
		t.Errorf("bench describes the devices as %+v, want one of 3 threads", d)
	}
}
