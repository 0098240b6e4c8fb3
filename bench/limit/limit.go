package limit

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"stele/kernels/cuda"
)

// Work is what a loop of a kernel does.
type Work string

// The loops.
const (
	Search   Work = "search"   // nonces of one header; an item is a hash
	Versions Work = "versions" // nonces of 128 versions of a header; an item is a hash
	Hash     Work = "hash"     // independent headers; an item is a header
)

// Bound is the limit of a loop.
type Bound struct {
	Cycles float64 // of one core, or of a GPU's multiprocessor, for one item
	By     string  // what is the limit, in words: "ports 1 2: shift, shuffle"
}

// Errors of [For] and [ForGPU].
var (
	ErrKernel       = errors.New("no instruction counts of the kernel")
	ErrArchitecture = errors.New("no figures of the processor")
)

// For returns the limit of a CPU kernel's loop on a microarchitecture, one of
// [Microarchitectures]. A kernel without a loop for versions has the limit of its
// search. The error is [ErrKernel] or [ErrArchitecture], with the reason.
func For(kernel string, work Work, microarchitecture string) (Bound, error) {
	t := tables()
	counts, known := t.counts[loop{kernel, work}]
	if !known && work == Versions {
		counts, known = t.counts[loop{kernel, Search}]
	}
	if !known {
		return Bound{}, fmt.Errorf("%w %q", ErrKernel, kernel)
	}
	core, known := t.cores[microarchitecture]
	if !known {
		return Bound{}, fmt.Errorf("%w: %q is not in the table of microarchitectures", ErrArchitecture, microarchitecture)
	}
	if core.set != counts.set {
		return Bound{}, fmt.Errorf("%w: %s has no instructions of the kernel %q", ErrArchitecture, microarchitecture, kernel)
	}
	return core.bound(counts)
}

// Of returns the limit of a group of instructions, by their kinds in counts.txt. The error
// is [ErrArchitecture].
func Of(microarchitecture string, group map[string]int) (Bound, error) {
	core, known := tables().cores[microarchitecture]
	if !known {
		return Bound{}, fmt.Errorf("%w: %q is not in the table of microarchitectures", ErrArchitecture, microarchitecture)
	}
	n := counts{kinds: map[string]float64{}}
	for kind, count := range group {
		n.kinds[kind] = float64(count)
		if kind != "load" && kind != "load512" || len(group) == 1 { // a load in a mixture is an operand
			n.all += float64(count)
		}
	}
	return core.bound(n)
}

// ForGPU returns the limit of a GPU kernel, by the name of its entry, on GPUs of a
// compute capability. The cycles are those of one multiprocessor. The error is
// [ErrArchitecture].
func ForGPU(entry string, major, minor int) (Bound, error) {
	cost, known := cuda.CostOf(entry, major, minor)
	if !known {
		return Bound{}, fmt.Errorf("%w: kernels/cuda/sass.txt has no %q of compute capability %d.%d", ErrArchitecture, entry, major, minor)
	}
	by := "the issue of instructions"
	switch {
	case cost.Clocks() <= float64(cost.Issue)/128:
	case cost.ALU >= cost.FMA:
		by = "the ALU pipe"
	default:
		by = "the FMA pipe"
	}
	return Bound{cost.Clocks(), by}, nil
}

// Microarchitectures returns the names of those that have figures, sorted.
func Microarchitectures() []string { return slices.Sorted(maps.Keys(tables().cores)) }

// Digest identifies the tables of this program, those of GPUs included: 16 hexadecimal
// digits.
func Digest() string {
	sum := sha256.Sum256([]byte(countsText + coresText + cuda.Costs()))
	return hex.EncodeToString(sum[:8])
}

//go:embed counts.txt
var countsText string

//go:embed microarchitectures.txt
var coresText string

var tables = sync.OnceValue(func() table {
	t, err := parse(countsText, coresText)
	if err != nil {
		panic("bench/limit: " + err.Error()) // the files are embedded
	}
	return t
})

// core is what a core of a microarchitecture does in a cycle.
type core struct {
	set   string  // of instructions, as Go names it
	front float64 // operations that its front end sends
	kinds map[string]kind
}

// kind is what one instruction of a kind needs.
type kind struct {
	needs []need
	uops  float64 // operations of the front end
}

// need is a number of cycles on any one of some ports.
type need struct {
	ports  string // sorted, each a character
	cycles float64
}

// bound returns the least number of cycles for an item.
//
// Operations can be spread over the ports in a number of cycles if and only if, for
// every set of ports, the work that can only be done there is at most that many cycles
// on each of them. So the limit is the largest of these quotients, and sets that are
// unions of the sets in the table suffice. The front end is one more.
func (c core) bound(counts counts) (Bound, error) {
	work, kinds := map[string]float64{}, map[string][]string{}
	uops := counts.all
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(counts.kinds)) {
		k, known := c.kinds[name]
		if !known {
			missing = append(missing, name)
			continue
		}
		n := counts.kinds[name]
		uops += n * (k.uops - 1)
		for _, need := range k.needs {
			work[need.ports] += n * need.cycles
			kinds[need.ports] = append(kinds[need.ports], name)
		}
	}
	if len(missing) > 0 {
		return Bound{}, fmt.Errorf("%w: no ports of %s", ErrArchitecture, strings.Join(missing, ", "))
	}
	best := Bound{uops / c.front, fmt.Sprintf("front end: %g instructions a cycle", c.front)}
	for _, union := range unions(slices.Sorted(maps.Keys(work))) {
		sum := 0.0
		var by []string
		for _, ports := range slices.Sorted(maps.Keys(work)) {
			if isSubset(ports, union) {
				sum += work[ports]
				by = append(by, kinds[ports]...)
			}
		}
		if cycles := sum / float64(len(union)); cycles > best.Cycles*(1+1e-12) {
			slices.Sort(by)
			best = Bound{cycles, fmt.Sprintf("ports %s: %s", spaced(union), strings.Join(slices.Compact(by), ", "))}
		}
	}
	if !(best.Cycles > 0) || math.IsInf(best.Cycles, 0) {
		return Bound{}, fmt.Errorf("%w: the limit is %v", ErrArchitecture, best.Cycles)
	}
	return best, nil
}

// unions returns all unions of the sets, without the empty one, small sets first.
func unions(sets []string) []string {
	all := map[string]bool{"": true}
	for _, s := range sets {
		for _, u := range slices.Sorted(maps.Keys(all)) {
			all[union(u, s)] = true
		}
	}
	delete(all, "")
	sorted := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(sorted, func(a, b string) int { return len(a) - len(b) })
	return sorted
}

func union(a, b string) string {
	ports := []byte(a + b)
	slices.Sort(ports)
	return string(slices.Compact(ports))
}

func isSubset(a, b string) bool {
	return strings.Trim(a, b) == ""
}

func spaced(ports string) string { return strings.Join(strings.Split(ports, ""), " ") }
