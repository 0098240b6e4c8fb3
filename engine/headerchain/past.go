package headerchain

import (
	"math"

	"stele/engine/pow"
)

// MedianSpan is the number of headers in the median time (BIP 113).
const MedianSpan = 11

// MaxBackward is the maximum number of seconds by which the first header of a
// period may precede its parent (BIP 54).
const MaxBackward = 7200

// Past holds the facts about the headers before a header that the rules need:
// about its parent, and about the period between retargets to which the parent
// belongs. Times are seconds since 1970. Its methods are pure.
type Past struct {
	Height     int64    // of the header itself, at least 1
	Bits       pow.Bits // of the parent
	Time       uint32   // of the parent
	PeriodTime uint32   // of the first header of the parent's period
	MedianTime uint32   // of the parent and the ten headers before it

	// PeriodBits are the nBits of the first header of the parent's period. Only
	// chains with [pow.Params.BIP94] need them.
	PeriodBits pow.Bits
	// RegularBits are the nBits of the last header that does not have the chain's
	// PowLimitBits, or if the parent's period has none, of the first header of that
	// period. Only chains with [pow.Params.MinDifficultyAfter] need them.
	RegularBits pow.Bits
}

// startsPeriod reports whether the header at height is the first of a period.
func startsPeriod(params *pow.Params, height int64) bool {
	return height%int64(params.RetargetInterval) == 0
}

// endsPeriod reports whether the header at height is the last of a period.
func endsPeriod(params *pow.Params, height int64) bool {
	return startsPeriod(params, height+1)
}

// NextBits returns the nBits that the header must have: those of its parent, or at
// the start of a period those after the retarget. On a chain with
// [pow.Params.MinDifficultyAfter] a late header has others; see [Past.CheckBits].
// An error means that the parent has no valid nBits; see [pow.Params.Retarget].
func (p Past) NextBits(params *pow.Params) (pow.Bits, error) {
	switch {
	case startsPeriod(params, p.Height) && params.BIP94:
		return params.Retarget(p.PeriodBits, p.PeriodTime, p.Time)
	case startsPeriod(params, p.Height):
		return params.Retarget(p.Bits, p.PeriodTime, p.Time)
	case params.MinDifficultyAfter > 0:
		return p.RegularBits, nil
	}
	return p.Bits, nil
}

// isLate reports whether a header of this time must have the chain's PowLimitBits,
// because its time is long after its parent's.
func (p Past) isLate(params *pow.Params, time uint32) bool {
	return params.MinDifficultyAfter > 0 && !startsPeriod(params, p.Height) &&
		int64(time) > int64(p.Time)+int64(params.MinDifficultyAfter)
}

// CheckBits checks the nBits of a header of this time ([BadRetarget]): they must
// be those of [Past.NextBits], or for a late header the PowLimitBits. After a
// parent without valid nBits, which is invalid itself, any nBits pass.
func (p Past) CheckBits(params *pow.Params, bits pow.Bits, time uint32) error {
	if p.isLate(params, time) {
		if bits == params.PowLimitBits {
			return nil
		}
		return violation(BadRetarget, "nBits %v, expected %v: the header is more than %d s after its parent", bits, params.PowLimitBits, params.MinDifficultyAfter)
	}
	want, err := p.NextBits(params)
	switch {
	case err != nil || bits == want:
		return nil
	case startsPeriod(params, p.Height) && params.NoRetarget:
		return violation(BadRetarget, "nBits %v, expected %v as in the header before: they never change", bits, want)
	case startsPeriod(params, p.Height):
		from := p.Bits
		if params.BIP94 {
			from = p.PeriodBits
		}
		return violation(BadRetarget, "nBits %v, expected %v after the retarget from %v (period from time %d to %d)", bits, want, from, p.PeriodTime, p.Time)
	case params.MinDifficultyAfter > 0:
		return violation(BadRetarget, "nBits %v, expected %v as in the last header of regular difficulty: the header is at most %d s after its parent", bits, want, params.MinDifficultyAfter)
	default:
		return violation(BadRetarget, "nBits %v, expected %v as in the header before: nBits change only at heights that %d divides", bits, want, params.RetargetInterval)
	}
}

// CheckTime checks that the time is after the median time of the headers before
// ([TimeTooOld]).
func (p Past) CheckTime(time uint32) error {
	if time > p.MedianTime {
		return nil
	}
	return violation(TimeTooOld, "time %d, expected more than %d, the median of the headers before", time, p.MedianTime)
}

// maxBackwardBIP94 is the maximum number of seconds by which the first header of a
// period may precede its parent (BIP 94).
const maxBackwardBIP94 = 600

// checkBIP94 checks the rule of BIP 94 about time on a chain that has it
// ([TimeWarp]).
func (p Past) checkBIP94(params *pow.Params, time uint32) error {
	if !params.BIP94 || !startsPeriod(params, p.Height) || int64(time) >= int64(p.Time)-maxBackwardBIP94 {
		return nil
	}
	return violation(TimeWarp, "time %d, expected at least %d: the first header of a period is at most %d s before its parent", time, int64(p.Time)-maxBackwardBIP94, maxBackwardBIP94)
}

// CheckTimeWarp checks the two rules of BIP 54 about time ([TimeWarp]), which
// Bitcoin itself has not adopted: the first header of a period is at most
// [MaxBackward] before its parent, and the last one is not before the first.
// Without them miners can make the periods overlap and lower the difficulty.
func (p Past) CheckTimeWarp(params *pow.Params, time uint32) error {
	switch {
	case startsPeriod(params, p.Height) && int64(time) < int64(p.Time)-MaxBackward:
		return violation(TimeWarp, "time %d, expected at least %d: the first header of a period is at most %d s before its parent", time, int64(p.Time)-MaxBackward, MaxBackward)
	case endsPeriod(params, p.Height) && time < p.PeriodTime:
		return violation(TimeWarp, "time %d, expected at least %d: the last header of a period is not before the first", time, p.PeriodTime)
	}
	return nil
}

// MinTime returns the earliest time that passes [Past.CheckTime] and
// [Past.CheckTimeWarp]. After a median of 2^32-1, in 2106, no time passes, and the
// result is 2^32-1.
func (p Past) MinTime(params *pow.Params) uint32 {
	earliest := int64(p.MedianTime) + 1
	if startsPeriod(params, p.Height) {
		earliest = max(earliest, int64(p.Time)-MaxBackward)
	}
	if endsPeriod(params, p.Height) {
		earliest = max(earliest, int64(p.PeriodTime))
	}
	return uint32(min(earliest, math.MaxUint32))
}
