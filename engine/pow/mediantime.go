package pow

import "slices"

// medianTimeSpan is the number of blocks in the median time.
const medianTimeSpan = 11

// MedianTime returns the median of the last 11 of times, or of all of them if
// there are fewer; of an even number it is the upper one, and of none it is 0.
// Times are those of consecutive blocks, oldest first, in seconds since 1970.
// Bitcoin requires the time of a block to be greater than the median time of the
// blocks before it (BIP 113).
func MedianTime(times []uint32) uint32 {
	if len(times) == 0 {
		return 0
	}
	var last [medianTimeSpan]uint32
	n := copy(last[:], times[max(0, len(times)-medianTimeSpan):])
	slices.Sort(last[:n])
	return last[n/2]
}
