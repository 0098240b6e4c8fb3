package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
	"stele/kernels/sha256d"
	"stele/kernels/sig"
	"stele/kernels/simd"
)

// The known answers. The header is that of Bitcoin's block 0 with a later time,
// chosen so that nonces 0 and 2^32-1 are both hits. They are in the middle of the
// range. The digest is the SHA-256 of the hits, four bytes each, least
// significant first, in the order of the range.
const (
	knownTime   = 1231009625
	knownZeros  = 6 // leading zero bits of a hit
	knownHits   = 1031
	knownDigest = "ef2bde997f8c6071c5db21da4bbee6c6d34a2ea2403f2a7e3cef2b2401977009"
)

var knownRange = pow.Range{First: 1<<32 - 1<<15, Count: 1 << 16}

// The known answers with 128 versions of the same header, which differ in the bits
// of the mask. Nonces 0 and 2^32-1 are hits with some versions. In the digest each
// nonce is followed by the index of its version, also four bytes.
const (
	versionsMask   = 0x000fe000
	versionsHits   = 1049
	versionsDigest = "064d73efb9239160ece1d6f6760bdbd08de92543f3158e548eebeb5028f3c3b4"
)

var versionsRange = pow.Range{First: 1<<32 - 1<<8, Count: 1 << 9}

// genesis is the header of Bitcoin's block 0. Its nonce is the second answer.
const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"

// examine compares answers of a device with known ones. A wrong answer is an error
// of the kind engine.ErrWrong.
func examine(ctx context.Context, d engine.Device) (found string, err error) {
	header, err := pow.ParseHeader(genesis)
	if err != nil {
		return "", err
	}
	easy := header
	easy.Time = knownTime
	job := engine.Job{Header: easy.Encode(), Target: pow.ZeroBits(knownZeros)}
	got, err := d.Scan(ctx, &job, knownRange, nil)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, nonce := range got.Nonces {
		digest.Write(binary.LittleEndian.AppendUint32(nil, nonce))
	}
	if got.Done != knownRange.Count || hex.EncodeToString(digest.Sum(nil)) != knownDigest {
		return "", fmt.Errorf("%w: found %d nonces in a range with %d, or other nonces", engine.ErrWrong, len(got.Nonces), knownHits)
	}

	target, err := header.Bits.Target()
	if err != nil {
		return "", err
	}
	job = engine.Job{Header: header.Encode(), Target: target}
	got, err = d.Scan(ctx, &job, pow.Range{First: header.Nonce - 3000, Count: 10_000}, nil)
	if err != nil {
		return "", err
	}
	if len(got.Nonces) != 1 || got.Nonces[0] != header.Nonce {
		return "", fmt.Errorf("%w: found nonces %v for Bitcoin's block 0, must be %d", engine.ErrWrong, got.Nonces, header.Nonce)
	}

	// The same header is valid, and with another nonce it is not.
	record := header.Encode()
	header.Nonce++
	other := header.Encode()
	verdicts := make([]pow.Verdict, 2)
	if err := d.Verify(ctx, append(record[:], other[:]...), false, verdicts); err != nil {
		return "", err
	}
	if verdicts[0] != pow.Valid || verdicts[1] != pow.HighHash {
		return "", fmt.Errorf("%w: verdicts %q and %q for Bitcoin's block 0 and an invalid copy", engine.ErrWrong, verdicts[0], verdicts[1])
	}
	return fmt.Sprintf("%d of %d nonces, 0 and 4294967295 among them", knownHits, knownRange.Count), nil
}

// examineVersions is examine for kernels that search several versions at once.
func examineVersions(ctx context.Context, d engine.Device) (found string, err error) {
	s, ok := d.(engine.VersionScanner)
	if !ok {
		return "", fmt.Errorf("device %s does not search versions", d.Info().ID)
	}
	header, err := pow.ParseHeader(genesis)
	if err != nil {
		return "", err
	}
	header.Time = knownTime
	job := engine.Job{Header: header.Encode(), Target: pow.ZeroBits(knownZeros), VersionMask: versionsMask}
	got, err := s.ScanVersions(ctx, &job, versionsRange, nil)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, h := range got.Hits {
		digest.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, h.Nonce), h.Version))
	}
	if got.Done != versionsRange.Count || hex.EncodeToString(digest.Sum(nil)) != versionsDigest {
		return "", fmt.Errorf("%w: found %d hits in a range with %d, or other hits", engine.ErrWrong, len(got.Hits), versionsHits)
	}
	return fmt.Sprintf("%d of %d pairs of nonce and version, 0 and 4294967295 among the nonces", versionsHits, versionsRange.Count*job.Versions()), nil
}

// cpuKernel is a CPU kernel, or the reason why it cannot run.
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
		w.answers(ctx, cpu.ID, k.name, k.open, examineCPU)
	}
}

// examineCPU is examine, and examineVersions too for a kernel that searches versions.
func examineCPU(ctx context.Context, d engine.Device) (found string, err error) {
	found, err = examine(ctx, d)
	if _, ok := d.(engine.VersionScanner); !ok || err != nil {
		return found, err
	}
	versions, err := examineVersions(ctx, d)
	return found + "; " + versions, err
}

