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
// it passes a self-test: every hit of a small search, of one through versions if
// the device has that, and every verdict of a small batch are compared with
// package pow. A device that can be reopened is
// reopened before. Calls of Mine that are under way use the device from then on.
//
// It returns nil for a device that is in use, [ErrReopening] for one that Mine
// tries by itself, [ErrLost] for one that only a new process can use again, and
// otherwise [ErrSelfTest] or the device's error.
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
	case reopens && u.isLost():
		return fmt.Errorf("%s: %w", id, ErrLost)
	case state == Dead && reopens:
		return ErrReopening
	case reopens:
		if err := device.Reopen(ctx); err != nil {
			if errors.Is(err, ErrLost) {
				u.lose(err)
			}
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
	hits, err := testSearch(ctx, d, job)
	if err == nil {
		err = testVersions(ctx, d, job)
	}
	if err == nil {
		err = testVerify(ctx, d, hits)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelfTest, err)
	}
	return nil
}

// testSearch returns the headers that were found.
func testSearch(ctx context.Context, d Device, job Job) (headers []byte, err error) {
	r := pow.Range{First: 1<<32 - 1<<12, Count: 1 << 13} // over the end of the nonces
	got, err := d.Scan(ctx, &job, r, nil)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	var want []uint32
	pow.Search(&job.Header, job.Target, r, func(nonce uint32) {
		want = append(want, nonce)
		header := job.Header
		pow.SetNonce(&header, nonce)
		headers = append(headers, header[:]...)
	})
	if got.Done != r.Count || !slices.Equal(got.Nonces, want) {
		return nil, fmt.Errorf("search: %d of %d nonces done, %d hits where there are %d, or others",
			got.Done, r.Count, len(got.Nonces), len(want))
	}
	return headers, nil
}

func testVersions(ctx context.Context, d Device, job Job) error {
	s, ok := d.(VersionScanner)
	if !ok {
		return nil
	}
	job.VersionMask = spread(MaxVersions-1, 0x1fffe000) // of BIP 320
	r := pow.Range{First: 1<<32 - 1<<5, Count: 1 << 6}
	got, err := s.ScanVersions(ctx, &job, r, nil)
	if err != nil {
		return fmt.Errorf("search of versions: %w", err)
	}
	var want []Candidate
	for i := range uint32(r.Count) {
		for version := range uint32(MaxVersions) {
			header := job.WithVersion(uint64(version))
			pow.SetNonce(&header, r.First+i)
			if job.Target.MetBy(pow.Sum(header[:])) {
				want = append(want, Candidate{r.First + i, version})
			}
		}
	}
	if got.Done != r.Count || !slices.Equal(got.Hits, want) {
		return fmt.Errorf("search of versions: %d of %d nonces done, %d hits where there are %d, or others",
			got.Done, r.Count, len(got.Hits), len(want))
	}
	return nil
}

func testVerify(ctx context.Context, d Device, headers []byte) error {
	n := len(headers) / pow.HeaderSize
	got, want := make([]pow.Verdict, n), make([]pow.Verdict, n)
	if err := d.Verify(ctx, headers, true, got); err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	pow.Verify(headers, true, want)
	if !slices.Equal(got, want) {
		return errors.New("verification: wrong verdicts")
	}
	return nil
}
