package ptx

import "fmt"

const (
	warpSize   = 32
	maxThreads = 1024 // per block
)

// DefaultBudget is the maximal number of instructions of a thread.
const DefaultBudget = 1 << 28

// Options change how a launch runs. [Module.Launch] uses the zero Options.
type Options struct {
	Shared    int    // bytes of dynamic shared memory
	Budget    uint64 // maximal instructions of a thread; 0: DefaultBudget
	Undefined bool   // reading a register that was never written is no fault, and returns a fixed pattern
	Reverse   bool   // blocks, and the threads of a block, run from the last to the first
}

// Stats are the statistics of a launch.
type Stats struct {
	Threads      uint64
	Instructions uint64 // of all threads; an instruction with a false guard counts too
}

// Launch runs an entry over a grid of blocks of threads. The sizes are in blocks and
// in threads, as x, y, z. params has one element per parameter of the entry, with
// its bytes in memory layout (little-endian; a struct with its padding). Blocks
// run one after the other, x fastest, and so do the threads of a block between
// barriers: the result is deterministic. Errors: [ErrEntry], [ErrArguments] or
// [ErrShape] before anything runs. An error of the kernel is a [*Fault], and
// memory is then as the kernel left it.
func (m *Module) Launch(entry string, grid, block [3]int, params [][]byte, mem *Memory) error {
	_, err := m.Run(entry, grid, block, params, mem, Options{})
	return err
}

// Run is Launch with options. It returns the number of instructions, also with an
// error.
func (m *Module) Run(entry string, grid, block [3]int, params [][]byte, mem *Memory, o Options) (Stats, error) {
	e := m.entry(entry)
	if e == nil {
		var names []string
		for _, e := range m.entries {
			names = append(names, e.name)
		}
		return Stats{}, fmt.Errorf("ptx: %w: %q, the module has %q", ErrEntry, entry, names)
	}
	if err := e.checkShape(grid, block, o); err != nil {
		return Stats{}, err
	}
	args, err := e.arguments(params)
	if err != nil {
		return Stats{}, err
	}
	l := &launch{e: e, mem: mem, grid: grid, block: block, params: args, budget: o.Budget, reverse: o.Reverse}
	if l.budget == 0 {
		l.budget = DefaultBudget
	}
	dynamic := (e.shared + 15) &^ 15
	l.shared = make([]byte, e.shared)
	if e.dynamic || o.Shared > 0 {
		l.shared = make([]byte, dynamic+uint64(o.Shared))
	}
	l.template(mem.load(m), dynamic, o.Undefined)
	err = l.run()
	return l.stats, err
}

func (e *entry) checkShape(grid, block [3]int, o Options) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("ptx: entry %s: %w: %s", e.name, ErrShape, fmt.Sprintf(format, args...))
	}
	for i, limit := range [3]int{1<<31 - 1, 1<<16 - 1, 1<<16 - 1} {
		if grid[i] < 1 || grid[i] > limit {
			return bad("a grid of %v blocks, expected 1 to %d in dimension %d", grid, limit, i)
		}
	}
	for i, limit := range [3]int{maxThreads, maxThreads, 64} {
		if block[i] < 1 || block[i] > limit {
			return bad("a block of %v threads, expected 1 to %d in dimension %d", block, limit, i)
		}
	}
	if n := block[0] * block[1] * block[2]; n > maxThreads {
		return bad("a block of %d threads, expected at most %d", n, maxThreads)
	}
	for _, l := range e.limit {
		if l.exact && block != l.block {
			return bad("a block of %v threads, the entry requires %v", block, l.block)
		}
		if block[0]*block[1]*block[2] > l.block[0]*l.block[1]*l.block[2] {
			return bad("a block of %v threads, the entry allows %v", block, l.block)
		}
	}
	if o.Shared < 0 || uint64(o.Shared)+e.shared+15 > maxShared {
		return bad("%d bytes of dynamic shared memory, expected 0 to %d with the entry's own %d", o.Shared, maxShared, e.shared)
	}
	return nil
}

// arguments returns the parameters at their offsets.
func (e *entry) arguments(params [][]byte) ([]byte, error) {
	if len(params) != len(e.params) {
		return nil, fmt.Errorf("ptx: entry %s: %w: %d arguments, expected %d", e.name, ErrArguments, len(params), len(e.params))
	}
	args := make([]byte, e.paramSize)
	fresh(args)
	for i, p := range e.params {
		if uint64(len(params[i])) != p.size {
			return nil, fmt.Errorf("ptx: entry %s: %w: argument %d (%s) has %d bytes, expected %d", e.name, ErrArguments, i, p.name, len(params[i]), p.size)
		}
		copy(args[p.at:], params[i])
	}
	return args, nil
}

// A launch is an entry in execution.
type launch struct {
	e           *entry
	mem         *Memory
	grid, block [3]int
	params      []byte
	budget      uint64
	reverse     bool
	stats       Stats

	values  []uint64 // of the slots at the start of a thread
	defined []uint8  // 1 for a slot with a value at that time
	shared  []byte   // of the running block
	ctaid   [3]int
	threads []thread
}

