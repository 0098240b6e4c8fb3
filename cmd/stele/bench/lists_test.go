package bench

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/bench"
	"stele/cmd/stele/internal/cmdline"
	"stele/node/ledger/record"
)

// sharedChain is the chain of the tests that do not change it.
var sharedChain = sync.OnceValues(func() (*benchChain, error) { return makeChain(context.Background()) })

// A node with kernels and one without connect the blocks of the traffic, on any number of
// threads, and get the known state.
func TestBlocks(t *testing.T) {
	made, err := sharedChain()
	if err != nil {
		t.Fatal(err)
	}
	types := map[record.Type]bool{}
	for _, r := range made.records {
		types[r.Type()] = true
	}
	if len(made.records) != bench.BlockCount*bench.BlockRecords || len(types) < 20 {
		t.Errorf("%d records of %d types", len(made.records), len(types))
	}
	processors := runtime.GOMAXPROCS(0)
	for _, mode := range []bench.Mode{bench.BlocksCold, bench.BlocksWarm} {
		for _, plain := range []bool{true, false} {
			for threads := range 2 {
				w := newBlockWorker(made, mode, plain, threads+1)
				got, err := bench.NewRepeat(mode, w).Finish(t.Context())
				if err != nil || got != mode.Known() {
					t.Errorf("%s, plain %v, %d threads: %+v, %v", mode, plain, threads+1, got, err)
				}
				if err := w.close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if now := runtime.GOMAXPROCS(0); now != processors {
		t.Errorf("GOMAXPROCS is %d, was %d", now, processors)
	}
	// A chain that is another fails.
	other := *made
	other.measured = [][]byte{made.measured[0], slices.Clone(made.measured[1])}
	other.measured[1][len(other.measured[1])-1] ^= 1
	w := newBlockWorker(&other, bench.BlocksCold, false, 1)
	if got, err := bench.NewRepeat(bench.BlocksCold, w).Finish(t.Context()); err == nil {
		t.Errorf("a bad signature gives %+v", got)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

// A node that is warm has checked the signatures before, and one that is cold has not.
func TestColdAndWarm(t *testing.T) {
	made, err := sharedChain()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []bench.Mode{bench.BlocksCold, bench.BlocksWarm} {
		w := newBlockWorker(made, mode, false, 1)
		v := w.verifier()
		before := v.Stats().Checked
		if _, err := v.Verify(made.records); err != nil {
			t.Fatal(err)
		}
		if checked := v.Stats().Checked - before; (checked == 0) != w.warm || !w.warm && checked != uint64(len(made.records)) {
			t.Errorf("%s: %d signatures are checked", mode, checked)
		}
	}
}

// The whole way of each mode, with few samples: the result is good, and has all cases.
func TestListModes(t *testing.T) {
	const two = bench.BlockCount * bench.BlockRecords
	for mode, want := range map[string][]string{
		"signatures": {"signatures-new/cpu/reference/1", "signatures-new/cpu/voi/2", "signatures-known/cpu/reference/1", "signatures-known/cpu/voi/2"},
		"records":    {"records-hashes/cpu/reference/1", "records-hashes/cpu/plain/2", "records-merkle/cpu/reference/1", "records-merkle/cpu/plain/2"},
		"blocks":     {"blocks-cold/cpu/reference/1", "blocks-cold/cpu/node/2", "blocks-warm/cpu/reference/1", "blocks-warm/cpu/node/2"},
	} {
		set := &caseSet{lists: map[string]finisher{}, settings: bench.Settings{Mode: mode, Threads: 2}}
		if mode != "blocks" {
			set.settings.Kernel = "all"
		}
		defer set.close()
		if err := set.openLists(t.Context(), set.listsOf(mode)); err != nil {
			t.Fatal(err)
		}
		measured, err := bench.Measure(t.Context(), set.cases, bench.Plan{Duration: time.Millisecond, MinSamples: 1}, bench.NewHostClock(), nil)
		if err != nil {
			t.Fatal(err)
		}
		result := bench.New(time.Now(), bench.Here("v1", set.devices), set.settings, set.cases, measured)
		for _, c := range set.cases {
			if err := set.finish(t.Context(), c.ID(), result); err != nil {
				t.Fatal(err)
			}
		}
		report, err := bench.Check(t.Context(), result, bench.Rescan{})
		if err != nil || !report.Good() {
			t.Errorf("%s: %v, %v", mode, report.Problems, err)
		}
		for _, id := range want {
			i := slices.IndexFunc(result.Cases, func(c bench.CaseResult) bool { return c.ID == id })
			if i < 0 {
				t.Errorf("%s: no case %s", mode, id)
			} else if c := result.Cases[i]; mode == "blocks" && c.Samples[0].Items%two != 0 {
				t.Errorf("%s: %d items", id, c.Samples[0].Items)
			}
		}
		var table strings.Builder
		if err := result.WriteTable(&table, bench.Text); err != nil || strings.Contains(table.String(), "WRONG") {
			t.Errorf("%s: %v\n%s", mode, err, table.String())
		}
	}
}

// Flags that a mode does not have are errors.
func TestListFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--mode blocks --kernel avx512":        "stele: --kernel avx512: --mode blocks measures nodes, which choose their kernels\n",
		"--mode signatures --kernel avx512":    "stele: --kernel: unknown kernel \"avx512\": those for signatures are ifma, voi\n",
		"--mode records --kernel abacus":       "stele: --kernel: unknown kernel \"abacus\": the kernels for messages are avx512, shani, plain\n",
		"--mode records --version-rolling":     "stele: --version-rolling: --mode records has no searches: must be search or all\n",
		"--mode signatures --bare":             "stele: --bare: --mode signatures has no searches: must be search or all\n",
		"--mode signatures --device cuda:0":    "stele: --device cuda:0: only the CPU has the mode signatures\n",
		"--mode transactions --duration 100ms": "stele: --mode: unknown mode \"transactions\": must be search, verify, signatures, records, blocks or all\n",
	} {
		var stdout, stderr bytes.Buffer
		app := cmdline.NewApp("", strings.NewReader(""), &stdout, &stderr, Command())
		code := cmdline.Run(t.Context(), app, append([]string{"stele", "bench"}, strings.Fields(args)...))
		if code != cmdline.ExitFailed || stdout.Len() > 0 || stderr.String() != want {
			t.Errorf("%s: exit code %d, standard output %q, standard error %q", args, code, stdout.String(), stderr.String())
		}
	}
}
