package health

import (
	"errors"
	"fmt"
)

// Limits say when a device must rest. 0 is no limit. Between the two values of a
// pair nothing changes, so that a device does not toggle all the time.
type Limits struct {
	Temperature       float64 // degrees Celsius above which a device rests
	TemperatureResume float64 // and below which it resumes; 0: 10 degrees less
	Power             float64 // watts above which a device rests
	PowerResume       float64 // and below which it resumes; 0: a tenth less
}

// Check returns an error if a device that rests could never resume, or would
// resume at once.
func (l Limits) Check() error {
	var errs []error
	pair := func(name string, limit, resume float64) {
		switch {
		case limit < 0 || resume < 0:
			errs = append(errs, fmt.Errorf("invalid limit of the %s: must not be below 0", name))
		case limit == 0 && resume > 0:
			errs = append(errs, fmt.Errorf("the %s has a resume value but no limit", name))
		case resume >= limit && limit > 0:
			errs = append(errs, fmt.Errorf("invalid resume value %g of the %s: must be below the limit, %g", resume, name, limit))
		}
	}
	pair("temperature", l.Temperature, l.TemperatureResume)
	pair("power", l.Power, l.PowerResume)
	return errors.Join(errs...)
}

// Exceeded reports whether a device must rest, and why. Resting says whether it
// rests now. A temperature (degrees Celsius) or power (watts) of nil could not be
// measured, and changes nothing.
func (l Limits) Exceeded(resting bool, temperature, power *float64) (rest bool, reason string) {
	hot, cool := compare(temperature, l.Temperature, l.TemperatureResume, l.Temperature-10)
	high, low := compare(power, l.Power, l.PowerResume, l.Power*0.9)
	switch {
	case hot:
		return true, fmt.Sprintf("temperature %.0f °C is above the limit of %.0f °C", *temperature, l.Temperature)
	case high:
		return true, fmt.Sprintf("power %.0f W is above the limit of %.0f W", *power, l.Power)
	case resting && !cool:
		return true, "not cool enough yet"
	case resting && !low:
		return true, "power not low enough yet"
	}
	return false, ""
}

// compare reports whether a value is above its limit, and whether it is below the
// value at which a device resumes.
func compare(value *float64, limit, resume, ifUnset float64) (above, below bool) {
	if limit <= 0 {
		return false, true
	}
	if value == nil {
		return false, false
	}
	if resume == 0 {
		resume = ifUnset
	}
	return *value > limit, *value < resume
}
