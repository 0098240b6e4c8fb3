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
	ErrUnknownDevice = errors.New("unknown device")
	ErrReopening     = errors.New("the device is reopened automatically") // by Mine
	ErrSelfTest      = errors.New("self-test failed")
)

// Rest stops the device with this ID until [Engine.Wake]: it returns its pieces
// unfinished and receives no more. The status shows the reason, which must not be
// empty. Search and Verify do not wait for devices that rest; Mine does.
func (e *Engine) Rest(id, reason string) error {
	u, err := e.unit(id)
	if err == nil {
		u.setRest(reason)
	}
	return err
}

// Wake ends the rest of the device with this ID.
func (e *Engine) Wake(id string) error {
	u, err := e.unit(id)
	if err == nil {
		u.setRest("")
	}
	return err
}

// Retry returns a sick device to use, or a dead one that is not a [Reopener], if
// it passes a self-test. The test compares with package pow every hit of a small
// search, every hit of a search of versions if the device is a [VersionScanner],
// and every verdict of a small batch. A sick Reopener is reopened first. Calls of
// Mine under way use the device from then on.
//
// Retry returns nil for a device that is in use or rests. Errors:
// [ErrUnknownDevice]; [ErrReopening] for a device that Mine reopens; [ErrLost] for
// one that only a new process can use again; [ErrSelfTest]; the error of Reopen.
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
	device, isReopener := u.device.(Reopener)
	switch {
	case state == OK || state == Resting:
		return nil
	case isReopener && u.isLost():
		return fmt.Errorf("%s: %w", id, ErrLost)
	case state == Dead && isReopener:
		return ErrReopening
	case isReopener:
		if err := device.Reopen(ctx); err != nil {
			if errors.Is(err, ErrLost) {
				u.setLost(err)
			}
			return fmt.Errorf("reopen %s: %w", id, err)
		}
	}
	if err := selfTest(ctx, u.device); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	u.forgive()
	u.enable(state)
	return nil
}

func (e *Engine) unit(id string) (*unit, error) {
	for _, u := range e.units {
		if u.info.ID == id {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownDevice, id)
}

// selfTest compares the results of a device with package pow.
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

// testSearch returns the headers that were found, one after the other.
func testSearch(ctx context.Context, d Device, job Job) (headers []byte, err error) {
	r := pow.Range{First: 1<<32 - 1<<12, Count: 1 << 13} // from 2^32-1 on to 0
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
		return nil, fmt.Errorf("search: %d of %d nonces done, %d hits that are not the %d expected",
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
		return fmt.Errorf("search of versions: %d of %d nonces done, %d hits that are not the %d expected",
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
