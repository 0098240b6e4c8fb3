package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// A typ is a PTX type: its width in bits and its signedness. A predicate has one
// bit.
type typ struct {
	bits   int
	signed bool
}

var types = map[string]typ{
	"pred": {1, false},
	"b8":   {8, false}, "b16": {16, false}, "b32": {32, false}, "b64": {64, false},
	"u8": {8, false}, "u16": {16, false}, "u32": {32, false}, "u64": {64, false},
	"s8": {8, true}, "s16": {16, true}, "s32": {32, true}, "s64": {64, true},
}

func mask(bits int) uint64 { return 1<<bits - 1 } // 1<<64 is 0 in Go

// The slots of a thread's register file. Operands are slots: registers,
// special registers and constants alike.
const (
	slotZero    = iota // reads as 0; the source that an instruction does not have
	slotScratch        // for a missing destination
	slotTidX
	slotTidY
	slotTidZ
	slotNtidX
	slotNtidY
	slotNtidZ
	slotCtaidX
	slotCtaidY
	slotCtaidZ
	slotNctaidX
	slotNctaidY
	slotNctaidZ
	slotLane
	slotWarp
	slotLaneEq
	slotLaneLt
	slotLaneLe
	slotLaneGt
	slotLaneGe
	slotFirst // of the entry's own
)

var specials = map[string]int32{
	"%tid.x": slotTidX, "%tid.y": slotTidY, "%tid.z": slotTidZ,
	"%ntid.x": slotNtidX, "%ntid.y": slotNtidY, "%ntid.z": slotNtidZ,
	"%ctaid.x": slotCtaidX, "%ctaid.y": slotCtaidY, "%ctaid.z": slotCtaidZ,
	"%nctaid.x": slotNctaidX, "%nctaid.y": slotNctaidY, "%nctaid.z": slotNctaidZ,
	"%laneid": slotLane, "%warpid": slotWarp,
	"%lanemask_eq": slotLaneEq, "%lanemask_lt": slotLaneLt, "%lanemask_le": slotLaneLe,
	"%lanemask_gt": slotLaneGt, "%lanemask_ge": slotLaneGe,
}

// An entry is a kernel in executable form.
type entry struct {
	name      string
	params    []*variable
	paramSize uint64
	limit     []limit
	shared    uint64 // bytes of static shared memory
	local     uint64 // bytes of local memory per thread
	count     int    // instructions in the text

	code     []instr
	source   []source   // of code
	lists    [][4]int32 // operands beyond those of an instr
	slots    []slot
	addrs    []addr // slots with the address of a variable
	waits    bool   // it has instructions that wait for other threads
	dynamic  bool   // uses dynamic shared memory
	sentinel int    // index of the return appended after the last instruction
}

type limit struct {
	block [3]int
	exact bool
}

type source struct {
	line int
	text string
}

// A slot describes an element of the register file.
type slot struct {
	name  string // of a register
	bits  int
	value uint64 // of a constant, else poison
	known bool   // written before the first instruction
}

type addr struct {
	slot   int32
	v      *variable
	offset uint64
}

// An instr is a decoded instruction. It writes d and reads a, b and c. The meaning
// of a, b, c, imm and list depends on op.
type instr struct {
	op         op
	sx         uint8 // 64 less the width of the type
	size       uint8 // bytes of memory
	n          uint8 // elements of a vector, or the kind of vote or shuffle
	d, a, b, c int32
	list       int32
	mask       uint64 // of the result
	imm        uint64
	space      space
}

// A scope is a pair of braces.
type scope struct {
	parent *scope
	names  map[string]any // int32 (a slot), *variable, label
	ranges []registers
}

// registers is a declaration such as .reg .b32 %r<10>.
type registers struct {
	prefix string
	bits   int
	n      uint64
}

type label int

// A patch is a branch with an unresolved target.
type patch struct {
	at     int
	target token
	scope  *scope
}

// A decoder turns the body of an entry into its executable form.
type decoder struct {
	*parser
	e       *entry
	scope   *scope
	consts  map[slot]int32
	symbols map[addr]int32
	patches []patch
}

func newDecoder(p *parser, name string) *decoder {
	e := &entry{name: name, shared: p.m.shared, slots: make([]slot, slotFirst)}
	for i := range e.slots {
		e.slots[i] = slot{bits: 32, known: true}
	}
	for name, i := range specials {
		e.slots[i].name = name
	}
	return &decoder{
		parser:  p,
		e:       e,
		scope:   &scope{names: make(map[string]any)},
		consts:  make(map[slot]int32),
		symbols: make(map[addr]int32),
	}
}

// name adds a name to the scope.
func (d *decoder) name(name string, what any, line int) {
	if _, ok := d.scope.names[name]; ok {
		failAt(line, ErrSyntax, "%s is declared twice", name)
	}
	d.scope.names[name] = what
}

func (d *decoder) declare(v *variable, line int) { d.name(v.name, v, line) }

