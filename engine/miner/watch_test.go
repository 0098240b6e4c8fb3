package miner

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine"
	"stele/engine/miner/health"
	"stele/engine/pow"
)

// wait waits until the device has a health.
func (r *rig) wait(limit time.Duration, h Health) {
	r.t.Helper()
	for end := time.Now().Add(limit); r.Status().Devices[0].Health != h; pass(time.Second) {
		if time.Now().After(end) {
			r.t.Fatalf("the device is %s, not %s, after %v", r.Status().Devices[0].Health, h, limit)
		}
	}
}

// A device that hangs has the rate 0, not its last one. It is sick, and is used
// again when it works again.
func TestHangingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPool("pool"), &slow{id: "slow"}
		r := start(t, Options{}, d, p)
		pass(2 * time.Minute)
		d.set(hanging)
		pass(20 * time.Second)
		s := r.Status()
		if s.State != Stalled || s.Trouble == "" || s.Counted.Seconds10 != 0 || s.Devices[0].Rates.Seconds10 != 0 {
			t.Errorf("%s %q, rate %g", s.State, s.Trouble, s.Counted.Seconds10)
		}
		r.wait(30*time.Second, Sick)
		pass(5 * time.Minute)
		if s := r.Status(); s.State != Stalled || s.Counted.Minute1 != 0 || s.Devices[0].Reason == "" {
			t.Errorf("%s %q, %+v", s.State, s.Trouble, s.Counted)
		}
		d.set(honest)
		r.wait(health.Defaults.LongestPause, Recovering)
		r.wait(2*time.Minute, OK)
		if s := r.Status(); s.State != Mining || s.Trouble != "" || s.Counted.Seconds10 == 0 {
			t.Errorf("%s %q", s.State, s.Trouble)
		}
		r.end()
		p.check(t)
	})
}

// A device that is wrong is tried a few times and then given up. The miner ends
// when it was the last one.
func TestWrongDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPool("pool"), &slow{id: "slow"}
		r := start(t, Options{}, d, p)
		pass(2 * time.Minute)
		d.set(wrong)
		r.wait(time.Minute, Sick)
		if err := <-r.done; !errors.Is(err, engine.ErrNoDevice) {
			t.Errorf("got %v", err)
		}
		if s := r.Status(); s.Devices[0].Health != Dead || s.Shares.Accepted != s.Shares.Found {
			t.Errorf("%+v", s)
		}
		r.stop()
		p.check(t)
	})
}

// A device continues beside one that hangs.
func TestOtherDeviceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := &slow{id: "bad", mode: hanging}, &slow{id: "good"}
		e := engine.New([]engine.Device{bad, good}, nil)
		m := New(Options{Engine: e, Sources: []Source{newPool("pool")}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		pass(2 * time.Minute)
		s := m.Status()
		if s.State != Mining || s.Trouble == "" || s.Devices[0].Health == OK || s.Devices[1].Rates.Minute1 < perSecond*0.9 {
			t.Errorf("%s %q, %+v", s.State, s.Trouble, s.Devices)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = e.Close()
	})
}

// gone is a device that fails, and that only a new process can use again.
type gone struct{ slow }

func (d *gone) Info() engine.Info { return engine.Info{ID: d.id, Kind: "gone", Lanes: 1} }

func (d *gone) Scan(context.Context, *engine.Job, pow.Range, func([]uint32)) (engine.ScanResult, error) {
	return engine.ScanResult{}, errors.New("the driver is gone")
}

func (d *gone) Reopen(context.Context) error {
	return fmt.Errorf("%w: a thousand tries", engine.ErrLost)
}

// When all devices of a kind are lost to the process, the miner ends although another
// kind works.
func TestLostKind(t *testing.T) {
	for want, lost := range map[bool][]engine.Device{
		true:  {&gone{slow{id: "a"}}, &gone{slow{id: "b"}}},
		false: {&gone{slow{id: "a"}}, &gone{slow{id: "b"}}, phoenix{&slow{id: "c"}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := engine.New(append(lost, &slow{id: "slow"}), nil)
			defer e.Close()
			m := New(Options{Engine: e, Sources: []Source{newPool("pool")}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			err := m.Run(ctx)
			if errors.Is(err, engine.ErrLost) != want {
				t.Errorf("lost %v: %v", want, err)
			}
			if text := engine.ErrLost.Error() + ": a: a thousand tries; b: a thousand tries"; want && err.Error() != text {
				t.Errorf("%q, want %q", err, text)
			}
		})
	}
}

// phoenix is of the kind of gone, and works.
type phoenix struct{ *slow }

func (d phoenix) Info() engine.Info { return engine.Info{ID: d.id, Kind: "gone", Lanes: 1} }

// New work, however frequent, does not make a device sick.
func TestNoFalseAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		for range 300 {
			pass(200 * time.Millisecond)
			p.give(true)
			if s := r.Status(); s.State != Mining || s.Devices[0].Health != OK {
				t.Fatalf("%s %q, %s", s.State, s.Trouble, s.Devices[0].Health)
			}
		}
		for range 2 { // and no work for a long time is none either
			p.set(true)
			pass(time.Hour)
			p.set(false)
			pass(2 * time.Minute)
			if s := r.Status(); s.State != Mining || s.Devices[0].Health != OK || s.Estimated.Disagrees {
				t.Fatalf("%s %q, %s", s.State, s.Trouble, s.Devices[0].Health)
			}
		}
		r.end()
	})
}

