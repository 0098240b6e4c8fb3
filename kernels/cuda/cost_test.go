package cuda

import "testing"

// Every search and every check of headers has a cost on the GPUs that are known,
// without spills; others are unknown, and not taken for the same.
func TestCost(t *testing.T) {
	best := map[Kind]float64{}
	for _, e := range Entries() {
		if e.Kind.IsBoundByBus() {
			continue
		}
		for _, cc := range [][2]int{{7, 5}, {8, 0}, {8, 6}, {8, 9}, {9, 0}} {
			c, ok := CostOf(e.Name, cc[0], cc[1])
			if !ok || c.ALU == 0 || c.FMA == 0 || c.Issue < c.ALU || c.Registers == 0 {
				t.Errorf("%s on %v: %+v, %v", e.Name, cc, c, ok)
				continue
			}
			if c.Spilled > 0 {
				t.Errorf("%s on %v spills %d bytes", e.Name, cc, c.Spilled)
			}
			// The first of a kind fills both pipes best: no other has a lower bound.
			if cc == [2]int{9, 0} {
				if least, ok := best[e.Kind]; !ok {
					best[e.Kind] = c.Clocks()
				} else if c.Clocks() < least {
					t.Errorf("%s takes %.1f clocks, the first of its kind %.1f", e.Name, c.Clocks(), least)
				}
			}
		}
		for _, cc := range [][2]int{{12, 0}, {10, 0}, {8, 7}, {7, 0}} {
			if c, ok := CostOf(e.Name, cc[0], cc[1]); ok {
				t.Errorf("%s on %v, which nobody has counted: %+v", e.Name, cc, c)
			}
		}
	}
	e := Entries()[0]
	if c, _ := CostOf(e.Name, 9, 0); e.Name != "scan_a" || c.Clocks() != 24 {
		t.Errorf("%s on sm_90: %.2f clocks, want 1536 FMA slots at 64 lanes: 24", e.Name, c.Clocks())
	}
}
