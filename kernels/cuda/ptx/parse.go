package ptx

import (
	"math/bits"
	"slices"
	"strings"
)

// Limits of the declarations of a module, in bytes.
const (
	maxParams   = 32764
	maxShared   = 227 << 10
	maxLocal    = 512 << 10
	maxConst    = 64 << 10
	maxGlobal   = 16 << 20
	maxAlign    = 1 << 16
	maxScopes   = 64
	addressSize = 64
)

type space uint8

const (
	spaceGeneric space = iota
	spaceParam
	spaceGlobal
	spaceShared
	spaceLocal
	spaceConst
)

var spaces = map[string]space{
	"param": spaceParam, "param::entry": spaceParam,
	"global": spaceGlobal,
	"shared": spaceShared, "shared::cta": spaceShared,
	"local": spaceLocal,
	"const": spaceConst,
}

// A variable is a parameter or a variable of a module or an entry.
type variable struct {
	name    string
	space   space
	align   uint64
	size    uint64
	at      uint64 // offset in its space; not used for .global and .const, see Memory.load
	init    []byte
	dynamic bool // shared memory whose size the launch gives
}

// A Module is a parsed text. It is immutable: safe for concurrent use, with a Memory
// per goroutine.
type Module struct {
	Version string // of the PTX ISA, such as "6.3"
	Target  string // such as "sm_75"

	entries   []*entry
	variables map[string]*variable
	order     []*variable // of .global and .const variables
	shared    uint64      // size of the module's static shared memory
}

// An Entry describes a kernel.
type Entry struct {
	Name         string
	Params       []Param
	Shared       int // bytes of static shared memory
	Local        int // bytes of local memory a thread
	Instructions int // in the text
}

// A Param is a parameter of an entry. A struct passed by value is one
// parameter.
type Param struct {
	Name        string
	Size, Align int // bytes
}

// Entries returns the kernels of the module, in the order of the text.
func (m *Module) Entries() []Entry {
	var list []Entry
	for _, e := range m.entries {
		d := Entry{Name: e.name, Shared: int(e.shared), Local: int(e.local), Instructions: e.count}
		for _, p := range e.params {
			d.Params = append(d.Params, Param{p.name, int(p.size), int(p.align)})
		}
		list = append(list, d)
	}
	return list
}

func (m *Module) entry(name string) *entry {
	i := slices.IndexFunc(m.entries, func(e *entry) bool { return e.name == name })
	if i < 0 {
		return nil
	}
	return m.entries[i]
}

// Parse reads a module. The error is a [*ParseError].
func Parse(text []byte) (*Module, error) {
	p, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	return p.m, nil
}

// A parser reads the tokens. Its methods report errors with failAt.
type parser struct {
	text   string
	tokens []token
	i      int
	m      *Module
	spans  []span // of all instructions
	global uint64 // bytes of .global variables
	konst  uint64 // and of .const ones
}

// A span is the range of the tokens of an instruction.
type span struct {
	entry      string
	start, end int // from the guard or opcode to before the semicolon
}

func parse(text string) (p *parser, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *ParseError:
			p, err = nil, r
		default:
			panic(r)
		}
	}()
	p = &parser{text: text, tokens: lex(text), m: &Module{variables: make(map[string]*variable)}}
	p.module()
	return p, nil
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

// accept consumes the next token if it is this word or mark.
func (p *parser) accept(text string) bool {
	if t := p.peek(); t.kind == tokEnd || t.kind == tokString || t.text != text {
		return false
	}
	p.i++
	return true
}

func (p *parser) expect(text string) {
	if t := p.peek(); !p.accept(text) {
		failAt(t.line, ErrSyntax, "expected %q, found %v", text, t)
	}
}

func (p *parser) word(what string) token {
	t := p.next()
	if t.kind != tokWord {
		failAt(t.line, ErrSyntax, "expected %s, found %v", what, t)
	}
	return t
}

func (p *parser) number(what string, low, high uint64) uint64 {
	t := p.next()
	if t.kind != tokNumber {
		failAt(t.line, ErrSyntax, "expected %s, found %v", what, t)
	}
	if t.value < low || t.value > high {
		failAt(t.line, ErrSyntax, "%s is %d, expected %d to %d", what, t.value, low, high)
	}
	return t.value
}

