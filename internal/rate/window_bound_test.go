package rate

import (
	"testing"
	"time"
)

// What a window keeps depends on its time, not on how often somebody reads.
func TestWindowBound(t *testing.T) {
	w := Window[Count]{Every: time.Second, Keep: time.Hour}
	now := time.Unix(1_700_000_000, 0)
	for i := range 3 * 7200 {
		now = now.Add(time.Second / 2)
		w.Add(now, Count(i))
	}
	if len(w.kept) > 3602 {
		t.Errorf("%d readings are kept", len(w.kept))
	}
}
