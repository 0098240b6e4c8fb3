package ptx_test

import (
	"slices"
	"testing"

	"stele/kernels/cuda/ptx"
)

func TestScanNoticesMutants(t *testing.T) {
	good := text(t, "scan")
	target := easy(4)
	want := reference(t, target, 1000, 64)
	const mutants = 200
	var survived []string
	for seed := range uint64(mutants) {
		mutant, err := ptx.Mutate(good, seed)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ptx.Parse(mutant.Text)
		if err != nil {
			t.Fatalf("%v: %v", mutant, err)
		}
		found, _, err := scan(t, m, target, 1000, 1, 32, 2)
		if err == nil && slices.Equal(found, want) {
			survived = append(survived, mutant.String())
		}
	}
	t.Logf("%d of %d mutants survived: %q", len(survived), mutants, survived)
}

