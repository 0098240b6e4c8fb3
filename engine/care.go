package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stele/engine/pow"
)

// Errors of Rest, Wake and Retry.
var (
	ErrUnknownDevice = errors.New("no such device")
	ErrReopening     = errors.New("the device is tried again by itself") // by Mine
	ErrSelfTest      = errors.New("self-test failed")
)

// Rest stops the device with an ID until Wake: it gives back what it has in
// hand and gets nothing more. The reason, which must not be empty, stands in the
// status. Search and Verify do not wait for devices that rest; Mine does.
func (e *Engine) Rest(id, reason string) error {
	u, err := e.unit(id)
	if err == nil {
		u.setRest(reason)
	}
	return err
}

// Wake ends a rest.
func (e *Engine) Wake(id string) error {
	u, err := e.unit(id)
	if err == nil {
		u.setRest("")
	}
	return err
}

// Retry takes a sick device in again, or a dead one that is no [Reopener], if
// it passes a self-test: every hit of a small search, and every verdict of a
// small batch, is compared with package pow. A device that can be reopened is
// reopened before. Calls of Mine that are under way use the device from then on.
//
// It returns nil for a device that is in use, [ErrReopening] for one that Mine
// tries by itself, and otherwise [ErrSelfTest] or the device's error.
func (e *Engine) Retry(ctx context.Context, id string) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	u, err := e.unit(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.stall)
	defer cancel()
	state := u.status().State
	device, reopens := u.device.(Reopener)
	switch {
	case state == OK || state == Resting:
		return nil
	case state == Dead && reopens:
		return ErrReopening
	case reopens:
		if err := device.Reopen(ctx); err != nil {
			return fmt.Errorf("reopen %s: %w", id, err)
		}
	}
	if err := selfTest(ctx, u.device); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	u.forgive()
	u.comeBack(state)
	return nil
}

func (e *Engine) unit(id string) (*unit, error) {
	for _, u := range e.units {
		if u.info.ID == id {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrUnknownDevice, id)
}

// selfTest compares what a device does with package pow.
func selfTest(ctx context.Context, d Device) error {
	job := Job{Target: pow.ZeroBits(8)}
	for i := range job.Header {
		job.Header[i] = byte(i)
	}
	r := pow.Range{First: 1<<32 - 1<<12, Count: 1 << 13} // over the end of the nonces
	got, err := d.Scan(ctx, &job, r)
	if err != nil {
		return fmt.Errorf("%w: search: %w", ErrSelfTest, err)
	}
	var want []uint32
	pow.Search(&job.Header, job.Target, r, func(nonce uint32) { want = append(want, nonce) })
	if got.Done != r.Count || !slices.Equal(got.Nonces, want) {
		return fmt.Errorf("%w: %d of %d nonces done, %d hits where there are %d, or others",
			ErrSelfTest, got.Done, r.Count, len(got.Nonces), len(want))
	}

	headers := make([]byte, 0, len(want)*pow.HeaderSize)
	for _, nonce := range want {
		pow.SetNonce(&job.Header, nonce)
		headers = append(headers, job.Header[:]...)
	}
	verdicts, right := make([]pow.Verdict, len(want)), make([]pow.Verdict, len(want))
	if err := d.Verify(ctx, headers, true, verdicts); err != nil {
		return fmt.Errorf("%w: verification: %w", ErrSelfTest, err)
	}
	pow.Verify(headers, true, right)
	if !slices.Equal(verdicts, right) {
		return fmt.Errorf("%w: wrong verdicts", ErrSelfTest)
	}
	return nil
}
