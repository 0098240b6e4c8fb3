package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/miner"
	"stele/engine/miner/health"
	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/template"
)

// moody is a device that gives wrong answers while it is wrong. Otherwise it
// passes its tests, and works slowly.
type moody struct {
	engine.Device
	info  engine.Info
	wrong atomic.Bool
	works chan struct{}
}

func newMoody(id string) *moody {
	d := &moody{Device: engine.Reference(), works: make(chan struct{}, 1)}
	d.info = d.Device.Info()
	d.info.ID, d.info.UUID = id, "GPU-"+id
	return d
}

func (d *moody) Info() engine.Info { return d.info }

// Scan implements engine.Device.
func (d *moody) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (engine.ScanResult, error) {
	const testRange = 1 << 13 // of a test
	const perSecond = 1 << 16
	switch {
	case d.wrong.Load():
		return engine.ScanResult{}, engine.ErrWrong
	case r.Count <= testRange:
		return d.Device.Scan(ctx, job, r, early)
	}
	select {
	case d.works <- struct{}{}:
	default:
	}
	r.Count = min(r.Count, perSecond)
	select {
	case <-time.After(time.Duration(r.Count) * time.Second / perSecond):
		return engine.ScanResult{Done: r.Count}, nil
	case <-ctx.Done():
		return engine.ScanResult{}, ctx.Err()
	}
}

// A device that gave wrong answers mines again when it passes its test, whether
// others mined meanwhile or none did.
func TestMinerRetriesSickDevices(t *testing.T) {
	for name, others := range map[string]bool{"alone": false, "beside others": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sick := newMoody("sick")
				sick.wrong.Store(true)
				devices := []engine.Device{sick}
				if others {
					devices = append(devices, newMoody("other"))
				}
				e := engine.New(devices, nil)
				defer e.Close()
				source := newTemplateSource(nil, record.Key{})
				m := miner.New(miner.Options{Engine: e, Sources: []miner.Source{source}})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- m.Run(ctx) }()
				source.take(&template.Template{}) // whose target no hash meets
				synctest.Wait()
				if s := e.Status()[0]; s.State != engine.Sick {
					t.Fatalf("the device is %s: %s", s.State, s.Reason)
				}
				for range 3 { // the first tests fail
					time.Sleep(health.Defaults.Pause)
					source.take(&template.Template{}) // which does not wait for a device
				}
				for len(sick.works) > 0 {
					<-sick.works
				}
				sick.wrong.Store(false)
				select {
				case <-sick.works:
				case <-time.After(health.Defaults.LongestPause):
					t.Error("the device does not mine again")
				case err := <-ended:
					t.Fatalf("mining has ended: %v", err)
				}
				if s := e.Status()[0]; s.State != engine.OK {
					t.Errorf("the device is %s: %s", s.State, s.Reason)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("mining ended with %v", err)
				}
			})
		})
	}
}

