package limit

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/kernels/cuda"
)

// near reports whether two numbers of cycles are the same, but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(a, b) }

// Limits worked out by hand, from the counts in the comments.
func TestForByHand(t *testing.T) {
	for _, test := range []struct {
		kernel string
		work   Work
		on     string
		want   float64
		by     string // a part of it
	}{
		// 1,045 additions, 1,020 rotates, 156 shifts, 628 ternary, 2 shuffles, 1 comparison
		// for 16 nonces: 2,852 on four pipes, or on two (pipes that are held for two cycles).
		{"avx512", Search, "Zen 5", 2852.0 / 4 / 16, "ports 0 1 2 3"},
		{"avx512", Search, "Zen 4", 2852.0 / 2 / 16, "ports 0 1 2 3"},
		// One more on port 0: the move of the mask to a general register.
		{"avx512", Search, "Sapphire Rapids", 2853.0 / 2 / 16, "ports 0 5"},
		// 60 sha256rnds2 for a nonce, one in two cycles.
		{"hybrid", Search, "Zen 5", 120, "rnds2"},
		// 1,017 loads for 8 nonces, two a cycle. The 60 sha256rnds2 need 60 cycles.
		{"hybrid", Search, "Zen 4", 1017.0 / 2 / 8, "load"},
		// 2,196 shifts for 8 nonces on one pipe, where the result also leaves.
		{"avx2", Search, "Zen 2", 2197.0 / 8, "shift"},
		// 1,047 additions, 2,513 logic, 2,196 shifts, 2 shuffles for 8 nonces on four pipes.
		{"avx2", Search, "Zen 3", 5758.0 / 4 / 8, "ports 0 1 2 3"},
		// 3,904 hashes of the state, 1,216 and 1,472 of the schedule for 64 nonces.
		{"sha2", Search, "Neoverse N1", 6592.0 / 64, "ports 0"},
		// No loop for versions: that of the search.
		{"avx2", Versions, "Zen 3", 5758.0 / 4 / 8, "ports 0 1 2 3"},
	} {
		got, err := For(test.kernel, test.work, test.on)
		if err != nil || !near(got.Cycles, test.want) || !strings.Contains(got.By, test.by) {
			t.Errorf("%s, %s on %s: %+v, %v; want %v by %s", test.kernel, test.work, test.on, got, err, test.want, test.by)
		}
	}
}

// The figures that were computed or measured independently when the kernels were made
// (docs/cpu-kernels.md), in cycles.
func TestForKnown(t *testing.T) {
	for _, test := range []struct {
		kernel string
		work   Work
		on     string
		low    float64
		high   float64 // a measured time, which the limit must not exceed
	}{
		{"avx512", Search, "Zen 5", 44.4, 45.4},
		{"avx512", Versions, "Zen 5", 37.0, 39.4},
		{"avx512", Hash, "Zen 5", 78, 85},
		{"hybrid", Search, "Zen 5", 119.9, 121},
		{"hybrid", Hash, "Zen 5", 191, 220},
		{"shani", Search, "Zen 5", 119.9, 131},
		{"shani", Hash, "Zen 5", 191, 206},
		{"avx2", Search, "Zen 5", 150, 247},
		{"avx2", Hash, "Zen 5", 250, 408},
		{"avx512", Search, "Zen 4", 88.9, 106},
		{"hybrid", Search, "Zen 4", 59.9, 64.1},
		{"shani", Search, "Zen 4", 60, 92},
	} {
		if got, err := For(test.kernel, test.work, test.on); err != nil || got.Cycles < test.low || got.Cycles > test.high {
			t.Errorf("%s, %s on %s: %+v, %v; want %v to %v", test.kernel, test.work, test.on, got, err, test.low, test.high)
		}
	}
}

func TestOf(t *testing.T) {
	if got, err := Of("Zen 3", map[string]int{"shift": 1, "shuffle": 1}); err != nil || got.Cycles != 1 || got.By != "ports 1 2: shift, shuffle" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Of("Zen 3", map[string]int{"rotate512": 1}); !errors.Is(err, ErrArchitecture) {
		t.Errorf("rotate512 on Zen 3: %+v, %v", got, err)
	}
	if got, err := Of("Zen", map[string]int{"add": 1}); !errors.Is(err, ErrArchitecture) {
		t.Errorf("Zen: %+v, %v", got, err)
	}
}

