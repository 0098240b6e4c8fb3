package gpucheck

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"time"

	"stele/bench"
	"stele/engine"
	"stele/engine/gpu"
	"stele/engine/pow"
)

const (
	soakZeros    = 28      // leading zero bits of a hit in the soak: some tens of hits per second
	soakHashes   = 1 << 32 // per search
	compareEvery = 5 * time.Second
	compareZeros = 12      // leading zero bits in the ranges that are compared
	compared     = 1 << 24 // hashes of such a range
)

// searches are the searches of the soak of one kind: with or without versions.
type searches struct {
	mask   uint32
	hashes uint64
	took   time.Duration
	cpu    time.Duration
}

// soak searches through the engine with a spot check per second, and regularly
// compares the full set of hits of a range with that of the CPU. It counts wrong
// and missed hits.
func soak(ctx context.Context, rep *Report, d *gpu.Device, e *engine.Engine, opts Options) error {
	rng, sets := seeded("gpu-check soak"), seeded("gpu-check sets")
	before := e.Status()[0]
	scans, rolls := &searches{}, &searches{mask: versionMask}
	out := &rep.Soak
	hashes, every := uint64(compared), compareEvery
	if opts.Small {
		hashes, every = 1<<14, opts.Soak/4
	}
	end := time.Now().Add(opts.Soak)
	var failed error // the error that ended it early
	for n := 0; failed == nil && time.Now().Before(end) && ctx.Err() == nil; n++ {
		t := []*searches{scans, rolls}[n%2]
		for _, until := time.Now(), time.Now().Add(every); time.Now().Before(until); {
			limited, cancel := context.WithDeadline(ctx, until)
			err := t.search(limited, e, rng, &out.Hits)
			over := limited.Err() != nil
			cancel()
			if err != nil && !over {
				failed = err
				break
			}
		}
		if failed == nil {
			if err := compareSets(ctx, d, t.mask, hashes, sets, out); err != nil && ctx.Err() == nil {
				failed = fmt.Errorf("comparing with the CPU: %w", err)
			}
		}
	}
	st := e.Status()[0]
	took := (scans.took + rolls.took).Seconds()
	out.Seconds, out.Hashes = took, st.Nonces-before.Nonces
	out.ScanRate, out.RollRate = scans.rate(), rolls.rate()
	out.Expected = float64(out.Hashes) / (1 << soakZeros)
	out.HardwareErrors, out.State, out.Reason = st.HardwareErrors, string(st.State), st.Reason
	out.CPUShare = (scans.cpu + rolls.cpu).Seconds() / max(took, 1e-9)
	// A wrong answer is a fault. A device that fails or hangs makes the part fail.
	if st.HardwareErrors > 0 || st.State == engine.Sick {
		rep.fault("soak: %d hardware errors, state %s: %s", st.HardwareErrors, st.State, st.Reason)
	}
	if out.Missed > 0 || out.Wrong > 0 {
		rep.fault("soak: %d hits missed and %d wrong among %d hashes that were compared", out.Missed, out.Wrong, out.Compared)
	}
	fmt.Fprintf(opts.Log, "soak      %.0f s, %.3f G/s with one version, %.3f G/s with several, %d hits (%.0f expected)\n",
		took, out.ScanRate/1e9, out.RollRate/1e9, out.Hits, out.Expected)
	fmt.Fprintf(opts.Log, "soak      %d hashes compared: %d of %d hits missed, %d wrong; %d hardware errors, state %s, %.1f %% of a core\n",
		out.Compared, out.Missed, out.Found, out.Wrong, out.HardwareErrors, out.State, 100*out.CPUShare)
	if failed != nil && !errors.Is(failed, engine.ErrWrong) {
		return failed
	}
	return ctx.Err()
}

func (t *searches) rate() float64 { return float64(t.hashes) / max(t.took.Seconds(), 1e-9) }

// search searches all nonces of a random header once.
func (t *searches) search(ctx context.Context, e *engine.Engine, rng *rand.ChaCha8, hits *uint64) error {
	job := engine.Job{Header: randomHeader(rng), Target: pow.ZeroBits(soakZeros), VersionMask: t.mask}
	start := time.Now()
	cpu, _ := bench.ProcessorTime()
	sum, err := e.Search(ctx, job, pow.Range{Count: soakHashes / job.Versions()}, func(engine.Hit) { *hits++ })
	after, _ := bench.ProcessorTime()
	t.took += time.Since(start)
	t.cpu += after - cpu
	t.hashes += sum.Scanned
	return err
}

// compareSets compares the hits in a random range, at an easy target, with those of
// the CPU.
func compareSets(ctx context.Context, d *gpu.Device, mask uint32, hashes uint64, rng *rand.ChaCha8, out *SoakTotal) error {
	job := engine.Job{Header: randomHeader(rng), Target: pow.ZeroBits(compareZeros), VersionMask: mask}
	r := pow.Range{First: uint32(rng.Uint64()), Count: hashes >> bits.OnesCount32(mask)}
	found := make([][]uint32, job.Versions())
	if mask == 0 {
		got, err := d.Scan(ctx, &job, r, nil)
		if err != nil {
			return err
		}
		found[0] = got.Nonces
	} else {
		got, err := d.ScanVersions(ctx, &job, r, nil)
		if err != nil {
			return err
		}
		for _, h := range got.Hits {
			if uint64(h.Version) >= job.Versions() {
				out.Wrong++
				continue
			}
			found[h.Version] = append(found[h.Version], h.Nonce)
		}
	}
	for i := range found {
		header := job.WithVersion(uint64(i))
		want := onCPU(&header, job.Target, r.First, r.Count)
		missed, wrong := differences(want, found[i])
		out.Missed += missed
		out.Wrong += wrong
		out.Found += uint64(len(want))
		out.Compared += r.Count
	}
	return nil
}