// A device that counts nonces and finds nothing is detected by its shares.
func TestBlindDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPool("pool"), &slow{id: "slow", mode: blind}
		r := start(t, Options{}, d, p)
		pass(2 * time.Minute)
		s := r.Status()
		if !s.Estimated.Disagrees || s.Trouble == "" || s.Estimated.Rate != 0 || s.Counted.Minute1 == 0 {
			t.Errorf("%q, %+v", s.Trouble, s.Estimated)
		}
		r.end()
	})
}

// A hot device rests until it is cool.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPool("pool"), &slow{id: "slow", uuid: "GPU-1"}
		var celsius atomic.Int64
		celsius.Store(70)
		broken := errors.New("no driver")
		joules := 1000.0
		sensors := func(uuid string) (Sensors, error) {
			if celsius.Load() == 0 {
				return Sensors{}, broken
			}
			joules++
			value, energy := float64(celsius.Load()), joules
			return Sensors{Temperature: &value, Energy: &energy}, nil
		}
		r := start(t, Options{Sensors: sensors, Limits: health.Limits{Temperature: 85, TemperatureResume: 75}}, d, p)
		pass(time.Minute)
		if s := r.Status().Devices[0]; *s.Sensors.Temperature != 70 || *s.Sensors.Energy != 30 {
			t.Errorf("sensors %g °C, %g J", *s.Sensors.Temperature, *s.Sensors.Energy)
		}
		celsius.Store(86)
		pass(5 * time.Second)
		s := r.Status()
		before := r.nonces()
		if s.State != Paused || s.Devices[0].Health != Resting || s.Devices[0].State != engine.Resting || s.Trouble == "" {
			t.Errorf("%s %q", s.State, s.Trouble)
		}
		for _, c := range []int64{80, 75, 0} { // not cool, not cool, not known
			celsius.Store(c)
			pass(5 * time.Minute)
			if s := r.Status(); s.Devices[0].Health != Resting || r.nonces() != before {
				t.Errorf("at %d °C: %s", c, s.Devices[0].Health)
			}
		}
		celsius.Store(74)
		pass(10 * time.Second)
		if s := r.Status(); s.State != Mining || s.Devices[0].Health != OK || r.nonces() == before {
			t.Errorf("%s %q, %s", s.State, s.Trouble, s.Devices[0].Health)
		}
		celsius.Store(0) // a sensor that fails is no reason to rest
		pass(5 * time.Minute)
		if s := r.Status(); s.State != Mining {
			t.Errorf("%s %q", s.State, s.Trouble)
		}
		celsius.Store(80)
		r.SetLimits(health.Limits{Temperature: 78})
		pass(5 * time.Second)
		if s := r.Status(); s.Devices[0].Health != Resting {
			t.Errorf("above another limit: %s", s.Devices[0].Health)
		}
		r.SetLimits(health.Limits{})
		pass(2 * time.Minute)
		if s := r.Status(); s.State != Mining || s.Devices[0].Health != OK {
			t.Errorf("without a limit: %s %q, %s", s.State, s.Trouble, s.Devices[0].Health)
		}
		r.end()
	})
}

// An invalid hit is not submitted: of unknown work, above the target, duplicate, or for
// work that is out of date.
func TestHits(t *testing.T) {
	p := newPool("pool")
	p.target = pow.ZeroBits(8)
	m := New(Options{Engine: engine.New([]engine.Device{&slow{id: "slow"}}, nil), Sources: []Source{p}})
	u := m.sources[0]
	w := p.work("1", true)
	job, ok := u.roller.next(w, time.Now())
	if !ok {
		t.Fatal("no job")
	}
	hit := engine.Hit{Job: job, Version: 0x20000000, Device: "slow"}
	var good []uint32
	pow.Search(&job.Header, job.Target, pow.Range{Count: 1 << 12}, func(n uint32) { good = append(good, n) })
	at := func(nonce uint32) engine.Hit {
		hit.Nonce = nonce
		header := hit.Header()
		hit.Hash = pow.Sum(header[:])
		return hit
	}
	m.hit(at(good[0]))
	m.hit(at(good[0]))     // twice
	m.hit(at(good[0] + 1)) // no hit, but by a chance of 1 in 256 in other data
	alien := at(good[1])
	alien.Job.Header[40] ^= 1
	m.hit(alien)
	if s := m.Status().Shares; s.Found != 1 || s.Rejected[Lost] != 1 { // it does not run
		t.Errorf("%+v", s)
	}
	u.generation++ // clean work comes
	m.hit(at(good[1]))
	if s := m.Status().Shares; s.Found != 2 || s.Rejected[Stale] != 1 {
		t.Errorf("%+v", s)
	}
}
