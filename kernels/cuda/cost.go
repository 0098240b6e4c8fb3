package cuda

import (
	"fmt"
	"strings"
)

// Cost is what a pass of an entry's hot loop costs on a GPU: one nonce, or one
// header. It is counted in the code that ptxas 11.8 makes (sass.txt).
type Cost struct {
	Registers int // of a thread
	Spilled   int // bytes of a thread, stores and loads
	Issue     int // warp instructions
	ALU, FMA  int // of them, those that the two integer pipes take
}

// lanes of a multiprocessor that start in a clock, for compute capabilities 7.5
// to 9.0 (CUDA C++ Programming Guide, "Arithmetic Instructions"): four warp
// instructions, and 64 lanes of each pipe.
const (
	issueLanes = 128
	pipeLanes  = 64
)

// Clocks returns the least clocks of a multiprocessor for an item: what the
// fullest of its pipes takes.
func (c Cost) Clocks() float64 {
	return max(float64(c.Issue)/issueLanes, float64(max(c.ALU, c.FMA))/pipeLanes)
}

// CostOf returns the cost of the entry with this name on GPUs of a compute
// capability, such as 8.6. It returns false where nobody has counted it: newer GPUs have other pipes,
// of which nothing is known here.
func CostOf(entry string, major, minor int) (Cost, bool) {
	text, err := files.ReadFile("sass.txt")
	if err != nil {
		panic(err) // it is embedded
	}
	arch := fmt.Sprintf("sm_%d%d", major, minor)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != entry || f[1] != arch {
			continue
		}
		var c Cost
		if _, err := fmt.Sscan(strings.Join(f[2:], " "), &c.Registers, &c.Spilled, &c.Issue, &c.ALU, &c.FMA); err != nil {
			panic(fmt.Sprintf("kernels/cuda: sass.txt: %q: %v", line, err))
		}
		return c, true
	}
	return Cost{}, false
}
