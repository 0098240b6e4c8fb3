package relay

import (
	"math/rand/v2"
	"testing"
)

// The last 8,192 records are known for certain, and hardly any that were never added.
func TestKnownRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	k := &knownRecords{}
	var all []shortHash
	seeming := 0
	for range 3 * maxKnownRecords {
		s := shortHash(random.Uint64())
		if !k.add(s) {
			seeming++
		}
		all = append(all, s)
		if last := all[max(0, len(all)-maxKnownRecords/2)]; !k.has(last) || !k.has(s) {
			t.Fatalf("a record is forgotten after %d", len(all))
		}
	}
	if k.add(all[len(all)-1]) {
		t.Error("a known record seems new")
	}
	old := 0
	for _, s := range all[:maxKnownRecords] {
		if k.has(s) {
			old++
		}
	}
	if seeming > 10 || old > 10 {
		t.Errorf("%d new records and %d old ones seemed known", seeming, old)
	}
}
