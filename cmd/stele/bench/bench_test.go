package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/cmd/stele/internal/cmdline"
	"stele/engine/gpu"
)

// An interrupted run has no result and leaves no file.
func TestBenchInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	app := cmdline.NewApp("", strings.NewReader(""), &stdout, &stderr, Command())
	code := cmdline.Run(ctx, app, []string{"stele", "bench", "--out", filepath.Join(dir, "out.json"), "--json"})
	if code != cmdline.ExitFailed || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "stele: bench stopped without a result: ") {
		t.Errorf("exit code %d, standard output %q, standard error %q", code, stdout.String(), stderr.String())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// prepareOut returns the file of --out with this name.
func prepareOut(t *testing.T, name string) (*outFile, error) {
	t.Helper()
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.String("out", "", "")
	if err := set.Set("out", name); err != nil {
		t.Fatal(err)
	}
	return newOutFile(cli.NewContext(cmdline.NewApp("", strings.NewReader(""), io.Discard, io.Discard, Command()), set, nil))
}

// wholeResult reports whether text is an encoded result, and nothing else.
func wholeResult(text []byte) bool {
	var r bench.Result
	return json.Unmarshal(text, &r) == nil && r.Schema == bench.Schema
}

var someResult = &bench.Result{Schema: bench.Schema}

// A symbolic link stays, whether its target exists or not.
func TestOutFollowsLinks(t *testing.T) {
	for _, exists := range []bool{true, false} {
		dir := t.TempDir()
		target := filepath.Join(dir, "data", "target.json")
		link := filepath.Join(dir, "link.json")
		if err := errors.Join(os.Mkdir(filepath.Dir(target), 0o755), os.Symlink(filepath.Join("data", "target.json"), link)); err != nil {
			t.Fatal(err)
		}
		if exists {
			if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o, err := prepareOut(t, link)
		if err != nil {
			t.Fatal(err)
		}
		err = o.write(t.Context(), someResult)
		o.discard()
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("the link was replaced: %v, %v", info, err)
		}
		text, err := os.ReadFile(target)
		if err != nil || !wholeResult(text) {
			t.Errorf("got %q, %v", text, err)
		}
		if info, err := os.Stat(target); err == nil && exists && info.Mode().Perm() != 0o600 {
			t.Errorf("the mode became %v", info.Mode())
		}
		left, err := os.ReadDir(filepath.Dir(target))
		if err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// A label is one line of printable text.
func TestBenchLabel(t *testing.T) {
	for label, good := range map[string]bool{
		"": true, "rig 7, slot ä": true, strings.Repeat("x", 200): true,
		strings.Repeat("x", 201): false, "two\nlines": false, "\x1b[31mred": false, "\xff": false,
	} {
		if err := checkLabel(label); (err == nil) != good {
			t.Errorf("%q: %v", label, err)
		}
	}
}

// All GPU kernels are measured once, each in its mode.
func TestBenchGPUCases(t *testing.T) {
	both := []bench.Mode{bench.Search, bench.Roll, bench.Verify}
	for _, tt := range []struct {
		settings bench.Settings
		work     []bench.Mode
		want     map[bench.Mode]int
	}{
		{bench.Settings{}, both[:1], map[bench.Mode]int{bench.Search: 1}},
		{bench.Settings{Rolling: true}, both, map[bench.Mode]int{bench.Search: 1, bench.Roll: 1, bench.Verify: 1}},
		{bench.Settings{Kernel: "all"}, []bench.Mode{bench.Search, bench.Verify},
			map[bench.Mode]int{bench.Search: len(gpu.SearchKernels()), bench.Verify: 1}},
		{bench.Settings{Kernel: "all", Rolling: true}, both,
			map[bench.Mode]int{bench.Search: len(gpu.SearchKernels()), bench.Roll: len(gpu.MultiVersionKernels()), bench.Verify: 1}},
	} {
		set := caseSet{settings: tt.settings, work: tt.work}
		got := map[bench.Mode]int{}
		for _, c := range set.gpuCases() {
			for _, mode := range c.work {
				if got[mode]++; tt.settings.Kernel == "all" && (mode == bench.Search && c.Kernel == "" || mode == bench.Roll && c.RollKernel == "") {
					t.Errorf("%+v: %s without the name of a kernel", tt.settings, mode)
				}
			}
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.settings, got, tt.want)
		}
	}
}
