package simd

import (
	"slices"
	"testing"
	"time"
)

// Only avx512 on Zen 5, and only when it is not as much faster than the hybrid as it should be.
func TestSlowed(t *testing.T) {
	all := []*Kernel{{name: "hybrid"}, {name: "avx512"}, {name: "avx2"}}
	type times = []time.Duration
	for _, c := range []struct {
		name                   string
		zen5                   bool
		kernels                []*Kernel
		search, versions, hash times
		want                   string
	}{
		{"as it should be", true, all, times{117, 46, 238}, times{117, 40, 238}, times{53, 21, 98}, ""},
		{"a slow search", true, all, times{117, 53, 238}, times{117, 40, 238}, times{53, 21, 98}, "avx512"},
		{"a slow hash", true, all, times{117, 46, 238}, times{117, 40, 238}, times{53, 24, 98}, "avx512"},
		{"a slow search of versions", true, all, times{117, 46, 238}, times{117, 48, 238}, times{53, 21, 98}, "avx512"},
		{"slower than the hybrid", true, all, times{117, 190, 238}, times{117, 180, 238}, times{53, 21, 98}, "avx512"},
		{"another CPU", false, all, times{65, 100, 224}, times{65, 90, 224}, times{30, 50, 98}, ""},
		{"no hybrid", true, all[1:], times{190, 238}, times{180, 238}, times{24, 98}, ""},
		{"no avx512", true, slices.Delete(slices.Clone(all), 1, 2), times{117, 238}, times{117, 238}, times{53, 98}, ""},
	} {
		got := ""
		if k := (timings{c.kernels, c.search, c.versions, c.hash}).slowed(c.zen5); k != nil {
			got = k.name
		}
		if got != c.want {
			t.Errorf("%s: slowed kernel %q, want %q", c.name, got, c.want)
		}
	}
}