// signatures reports whether the kernel that checks Ed25519 signatures gives known
// verdicts, and whether nodes use it.
func (w *walk) signatures(ctx context.Context) {
	step := Step{Name: "signatures", Device: cpu.ID}
	found, err := within(ctx, w.verdicts)
	switch {
	case errors.Is(err, sig.ErrAbsent):
		step.State, step.Reason = Absent, err.Error()
		w.add(step)
	case err != nil:
		w.fail(step, err, WrongAnswers)
	default:
		step.State, step.Found = OK, found
		w.add(step)
	}
}

// verdictsOfKernel runs the self-test of the kernel for signatures.
func verdictsOfKernel() (found string, err error) {
	if err := sig.Usable(); err != nil {
		return "", err
	}
	if sig.Preferred() {
		return "kernel " + sig.Name + " gives known verdicts; nodes use it, because it is faster than batches", nil
	}
	return "kernel " + sig.Name + " gives known verdicts; nodes do not use it, because batches are faster", nil
}

// hashesOfMessages reports whether the kernels that hash records and Merkle trees give
// known hashes, and which of them the program uses.
func (w *walk) hashesOfMessages(ctx context.Context) {
	step := Step{Name: "messages", Device: cpu.ID}
	found, err := within(ctx, w.messages)
	if err != nil {
		w.fail(step, err, WrongAnswers)
		return
	}
	step.State, step.Found = OK, found
	w.add(step)
}

// messagesOfKernels runs the self-tests of the kernels for messages.
func messagesOfKernels() (found string, err error) {
	var right []string
	for _, v := range sha256d.Variants() {
		switch _, err := sha256d.Lookup(v.Name); {
		case err == nil:
			right = append(right, v.Name)
		case errors.Is(err, sha256d.ErrWrong):
			return "", err
		}
	}
	return messagesText(right, sha256d.Best().Name()), nil
}

// messagesText describes the kernels for messages that are right, and the one in use.
func messagesText(right []string, used string) string {
	if len(right) == 0 {
		return "the program uses " + used + ", although it is disabled: no other kernel for messages is left"
	}
	return fmt.Sprintf("known hashes from %s; the program uses %s", strings.Join(right, ", "), used)
}

// answersOfGPU examines each search kernel of a GPU on its own. After a failure
// the GPU is opened again, since its context may be unusable.
func (w *walk) answersOfGPU(ctx context.Context, id string) {
	for _, k := range w.kernels() {
		if !w.answers(ctx, id, k, func() (engine.Device, error) { return w.open(gpu.Options{Device: id, Kernel: k}) }, examine) {
			w.release(ctx)
		}
	}
	for _, k := range w.multiVersion() {
		if !w.answers(ctx, id, k, func() (engine.Device, error) { return w.open(gpu.Options{Device: id, RollKernel: k}) }, examineVersions) {
			w.release(ctx)
		}
	}
	w.blocksOfGPU(ctx, id)
}

// answers examines the device that open returns, and reports whether it is
// correct.
func (w *walk) answers(ctx context.Context, id, kernel string, open func() (engine.Device, error),
	examine func(context.Context, engine.Device) (string, error)) (isCorrect bool) {
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
		return false
	}
	step.State, step.Found = OK, found
	w.add(step)
	return true
}

// thisMachine returns the machine that the program runs on. A GPU stays open after
// its kernels were compiled, so that each kernel is compiled once.
func thisMachine() machine {
	var mu sync.Mutex // a compilation may be abandoned
	var held []*gpu.Card
	m := machine{
		root:    "/",
		probe:   cuda.Probe,
		devices: cuda.Devices,
		compile: func(d cuda.Device) (string, error) {
			card, err := gpu.Hold(d)
			if err != nil {
				return "", err
			}
			mu.Lock()
			held = append(held, card)
			mu.Unlock()
			return compile(card)
		},
		release: func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // it may hang
			defer cancel()
			mu.Lock()
			defer mu.Unlock()
			for _, card := range held {
				_, _ = within(ctx, func() (any, error) { return nil, card.Close() }) // its failure is known
			}
			held = nil
		},
		open:         openGPU,
		kernels:      gpu.SearchKernels,
		multiVersion: gpu.MultiVersionKernels,
		sensors:      sensors,
		messages:     messagesOfKernels,
		verdicts:     verdictsOfKernel,
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

func openGPU(opts gpu.Options) (engine.Device, error) {
	opts.NoTune, opts.SpotCheck = true, -1
	devices, absent := gpu.Open(opts)
	if len(devices) == 0 {
		return nil, absent[0].Err
	}
	return devices[0], nil
}

// compile loads every kernel of the program.
func compile(card *gpu.Card) (found string, err error) {
	entries := kernels.Entries()
	registers, spilled := 0, 0
	for _, e := range entries {
		a, err := card.Compile(e)
		if err != nil {
			return "", fmt.Errorf("kernel %s: %w", e.Name, err)
		}
		registers, spilled = max(registers, a.Registers), max(spilled, a.LocalBytes)
	}
	return fmt.Sprintf("%d compiled, at most %d registers and %d bytes of local memory", len(entries), registers, spilled), nil
}
