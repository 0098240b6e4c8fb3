package cuda

import (
	"fmt"
	"strings"
)

// Cost is the cost of one item of an entry on a GPU: one nonce or header, a pass of
// its hot loop. It is counted in the machine code of ptxas 11.8 (sass.txt).
type Cost struct {
	Registers int // per thread
	Spilled   int // bytes per thread, stores and loads
	Issue     int // warp instructions
	ALU, FMA  int // those of the two integer pipes
}

// Lanes per clock of a multiprocessor, for compute capabilities 7.5 to 9.0 (CUDA
// C++ Programming Guide, "Arithmetic Instructions"): it issues four warp
// instructions, and each pipe starts 64 lanes.
const (
	issueLanes = 128
	pipeLanes  = 64
)

// Clocks returns the minimal number of clocks of a multiprocessor per item: those
// of its busiest pipe.
func (c Cost) Clocks() float64 {
	return max(float64(c.Issue)/issueLanes, float64(max(c.ALU, c.FMA))/pipeLanes)
}

// CostOf returns the cost of the entry with this name on GPUs of a compute
// capability, such as 8.6. It returns false if sass.txt does not have it: newer
// GPUs have other pipes, which are unknown here.
func CostOf(entry string, major, minor int) (Cost, bool) {
	arch := fmt.Sprintf("sm_%d%d", major, minor)
	for line := range strings.Lines(Costs()) {
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

// Costs returns the table of all costs, sass.txt.
func Costs() string {
	text, err := files.ReadFile("sass.txt")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}