// States of a thread.
const (
	ready = iota
	done
	atBarrier
	atWarp
)

// A thread has its own registers and local memory. pc is the index of its next
// instruction.
type thread struct {
	regs    []uint64
	defined []uint8
	local   []byte
	tid     [3]int
	index   int // in the block
	pc      int
	carry   uint64
	steps   uint64
	state   int
}

// template sets the initial values of the slots of a thread.
func (l *launch) template(vars map[*variable]uint64, dynamic uint64, undefined bool) {
	l.values = make([]uint64, len(l.e.slots))
	l.defined = make([]uint8, len(l.e.slots))
	for i, s := range l.e.slots {
		l.values[i] = s.value
		if s.known || undefined {
			l.defined[i] = 1
		}
	}
	for _, a := range l.e.addrs {
		at := a.v.at
		switch {
		case a.v.dynamic:
			at = dynamic
		case a.v.space == spaceGlobal || a.v.space == spaceConst:
			at = vars[a.v]
		}
		l.values[a.slot] = at + a.offset
	}
	for i := range 3 {
		l.values[slotNtidX+i] = uint64(l.block[i])
		l.values[slotNctaidX+i] = uint64(l.grid[i])
	}
}

func (l *launch) run() error {
	n := l.block[0] * l.block[1] * l.block[2]
	live := n // threads with registers at the same time
	if !l.e.waits {
		live = 1
	}
	l.threads = make([]thread, live)
	for i := range l.threads {
		t := &l.threads[i]
		t.regs = make([]uint64, len(l.values))
		t.defined = make([]uint8, len(l.values))
		t.local = make([]byte, l.e.local)
	}
	blocks := l.grid[0] * l.grid[1] * l.grid[2]
	for i := range blocks {
		if l.reverse {
			i = blocks - 1 - i
		}
		l.ctaid = [3]int{i % l.grid[0], i / l.grid[0] % l.grid[1], i / l.grid[0] / l.grid[1]}
		fresh(l.shared)
		if err := l.runBlock(n); err != nil {
			return err
		}
	}
	return nil
}

func (l *launch) runBlock(n int) error {
	if !l.e.waits {
		t := &l.threads[0]
		for i := range n {
			l.begin(t, l.turn(i, n))
			if err := l.resume(t); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range l.threads {
		l.begin(&l.threads[i], i)
	}
	for {
		for i := range n {
			if t := &l.threads[l.turn(i, n)]; t.state == ready {
				if err := l.resume(t); err != nil {
					return err
				}
			}
		}
		if more, err := l.release(); err != nil || !more {
			return err
		}
	}
}

func (l *launch) turn(i, n int) int {
	if l.reverse {
		return n - 1 - i
	}
	return i
}

// begin sets a thread to its first instruction.
func (l *launch) begin(t *thread, index int) {
	copy(t.regs, l.values)
	copy(t.defined, l.defined)
	fresh(t.local)
	t.pc, t.carry, t.steps, t.state, t.index = 0, 0, 0, ready, index
	t.tid = [3]int{index % l.block[0], index / l.block[0] % l.block[1], index / l.block[0] / l.block[1]}
	for i := range 3 {
		t.regs[slotTidX+i] = uint64(t.tid[i])
		t.regs[slotCtaidX+i] = uint64(l.ctaid[i])
	}
	lane := index % warpSize
	t.regs[slotLane] = uint64(lane)
	t.regs[slotWarp] = uint64(index / warpSize)
	t.regs[slotLaneEq] = 1 << lane
	t.regs[slotLaneLt] = 1<<lane - 1
	t.regs[slotLaneLe] = 1<<(lane+1) - 1
	t.regs[slotLaneGt] = mask(32) &^ (1<<(lane+1) - 1)
	t.regs[slotLaneGe] = mask(32) &^ (1<<lane - 1)
	l.stats.Threads++
}

// resume runs a thread until it ends or waits.
func (l *launch) resume(t *thread) error {
	before := t.steps
	err := l.execute(t)
	l.stats.Instructions += t.steps - before
	return err
}

// fault stops thread t at the instruction with index pc.
func (l *launch) fault(t *thread, pc int, kind error, format string, args ...any) *Fault {
	src := l.e.source[pc]
	return &Fault{
		Kind: kind, Entry: l.e.name, Block: l.ctaid, Thread: t.tid,
		Line: src.line, Instruction: src.text, Message: fmt.Sprintf(format, args...),
	}
}

// undefined returns the fault of reading the first of some slots without a value.
func (l *launch) undefined(t *thread, pc int, slots ...int32) *Fault {
	for _, s := range slots {
		if t.defined[s] == 0 {
			return l.fault(t, pc, ErrUninitialised, "%s was never written", l.e.slotName(s))
		}
	}
	return nil
}
