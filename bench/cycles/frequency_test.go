package cycles

import "testing"

// A clock is between those of the slowest and the fastest processors.
func TestFrequency(t *testing.T) {
	hz := Frequency()
	if !hasChain {
		if hz != 0 {
			t.Errorf("%v Hz without a chain", hz)
		}
		return
	}
	if hz < 1e8 || hz > 1e10 {
		t.Errorf("%v Hz", hz)
	}
}

func BenchmarkFrequency(b *testing.B) {
	for b.Loop() {
		Frequency()
	}
}
