package health

import (
	"testing"

	"pgregory.net/rapid"
)

func TestExceeded(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	both := Limits{Temperature: 85, TemperatureResume: 70, Power: 300}
	for name, c := range map[string]struct {
		limits             Limits
		resting            bool
		temperature, power *float64
		rest               bool
	}{
		"no limits":                {Limits{}, false, v(200), v(1e4), false},
		"no limits, resting":       {Limits{}, true, v(200), v(1e4), false},
		"below":                    {both, false, v(85), v(300), false},
		"hot":                      {both, false, v(85.1), v(0), true},
		"much power":               {both, false, v(20), v(301), true},
		"between, runs":            {both, false, v(80), v(280), false},
		"between, rests":           {both, true, v(80), v(10), true},
		"power between, rests":     {both, true, v(50), v(280), true},
		"cool":                     {both, true, v(69), v(269), false},
		"nothing known, runs":      {both, false, nil, nil, false},
		"nothing known, rests":     {both, true, nil, nil, true},
		"power not known, hot":     {both, false, v(90), nil, true},
		"default of 10 °C, rests":  {Limits{Temperature: 80}, true, v(70), nil, true},
		"default of 10 °C, is off": {Limits{Temperature: 80}, true, v(69.9), nil, false},
	} {
		rest, reason := c.limits.Exceeded(c.resting, c.temperature, c.power)
		if rest != c.rest || (reason != "") != rest {
			t.Errorf("%s: %v %q", name, rest, reason)
		}
	}
}

func TestLimitsCheck(t *testing.T) {
	for _, l := range []Limits{{}, {Temperature: 85}, {Temperature: 85, TemperatureResume: 84}, {Power: 200, PowerResume: 100}} {
		if err := l.Check(); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for _, l := range []Limits{{Temperature: -1}, {Temperature: 85, TemperatureResume: 85}, {Power: 200, PowerResume: 300}, {PowerResume: 10}, {TemperatureResume: 10}} {
		if l.Check() == nil {
			t.Errorf("%+v is accepted", l)
		}
	}
}

// Between the two values of a pair nothing changes.
func TestHysteresis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		high := rapid.Float64Range(20, 110).Draw(t, "limit")
		low := rapid.Float64Range(1, high-1).Draw(t, "resume")
		l := Limits{Temperature: high, TemperatureResume: low}
		rests := false
		for range 50 {
			now := rapid.Float64Range(0, 120).Draw(t, "temperature")
			next, _ := l.Exceeded(rests, &now, nil)
			if want := now > high || rests && now >= low; next != want {
				t.Fatalf("%g to %g: %g turns %v to %v", low, high, now, rests, next)
			}
			rests = next
		}
	})
}
