package ptx

import (
	"bytes"
	"fmt"
	"sort"
)

// FreshByte fills memory that was never written.
const FreshByte = 0xa5

// MaxAlloc is the largest allocation, in bytes.
const MaxAlloc = 1 << 30

const (
	memoryBase = 0x7f00_0000_0000
	memoryStep = 256 // allocations begin at multiples of it, with a gap before the next
)

// A Memory is device memory: allocations at 64-bit addresses with gaps between
// them, so that an access past the end of one is detected. It also has the
// variables of modules, from the first launch of a module on. The zero Memory is
// empty and ready to use. Not safe for concurrent use.
type Memory struct {
	regions []*region // by address
	last    *region   // found last
	next    uint64
	modules map[*Module]map[*variable]uint64
}

type region struct {
	base  uint64
	data  []byte
	konst bool // a kernel reads it as .const only, and does not write it
}

func (r *region) holds(addr uint64, n int) bool {
	return addr >= r.base && addr-r.base <= uint64(len(r.data)) && uint64(n) <= uint64(len(r.data))-(addr-r.base)
}

// Alloc allocates size fresh bytes and returns their address, a multiple of 256. The
// size must be 1 to [MaxAlloc]. Errors: [ErrNoMemory].
func (m *Memory) Alloc(size int) (uint64, error) {
	if size < 1 || size > MaxAlloc {
		return 0, fmt.Errorf("ptx: %w: an allocation of %d bytes, expected 1 to %d", ErrNoMemory, size, MaxAlloc)
	}
	return m.add(size, false).base, nil
}

func (m *Memory) add(size int, konst bool) *region {
	if m.next == 0 {
		m.next = memoryBase
	}
	r := &region{base: m.next, data: make([]byte, size), konst: konst}
	fresh(r.data)
	m.next += uint64(size+2*memoryStep-1) &^ (memoryStep - 1)
	m.regions = append(m.regions, r)
	return r
}

// Free frees the allocation that starts at addr.
func (m *Memory) Free(addr uint64) error {
	r := m.find(addr, 0)
	if r == nil || r.base != addr {
		return fmt.Errorf("ptx: free: %w: no allocation begins at %#x", ErrBounds, addr)
	}
	i := m.index(addr)
	m.regions = append(m.regions[:i], m.regions[i+1:]...)
	m.last = nil
	return nil
}

// Read copies memory from addr on into p. All of it must lie in one
// allocation, else the error is ErrBounds and p is as it was.
func (m *Memory) Read(addr uint64, p []byte) error {
	b, err := m.slice(addr, len(p))
	copy(p, b)
	return err
}

// Write copies p into memory from addr on. All of it must lie in one
// allocation, else the error is ErrBounds and memory is as it was.
func (m *Memory) Write(addr uint64, p []byte) error {
	b, err := m.slice(addr, len(p))
	copy(b, p)
	return err
}

func (m *Memory) slice(addr uint64, n int) ([]byte, error) {
	r := m.find(addr, n)
	if r == nil {
		return nil, fmt.Errorf("ptx: %w: %s", ErrBounds, m.describe(addr, n))
	}
	return r.data[addr-r.base:][:n:n], nil
}

// index returns the index of the last region that starts at or before addr, or -1.
func (m *Memory) index(addr uint64) int {
	return sort.Search(len(m.regions), func(i int) bool { return m.regions[i].base > addr }) - 1
}

// find returns the region with n bytes at addr, or nil.
func (m *Memory) find(addr uint64, n int) *region {
	if m.last != nil && m.last.holds(addr, n) {
		return m.last
	}
	i := m.index(addr)
	if i < 0 || !m.regions[i].holds(addr, n) {
		return nil
	}
	m.last = m.regions[i]
	return m.last
}

// describe describes the address of an access outside all regions.
func (m *Memory) describe(addr uint64, n int) string {
	i := m.index(addr)
	if i < 0 {
		return fmt.Sprintf("%d bytes at %#x, which is no device address", n, addr)
	}
	r := m.regions[i]
	return fmt.Sprintf("%d bytes at %#x, %d bytes after the start of an allocation of %d", n, addr, addr-r.base, len(r.data))
}

func fresh(b []byte) {
	if len(b) > 0 {
		copy(b, bytes.Repeat([]byte{FreshByte}, min(len(b), 4096)))
		for n := 4096; n < len(b); n *= 2 {
			copy(b[n:], b[:n])
		}
	}
}

// Symbol returns the address and size in mem of a .global or .const variable of the
// module, like cuModuleGetGlobal. The variable keeps its value between launches
// with the same mem.
func (m *Module) Symbol(mem *Memory, name string) (addr uint64, size int, err error) {
	v := m.variables[name]
	if v == nil || v.space != spaceGlobal && v.space != spaceConst {
		return 0, 0, fmt.Errorf("ptx: %w: no .global or .const variable %q", ErrEntry, name)
	}
	return mem.load(m)[v], int(v.size), nil
}

// load returns the addresses of the variables of the module, and allocates them if
// mem does not have them.
func (m *Memory) load(mod *Module) map[*variable]uint64 {
	if at, ok := m.modules[mod]; ok {
		return at
	}
	at := make(map[*variable]uint64)
	for _, v := range mod.order {
		if v.space != spaceGlobal && v.space != spaceConst {
			continue
		}
		r := m.add(int(v.size), v.space == spaceConst)
		clear(r.data) // as CUDA does
		copy(r.data, v.init)
		at[v] = r.base
	}
	if m.modules == nil {
		m.modules = make(map[*Module]map[*variable]uint64)
	}
	m.modules[mod] = at
	return at
}
