package ptx

import "strings"

// Kinds of operands.
const (
	operandRegister = iota
	operandNumber
	operandVariable
	operandVector
	operandMemory
	operandSink // _
)

// An operand is an operand in the text.
type operand struct {
	kind     int
	at       token
	slot     int32     // of a register
	not      bool      // !p
	value    uint64    // of a number; an offset with a variable or memory
	negative bool      // the number has a minus sign
	variable *variable // also a memory operand's base
	based    bool      // a memory operand has a register as base, in slot
	list     []operand // of a vector
	pair     *operand  // the q of p|q
}

var operandNames = []string{"a register", "a constant", "a variable", "a vector", "an address", "_"}

func (d *decoder) operand() operand {
	t := d.peek()
	switch {
	case d.accept("{"):
		o := operand{at: t, kind: operandVector}
		for {
			o.list = append(o.list, d.simple())
			if d.accept("}") {
				return o
			}
			d.expect(",")
			if len(o.list) == 4 {
				failAt(t.line, ErrSyntax, "a vector of more than 4 elements")
			}
		}
	case d.accept("["):
		return d.memory(t)
	case d.accept("!"):
		o := d.named(d.word("a predicate"))
		o.not = true
		return o
	}
	o := d.simple()
	if o.kind == operandRegister && d.accept("|") {
		q := d.simple()
		o.pair = &q
	}
	return o
}

// simple reads an operand that is one register, number or variable, or _.
func (d *decoder) simple() operand {
	t := d.peek()
	o := operand{at: t}
	switch {
	case t.kind == '-' || t.kind == tokNumber || t.kind == tokFloat:
		o.kind = operandNumber
		o.value, o.negative = d.integer()
	case d.accept("_"):
		o.kind = operandSink
	case d.accept("WARP_SZ"):
		o.kind, o.value = operandNumber, warpSize
	case t.kind == tokWord:
		o = d.named(d.next())
	default:
		failAt(t.line, ErrSyntax, "expected an operand, found %v", t)
	}
	return o
}

// named reads a register, special register or variable, with an optional offset.
func (d *decoder) named(t token) operand {
	o := operand{at: t, kind: operandRegister}
	if s, ok := specials[t.text]; ok {
		o.slot = s
		return o
	}
	switch x := d.lookup(d.scope, t).(type) {
	case int32:
		o.slot = x
	case *variable:
		o.kind, o.variable = operandVariable, x
		if d.accept("+") {
			n, negative := d.integer()
			if negative {
				n = -n
			}
			o.value = n
		}
	default:
		failAt(t.line, ErrSyntax, "%s is a label, expected an operand", t.text)
	}
	return o
}

// memory reads an address after its bracket.
func (d *decoder) memory(t token) operand {
	o := d.simple()
	m := operand{kind: operandMemory, at: t, value: o.value}
	switch o.kind {
	case operandRegister:
		m.based, m.slot = true, d.wide(o, 32, 64)
		if d.accept("+") {
			n, negative := d.integer()
			if negative {
				n = -n
			}
			m.value = n
		}
	case operandVariable:
		m.variable = o.variable
	case operandNumber:
		if o.negative {
			failAt(t.line, ErrSyntax, "a negative address")
		}
	default:
		failAt(t.line, ErrSyntax, "expected a register, variable or number in the brackets, found %s", operandNames[o.kind])
	}
	d.expect("]")
	return m
}

func (d *decoder) wrong(o operand, expected string) {
	failAt(o.at.line, ErrSyntax, "expected %s, found %s (%v)", expected, operandNames[o.kind], o.at)
}

// src returns the slot of a source operand of this width.
func (d *decoder) src(o operand, bits int) int32 { return d.wide(o, bits, bits) }

// wide is src for a register that may be wider than the type.
func (d *decoder) wide(o operand, bits, maxBits int) int32 {
	if o.kind == operandRegister && !o.not && o.pair == nil {
		if o.slot < slotFirst {
			failAt(o.at.line, ErrSyntax, "%s can only be read by mov", o.at.text)
		}
		d.width(o, bits, maxBits)
		return o.slot
	}
	return d.value(o, bits)
}