func TestForErrors(t *testing.T) {
	for _, test := range []struct {
		kernel string
		work   Work
		on     string
		want   error
		text   string
	}{
		{"pure", Search, "Zen 3", ErrKernel, `no instruction counts of the kernel "pure"`},
		{"avx2", "other", "Zen 3", ErrKernel, "no instruction counts"},
		{"avx2", Search, "Zen", ErrArchitecture, `"Zen" is not in the table`},
		{"avx2", Search, "Neoverse N1", ErrArchitecture, "Neoverse N1 has no instructions of the kernel"},
		{"sha2", Search, "Zen 3", ErrArchitecture, "Zen 3 has no instructions of the kernel"},
		{"avx512", Search, "Zen 3", ErrArchitecture, "no ports of add512, load512,"},
		{"shani", Search, "Ice Lake-SP", ErrArchitecture, "no ports of msg1, msg2, rnds2"},
	} {
		if _, err := For(test.kernel, test.work, test.on); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s, %s on %s: %v, want %v with %q", test.kernel, test.work, test.on, err, test.want, test.text)
		}
	}
}

func TestForGPU(t *testing.T) {
	for entry, by := range map[string]string{"scan_a": "FMA", "scan_e": "ALU", "roll_a": "ALU"} {
		cost, _ := cuda.CostOf(entry, 9, 0)
		got, err := ForGPU(entry, 9, 0)
		if err != nil || got.Cycles != cost.Clocks() || !strings.Contains(got.By, by) {
			t.Errorf("%s: %+v, %v; want %v by %s", entry, got, err, cost.Clocks(), by)
		}
	}
	if got, err := ForGPU("scan_a", 12, 0); !errors.Is(err, ErrArchitecture) {
		t.Errorf("sm_120: %+v, %v", got, err)
	}
}

// naive returns the least number of cycles by trying: work flows from needs to ports, and
// each port takes at most that many cycles of it (a maximum flow by augmenting paths).
func naive(needs map[string]float64) float64 {
	ports, total := map[rune]bool{}, 0.0
	for set, work := range needs {
		total += work
		for _, p := range set {
			ports[p] = true
		}
	}
	fits := func(cycles float64) bool {
		flow := map[string]map[rune]float64{}
		used := map[rune]float64{}
		for set := range needs {
			flow[set] = map[rune]float64{}
		}
		var push func(set string, amount float64, seen map[string]bool) float64
		push = func(set string, amount float64, seen map[string]bool) float64 {
			seen[set] = true
			for _, p := range set {
				if free := cycles - used[p]; free > 1e-12 {
					n := min(amount, free)
					used[p] += n
					flow[set][p] += n
					return n
				}
			}
			for _, p := range set { // move the work of another kind from this port
				for other := range needs {
					if n := min(amount, flow[other][p]); n > 1e-12 && !seen[other] {
						if moved := push(other, n, seen); moved > 0 {
							flow[other][p] -= moved
							flow[set][p] += moved
							return moved
						}
					}
				}
			}
			return 0
		}
		for set, work := range needs {
			for work > 1e-9 {
				n := push(set, work, map[string]bool{})
				if n == 0 {
					return false
				}
				work -= n
			}
		}
		return true
	}
	low, high := total/float64(max(len(ports), 1)), total
	for range 40 {
		if middle := (low + high) / 2; fits(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

func TestBoundIsThatOfFlow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := core{front: 1e9, kinds: map[string]kind{}}
		n := counts{kinds: map[string]float64{}}
		needs := map[string]float64{}
		for i := range rapid.IntRange(1, 5).Draw(t, "kinds") {
			ports := []byte("0123")
			mask := rapid.IntRange(1, 15).Draw(t, "ports")
			ports = slices.DeleteFunc(ports, func(p byte) bool { return mask>>(p-'0')&1 == 0 })
			count := float64(rapid.IntRange(1, 100).Draw(t, "count"))
			name := fmt.Sprint(i)
			c.kinds[name] = kind{[]need{{string(ports), 1}}, 1}
			n.kinds[name] = count
			needs[string(ports)] += count
		}
		got, err := c.bound(n)
		if want := naive(needs); err != nil || math.Abs(got.Cycles-want) > 1e-3*want {
			t.Fatalf("%v: %+v, %v; want %v", needs, got, err, want)
		}
	})
}

func TestFrontEnd(t *testing.T) {
	c := core{front: 4, kinds: map[string]kind{"add": {[]need{{"0123", 1}}, 1}, "move": {nil, 1}, "msg2": {[]need{{"0123", 1}}, 4}}}
	got, err := c.bound(counts{all: 30, kinds: map[string]float64{"add": 10, "move": 18, "msg2": 2}})
	if want := float64(30+2*3) / 4; err != nil || got.Cycles != want || got.By != "front end: 4 instructions a cycle" {
		t.Errorf("%+v, %v; want %v", got, err, want)
	}
	if got, err := c.bound(counts{}); err == nil {
		t.Errorf("nothing to do: %+v", got)
	}
}

func TestDigest(t *testing.T) {
	if d := Digest(); len(d) != 16 || d != Digest() {
		t.Errorf("digest %q", d)
	}
}
