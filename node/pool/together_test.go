package pool

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"stele/node/ledger/record"
)

// Calls that come while all processors check are checked together, and each gets the
// verdicts on its own records; one that comes alone is checked at once.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verdicts := map[*record.Record]error{}
		var mu sync.Mutex
		var sizes []int
		release := make(chan struct{})
		g := newTogether(func(records []*record.Record) []error {
			mu.Lock()
			sizes = append(sizes, len(records))
			mu.Unlock()
			<-release
			errs := make([]error, len(records))
			for i, r := range records {
				errs[i] = verdicts[r]
			}
			return errs
		})
		g.limit = 2

		var group sync.WaitGroup
		start := func(size int) {
			records := make([]*record.Record, size)
			for i := range records {
				records[i] = &record.Record{Seq: uint64(len(verdicts))}
				verdicts[records[i]] = nil
				if len(verdicts)%3 == 0 {
					verdicts[records[i]] = errors.New(fmt.Sprint("bad ", len(verdicts)))
				}
			}
			group.Go(func() {
				for i, err := range g.verify(records) {
					if err != verdicts[records[i]] {
						t.Errorf("%v, want %v", err, verdicts[records[i]])
					}
				}
			})
			synctest.Wait()
		}
		for _, size := range []int{1, 2, 3, 1, 5, minAlone} {
			start(size)
		}
		want := []int{1, 2, minAlone} // two at once, and one that is large enough
		if !slices.Equal(sizes, want) {
			t.Fatalf("checks of %v records, want %v", sizes, want)
		}
		close(release)
		group.Wait()
		if want = append(want, 3+1+5); !slices.Equal(sizes, want) {
			t.Errorf("checks of %v records, want %v", sizes, want)
		}
		start(4)
		group.Wait()
		if want = append(want, 4); !slices.Equal(sizes, want) || g.running != 0 {
			t.Errorf("afterwards: checks of %v records, want %v; %d run", sizes, want, g.running)
		}
	})
}

// What waits is cut into checks of bounded size.
func TestTogetherBound(t *testing.T) {
	g := newTogether(nil)
	g.limit = 0
	g.running = 1
	for range 40 {
		if g.begin(&call{records: make([]*record.Record, 50)}) {
			t.Fatal("begun beyond the limit")
		}
	}
	total := 0
	for {
		next := g.end()
		if next == nil {
			break
		}
		if n := 50 * len(next); n >= maxTogether+minAlone {
			t.Errorf("%d records together", n)
		}
		total += len(next)
	}
	if total != 40 || g.running != 0 {
		t.Errorf("%d calls were checked, want 40; %d run", total, g.running)
	}
}
