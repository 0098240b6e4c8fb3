// Package pages moves the code of a kernel to other physical pages, at the same virtual
// addresses.
//
// On Zen 5 the physical addresses of its code can slow a kernel down by a factor of 1.2
// to 4: two pages of it seem to evict each other's lines from the instruction cache.
// About one placement in 40 is so bad, and it stays until the program's file leaves the
// page cache. Copies of the pages at other addresses cure it.
package pages

import "github.com/klauspost/cpuid/v2"

// maxMoves bounds how often Settle moves code.
const maxMoves = 3

// Zen5 reports whether this CPU is of AMD's family 26, on which the addresses matter.
func Zen5() bool { return cpuid.CPU.VendorID == cpuid.AMD && cpuid.CPU.Family == 26 }

// Settle calls measure, which measures kernels and returns a function of one whose code
// seems to lie at bad addresses, or nil. On Zen 5, as long as there is one, it moves that
// code and calls measure again, up to three times.
func Settle(measure func() (slowed any)) {
	move := Move
	if !Zen5() {
		move = nil
	}
	settle(measure, move)
}

// settle is Settle with the function that moves code, nil if its addresses do not matter.
func settle(measure func() (slowed any), move func(f any) error) {
	for range maxMoves {
		f := measure()
		if f == nil || move == nil || move(f) != nil {
			return
		}
	}
	measure()
}
