package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
	"stele/kernels/simd"
)

// The known answers. The header is that of Bitcoin's block 0 with a later time,
// chosen so that nonces 0 and 2^32-1 are both good; they stand in the middle of
// the range. The digest is the SHA-256 of the good nonces, four bytes each,
// least significant first, in the order of the range.
const (
	knownTime   = 1231009625
	knownZeros  = 6 // leading zero bits of a good hash
	knownGood   = 1031
	knownDigest = "ef2bde997f8c6071c5db21da4bbee6c6d34a2ea2403f2a7e3cef2b2401977009"
)

var knownRange = pow.Range{First: 1<<32 - 1<<15, Count: 1 << 16}

// genesis is the header of Bitcoin's block 0, and its nonce the second answer.
const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"

// examine searches what has known answers on a device. A wrong answer is of
// the kind engine.ErrWrong.
func examine(ctx context.Context, d engine.Device) (found string, err error) {
	header, err := pow.ParseHeader(genesis)
	if err != nil {
		return "", err
	}
	easy := header
	easy.Time = knownTime
	job := engine.Job{Header: easy.Encode(), Target: pow.ZeroBits(knownZeros)}
	got, err := d.Scan(ctx, &job, knownRange)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, nonce := range got.Nonces {
		digest.Write(binary.LittleEndian.AppendUint32(nil, nonce))
	}
	if got.Done != knownRange.Count || hex.EncodeToString(digest.Sum(nil)) != knownDigest {
		return "", fmt.Errorf("%w: found %d nonces in a range that has %d, or others", engine.ErrWrong, len(got.Nonces), knownGood)
	}

	target, err := header.Bits.Target()
	if err != nil {
		return "", err
	}
	job = engine.Job{Header: header.Encode(), Target: target}
	got, err = d.Scan(ctx, &job, pow.Range{First: header.Nonce - 3000, Count: 10_000})
	if err != nil {
		return "", err
	}
	if len(got.Nonces) != 1 || got.Nonces[0] != header.Nonce {
		return "", fmt.Errorf("%w: found nonces %v for Bitcoin's block 0, it is %d", engine.ErrWrong, got.Nonces, header.Nonce)
	}

	// The same header is good, and with another nonce it is not.
	record := header.Encode()
	header.Nonce++
	other := header.Encode()
	verdicts := make([]pow.Verdict, 2)
	if err := d.Verify(ctx, append(record[:], other[:]...), false, verdicts); err != nil {
		return "", err
	}
	if verdicts[0] != pow.Valid || verdicts[1] != pow.HighHash {
		return "", fmt.Errorf("%w: said %q and %q of Bitcoin's block 0 and of a bad copy", engine.ErrWrong, verdicts[0], verdicts[1])
	}
	return fmt.Sprintf("%d of %d nonces, 0 and 4294967295 among them", knownGood, knownRange.Count), nil
}

// cpuKernel is a kernel of the CPU, or why there is none.
type cpuKernel struct {
	name string
	open func() (engine.Device, error) // nil: it cannot run here
	why  string
}

// answersOfCPU examines every CPU kernel.
func (w *walk) answersOfCPU(ctx context.Context) {
	for _, k := range w.cpu {
		if k.open == nil {
			w.add(Step{Name: "known answers of " + k.name, Device: cpu.ID, State: Absent, Reason: k.why})
			continue
		}
		w.answers(ctx, cpu.ID, k.name, k.open)
	}
}

// answersOfGPU examines a search kernel of a GPU.
func (w *walk) answersOfGPU(ctx context.Context, id, kernel string) {
	w.answers(ctx, id, kernel, func() (engine.Device, error) { return w.open(id, kernel) })
}

func (w *walk) answers(ctx context.Context, id, kernel string, open func() (engine.Device, error)) {
	step := Step{Name: "known answers of " + kernel, Device: id}
	found, err := within(ctx, func() (string, error) {
		d, err := open()
		if err != nil {
			return "", err
		}
		found, err := examine(ctx, d)
		if e := d.Close(); err == nil {
			err = e
		}
		return found, err
	})
	if err != nil {
		w.fail(step, err, DeviceFailed)
		return
	}
	step.State, step.Found = OK, found
	w.add(step)
}

// thisMachine is the machine that the program runs on.
func thisMachine() machine {
	m := machine{
		root:    "/",
		probe:   cuda.Probe,
		devices: cuda.Devices,
		compile: compile,
		open:    openGPU,
		kernels: gpu.SearchKernels,
		sensors: sensors,
	}
	for _, v := range simd.Variants() {
		k := cpuKernel{name: v.Name, why: v.Reason}
		if v.Available {
			k.open = func() (engine.Device, error) { return cpu.Open(cpu.Options{Kernel: v.Name}) }
		}
		m.cpu = append(m.cpu, k)
	}
	return m
}

func openGPU(device, kernel string) (engine.Device, error) {
	devices, absent := gpu.Open(gpu.Options{Device: device, Kernel: kernel, NoTune: true, SpotCheck: -1})
	if len(devices) == 0 {
		return nil, absent[0].Err
	}
	return devices[0], nil
}

// compile loads every kernel that the program has.
func compile(d cuda.Device) (found string, err error) {
	c, err := d.Open()
	if err != nil {
		return "", err
	}
	defer func() {
		if e := c.Close(); err == nil {
			err = e
		}
	}()
	entries := kernels.Entries()
	most, spilled := 0, 0
	for _, e := range entries {
		m, _, err := c.LoadPTX(e.PTX)
		if err != nil {
			return "", fmt.Errorf("kernel %s: %w", e.Name, err)
		}
		f, err := m.Function(e.Name)
		if err != nil {
			return "", err
		}
		a, err := f.Attributes()
		if err != nil {
			return "", err
		}
		most, spilled = max(most, a.Registers), max(spilled, a.LocalBytes)
		if err := m.Unload(); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d compiled, at most %d registers and %d bytes of local memory", len(entries), most, spilled), nil
}
