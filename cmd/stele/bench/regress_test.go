package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stele/bench"
	"stele/bench/history"
	"stele/cmd/stele/internal/cmdline"
	"stele/engine"
)

// nightly returns the result of a night in which one case has a rate relative to usual.
func nightly(night int, rate float64) *bench.Result {
	specs := []bench.Spec{
		{Mode: bench.Search, Device: "cpu", Kernel: bench.Reference, Threads: 1},
		{Mode: bench.Search, Device: "cpu", Kernel: "avx2", Threads: 1},
	}
	var cases []bench.Case
	var samples [][]bench.Sample
	for i, spec := range specs {
		factor := 1 + 0.01*float64((night*7+i*3)%5-2) // what differs between nights
		if i == 1 {
			factor *= rate
		}
		var slices []bench.Sample
		for j := range 30 {
			slices = append(slices, bench.Sample{Items: 1e6, Seconds: 0.02 * (1 + 0.001*float64(j%7)) / factor, Probe: 1, CPU: 1})
		}
		cases, samples = append(cases, bench.Case{Spec: spec}), append(samples, slices)
	}
	env := bench.Environment{Label: "rig 7", Version: fmt.Sprint("v", night), Go: "go1.26", Devices: []engine.Info{}}
	started := time.Date(2026, 1, 1+night, 2, 0, 0, 0, time.UTC)
	return bench.New(started, env, bench.Settings{Mode: "search"}, cases, bench.Measured{Samples: samples, Failed: make([]error, 2), Timing: bench.Timing{Settled: true}})
}

// The exit code says whether the newest result is worse.
func TestRegress(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) (code int, stdout, stderr string) {
		var out, err bytes.Buffer
		app := cmdline.NewApp("", strings.NewReader(""), &out, &err, Command())
		code = cmdline.Run(t.Context(), app, append([]string{"stele", "bench", "regress", "--history", dir}, args...))
		return code, out.String(), err.String()
	}
	for night, tt := range []struct {
		rate float64
		args string
		code int
		want string
	}{
		{1, "", cmdline.ExitFailed, "cannot tell: 0 earlier runs "}, {1, "", cmdline.ExitFailed, ""}, {1, "", cmdline.ExitFailed, ""}, {1, "", cmdline.ExitFailed, ""},
		{1, "", cmdline.ExitFailed, "cannot tell: 4 earlier runs "}, {1, "", cmdline.ExitGood, "no clear change\n"}, {1, "", cmdline.ExitGood, ""},
		{0.8, "", cmdline.ExitFoundWrong, "slower: search/cpu/1 by 2"}, {1.2, "", cmdline.ExitGood, ""}, {1, "--baseline 5", cmdline.ExitGood, ""},
		{0.9, "--case search/cpu/reference/1", cmdline.ExitGood, ""}, {1, "--case search/cpu/9", cmdline.ExitFailed, `cannot tell: the result has no case "search/cpu/9"`},
	} {
		if _, err := history.Open(dir).Add(nightly(night, tt.rate)); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := run(strings.Fields(tt.args)...)
		if code != tt.code || !strings.HasPrefix(stdout, tt.want) || (code == cmdline.ExitFailed) != (stderr != "") {
			t.Errorf("night %d: exit code %d, %q\n%s", night, code, stderr, stdout)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run("--json", "--confidence", "0.5")
	if code == cmdline.ExitFailed || !strings.HasPrefix(stdout, `{"verdict":"`) || !strings.HasPrefix(stderr, "skipped: ") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}
