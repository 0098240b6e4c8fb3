package gpu

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/pow"
	"stele/internal/atomicfile"
	kernels "stele/kernels/cuda"
)

// Before a tuning measures, it warms the GPU up with rounds of warmTime: the
// clocks of an idle GPU need some tenths of a second to rise. The GPU is warm
// when steadyRounds in a row were at most 1 % faster than the best before, and
// at the latest after maxWarm.
const (
	warmTime     = tuneTime
	maxWarm      = 2 * time.Second
	steadyRounds = 3
	steady       = 1.01
)

// A tuning measures each candidate tuneRounds times for tuneTime, about a second
// in all. The candidates take turns, so that a GPU that gets warm or busy is
// slower for all of them. There are fewer rounds if they take longer than
// maxTune.
const (
	tuneRounds = 3
	tuneTime   = 30 * time.Millisecond
	maxTune    = time.Second
)

// waves are the grid sizes that a tuning tries, in multiples of the blocks that
// the GPU holds at a time. Those beyond 1 are tried only if a pass of the grid
// then fits the budget of a launch.
var waves = []int{1, 2, 4}

// choose loads the kernel for a searcher: the one with this name; without a name
// the choice of an earlier tuning, or of a new one.
func (s *session) choose(opts Options, k *searcher, name string) error {
	var entries []kernels.Entry
	for _, e := range kernels.Entries() {
		if e.Kind == k.kind && (name == "" || name == e.Name) {
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 {
		return fmt.Errorf("%w %q", ErrUnknownKernel, name)
	}
	if opts.NoTune {
		v, err := s.loadFirst(opts, entries)
		k.used.Store(v)
		return err
	}
	cache, key := cacheFile(opts.CacheDir), cacheKey(s.device, s.system.version(), s.limit, k.kind, name)
	var fresh *variant // measured just now, by this session
	chosen, err := s.system.choose(key, func() (found tuning, err error) {
		if known := readCache(cache)[key]; !opts.Retune && known.fits(entries) {
			return known, nil
		}
		if found, fresh, err = s.tune(opts, k, entries); err == nil {
			s.store(opts, cache, key, found)
		}
		return found, err
	})
	if err != nil {
		return err
	}
	if fresh == nil {
		if fresh, err = s.loadShape(entries, chosen.shape); err != nil {
			return err
		}
	}
	k.used.Store(fresh)
	if !opts.Compare || chosen.Settled || chosen.Second == nil {
		return nil
	}
	return s.startTrial(opts, k, key, cache, fresh, entries, *chosen.Second)
}

// startTrial compares the chosen variant with the second best while they work.
// A second that fails its test is left out for good.
func (s *session) startTrial(opts Options, k *searcher, key, cache string, fresh *variant, entries []kernels.Entry, other shape) error {
	// A tuning has no hits, so the kernels that it measured may be wrong. Both
	// are tested: if both fail, the fault is the GPU's, not that of the second.
	if err := s.testSearch(context.Background(), k.with(fresh)); err != nil {
		return err
	}
	second, err := s.loadShape(entries, other)
	if err == nil {
		err = s.testSearch(context.Background(), k.with(second))
	}
	if err != nil {
		s.leaveOut(opts, other.Entry, err)
		if found := (tuning{shape: fresh.shape, Settled: true}); s.system.settle(key, found) {
			s.store(opts, cache, key, found)
		}
		return s.failure() // nil if the second gave wrong answers or does not compile; the session still works then
	}
	k.trial.Store(&trial{variants: [2]*variant{fresh, second}, finish: func(winner, loser *variant, sums [2]sum) {
		k.used.Store(winner)
		k.trial.Store(nil)
		found := tuning{shape: winner.shape, Second: &loser.shape, Settled: true}
		opts.Log.Info("kernels compared at work", "device", id(s.device), "kernel", winner.shape.Entry, "instead_of", loser.shape.Entry,
			fresh.shape.Entry, sums[0].String(), second.shape.Entry, sums[1].String())
		if s.system.settle(key, found) {
			s.store(opts, cache, key, found)
		}
	}})
	return nil
}

// leaveOut logs that a kernel is not used although it may be the fastest, once
// per process and GPU.
func (s *session) leaveOut(opts Options, kernel string, err error) {
	if s.system.firstWithout(id(s.device), kernel) {
		opts.Log.Warn("GPU kernel left out", "device", id(s.device), "kernel", kernel, "err", err)
	}
}

// store writes a tuning to the cache, for later processes.
func (s *session) store(opts Options, cache, key string, t tuning) {
	s.system.writing.Lock()
	err := writeCache(cache, key, t)
	s.system.writing.Unlock()
	if err != nil {
		s.system.reportCache(opts.Log, err)
	}
}

// tuning is the result of measuring the kernels of a searcher.
type tuning struct {
	shape          // the best one
	Second  *shape `json:"second,omitempty"`  // the best with another kernel
	Settled bool   `json:"settled,omitempty"` // a trial has compared both, or the second has failed its test
}

// fits reports whether a tuning from the cache is usable with these entries.
func (t tuning) fits(entries []kernels.Entry) bool {
	fits := func(sh shape) bool {
		return sh.Blocks > 0 && sh.Blocks <= 1<<10 &&
			slices.ContainsFunc(entries, func(e kernels.Entry) bool { return e.Name == sh.Entry })
	}
	return fits(t.shape) && (t.Second == nil || fits(*t.Second))
}

// isRejected reports whether the driver rejected a kernel and the context is
// still usable for others.
func isRejected(err error) bool {
	return !cuda.IsSticky(err) && (errors.Is(err, cuda.ErrInvalidImage) || errors.Is(err, cuda.ErrNotFound) || errors.Is(err, ErrUnfit))
}

// loadFirst loads the first of the search kernels that the driver accepts.
func (s *session) loadFirst(opts Options, entries []kernels.Entry) (*variant, error) {
	for {
		v, err := s.loadShape(entries, shape{Entry: entries[0].Name})
		if len(entries) == 1 || !isRejected(err) {
			return v, err
		}
		s.leaveOut(opts, entries[0].Name, err)
		entries = entries[1:]
	}
}

// loadShape loads the search kernel of a shape, which is one of entries. A shape
// without blocks gets those that the GPU holds at a time.
func (s *session) loadShape(entries []kernels.Entry, sh shape) (*variant, error) {
	l := <-s.free
	defer func() { s.free <- l }()
	e := entries[slices.IndexFunc(entries, func(e kernels.Entry) bool { return e.Name == sh.Entry })]
	loaded, full, err := s.loadSearch(l, e)
	if err != nil {
		return nil, err
	}
	if sh.Blocks == 0 {
		sh.Blocks = full
	}
	return s.newVariant(e.Kind, loaded, sh), nil
}

// loadSearch compiles a search kernel and returns how many of its blocks an SM
// holds. The session stays usable if the driver rejects the kernel.
func (s *session) loadSearch(l *lane, e kernels.Entry) (k kernel, blocks int, err error) {
	type loaded struct {
		k      kernel
		blocks int
		err    error // isRejected
	}
	result := make(chan loaded, 1)
	err = s.doWithin(s.opening, l, "compiling kernel "+e.Name, func() error {
		k, blocks, err := s.compile(e)
		if err != nil && !isRejected(err) {
			return err
		}
		result <- loaded{k, blocks, err}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	got := <-result
	return got.k, got.blocks, got.err
}

// compile is loadSearch on the thread of the lane.
func (s *session) compile(e kernels.Entry) (k kernel, blocks int, err error) {
	if k, err = s.load(e); err != nil {
		return nil, 0, err
	}
	if blocks, err = k.occupancy(e.Kind.Threads()); err != nil {
		return nil, 0, fmt.Errorf("kernel %s: %w", e.Name, err)
	}
	if blocks < 1 {
		return nil, 0, fmt.Errorf("kernel %s: %w: an SM has no room for a block", e.Name, ErrUnfit)
	}
	return k, blocks, nil
}

// newVariant returns a variant of unknown speed. Its first launches are one pass
// of the grid.
func (s *session) newVariant(kind kernels.Kind, loaded kernel, sh shape) *variant {
	v := &variant{kernel: loaded, shape: sh}
	k := s.singleVersion
	if kind == s.multiVersion.kind {
		k = s.multiVersion
	}
	v.largest.Store(s.full(work{searcher: k, variant: v}) * k.versions)
	return v
}

// candidate is a variant under measurement.
type candidate struct {
	*variant
	full int // blocks that an SM holds
	best float64
}

// tune measures the entries that the driver accepts, and then grid sizes for the
// fastest.
func (s *session) tune(opts Options, k *searcher, entries []kernels.Entry) (tuning, *variant, error) {
	l := <-s.free
	defer func() { s.free <- l }()
	var candidates []candidate
	for i, e := range entries {
		loaded, full, err := s.loadSearch(l, e)
		if isRejected(err) && len(candidates)+len(entries[i+1:]) > 0 {
			s.leaveOut(opts, e.Name, err)
			continue
		}
		if err != nil {
			return tuning{}, nil, err
		}
		candidates = append(candidates, candidate{variant: s.newVariant(k.kind, loaded, shape{e.Name, full}), full: full})
	}
	// No hash meets the zero target.
	w, err := s.prepare(l, k, &engine.Job{VersionMask: uint32(k.versions - 1)})
	if err != nil {
		return tuning{}, nil, err
	}
	w.variant = candidates[0].variant
	if err := s.warmUp(l, w); err != nil {
		return tuning{}, nil, err
	}
	if err := s.compare(l, w, candidates); err != nil {
		return tuning{}, nil, err
	}
	best := candidates[0]
	var grids []candidate
	for _, wave := range waves {
		v := s.newVariant(k.kind, best.kernel, shape{best.shape.Entry, wave * best.full})
		w.variant = v
		if pass := float64(s.full(w)*k.versions) / best.best; wave == 1 || pass <= s.budget.Seconds() {
			grids = append(grids, candidate{variant: v})
		}
	}
	if err := s.compare(l, w, grids); err != nil {
		return tuning{}, nil, err
	}
	chosen := grids[0].variant
	chosen.largest.Store(1 << 62) // the rate is reliable
	chosen.rate.Store(uint64(grids[0].best))
	found := tuning{shape: chosen.shape}
	if len(candidates) > 1 {
		second := candidates[1]
		found.Second = &shape{second.shape.Entry, second.full * (chosen.shape.Blocks / best.full)}
	}
	return found, chosen, nil
}

// warmUp keeps the GPU busy until its clocks have risen.
func (s *session) warmUp(l *lane, w work) error {
	start := time.Now()
	for best, same := 0.0, 0; same < steadyRounds && time.Since(start) < maxWarm; {
		rate, err := s.measure(l, w, warmTime)
		if err != nil {
			return err
		}
		same++
		if rate > steady*best {
			best, same = rate, 0
		}
	}
	return nil
}

// compare measures the candidates in turn and sorts them, the fastest first.
func (s *session) compare(l *lane, w work, candidates []candidate) error {
	start := time.Now()
	for round := range tuneRounds {
		if round > 0 && time.Since(start) > maxTune {
			break
		}
		for i := range candidates {
			c := &candidates[i]
			w.variant = c.variant
			rate, err := s.measure(l, w, tuneTime)
			if err != nil {
				return err
			}
			c.best = max(c.best, rate)
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(b.best, a.best) })
	return nil
}

// measure returns the hashes per second of a variant. Launches get longer until
// one fills the time: that one counts.
func (s *session) measure(l *lane, w work, want time.Duration) (float64, error) {
	for n := s.full(w); ; {
		start := time.Now()
		if _, _, err := s.launch(l, w, pow.Range{Count: n}); err != nil {
			return 0, err
		}
		took := max(time.Since(start), time.Microsecond)
		if took >= want/2 || n == maxLaunch {
			return float64(n*w.versions) / took.Seconds(), nil
		}
		n = min(uint64(float64(n)*min(16, 1.2*want.Seconds()/took.Seconds())), maxLaunch)
	}
}

// cacheFile returns the path of the stored choices; "" if the user has no cache
// folder.
func cacheFile(dir string) string {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(user, "stele")
	}
	return filepath.Join(dir, "autotune.json")
}

// cacheKey identifies what a choice is valid for: a GPU model, a power limit in
// watts, a driver, and the kernels.
func cacheKey(g cuda.Device, driver, limit int, kind kernels.Kind, kernel string) string {
	h := sha256.New()
	for _, e := range kernels.Entries() {
		if e.Kind == kind {
			h.Write(e.PTX)
		}
	}
	key := fmt.Sprintf("%s sm_%d%d, %d SMs, %d W, driver %d, kernels %s", g.Name, g.Major, g.Minor, g.SMs, limit, driver, hex.EncodeToString(h.Sum(nil)[:8]))
	if kernel != "" {
		key += " " + kernel
	}
	return key
}

// readCache returns the stored choices. It returns none if the file cannot be
// read: writeCache then replaces it.
func readCache(name string) map[string]tuning {
	all := map[string]tuning{}
	text, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(text, &all) != nil {
		return map[string]tuning{}
	}
	return all
}

// writeCache adds a choice to those in the file. Concurrent calls may lose a
// choice: within a process, session.store serialises them.
func writeCache(name, key string, t tuning) error {
	if name == "" {
		return errors.New("neither XDG_CACHE_HOME nor HOME is set")
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	all := readCache(name)
	if all == nil {
		all = map[string]tuning{}
	}
	all[key] = t
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(name, append(text, '\n'), 0o600)
}
