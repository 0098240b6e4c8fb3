package endtoend

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

// bare lets all devices search for a time, each with as many concurrent calls as keep it
// busy, and nothing else. It returns the hashes of each device and the elapsed time.
func bare(ctx context.Context, devices []engine.Device, mask uint32, target pow.Target, d time.Duration) (map[string]uint64, time.Duration, error) {
	searching, stop := context.WithCancel(ctx)
	defer stop()
	var lanes sync.WaitGroup
	failed := make(chan error, 1) // the first failure
	hashes := make([]atomic.Uint64, len(devices))
	start := time.Now()
	for i, device := range devices {
		for lane := range max(device.Info().Lanes, 1) {
			lanes.Go(func() {
				err := bareLane(searching, device, mask, target, uint64(lane), &hashes[i])
				if err == nil || searching.Err() != nil {
					return
				}
				select {
				case failed <- fmt.Errorf("%s: %w", device.Info().ID, err):
				default:
				}
				stop()
			})
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-searching.Done():
	}
	stop()
	lanes.Wait()
	took := time.Since(start)
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	select {
	case err := <-failed:
		return nil, 0, err
	default:
	}
	all := map[string]uint64{}
	for i, device := range devices {
		all[device.Info().ID] = hashes[i].Load()
	}
	return all, took, nil
}

// errShort says that a device returned early without an error.
var errShort = errors.New("the device left out nonces")

// bareLane searches headers of its own until ctx ends.
func bareLane(ctx context.Context, device engine.Device, mask uint32, target pow.Target, lane uint64, hashes *atomic.Uint64) error {
	if device.Info().Pinned {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	versions, rolls := device.(engine.VersionScanner)
	job := engine.Job{Target: target, VersionMask: lowestBits(mask, versionBits)}
	rolls = rolls && job.Versions() == engine.MaxVersions
	all := pow.Range{Count: pow.NonceSpace}
	for n := uint64(0); ; n++ {
		binary.LittleEndian.PutUint64(job.Header[36:], lane) // in the Merkle root
		binary.LittleEndian.PutUint64(job.Header[44:], n)
		var done, each uint64
		var err error
		if rolls {
			var got engine.VersionsResult
			got, err = versions.ScanVersions(ctx, &job, all, func([]engine.Candidate) {})
			done, each = got.Done, engine.MaxVersions
		} else {
			var got engine.ScanResult
			got, err = device.Scan(ctx, &job, all, nil)
			done, each = got.Done, 1
		}
		hashes.Add(done * each)
		switch {
		case err != nil:
			return err
		case done != all.Count:
			return errShort
		}
	}
}

// versionBits is the number of bits that make [engine.MaxVersions] versions.
const versionBits = 7

// lowestBits returns the n lowest bits of mask that are set.
func lowestBits(mask uint32, n int) (low uint32) {
	for range n {
		bit := mask & -mask
		low |= bit
		mask &^= bit
	}
	return low
}
