package gpu

import (
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
	kernels "stele/kernels/cuda"
)

// A tuning measures each candidate tuneTurns times for tuneTime, about a second
// in all. Turns go round the candidates, so that a GPU that gets warm or busy
// is slower for all of them. There are fewer turns if they take longer than
// tuneMost.
const (
	tuneTurns = 3
	tuneTime  = 30 * time.Millisecond
	tuneMost  = time.Second
)

// waves are the sizes of a grid that a tuning tries, in multiples of what the
// GPU holds at a time; those beyond 1 only if a turn of the grid then takes no
// longer than the budget of a launch.
var waves = []int{1, 2, 4}

// choose loads the kernel for a searcher: the one with this name; otherwise
// what an earlier tuning, or a new one, says.
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
		return s.useEntry(k, entries[0], shape{Entry: entries[0].Name})
	}
	entry := func(sh shape) int {
		return slices.IndexFunc(entries, func(e kernels.Entry) bool { return e.Name == sh.Entry })
	}
	cache, key := cacheFile(opts.CacheDir), cacheKey(s.device, s.system.version(), s.limit, k.kind, name)
	chosen, err := s.system.choose(key, func() (shape, error) {
		if known := readCache(cache)[key]; !opts.Retune && known.Blocks > 0 && known.Blocks <= 1<<10 && entry(known) >= 0 {
			return known, nil
		}
		best, err := s.tune(k, entries)
		if err == nil {
			if err := writeCache(cache, key, best); err != nil {
				s.system.reportCache(opts.Log, err)
			}
		}
		return best, err
	})
	if err != nil || k.shape == chosen { // measured by this session, and in use
		return err
	}
	return s.useEntry(k, entries[entry(chosen)], chosen)
}

// useEntry loads a search kernel. A shape without blocks gets as many as the
// GPU holds.
func (s *session) useEntry(k *searcher, e kernels.Entry, sh shape) error {
	l := <-s.free
	defer func() { s.free <- l }()
	loaded, full, err := s.loadSearch(l, e)
	if err != nil {
		return err
	}
	if sh.Blocks == 0 {
		sh.Blocks = full
	}
	s.use(k, loaded, sh)
	return nil
}

// loadSearch compiles a search kernel and tells how many of its blocks an SM
// holds.
func (s *session) loadSearch(l *lane, e kernels.Entry) (k kernel, blocks int, err error) {
	type loaded struct {
		k      kernel
		blocks int
	}
	result := make(chan loaded, 1)
	err = s.doWithin(s.opening, l, "compiling kernel "+e.Name, func() error {
		k, err := s.load(e)
		if err != nil {
			return err
		}
		blocks, err := k.occupancy(e.Kind.Threads())
		if err != nil {
			return fmt.Errorf("kernel %s: %w", e.Name, err)
		}
		if blocks < 1 {
			return fmt.Errorf("kernel %s: %w: an SM has no room for a block", e.Name, ErrUnfit)
		}
		result <- loaded{k, blocks}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	got := <-result
	return got.k, got.blocks, nil
}

// use makes a kernel the one that searches.
func (s *session) use(k *searcher, loaded kernel, sh shape) {
	k.kernel, k.shape = loaded, sh
	k.largest.Store(s.full(k) * k.versions)
}

// tune measures the entries, then grids for the fastest, and uses the best.
func (s *session) tune(k *searcher, entries []kernels.Entry) (shape, error) {
	l := <-s.free
	defer func() { s.free <- l }()
	type candidate struct {
		kernel
		shape
		rate float64
	}
	var candidates []candidate
	for _, e := range entries {
		loaded, full, err := s.loadSearch(l, e)
		if err != nil {
			return shape{}, err
		}
		candidates = append(candidates, candidate{kernel: loaded, shape: shape{e.Name, full}})
	}
	// No hash is at most this target.
	w, err := s.prepare(l, k, &engine.Job{VersionMask: uint32(k.versions - 1)})
	if err != nil {
		return shape{}, err
	}
	fastest := func() (candidate, error) {
		start := time.Now()
		for turn := range tuneTurns {
			if turn > 0 && time.Since(start) > tuneMost {
				break
			}
			for i := range candidates {
				c := &candidates[i]
				s.use(k, c.kernel, c.shape)
				rate, err := s.measure(l, w)
				if err != nil {
					return *c, err
				}
				c.rate = max(c.rate, rate)
			}
		}
		return slices.MaxFunc(candidates, func(a, b candidate) int {
			if a.rate < b.rate {
				return -1
			}
			return 1
		}), nil
	}
	best, err := fastest()
	if err != nil {
		return shape{}, err
	}
	full := best.Blocks
	candidates = nil
	for _, wave := range waves {
		s.use(k, best.kernel, shape{best.Entry, wave * full})
		if turn := float64(s.full(k)*k.versions) / best.rate; wave == 1 || turn <= s.budget.Seconds() {
			candidates = append(candidates, candidate{kernel: best.kernel, shape: k.shape})
		}
	}
	if best, err = fastest(); err != nil {
		return shape{}, err
	}
	s.use(k, best.kernel, best.shape)
	k.largest.Store(1 << 62) // the rate is known
	k.rate.Store(uint64(best.rate))
	return best.shape, nil
}

// measure returns hashes per second of the kernel in use. Launches get longer
// until one fills the time; that one counts.
func (s *session) measure(l *lane, w work) (float64, error) {
	for n := s.full(w.searcher); ; {
		start := time.Now()
		if _, _, err := s.launch(l, w, pow.Range{Count: n}); err != nil {
			return 0, err
		}
		took := max(time.Since(start), time.Microsecond)
		if took >= tuneTime/2 || n == longest {
			return float64(n*w.versions) / took.Seconds(), nil
		}
		n = min(uint64(float64(n)*min(16, 1.2*tuneTime.Seconds()/took.Seconds())), longest)
	}
}

// cacheFile is where choices are kept; "" if the user has no cache folder.
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

// cacheKey names what a choice holds for: the GPUs of a model with a power limit
// in watts, a driver, and the kernels.
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

// readCache returns the choices that are kept. A file that cannot be read has
// none: it is made again.
func readCache(name string) map[string]shape {
	all := map[string]shape{}
	text, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(text, &all) != nil {
		return map[string]shape{}
	}
	return all
}

// writeCache adds a choice.
func writeCache(name, key string, sh shape) error {
	if name == "" {
		return errors.New("neither XDG_CACHE_HOME nor HOME is set")
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	all := readCache(name)
	if all == nil {
		all = map[string]shape{}
	}
	all[key] = sh
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".autotune-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(append(text, '\n'))
	if e := temp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // the first error says more
	}
	return err
}
