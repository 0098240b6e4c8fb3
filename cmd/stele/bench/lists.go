package bench

import (
	"context"
	"fmt"
	"runtime"

	"stele/bench"
	"stele/engine/cpu"
	"stele/kernels/sig"
)

// finisher ends the work through a list, as a [bench.Repeat] does.
type finisher interface {
	Finish(ctx context.Context) (bench.Answers, error)
}

// listsOf returns the function that adds the cases of a value of --mode that works through
// lists, or nil for others.
func (s *caseSet) listsOf(mode string) func(context.Context) error {
	switch mode {
	case "signatures":
		return func(context.Context) error { return s.addSignatures() }
	case "records":
		return func(context.Context) error { return s.addRecords() }
	case "blocks":
		return s.addBlocks
	}
	return nil
}

// openLists adds the description of the CPU and the cases.
func (s *caseSet) openLists(ctx context.Context, add func(context.Context) error) error {
	d, err := cpu.Open(cpu.Options{})
	if err != nil {
		return fmt.Errorf("device %s: %w", cpu.ID, err)
	}
	info := d.Info()
	info.Threads = runtime.GOMAXPROCS(0)
	s.devices = append(s.devices, info)
	if err := d.Close(); err != nil {
		return err
	}
	return add(ctx)
}

// addList adds a case of a list.
func addList[Answer comparable](s *caseSet, mode bench.Mode, kernel string, threads int, w bench.Worker[Answer]) *bench.Case {
	spec := bench.Spec{Mode: mode, Device: cpu.ID, Kernel: kernel, Threads: threads}
	work := bench.NewRepeat(mode, w)
	s.lists[spec.ID()] = work
	s.cases = append(s.cases, bench.Case{Spec: spec, Work: work})
	return &s.cases[len(s.cases)-1]
}

// batches is the kernel of the cases that check signatures by the batches of
// curve25519-voi, as nodes do where the kernel of package sig is not the faster one.
const batches = "voi"

// addSignatures adds the cases of signatures. The default is what nodes use.
func (s *caseSet) addSignatures() error {
	var kernels []string
	switch name := s.settings.Kernel; {
	case name == "all" && sig.Available():
		kernels = []string{sig.Name, batches}
	case name == "" && sig.Preferred():
		kernels = []string{sig.Name}
	case name == "all", name == "", name == batches:
		kernels = []string{batches}
	case name == sig.Name:
		if err := sig.Usable(); err != nil {
			return fmt.Errorf("--kernel: kernel %q: %w", name, err)
		}
		kernels = []string{sig.Name}
	default:
		return fmt.Errorf("--kernel: unknown kernel %q: those for signatures are %s, %s", name, sig.Name, batches)
	}
	for _, mode := range []bench.Mode{bench.SignaturesNew, bench.SignaturesKnown} {
		set := bench.MakeSignatureSet(mode)
		addList(s, mode, bench.Reference, 1, bench.NewReferenceChecker(set, 1))
		for _, kernel := range kernels {
			for _, n := range s.threads() {
				worker := bench.NewReferenceChecker
				if kernel == sig.Name {
					worker = bench.NewSignatureChecker
				}
				addList(s, mode, kernel, n, worker(set, n))
			}
		}
	}
	return nil
}

// addRecords adds the cases of the hashes of records and of Merkle trees.
func (s *caseSet) addRecords() error {
	kernels, err := bench.HashKernels(s.settings.Kernel)
	if err != nil {
		return err
	}
	data := bench.MakeRecordData()
	addList(s, bench.RecordHashes, bench.Reference, 1, bench.NewReferenceHasher(data))
	addList(s, bench.RecordMerkle, bench.Reference, 1, bench.NewReferenceMerkleHasher(data))
	for _, k := range kernels {
		for _, n := range s.threads() {
			addList(s, bench.RecordHashes, k.Name(), n, bench.NewRecordHasher(data, k, n))
			addList(s, bench.RecordMerkle, k.Name(), n, bench.NewMerkleHasher(data, k, n))
		}
	}
	return nil
}

// addBlocks adds the cases of blocks.
func (s *caseSet) addBlocks(ctx context.Context) error {
	if s.settings.Kernel != "" {
		return fmt.Errorf("--kernel %s: --mode blocks measures nodes, which choose their kernels", s.settings.Kernel)
	}
	made, err := makeChain(ctx)
	if err != nil {
		return err
	}
	for _, mode := range []bench.Mode{bench.BlocksCold, bench.BlocksWarm} {
		add := func(kernel string, threads int) {
			w := newBlockWorker(made, mode, kernel == bench.Reference, threads)
			s.blocks = append(s.blocks, w)
			addList(s, mode, kernel, threads, w).Step = bench.BlockCount * bench.BlockRecords
		}
		add(bench.Reference, 1)
		for _, n := range s.threads() {
			add(nodeKernel, n)
		}
	}
	return nil
}
