package bench

// Limit compares the cycles that a case took with those that the processor needs at
// least, by the rules of package limit. A GPU's cycles are those of one multiprocessor.
type Limit struct {
	// CyclesPerItem is what one core took for an item: the median of the quiet samples.
	// Threads that share a core count as one core.
	CyclesPerItem float64 `json:"cycles_per_item"`
	LimitCycles   float64 `json:"limit_cycles_per_item"` // the least number
	Share         float64 `json:"share"`                 // LimitCycles / CyclesPerItem
	Clock         float64 `json:"clock_hz"`              // the median of the quiet samples; 0 if not known
	Method        string  `json:"method"`                // how the cycles were found: one of the Methods
	Bound         string  `json:"bound"`                 // which port or pipe is the limit, in words
}

// The methods of [Limit].
const (
	// MethodCounter: the performance counter of the processor counted the cycles.
	MethodCounter = "counter"
	// MethodChain: a chain of dependent instructions before and after each slice gave
	// the clock.
	MethodChain = "chain"
	// MethodGPUClock: the driver of the GPU reported the clock.
	MethodGPUClock = "gpu-clock"
)