// skipLine skips the tokens on the same line.
func (p *parser) skipLine(line int) {
	for p.peek().kind != tokEnd && p.peek().line == line {
		p.i++
	}
}

func (p *parser) module() {
	m := p.m
	size := uint64(0)
	for {
		t := p.next()
		switch t.text {
		case "":
			if m.Version == "" || m.Target == "" || size == 0 {
				failAt(t.line, ErrSyntax, "expected .version, .target and .address_size %d", addressSize)
			}
			return
		case ".version":
			v := p.next()
			if v.kind != tokFloat && v.kind != tokNumber {
				failAt(v.line, ErrSyntax, "expected a version such as 6.3, found %v", v)
			}
			m.Version = v.text
		case ".target":
			m.Target = p.word("a target such as sm_75").text
			p.skipLine(t.line)
		case ".address_size":
			size = p.number("address size", addressSize, addressSize)
		case ".file":
			p.skipLine(t.line)
		case ".visible", ".weak":
		case ".entry":
			p.entry()
		case ".extern", ".global", ".const", ".shared":
			p.i--
			p.moduleVariable()
		case ".func", ".section", ".alias", ".common":
			failAt(t.line, ErrUnsupported, "%s is not supported", t.text)
		default:
			failAt(t.line, ErrSyntax, "expected a directive such as .entry or .global, found %v", t)
		}
	}
}

func (p *parser) moduleVariable() {
	m := p.m
	extern := p.accept(".extern")
	t := p.next()
	v := p.declaration(t)
	switch {
	case m.variables[v.name] != nil:
		failAt(t.line, ErrSyntax, "%s is declared twice", v.name)
	case extern != v.dynamic:
		failAt(t.line, ErrUnsupported, "%s: expected .extern with .shared and no size, or neither", v.name)
	case v.space == spaceShared && !v.dynamic:
		place(v, &m.shared, maxShared, t.line)
	case v.space == spaceGlobal:
		place(v, &p.global, maxGlobal, t.line)
		m.order = append(m.order, v)
	case v.space == spaceConst:
		place(v, &p.konst, maxConst, t.line)
		m.order = append(m.order, v)
	}
	m.variables[v.name] = v
}

// place assigns a variable its offset in a space with *used bytes in use.
func place(v *variable, used *uint64, maxSize uint64, line int) {
	v.at = (*used + v.align - 1) &^ (v.align - 1)
	*used = v.at + v.size
	if *used > maxSize {
		failAt(line, ErrSyntax, "%s: more than %d bytes", v.name, maxSize)
	}
}

// declaration reads a variable after its state space, to the semicolon.
func (p *parser) declaration(where token) *variable {
	v := &variable{}
	var maxSize uint64
	switch where.text {
	case ".global":
		v.space, maxSize = spaceGlobal, maxGlobal
	case ".const":
		v.space, maxSize = spaceConst, maxConst
	case ".shared":
		v.space, maxSize = spaceShared, maxShared
	case ".local":
		v.space, maxSize = spaceLocal, maxLocal
	default:
		failAt(where.line, ErrSyntax, "expected .global, .const, .shared or .local, found %v", where)
	}
	unit := p.variable(v, maxSize)
	if p.accept("=") {
		if v.space != spaceGlobal && v.space != spaceConst {
			failAt(where.line, ErrSyntax, "%s: %s takes no initialiser", v.name, where.text)
		}
		p.initialiser(v, unit)
	}
	p.expect(";")
	return v
}

