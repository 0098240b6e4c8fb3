package gpucheck

import (
	"io"
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
		Copy:   Copy{ShareOfCopy: 0.9},
		Soak:   SoakTotal{Missed: 1, CPUShare: 0.02, ScanRate: 8.9e9, RollRate: 8.4e9},
	}
	rep.judge(Options{Log: io.Discard})
	missed := map[string]bool{}
	for _, f := range rep.Figures {
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
