package ptx

import "encoding/binary"

// windows are the generic addresses of the state spaces. Addresses of global and
// constant memory are generic addresses.
var windows = [...]uint64{
	spaceShared: 0x10_0000_0000,
	spaceLocal:  0x20_0000_0000,
	spaceParam:  0x30_0000_0000,
	spaceConst:  0,
}

const windowSize = 1 << 32

var spaceNames = [...]string{"generic", "parameter", "global", "shared", "local", "constant"}

// access runs a load, store or atomic operation.
func (l *launch) access(t *thread, in *instr, pc int) *Fault {
	r := t.regs
	size := int(in.size)
	write := in.op == opSt || in.op == opStV || in.op == opAtom
	b, bad := l.bytes(t, in.space, pc, r[in.a]+in.imm, size*int(in.n), write)
	if bad != nil {
		return bad
	}
	switch in.op {
	case opLd:
		r[in.d] = get(b)
	case opLdS:
		r[in.d] = sext(get(b), in.sx) & in.mask
	case opLdV:
		for i, d := range l.e.lists[in.list][:in.n] {
			r[d] = get(b[i*size:][:size])
			t.defined[d] = 1
		}
	case opSt:
		put(b, r[in.b])
	case opStV:
		list := l.e.lists[in.list][:in.n]
		if bad := l.undefined(t, pc, list...); bad != nil {
			return bad
		}
		for i, s := range list {
			put(b[i*size:][:size], r[s])
		}
	case opAtom:
		old := get(b)
		put(b, atomic(in, old, r[in.b], r[in.c]))
		r[in.d] = old
	}
	return nil
}

// bytes returns the n bytes at an address of a state space.
func (l *launch) bytes(t *thread, s space, pc int, addr uint64, n int, write bool) ([]byte, *Fault) {
	if addr&uint64(n-1) != 0 {
		return nil, l.fault(t, pc, ErrAlignment, "%d bytes at %#x", n, addr)
	}
	if s == spaceGeneric {
		s = spaceGlobal
		for _, w := range [...]space{spaceShared, spaceLocal, spaceParam} {
			if addr-windows[w] < windowSize {
				addr -= windows[w]
				s = w
				break
			}
		}
		if r := l.mem.find(addr, n); s == spaceGlobal && r != nil && r.konst {
			s = spaceConst
		}
	}
	if write && (s == spaceConst || s == spaceParam) {
		return nil, l.fault(t, pc, ErrReadOnly, "%d bytes at %#x", n, addr)
	}
	var room []byte
	switch s {
	case spaceShared:
		room = l.shared
	case spaceLocal:
		room = t.local
	case spaceParam:
		room = l.params
	default:
		r := l.mem.find(addr, n)
		if r == nil {
			return nil, l.fault(t, pc, ErrBounds, "%s", l.mem.describe(addr, n))
		}
		if r.konst != (s == spaceConst) {
			return nil, l.fault(t, pc, ErrBounds, "%d bytes at %#x, which is not %s memory", n, addr, spaceNames[s])
		}
		return r.data[addr-r.base:][:n:n], nil
	}
	if addr > uint64(len(room)) || uint64(n) > uint64(len(room))-addr {
		return nil, l.fault(t, pc, ErrBounds, "%d bytes at %#x of %s memory, which has %d", n, addr, spaceNames[s], len(room))
	}
	return room[addr:][:n:n], nil
}

// get reads a little-endian value of 1, 2, 4 or 8 bytes.
func get(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// put writes the low len(b) bytes of a value.
func put(b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}

// atomic returns the value that an atomic operation writes.
func atomic(in *instr, old, b, c uint64) uint64 {
	less := old < b
	if in.mask == signed {
		less = int64(old<<in.sx) < int64(b<<in.sx)
	}
	switch in.list {
	case atomAdd:
		return old + b
	case atomAnd:
		return old & b
	case atomOr:
		return old | b
	case atomXor:
		return old ^ b
	case atomCas:
		if old == b {
			return c
		}
		return old
	case atomMin:
		if less {
			return old
		}
	case atomMax:
		if !less {
			return old
		}
	case atomInc:
		if less {
			return old + 1
		}
		return 0
	case atomDec:
		if old != 0 && old <= b {
			return old - 1
		}
	}
	return b // also of an exchange
}
