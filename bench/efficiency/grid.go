package efficiency

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"stele/cgo/nvml"
)

// Auto as a list of settings asks for a list that fits the device.
const Auto = "auto"

// ErrList means that a list of settings is malformed.
var ErrList = errors.New("invalid list")

// maxList bounds the values in a list.
const maxList = 64

// Numbers parses a list of numbers that are separated by commas, such as "150,200,250".
// It returns nil for "" and for [Auto]. Errors: [ErrList].
func Numbers(list string, lowest, highest float64) (values []float64, err error) {
	if list == "" || list == Auto {
		return nil, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %.40q is not a number", ErrList, part)
		case !(x >= lowest && x <= highest):
			return nil, fmt.Errorf("%w: %g is out of range: must be %g to %g", ErrList, x, lowest, highest)
		case slices.Contains(values, x):
			return nil, fmt.Errorf("%w: %g is in it twice", ErrList, x)
		case len(values) == maxList:
			return nil, fmt.Errorf("%w: more than %d values", ErrList, maxList)
		}
		values = append(values, x)
	}
	return values, nil
}

// Steps of the lists that fit a device.
const (
	autoLimits, limitStep = 6, 5  // watts
	autoClocks, clockStep = 8, 15 // MHz
	lowestClock           = 0.4   // of the highest
)

// Limits returns power limits from the lowest to the highest of a GPU, in watts.
func Limits(r nvml.PowerRange) []float64 { return steps(r.Min, r.Max, autoLimits, limitStep) }

// Clocks returns clocks up to the highest of a GPU, in MHz.
func Clocks(highest uint32) []float64 {
	return steps(lowestClock*float64(highest), float64(highest), autoClocks, clockStep)
}

// steps returns at most n values from lowest to highest at equal distances. Those
// between are rounded to multiples of step.
func steps(lowest, highest float64, n int, step float64) (values []float64) {
	for i := range n {
		v := lowest
		switch {
		case i == n-1:
			v = highest
		case i > 0:
			v += (highest - lowest) * float64(i) / float64(n-1)
			v = min(max(math.Round(v/step)*step, lowest), highest)
		}
		if !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// Threads returns the powers of two up to most, and most.
func Threads(most int) (counts []int) {
	for n := 1; n < most; n *= 2 {
		counts = append(counts, n)
	}
	return append(counts, most)
}
