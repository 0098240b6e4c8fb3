package gpu

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"stele/cgo/cuda"
	kernels "stele/kernels/cuda"
)

// system is a driver and its state in this process: the open cards and the
// measurements. Safe for concurrent use.
type system struct {
	driver

	mu            sync.Mutex
	cards         map[int]*card      // those that the next hold returns, by the ordinal of the driver
	held          map[*card]bool     // all cards with users
	choices       map[string]*choice // of kernels, by cacheKey
	cacheReported bool               // the log has that it cannot be written
	leftOut       map[[2]string]bool // GPU and kernel: in the log

	writing sync.Mutex // held while the file with choices is written
}

func newSystem(drv driver) *system {
	return &system{driver: drv, cards: map[int]*card{}, held: map[*card]bool{}, choices: map[string]*choice{}, leftOut: map[[2]string]bool{}}
}

// local is the system of this process.
var local = newSystem(cudaDriver{})

// card is the context of a GPU with its loaded kernels. The sessions on a GPU
// share it, so that each kernel is compiled once. Safe for concurrent use.
type card struct {
	system *system
	device cuda.Device
	users  int         // guarded by system.mu
	reset  atomic.Bool // the context is or will be destroyed with everything in it

	opening sync.Mutex // guards gpu until hold has returned
	gpu     gpu

	mu      sync.Mutex
	kernels map[string]*loading
	order   []kernel // in the order of loading
}

// loading is a kernel that is loaded or being loaded.
type loading struct {
	mu     sync.Mutex
	kernel kernel // nil: not yet
}

// hold returns the card of a GPU and opens it if necessary. It calls the driver.
// Each hold needs a release.
func (y *system) hold(g cuda.Device) (*card, error) {
	y.mu.Lock()
	c := y.cards[g.Ordinal]
	if c == nil {
		c = &card{system: y, device: g, kernels: map[string]*loading{}}
		y.cards[g.Ordinal] = c
	}
	c.users++
	y.held[c] = true
	y.mu.Unlock()

	c.opening.Lock()
	defer c.opening.Unlock()
	if c.gpu == nil {
		opened, err := y.open(g)
		if err != nil {
			_ = c.release() // nothing is open
			return nil, err
		}
		c.gpu = opened
	}
	return c, nil
}

// load returns a kernel and compiles it if necessary. It calls the driver.
func (c *card) load(e kernels.Entry) (kernel, error) {
	c.mu.Lock()
	l := c.kernels[e.Name]
	if l == nil {
		l = &loading{}
		c.kernels[e.Name] = l
	}
	c.mu.Unlock()

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kernel != nil {
		return l.kernel, nil
	}
	k, err := c.gpu.load(e)
	if err != nil {
		return nil, err
	}
	l.kernel = k
	c.mu.Lock()
	c.order = append(c.order, k)
	c.mu.Unlock()
	return k, nil
}

// retire prepares a reset of the GPU: the next hold opens it again, and nothing in
// its current contexts is freed any more. It does nothing and reports false if
// another card was opened after c: no reset is needed then.
func (c *card) retire() bool {
	y := c.system
	y.mu.Lock()
	defer y.mu.Unlock()
	if now := y.cards[c.device.Ordinal]; now != nil && now != c {
		return false
	}
	delete(y.cards, c.device.Ordinal)
	for old := range y.held {
		if old.device.Ordinal == c.device.Ordinal {
			old.reset.Store(true)
		}
	}
	return true
}

// forget makes the next hold open the GPU again, because a call in the context of
// c hangs. A nil c is the one that is being opened.
func (y *system) forget(g cuda.Device, c *card) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if c == nil || y.cards[g.Ordinal] == c {
		delete(y.cards, g.Ordinal)
	}
}

// release ends a hold. The last one closes the card and calls the driver.
func (c *card) release() error {
	y := c.system
	y.mu.Lock()
	c.users--
	last := c.users == 0
	if last {
		delete(y.held, c)
	}
	if last && y.cards[c.device.Ordinal] == c {
		delete(y.cards, c.device.Ordinal)
	}
	y.mu.Unlock()
	if !last || c.gpu == nil {
		return nil
	}
	var errs []error
	if !c.reset.Load() {
		for _, k := range slices.Backward(c.order) {
			errs = append(errs, k.unload())
		}
	}
	return errors.Join(append(errs, c.gpu.close())...)
}

// choice is the tuning of a key.
type choice struct {
	made   chan struct{} // closed when the rest is set
	err    error
	tuning tuning // settle changes it
}

// choose returns the tuning of a key. The first caller measures while others
// wait; if it fails, the next one tries.
func (y *system) choose(key string, measure func() (tuning, error)) (tuning, error) {
	for {
		y.mu.Lock()
		c := y.choices[key]
		if c == nil {
			c = &choice{made: make(chan struct{})}
			y.choices[key] = c
			y.mu.Unlock()
			found, err := measure()
			y.mu.Lock()
			if c.tuning, c.err = found, err; err != nil {
				delete(y.choices, key)
			}
			y.mu.Unlock()
			close(c.made)
			return found, err
		}
		y.mu.Unlock()
		<-c.made
		y.mu.Lock()
		found, err := c.tuning, c.err
		y.mu.Unlock()
		if err == nil {
			return found, nil
		}
	}
}

// settle replaces the tuning of a key by the result of a trial. It reports false
// if an equal GPU has settled it before: the first result is kept.
func (y *system) settle(key string, t tuning) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	c := y.choices[key]
	if c == nil || c.tuning.Settled {
		return false
	}
	c.tuning = t
	return true
}

// reportCache logs once that choices cannot be stored.
func (y *system) reportCache(log *slog.Logger, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.cacheReported {
		y.cacheReported = true
		log.Warn("kernel measurements not stored, each start measures again", "err", err,
			"fix", "pass a writable folder with --cache, or set CacheDirectory=stele in the systemd unit")
	}
}

// firstWithout reports whether this is the first time that a GPU leaves a kernel
// out.
func (y *system) firstWithout(gpu, kernel string) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	known := y.leftOut[[2]string{gpu, kernel}]
	y.leftOut[[2]string{gpu, kernel}] = true
	return !known
}

// Card keeps a GPU open with its compiled kernels. Devices opened meanwhile share
// both. Safe for concurrent use.
type Card struct{ c *card }

// Hold opens a GPU without measuring it, and keeps it open until Close.
func Hold(g cuda.Device) (*Card, error) {
	c, err := local.hold(g)
	if err != nil {
		return nil, err
	}
	return &Card{c}, nil
}

// Compile loads a kernel and returns the resources that it uses.
func (c *Card) Compile(e kernels.Entry) (cuda.FunctionAttributes, error) {
	k, err := c.c.load(e)
	if err != nil {
		return cuda.FunctionAttributes{}, err
	}
	return k.attributes()
}

// Close ends the hold. It must be called once.
func (c *Card) Close() error { return c.c.release() }
