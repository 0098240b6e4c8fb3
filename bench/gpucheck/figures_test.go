package gpucheck

import (
	"slices"
	"testing"

	kernels "stele/kernels/cuda"
)

func TestDifferences(t *testing.T) {
	for _, tt := range []struct {
		want, got     []uint32
		missed, wrong uint64
	}{
		{nil, nil, 0, 0},
		{[]uint32{1, 2, 3}, []uint32{3, 1, 2}, 0, 0},
		{[]uint32{1, 2, 3}, []uint32{3}, 2, 0},
		{[]uint32{2}, []uint32{3, 1, 2}, 0, 2},
		{[]uint32{1, 5}, []uint32{1, 1, 4}, 1, 2},
	} {
		if missed, wrong := differences(tt.want, tt.got); missed != tt.missed || wrong != tt.wrong {
			t.Errorf("%v, %v: %d missed, %d wrong", tt.want, tt.got, missed, wrong)
		}
	}
}

// The figures go by the fastest kernel of each kind, and by what was found.
func TestFigures(t *testing.T) {
	rep := Report{
		Entries: []Entry{
			{Name: "scan_a", Kind: kernels.Scan, Rate: 9e9, ShareOf: 0.9},
			{Name: "scan_b", Kind: kernels.Scan, Rate: 8e9, ShareOf: 0.8},
			{Name: "scan_e", Kind: kernels.Scan, Rate: 6e9, ShareOf: 0.95},
			{Name: "roll_a", Kind: kernels.Roll, Rate: 8.5e9},
		},
		Switch: []Switch{{Kernel: "scan_a", P99MS: 3}, {Kernel: "roll_a", P99MS: 7}},
		Copy:   Copy{Headers: 1, ShareOfCopy: 0.9},
		Soak:   SoakTotal{Compared: 1, Missed: 1, CPUShare: 0.02, ScanRate: 8.9e9, RollRate: 8.4e9},
	}
	missed := map[string]bool{}
	for _, f := range rep.judge() {
		if !f.Met {
			missed[f.Name] = true
		}
	}
	for _, name := range []string{"roll: times scan", "job switch, roll_a: p99 in ms", "missed hits"} {
		if !missed[name] {
			t.Errorf("%q is met", name)
		}
	}
	if len(missed) != 3 {
		t.Errorf("not met: %v", missed)
	}
}

// What was not measured has no figure, and so misses none.
func TestFiguresOfParts(t *testing.T) {
	if figures := (&Report{}).judge(); len(figures) > 0 {
		t.Errorf("nothing was measured: %v", figures)
	}
	rep := Report{Entries: []Entry{{Name: "scan_a", Kind: kernels.Scan, Rate: 9e9, ShareOf: 0.9}}}
	for _, f := range rep.judge() {
		if !f.Met {
			t.Error(f)
		}
	}
}

func TestChoose(t *testing.T) {
	all := Parts()
	for _, c := range []struct {
		only, skip []string
		want       []string // nil: an error
	}{
		{nil, nil, all},
		{[]string{"soak", "link"}, nil, []string{"link", "soak"}},
		{[]string{"scan_[ab]", "batch"}, []string{"scan_b"}, []string{"scan_a", "batch"}},
		{nil, []string{"scan_*", "roll_*", "soak"}, []string{"verify", "verify_e", "link", "hash", "merkle", "batch", "blocks", "switch"}},
		{[]string{"scan_?", "sweep"}, nil, nil},
		{nil, []string{"sweep"}, nil},
		{[]string{"soak"}, []string{"s*"}, nil},
		{[]string{"["}, nil, nil},
	} {
		got, err := choose(c.only, c.skip)
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("only %q, skip %q: %q, %v", c.only, c.skip, got, err)
		}
	}
}