func (d *decoder) width(o operand, minBits, maxBits int) {
	if b := d.e.slots[o.slot].bits; b < minBits || b > maxBits || b == 1 && minBits != 1 {
		failAt(o.at.line, ErrSyntax, "%s has %d bits, expected %d", o.at.text, b, minBits)
	}
}

// value returns the slot of a constant operand.
func (d *decoder) value(o operand, bits int) int32 {
	switch o.kind {
	case operandNumber:
		limit := mask(bits)
		if o.negative {
			limit = 1 << (bits - 1)
		}
		if o.value > limit && !(bits == 1 && o.value == 1) {
			failAt(o.at.line, ErrUnsupported, "the constant does not fit in %d bits", bits)
		}
		v := o.value
		if o.negative {
			v = -v
		}
		return d.constant(v & mask(bits))
	case operandVariable:
		if bits < 32 || bits < 64 && (o.variable.space == spaceGlobal || o.variable.space == spaceConst) {
			failAt(o.at.line, ErrUnsupported, "the address of %s does not fit in %d bits", o.variable.name, bits)
		}
		return d.address(o.variable, o.value)
	}
	d.wrong(o, "a register or a constant")
	return 0
}

// dst returns the slot of a destination operand.
func (d *decoder) dst(o operand, bits int) int32 { return d.target(o, bits, bits) }

// target is dst for a register that may be wider than the type.
func (d *decoder) target(o operand, bits, maxBits int) int32 {
	switch {
	case o.kind == operandSink:
		return slotScratch
	case o.kind != operandRegister || o.not || o.pair != nil:
		d.wrong(o, "a register")
	case o.slot < slotFirst:
		failAt(o.at.line, ErrSyntax, "%s cannot be written", o.at.text)
	}
	d.width(o, bits, maxBits)
	return o.slot
}

// statement reads an instruction with its guard.
func (d *decoder) statement() {
	first := d.i
	guard, not := int32(-1), false
	if d.accept("@") {
		not = d.accept("!")
		t := d.word("a predicate")
		o := d.named(t)
		guard = d.src(o, 1)
	}
	name := d.word("an opcode")
	base, _, _ := strings.Cut(name.text, ".")
	var target token
	var args []operand
	if base == "bra" {
		target = d.word("a label")
	} else if d.peek().kind != ';' {
		for {
			args = append(args, d.operand())
			if !d.accept(",") {
				break
			}
		}
	}
	end := d.peek()
	d.expect(";")
	if len(args) > 8 {
		failAt(name.line, ErrSyntax, "%s has %d operands", name.text, len(args))
	}
	d.spans = append(d.spans, span{d.e.name, first, d.i - 1})
	d.e.count++
	at := d.tokens[first]
	src := source{at.line, strings.Join(strings.Fields(d.text[at.pos:end.pos]), " ")}
	if base == "bra" {
		d.branch(name, target, guard, not, src)
		return
	}
	if guard >= 0 {
		skip := instr{op: opSkipUnless, a: guard, d: slotScratch}
		if not {
			skip.op = opSkipIf
		}
		d.emit(skip, src)
	}
	in := instr{d: slotScratch}
	d.instruction(&in, name, args)
	d.emit(in, src)
}

func (d *decoder) branch(name, target token, guard int32, not bool, src source) {
	if name.text != "bra" && name.text != "bra.uni" {
		d.unknown(name)
	}
	in := instr{op: opBra, d: slotScratch}
	if guard >= 0 {
		in.op, in.a = opBraIf, guard
		if not {
			in.op = opBraUnless
		}
	}
	d.patches = append(d.patches, patch{len(d.e.code), target, d.scope})
	d.emit(in, src)
}

func (d *decoder) unknown(name token) {
	failAt(name.line, ErrUnsupported, "unknown or unsupported instruction %s", name.text)
}

// count checks the number of operands.
func (d *decoder) count(name token, args []operand, low, high int) {
	if n := len(args); n < low || n > high {
		failAt(name.line, ErrSyntax, "%s has %d operands, expected %d", name.text, n, low)
	}
}
