package pow

import "slices"

// medianTimeSpan is how many blocks the median time looks at.
const medianTimeSpan = 11

// MedianTime returns the median of the last 11 of times, or of all of them if
// there are fewer (the upper one of an even number). Times are seconds since
// 1970 of consecutive blocks, oldest first. Bitcoin's rule is that a block's
// time must be greater than the median time of the blocks before it; for the
// first block of a chain, with no times, that is 0. See BIP 113.
func MedianTime(times []uint32) uint32 {
	if len(times) == 0 {
		return 0
	}
	var last [medianTimeSpan]uint32
	n := copy(last[:], times[max(0, len(times)-medianTimeSpan):])
	slices.Sort(last[:n])
	return last[n/2]
}
