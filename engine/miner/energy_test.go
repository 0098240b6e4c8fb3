package miner

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

func TestGauge(t *testing.T) {
	num := func(x float64) *float64 { return &x }
	is := func(t *testing.T, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 1e-9 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	start := time.Now()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

	var counter gauge // of a CPU, which has no reading of its power
	if s := counter.complete(Sensors{Energy: num(1000)}, at(0)); s.Power != nil {
		t.Errorf("power %v of one reading", *s.Power)
	}
	s := counter.complete(Sensors{Energy: num(1130)}, at(2))
	is(t, s.Energy, 130)
	is(t, s.Power, 65)
	if s := counter.complete(Sensors{Power: num(50)}, at(4)); s.Energy != nil {
		t.Errorf("a counter that cannot be read: %v J", *s.Energy)
	}
	is(t, counter.complete(Sensors{Energy: num(10)}, at(6)).Energy, 130) // the driver was loaded anew
	is(t, counter.complete(Sensors{Energy: num(30), Power: num(7)}, at(8)).Energy, 150)
	is(t, counter.complete(Sensors{Energy: num(30), Power: num(7)}, at(10)).Power, 7)

	var power gauge // of an old GPU
	is(t, power.complete(Sensors{Power: num(100)}, at(3)).Energy, 0)
	is(t, power.complete(Sensors{Power: num(200)}, at(5)).Energy, 300)
	if s := power.complete(Sensors{}, at(7)); s.Energy != nil || s.Power != nil {
		t.Errorf("nothing known: %+v", s)
	}
	is(t, power.complete(Sensors{Power: num(200)}, at(9)).Energy, 1100)
	is(t, power.complete(Sensors{Power: num(200), Energy: num(7000)}, at(10)).Energy, 1100) // its counter can be read at last
	is(t, power.complete(Sensors{Power: num(200), Energy: num(7150)}, at(11)).Energy, 1250)
}

// The CPU has the energy of its packages, and its mean power, until the counter vanishes.
func TestCPUEnergy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, gone := time.Now(), time.Minute
		joules := func() (float64, error) {
			if time.Since(begin) > gone {
				return 0, errors.New("gone")
			}
			return 500 + 65*time.Since(begin).Seconds(), nil
		}
		p, d := newPool("pool"), &slow{id: "cpu", threads: 2}
		r := start(t, Options{CPUEnergy: joules, Sensors: func(string) (Sensors, error) { return Sensors{}, errors.New("none") }}, d, p)
		pass(31 * time.Second)
		s := r.Status().Devices[0].Sensors
		if s == nil || s.Energy == nil || s.Power == nil || math.Abs(*s.Power-65) > 0.1 || math.Abs(*s.Energy-30*65) > 1 {
			t.Errorf("%+v, want 65 W and %d J", s, 30*65)
		}
		pass(time.Minute)
		if s := r.Status().Devices[0].Sensors; s == nil || !reflect.DeepEqual(*s, Sensors{}) {
			t.Errorf("a counter that is gone: %+v", s)
		}
		r.end()
		p.check(t)
	})
}
