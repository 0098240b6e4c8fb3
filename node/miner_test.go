package node

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/template"
)

// moody is a device that gives wrong answers while it is wrong. Otherwise it
// passes its tests, and works until its work is called off.
type moody struct {
	engine.Device
	wrong atomic.Bool
	works chan struct{}
}

// Scan implements engine.Device.
func (d *moody) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (engine.ScanResult, error) {
	const small = 1 << 13 // the range of a test
	switch {
	case d.wrong.Load():
		return engine.ScanResult{}, engine.ErrWrong
	case r.Count <= small:
		return d.Device.Scan(ctx, job, r, early)
	}
	d.works <- struct{}{}
	<-ctx.Done()
	return engine.ScanResult{}, ctx.Err()
}

// A device that gave wrong answers mines again when it passes its test, whether
// others mined meanwhile or none did.
func TestMinerRetriesSickDevices(t *testing.T) {
	for name, others := range map[string]bool{"alone": false, "beside others": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sick := &moody{Device: engine.Reference(), works: make(chan struct{}, 100)}
				sick.wrong.Store(true)
				devices := []engine.Device{sick}
				other := &moody{Device: engine.Reference(), works: make(chan struct{}, 100)}
				if others {
					devices = append(devices, other)
				}
				e := engine.New(devices, nil)
				defer e.Close()
				m := newMiner(e, nil, time.Now)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- m.run(ctx) }()
				m.take(&template.Template{})
				synctest.Wait()
				if s := e.Status()[0]; s.State != engine.Sick {
					t.Fatalf("the device is %s: %s", s.State, s.Reason)
				}
				for range 3 { // the first tests fail
					time.Sleep(retrySick)
					m.take(&template.Template{}) // which does not wait for a device
				}
				sick.wrong.Store(false)
				select {
				case <-sick.works:
				case <-time.After(2 * retrySick):
					t.Error("the device does not mine again")
				case err := <-ended:
					t.Fatalf("mining has ended: %v", err)
				}
				if s := e.Status()[0]; s.State != engine.OK {
					t.Errorf("the device is %s: %s", s.State, s.Reason)
				}
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("mining ended with %v", err)
				}
			})
		})
	}
}
