package sig

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// checkStage compares the assembly of a stage with the model, element by element.
func checkStage(t *testing.T, s stage, g *group) {
	t.Helper()
	want := *g
	modelEngine.stages[s](&want)
	got := *g
	assembly.stages[s](&got)
	if got == want {
		return
	}
	names := [...]string{"x", "y", "z", "t", "e", "f", "g", "h", "minus", "plus", "t2d", "z2"}
	for i := range lanes {
		before, l, m := g.lane(i), got.lane(i), want.lane(i)
		for n, x := range l.all() {
			if *x != *m.all()[n] {
				t.Fatalf("lane %d: %s is %x, the model has %x; before: %v", i, names[n], *x, *m.all()[n], before)
			}
		}
	}
}

func TestStagesRandom(t *testing.T) {
	needKernel(t)
	eachStage(t, func(t *testing.T, s stage) {
		rng := newSplitMix(uint64(s))
		for range 2000 {
			checkStage(t, s, randomGroup(rng, s.maxInput()))
		}
		for _, v := range []uint64{0, 1, s.maxInput()} {
			g := new(group)
			for _, e := range g.all() {
				for i := range e {
					for j := range e[i] {
						e[i][j] = v
					}
				}
			}
			checkStage(t, s, g)
		}
	})
}

// The field stages do what the model does with every combination of edge limbs,
// eight of them at a time.
func TestFieldEdges(t *testing.T) {
	needKernel(t)
	rng := newSplitMix(6)
	g := new(group)
	lane := 0
	run := func() {
		for s := range stageDouble {
			checkStage(t, s, g)
		}
		lane = 0
	}
	allFives(func(x number) {
		for i := range x {
			g.x[i][lane], g.y[i][lane] = x[i], rng.next()&maxWide
		}
		if lane++; lane == lanes {
			run()
		}
	})
	run()
}

// A lane has no influence on another: when one of eight equal lanes changes, only
// its own result does.
func TestLanesAlone(t *testing.T) {
	needKernel(t)
	eachStage(t, func(t *testing.T, s stage) {
		rng := newSplitMix(7)
		for range 20 {
			l, other := randomGroup(rng, s.maxInput()).lane(0), randomGroup(rng, s.maxInput()).lane(0)
			same, changed := l, other
			laneStages[s](&same)
			laneStages[s](&changed)
			for alone := range lanes {
				g := new(group)
				for i := range lanes {
					g.setLane(i, &l)
				}
				g.setLane(alone, &other)
				assembly.stages[s](g)
				for i := range lanes {
					want := same
					if i == alone {
						want = changed
					}
					if g.lane(i) != want {
						t.Fatalf("lane %d is wrong when lane %d differs from the others", i, alone)
					}
				}
			}
		}
	})
}

// A CPU with the instructions gets the kernel, unless it is disabled.
func TestAvailable(t *testing.T) {
	if got, want := Available(), present() && disabledByEnv() == nil; got != want {
		t.Errorf("available: %v, want %v", got, want)
	}
	if !Available() {
		defer func() {
			if recover() == nil {
				t.Error("there is a Checker without a kernel")
			}
		}()
	}
	NewChecker().Check(nil, nil)
}

// Disable is for the rest of the process, so that the test runs in another one.
func TestDisable(t *testing.T) {
	const inside = "STELE_TEST_DISABLE"
	if os.Getenv(inside) == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestDisable$")
		command.Env = append(os.Environ(), inside+"=1")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	before := Available()
	Disable()
	if Available() || Preferred() {
		t.Error("the kernel is still available")
	}
	if !present() || disabledByEnv() != nil {
		return
	}
	if !before {
		t.Error("the kernel was not available before")
	}
	// Another goroutine may be about to make a Checker.
	NewChecker().Check(nil, nil)
}

// The kernel and the batch are timed with signatures that are good, and checked.
func TestPreferred(t *testing.T) {
	items := timedItems()
	if !checkByBatch(items) {
		t.Error("the signatures for the timing are not good")
	}
	items[3].Message = nil
	if checkByBatch(items) {
		t.Error("a bad signature passes")
	}
	if Preferred() && !Available() {
		t.Error("a kernel that is not available is preferred")
	}
}

func TestDisabledByEnv(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "avx2": true, "ifma": true, "-avx2": true, "abacus": false,
		"-ifma": false, " -ifma ": false, "avx2,-ifma": false, "-ifma,avx2": false,
	} {
		t.Setenv(EnvVar, value)
		if got := disabledByEnv(); (got == nil) != want {
			t.Errorf("STELE_CPU=%s: %v", value, got)
		}
	}
}

// The self-test rejects a kernel with a wrong lane.
func TestSelfTest(t *testing.T) {
	if !selfTest(&modelEngine) {
		t.Fatal("the model fails")
	}
	for s := range stages {
		wrong := modelEngine
		wrong.stages[s] = func(g *group) {
			modelEngine.stages[s](g)
			for _, e := range g.all() {
				e[4][6]++
			}
		}
		if selfTest(&wrong) {
			t.Errorf("wrong limbs of %s pass", s)
		}
	}
	for lane := range 2 * lanes {
		wrong := modelEngine
		for n, f := range modelEngine.ladders {
			wrong.ladders[n] = func(l *ladder, base *baseTables) {
				f(l, base)
				l.groups[lane/lanes].y[0][lane%lanes]++
			}
		}
		if selfTest(&wrong) {
			t.Errorf("a wrong lane %d of the ladder passes", lane)
		}
		wrong = modelEngine
		for n, f := range modelEngine.knownLadders {
			wrong.knownLadders[n] = func(l *ladder, tables *[2][lanes]*Table, base *baseTables) {
				f(l, tables, base)
				l.groups[lane/lanes].y[0][lane%lanes]++
			}
		}
		if selfTest(&wrong) {
			t.Errorf("a wrong lane %d of the ladder for known keys passes", lane)
		}
	}
	if present() && !selfTest(&assembly) {
		t.Error("the assembly fails")
	}
}

func BenchmarkSelfTest(b *testing.B) {
	needKernel(b)
	multiplesOfBase()
	for b.Loop() {
		selfTest(&assembly)
	}
}

func BenchmarkStage(b *testing.B) {
	needKernel(b)
	for s := range stages {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			g := randomGroup(newSplitMix(8), s.maxInput())
			for b.Loop() {
				assembly.stages[s](g)
			}
		})
	}
}
