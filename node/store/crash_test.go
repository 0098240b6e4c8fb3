package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// crashDisk keeps, every few writes, what a crash would leave behind.
type crashDisk struct {
	vfs.FS
	mem   *vfs.MemFS
	every int

	mu      sync.Mutex
	rng     *rand.Rand
	writes  int
	begun   int // commits
	done    int // commits that were acknowledged
	crashes []crash
}

// crash is a disk after a crash, and how many commits it may hold.
type crash struct {
	mem         *vfs.MemFS
	done, begun int
	write       string
}

func newCrashDisk(mem *vfs.MemFS, every int, seed uint64) *crashDisk {
	d := &crashDisk{mem: mem, every: every, rng: rand.New(rand.NewPCG(seed, 2))}
	d.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			d.write(op.Path)
		}
		return nil
	}))
	return d
}

func (d *crashDisk) write(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writes++; d.writes%d.every != 0 {
		return
	}
	unsynced := []int{0, 50, 100}[d.rng.IntN(3)]
	d.crashes = append(d.crashes, crash{
		mem:  d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: d.rng}),
		done: d.done, begun: d.begun,
		write: fmt.Sprintf("write %d, %s, %d %% of unsynced data", d.writes, path, unsynced),
	})
}

// commit commits and notes it.
func (d *crashDisk) commit(b *Batch) error {
	d.mu.Lock()
	d.begun++
	d.mu.Unlock()
	err := b.Commit()
	if err == nil {
		d.mu.Lock()
		d.done++
		d.mu.Unlock()
	}
	return err
}

// crashedLife opens a store, commits and closes, while crashes are kept. It
// returns the models after each number of commits.
func crashedLife(t *testing.T, d *crashDisk, seed uint64) []*testChain {
	t.Helper()
	s, err := tryOpen(d, small)
	if err != nil {
		t.Fatal(err)
	}
	c := newTestChain(seed)
	models := []*testChain{c.clone()}
	for i := range 25 {
		b := s.NewBatch()
		if i%6 == 5 {
			c.disconnect(b)
		} else {
			c.connect(b, c.next(15, 15))
		}
		if err := d.commit(b); err != nil {
			t.Fatal(err)
		}
		models = append(models, c.clone())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return models
}

// survives opens what a crash left and looks for the model that fits.
func (c crash) survives(disk vfs.FS, models []*testChain) (err error) {
	s, err := tryOpen(disk, small)
	if err != nil {
		return fmt.Errorf("%s: %w", c.write, err)
	}
	defer func() {
		if e := s.Close(); err == nil {
			err = e
		}
	}()
	for n := c.done; n <= c.begun; n++ {
		if err = models[n].compare(s); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: not the state after %d to %d commits: %w", c.write, c.done, c.begun, err)
}

// Wherever the machine stops, the store opens and has all commits that were
// acknowledged, and all or nothing of the one that was running; also if the machine
// stops again during the opening.
func TestCrash(t *testing.T) {
	count, again, blobs := 0, 0, 0
	seeds := rounds(4, 40)
	for seed := range uint64(seeds) {
		d := newCrashDisk(vfs.NewCrashableMem(), 2, seed)
		models := crashedLife(t, d, seed)
		for i, c := range d.crashes {
			count++
			if strings.Contains(c.write, blobSuffix) {
				blobs++
			}
			if i%8 != 0 {
				if err := c.survives(c.mem, models); err != nil {
					t.Fatal(err)
				}
				continue
			}
			second := newCrashDisk(c.mem, 5, seed)
			second.done, second.begun = c.done, c.begun
			if err := c.survives(second, models); err != nil {
				t.Fatal(err)
			}
			for _, c := range second.crashes {
				again++
				if err := c.survives(c.mem, models); err != nil {
					t.Fatalf("second crash: %v", err)
				}
			}
		}
	}
	t.Logf("%d crashes, %d of them again while opening", count+again, again)
	if count+again < 125*seeds || blobs < 4*seeds {
		t.Errorf("only %d crashes of %d stores, %d of them while a blob file was written", count+again, seeds, blobs)
	}
}