// withDevices returns the options of a node with only these devices, that mines on
// quick rules.
func withDevices(t *testing.T, devices ...engine.Device) Options {
	t.Helper()
	o := testOptions(t)
	o.Traffic, o.API = 0, ""
	o.Engine = engine.New(devices, nil)
	t.Cleanup(func() {
		if err := o.Engine.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Rules = health.Rules{Pause: 10 * time.Millisecond, LongestPause: 10 * time.Millisecond, Trials: 1 << 30, Proof: time.Millisecond, Rest: time.Millisecond}
	return o
}

// deviceIs waits until the node's first device has a health.
func (n *testNode) deviceIs(h miner.Health) query.Status {
	n.Helper()
	return n.wait(fmt.Sprintf("the device is %s", h), func(s query.Status) bool { return s.Miner.Devices[0].Health == h })
}

// A node tries a sick device again, and says so meanwhile.
func TestNodeRetriesSickDevice(t *testing.T) {
	d := newMoody("moody")
	d.wrong.Store(true)
	n := start(t, withDevices(t, d))
	s := n.deviceIs(miner.Sick)
	if s.Miner.Devices[0].Reason == "" || s.Miner.State != miner.Stalled || s.Trouble == "" {
		t.Errorf("status %+v, miner %+v", s, *s.Miner)
	}
	d.wrong.Store(false)
	if s := n.deviceIs(miner.OK); s.Trouble != "" {
		t.Errorf("trouble %q", s.Trouble)
	}
	n.wait("a hash rate", func(s query.Status) bool { return s.HashRate() > 0 })
	n.stop()
}

// A device above the limit of temperature is paused until it is cool, and one that
// the user paused until it is resumed.
func TestNodePausesDevice(t *testing.T) {
	var celsius atomic.Int64
	celsius.Store(86)
	d := newMoody("hot")
	o := withDevices(t, d)
	o.Limits = health.Limits{Temperature: 85, TemperatureResume: 75}
	o.Sensors = func(uuid string) (miner.Sensors, error) {
		if uuid != d.info.UUID {
			return miner.Sensors{}, errors.New("unknown device")
		}
		value := float64(celsius.Load())
		return miner.Sensors{Temperature: &value}, nil
	}
	n := start(t, o)
	s := n.deviceIs(miner.Resting)
	if s.Miner.State != miner.Paused || *s.Miner.Devices[0].Sensors.Temperature != 86 || s.Trouble != "" {
		t.Errorf("status %+v, miner %+v", s, *s.Miner)
	}
	celsius.Store(70)
	n.deviceIs(miner.OK)
	n.wait("a hash rate", func(s query.Status) bool { return s.Miner.State == miner.Mining && s.HashRate() > 0 })

	n.Miner().Pause()
	if s := n.Status(); s.Miner.State != miner.Paused || s.Trouble != "" {
		t.Errorf("miner %+v", *s.Miner)
	}
	n.Miner().Resume()
	n.wait("mining", func(s query.Status) bool { return s.Miner.State == miner.Mining })
	n.stop()
}

// lostDevice is a device that only a new process can use again.
type lostDevice struct{ deadDevice }

func (lostDevice) Info() engine.Info { return engine.Info{ID: "lost", Kind: "gpu", Lanes: 1} }

// Reopen implements engine.Reopener.
func (lostDevice) Reopen(context.Context) error {
	return fmt.Errorf("%w: a thousand tries", engine.ErrLost)
}

// A node ends when all devices of a kind are lost to the process, though another
// kind goes on. Its store is sealed.
func TestNodeLostDevices(t *testing.T) {
	o := withDevices(t, lostDevice{deadDevice{engine.Reference()}}, newMoody("cpu"))
	o.Log = slog.New(slog.DiscardHandler)
	n, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := n.Run(ctx); !errors.Is(err, engine.ErrLost) {
		t.Errorf("the node ended with %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	(&testNode{T: t, Node: n, options: o}).check()
}

// BenchmarkMining compares the nonces that a processor finishes for the bare engine
// with those that it finishes for a node on the network dev, whose first blocks have
// the easiest target and come as fast as they can be made.
func BenchmarkMining(b *testing.B) {
	const nonces = 1 << 25
	bench := func(b *testing.B, mine func(ctx context.Context, e *engine.Engine) error) {
		d, err := cpu.Open(cpu.Options{})
		if err != nil {
			b.Fatal(err)
		}
		e := engine.New([]engine.Device{d}, nil)
		defer e.Close()
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error)
		go func() { ended <- mine(ctx, e) }()
		done := func() uint64 { return e.Status()[0].Nonces }
		for done() == 0 {
			time.Sleep(time.Millisecond)
		}
		for b.Loop() {
			for until := done() + nonces; done() < until; {
				time.Sleep(time.Millisecond)
			}
		}
		b.ReportMetric(nonces*float64(b.N)/b.Elapsed().Seconds()/1e6, "MH/s")
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	b.Run("engine", func(b *testing.B) {
		bench(b, func(ctx context.Context, e *engine.Engine) error {
			jobs := make(chan engine.Job, 1)
			jobs <- engine.Job{VersionMask: template.VersionMask}
			if err := e.Mine(ctx, jobs, nil, func(engine.Hit) {}); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	})
	b.Run("node", func(b *testing.B) {
		bench(b, func(ctx context.Context, e *engine.Engine) error {
			n, err := Open(ctx, Options{Params: network.Dev, Dir: b.TempDir(), Engine: e})
			if err != nil {
				return err
			}
			err = n.Run(ctx)
			s := n.Status()
			b.ReportMetric(float64(s.Mined.Blocks)/s.Now.Sub(s.Started).Seconds(), "blocks/s")
			return errors.Join(err, n.Close())
		})
	})
}
