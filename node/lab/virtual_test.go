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
	kindsFlag = flag.String("lab.faults", "", "kinds of faults of the plan, as cut,kill,clock; empty: those of Generate")
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
	o := GenerateOptions{Nodes: *nodesFlag, Time: *timeFlag}
	for kind := range strings.SplitSeq(*kindsFlag, ",") {
		if kind != "" {
			o.Kinds = append(o.Kinds, FaultKind(kind))
		}
	}
	var all []*Plan
	for i := range *seedsFlag {
		all = append(all, Generate(*seedFlag+uint64(i), o))
	}
	return all
}

// repeat returns the line that repeats a run.
func repeat(p *Plan) string {
	if *planFlag != "" {
		return "go test ./node/lab -run TestVirtual -lab.plan=" + *planFlag
	}
	line := fmt.Sprintf("go test ./node/lab -run TestVirtual -lab.seed=%d -lab.nodes=%d -lab.time=%s", p.Seed, p.Nodes, words(p.Time))
	if *kindsFlag != "" {
		line += " -lab.faults=" + *kindsFlag
	}
	return line
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

// TestFaults runs a plan with a disk that is full, clocks that are wrong and a power
// failure, which plans that are made from a seed have not.
func TestFaults(t *testing.T) {
	p, err := Parse(`nodes 6 links 4 seed 3 blocks 40 records 5/s time 70s
		line * latency 20ms jitter 50%
		line 4-5 latency 200ms rate 1Mbit
		at 5s disk-full 1 for 8s
		at 8s clock 2 +3h for 10s
		at 10s clock 3 -3h for 10s
		at 15s cut 0-2 from 3-5
		at 20s cut 0 from 1-5 for 10s
		at 25s heal
		at 30s kill 0,4 restart 4s
		at 36s slow 5 20B/s for 6s`)
	if err != nil {
		t.Fatal(err)
	}
	rep := runVirtual(t, p)
	if rep.Stale == 0 || rep.Records.Chain == 0 || len(rep.Missed) > 0 {
		t.Errorf("%d stale blocks, %d records in the chain, left out: %v", rep.Stale, rep.Records.Chain, rep.Missed)
	}
}

// TestAttacks lets each kind of hostile peers attack a network. The honest nodes must
// agree in spite of it, and the attack must reach them.
func TestAttacks(t *testing.T) {
	punished := map[Attack]string{ // what ends the connections, where a rule is broken
		WrongBody: "bad-merkle-root", BadSignatures: "bad-signature",
	}
	for _, attack := range Attacks {
		t.Run(string(attack), func(t *testing.T) {
			p, err := Parse("nodes 3 links 2 seed 4 blocks 10 records 2/s time 45s line * latency 20ms at 3s hostile 3 " + string(attack) + " for 20s")
			if err != nil {
				t.Fatal(err)
			}
			rep := runVirtual(t, p)
			ends := make(map[string]uint64)
			for _, d := range rep.Disconnects {
				ends[d.Name] = d.N
			}
			t.Log(ends)
			if want := punished[attack]; want != "" && ends[want] == 0 {
				t.Errorf("no connection ended for %s: %v", want, ends)
			}
			// A peer whose announcements wait is not read, and its end is noticed late.
			if len(ends) == 0 && attack != EmptyHave {
				t.Error("no hostile connection has ended")
			}
		})
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
			t.Logf("node %d: %+v, records %v", f.Node, f.Peers.Sync, f.Peers.Counts.Records)
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
