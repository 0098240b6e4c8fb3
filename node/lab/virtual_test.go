package lab

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seedFlag  = flag.Uint64("lab.seed", 1, "seed of the plan")
	seedsFlag = flag.Int("lab.seeds", 1, "number of plans, with seeds from -lab.seed on")
	nodesFlag = flag.Int("lab.nodes", 8, "nodes of the plan")
	timeFlag  = flag.Duration("lab.time", time.Minute, "virtual time of the plan")
	planFlag  = flag.String("lab.plan", "", "file with a plan, in place of a generated one")
	logFlag   = flag.Bool("lab.log", false, "print all log lines")
	debugFlag = flag.Bool("lab.debug", false, "keep the log lines of level debug")
)

// plans returns the plans that the flags ask for.
func plans(t *testing.T) []*Plan {
	t.Helper()
	if *planFlag != "" {
		text, err := os.ReadFile(*planFlag)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		return []*Plan{p}
	}
	var all []*Plan
	for i := range *seedsFlag {
		all = append(all, Generate(*seedFlag+uint64(i), GenerateOptions{Nodes: *nodesFlag, Time: *timeFlag}))
	}
	return all
}

// repeat returns the line that repeats a run.
func repeat(p *Plan) string {
	if *planFlag != "" {
		return "go test ./node/lab -run TestVirtual -lab.plan=" + *planFlag
	}
	return fmt.Sprintf("go test ./node/lab -run TestVirtual -lab.seed=%d -lab.nodes=%d -lab.time=%s", p.Seed, p.Nodes, words(p.Time))
}

// TestVirtual runs plans in virtual time.
func TestVirtual(t *testing.T) {
	if *debugFlag {
		minLogLevel.Set(slog.LevelDebug)
	}
	for _, p := range plans(t) {
		t.Run(fmt.Sprint(p.Seed), func(t *testing.T) { runVirtual(t, p) })
	}
}

// runVirtual runs a plan in virtual time, and fails the test if an invariant is broken.
func runVirtual(t *testing.T, p *Plan) *Report {
	t.Helper()
	real := time.Now() // before the bubble
	var r *Result
	synctest.Test(t, func(t *testing.T) {
		w, err := OpenInside(p, "virtual", 5*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = Run(context.Background(), p, w); err != nil {
			t.Error(err)
		}
	})
	r.Started, r.Real, r.Version, r.Repeat = real, time.Since(real), "test", repeat(p)
	rep := NewReport(r)
	t.Logf("%s\n%.1f s real, to repeat it: %s\n%s", rep.Summary(), r.Real.Seconds(), r.Repeat, p)
	for _, f := range rep.Figures {
		t.Logf("%-16s %5d: p50 %s, p95 %s, p99 %s, max %s", f.Name, f.Count, timeWords(f.P50), timeWords(f.P95), timeWords(f.P99), timeWords(f.Max))
	}
	for _, i := range rep.Invariants {
		if !i.Held {
			t.Errorf("%s (%s): %d breaches, the first one at %s: %s\n%s", i.Name, i.Text, i.Breaches, timeWords(i.At), i.First, strings.Join(i.Log, "\n"))
		}
	}
	if *logFlag {
		for _, f := range r.Finals {
			t.Logf("node %d: %+v", f.Node, f.Peers.Sync)
			for _, c := range f.Peers.Connected {
				t.Logf("  %+v", c)
			}
			for _, g := range f.Peers.Gone {
				t.Logf("  gone %+v", g)
			}
		}
		for _, l := range r.Logs {
			t.Logf("%8.3f node %2d  %s", l.At.Seconds(), l.Node, l.Text)
		}
	}
	if *reportDir != "" {
		if err := rep.Write(filepath.Join(*reportDir, fmt.Sprint(p.Seed))); err != nil {
			t.Error(err)
		}
	}
	return rep
}