// body reads an entry's body with its braces.
func (d *decoder) body() {
	open := d.peek()
	d.expect("{")
	for depth := 1; depth > 0; {
		t := d.next()
		switch {
		case t.kind == tokEnd:
			failAt(t.line, ErrSyntax, "expected \"}\" for the \"{\" of line %d", open.line)
		case t.text == "{":
			if depth++; depth > maxScopes {
				failAt(t.line, ErrUnsupported, "more than %d nested braces", maxScopes)
			}
			d.scope = &scope{parent: d.scope, names: make(map[string]any)}
		case t.text == "}":
			if depth--; depth > 0 {
				d.scope = d.scope.parent
			}
		case t.text == ";":
		case t.text == ".reg":
			d.registers()
		case t.text == ".shared":
			v := d.declaration(t)
			if v.dynamic {
				failAt(t.line, ErrUnsupported, "%s: shared memory without a size belongs outside of the entry", v.name)
			}
			place(v, &d.e.shared, maxShared, t.line)
			d.declare(v, t.line)
		case t.text == ".local":
			v := d.declaration(t)
			place(v, &d.e.local, maxLocal, t.line)
			d.declare(v, t.line)
		case t.text == ".pragma":
			d.next()
			d.expect(";")
		case t.text == ".loc":
			d.skipLine(t.line)
		case t.kind == tokWord && d.peek().kind == ':':
			if !isName(t.text) {
				failAt(t.line, ErrSyntax, "expected a label, found %v", t)
			}
			d.next()
			d.name(t.text, label(len(d.e.code)), t.line)
		case t.kind == '@' || t.kind == tokWord && 'a' <= t.text[0] && t.text[0] <= 'z':
			d.i--
			d.statement()
		default:
			failAt(t.line, ErrSyntax, "expected an instruction, a label or a directive such as .reg, found %v", t)
		}
	}
	end := d.tokens[d.i-1]
	d.e.sentinel = len(d.e.code)
	d.emit(instr{op: opExit}, source{end.line, end.text})
	for _, p := range d.patches {
		l, ok := d.lookup(p.scope, p.target).(label)
		if !ok {
			failAt(p.target.line, ErrSyntax, "expected a label, found %v", p.target)
		}
		d.e.code[p.at].imm = uint64(l)
	}
}

// registers reads a .reg declaration.
func (d *decoder) registers() {
	t := d.word("a type")
	ty, ok := types[strings.TrimPrefix(t.text, ".")]
	if !ok {
		failAt(t.line, ErrUnsupported, "expected an integer type or .pred, found %v", t)
	}
	for {
		name := d.word("a register")
		if strings.ContainsAny(name.text, ".:") || specials[name.text] != 0 {
			failAt(name.line, ErrSyntax, "expected a register, found %v", name)
		}
		if d.accept("<") {
			for _, r := range d.scope.ranges {
				if r.prefix == name.text {
					failAt(name.line, ErrSyntax, "%s is declared twice", name.text)
				}
			}
			d.scope.ranges = append(d.scope.ranges, registers{name.text, ty.bits, d.number("number of registers", 1, 1<<31)})
			d.expect(">")
			if len(d.scope.ranges) > 64 {
				failAt(name.line, ErrUnsupported, "more than 64 ranges of registers in a scope")
			}
		} else {
			d.name(name.text, d.register(name.text, ty.bits), name.line)
		}
		if !d.accept(",") {
			break
		}
	}
	d.expect(";")
}

// register adds a slot for a register. Its value is poison.
func (d *decoder) register(name string, bits int) int32 {
	d.e.slots = append(d.e.slots, slot{name: name, bits: bits, value: 0xdeadbeef_deadbeef & mask(bits)})
	return int32(len(d.e.slots) - 1)
}

// constant returns the slot of a constant.
func (d *decoder) constant(v uint64) int32 {
	key := slot{bits: 64, value: v, known: true}
	i, ok := d.consts[key]
	if !ok {
		i = int32(len(d.e.slots))
		d.e.slots = append(d.e.slots, key)
		d.consts[key] = i
	}
	return i
}

// address returns the slot with the address of a variable.
func (d *decoder) address(v *variable, offset uint64) int32 {
	key := addr{v: v, offset: offset}
	i, ok := d.symbols[key]
	if !ok {
		i = int32(len(d.e.slots))
		d.e.slots = append(d.e.slots, slot{bits: 64, known: true})
		d.symbols[key] = i
		d.e.addrs = append(d.e.addrs, addr{i, v, offset})
		d.e.dynamic = d.e.dynamic || v.dynamic
	}
	return i
}

// lookup returns the slot, variable or label with this name.
func (d *decoder) lookup(s *scope, t token) any {
	for ; s != nil; s = s.parent {
		if x, ok := s.names[t.text]; ok {
			return x
		}
		for _, r := range s.ranges {
			if r.holds(t.text) {
				i := d.register(t.text, r.bits)
				s.names[t.text] = i
				return i
			}
		}
	}
	if v := d.m.variables[t.text]; v != nil {
		return v
	}
	failAt(t.line, ErrSyntax, "%s is not declared", t.text)
	return nil
}

func (r registers) holds(name string) bool {
	digits, ok := strings.CutPrefix(name, r.prefix)
	if !ok || digits == "" || len(digits) > 1 && digits[0] == '0' {
		return false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return err == nil && n < r.n
}

func (d *decoder) emit(in instr, src source) {
	d.e.code = append(d.e.code, in)
	d.e.source = append(d.e.source, src)
}

// list stores operands beyond those of an instr.
func (d *decoder) list(l [4]int32) int32 {
	d.e.lists = append(d.e.lists, l)
	return int32(len(d.e.lists) - 1)
}

// slotName returns the name of a slot for a message.
func (e *entry) slotName(i int32) string {
	if s := e.slots[i]; s.name != "" {
		return s.name
	}
	return fmt.Sprintf("%#x", e.slots[i].value)
}