// variable reads the alignment, type, name and size of a variable, and returns the
// size of its elements.
func (p *parser) variable(v *variable, maxSize uint64) (unit uint64) {
	align := uint64(0)
	for p.peek().text == ".align" || p.peek().text == ".ptr" || p.peek().text == ".attribute" {
		t := p.next()
		if t.text != ".align" {
			failAt(t.line, ErrUnsupported, "%s is not supported here", t.text)
		}
		align = p.alignment()
	}
	t := p.word("a type")
	width, ok := types[strings.TrimPrefix(t.text, ".")]
	if !ok || width.bits < 8 {
		failAt(t.line, ErrUnsupported, "expected an integer type such as .b8 or .u32, found %v", t)
	}
	unit = uint64(width.bits) / 8
	if p.accept(".ptr") {
		for p.accept(".global") || p.accept(".const") || p.accept(".shared") || p.accept(".local") {
		}
		if p.accept(".align") {
			p.alignment() // of what it points to
		}
	}
	name := p.word("a name")
	if !isName(name.text) {
		failAt(name.line, ErrSyntax, "expected a name, found %v", name)
	}
	v.name, v.size, v.align = name.text, unit, max(align, unit)
	for first := true; p.accept("["); first = false {
		if first && p.accept("]") {
			v.dynamic, v.size = true, 0
			if v.space != spaceShared {
				failAt(name.line, ErrUnsupported, "%s: only shared memory may have no size", v.name)
			}
			break
		}
		v.size *= p.number("array size", 1, maxSize)
		if v.size > maxSize {
			failAt(name.line, ErrSyntax, "%s: more than %d bytes", v.name, maxSize)
		}
		p.expect("]")
	}
	return unit
}

func isName(s string) bool { return s[0] != '.' && s[0] != '%' && !strings.ContainsAny(s, ".:") }

func (p *parser) alignment() uint64 {
	line := p.peek().line
	n := p.number("alignment", 1, maxAlign)
	if bits.OnesCount64(n) != 1 {
		failAt(line, ErrSyntax, "alignment is %d, expected a power of two", n)
	}
	return n
}

func (p *parser) initialiser(v *variable, unit uint64) {
	one := func() {
		t := p.peek()
		n, neg := p.integer()
		if neg {
			n = -n
		}
		if uint64(len(v.init)) >= v.size {
			failAt(t.line, ErrSyntax, "%s: more values than its %d bytes hold", v.name, v.size)
		}
		for range unit {
			v.init = append(v.init, byte(n))
			n >>= 8
		}
	}
	if !p.accept("{") {
		one()
		return
	}
	for {
		one()
		if p.accept("}") {
			return
		}
		p.expect(",")
	}
}

// integer reads a constant with its sign.
func (p *parser) integer() (n uint64, negative bool) {
	negative = p.accept("-")
	t := p.next()
	switch t.kind {
	case tokNumber:
		return t.value, negative
	case tokFloat:
		failAt(t.line, ErrUnsupported, "expected an integer of at most 64 bits, found %v", t)
	}
	failAt(t.line, ErrSyntax, "expected an integer, found %v", t)
	return
}

func (p *parser) entry() {
	name := p.word("the name of an entry")
	if !isName(name.text) {
		failAt(name.line, ErrSyntax, "expected the name of an entry, found %v", name)
	}
	if p.m.entry(name.text) != nil {
		failAt(name.line, ErrSyntax, "entry %s is declared twice", name.text)
	}
	d := newDecoder(p, name.text)
	if p.accept("(") && !p.accept(")") {
		for {
			t := p.peek()
			p.expect(".param")
			v := &variable{space: spaceParam}
			p.variable(v, maxParams)
			place(v, &d.e.paramSize, maxParams, t.line)
			d.declare(v, t.line)
			d.e.params = append(d.e.params, v)
			if p.accept(")") {
				break
			}
			p.expect(",")
		}
	}
	for p.peek().text != "{" {
		t := p.next()
		switch t.text {
		case ".maxntid", ".reqntid":
			shape := [3]int{1, 1, 1}
			for i := range shape {
				shape[i] = int(p.number("number of threads", 1, maxThreads))
				if i == 2 || !p.accept(",") {
					break
				}
			}
			d.e.limit = append(d.e.limit, limit{shape, t.text == ".reqntid"})
		case ".minnctapersm", ".maxnctapersm", ".maxnreg":
			p.number(t.text, 0, 1<<32-1)
		case ".pragma":
			p.next()
			p.expect(";")
		default:
			failAt(t.line, ErrSyntax, "expected \"{\" or a directive such as .maxntid, found %v", t)
		}
	}
	d.body()
	p.m.entries = append(p.m.entries, d.e)
}
