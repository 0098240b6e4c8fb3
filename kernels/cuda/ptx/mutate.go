package ptx

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// ErrNoMutant is the error of [Mutate] if there is nothing to change.
var ErrNoMutant = errors.New("ptx: no instruction to change")

// A Mutant is a module with one fault.
type Mutant struct {
	Text     []byte
	Line     int // of the change
	Was, Now string
}

func (m Mutant) String() string {
	return fmt.Sprintf("line %d: %q instead of %q", m.Line, m.Now, m.Was)
}

// Mutate changes one instruction of a module: its opcode to another with the same
// operands, one bit of a constant, a source register to another of the same kind,
// or the sense of a guard. The seed selects the change, among the instructions of
// the named entries, or of all entries without names. The mutant parses. The error
// is a [*ParseError] or [ErrNoMutant].
//
// A test that compares a kernel with known answers should detect nearly every
// mutant. It cannot detect all of them: some changes have no effect, such as those
// of an instruction that the test does not reach, of a loop hint, or of bits that
// are dropped later.
func Mutate(text []byte, seed uint64, entries ...string) (Mutant, error) {
	p, err := parse(string(text))
	if err != nil {
		return Mutant{}, err
	}
	m := mutator{p: p, random: rand.New(rand.NewPCG(seed, 0x7074782d6d757461))}
	for _, s := range p.spans {
		if len(entries) == 0 || slices.Contains(entries, s.entry) {
			m.spans = append(m.spans, s)
		}
	}
	if len(m.spans) == 0 {
		return Mutant{}, ErrNoMutant
	}
	for range 1000 {
		t, now := m.change(m.spans[m.random.IntN(len(m.spans))])
		if now == "" || now == t.text {
			continue
		}
		mutant := slices.Concat(text[:t.pos], []byte(now), text[t.pos+len(t.text):])
		if _, err := Parse(mutant); err == nil {
			return Mutant{mutant, t.line, t.text, now}, nil
		}
	}
	return Mutant{}, ErrNoMutant
}

type mutator struct {
	p      *parser
	random *rand.Rand
	spans  []span
}

// change selects a token of an instruction and its replacement. An empty text means
// no change.
func (m *mutator) change(s span) (token, string) {
	tokens := m.p.tokens[s.start:s.end]
	at := m.random.IntN(len(tokens))
	t := tokens[at]
	opcode := 0
	if tokens[0].kind == '@' {
		opcode = 2
		if tokens[1].kind == '!' {
			opcode = 3
		}
	}
	switch {
	case t.kind == '@' && opcode == 2:
		return t, "@!"
	case t.kind == '!' && at < opcode:
		return t, " "
	case t.kind == tokNumber:
		v := t.value ^ 1<<m.random.IntN(max(bits.Len64(t.value), 3))
		return t, strconv.FormatUint(v, 10)
	case at == opcode:
		return t, m.opcode(t.text)
	case t.kind == tokWord && t.text[0] == '%' && m.reads(tokens, opcode, at):
		return t, m.register(s, t.text)
	}
	return t, ""
}

// reads reports whether the instruction reads the register at a position.
func (m *mutator) reads(tokens []token, opcode, at int) bool {
	name := tokens[opcode].text
	if at < opcode || strings.HasPrefix(name, "st.") || strings.HasPrefix(name, "red.") {
		return true
	}
	return slices.ContainsFunc(tokens[opcode:at], func(t token) bool { return t.kind == ',' }) &&
		!slices.ContainsFunc(tokens[at:], func(t token) bool { return t.kind == '}' }) // a vector that is loaded
}

// register selects another register of the same kind that occurs earlier in the
// entry.
func (m *mutator) register(s span, name string) string {
	kind := strings.TrimRight(name, "0123456789")
	var others []string
	for i := len(m.spans) - 1; i >= 0 && len(others) < 64; i-- {
		o := m.spans[i]
		if o.entry != s.entry || o.start >= s.start {
			continue
		}
		for _, t := range m.p.tokens[o.start:o.end] {
			if t.text != name && t.kind == tokWord && t.text[0] == '%' && strings.TrimRight(t.text, "0123456789") == kind {
				others = append(others, t.text)
			}
		}
	}
	if len(others) == 0 {
		return ""
	}
	return others[m.random.IntN(len(others))]
}

// exchanges are prefixes of opcodes with the same operands.
var exchanges = []struct{ was, now string }{
	{"add.", "sub."}, {"sub.", "add."},
	{"and.", "or."}, {"or.", "and."}, {"xor.", "or."},
	{"not.", "mov."}, {"neg.", "mov."},
	{"shl.", "shr."}, {"shr.", "shl."},
	{"shf.l.", "shf.r."}, {"shf.r.", "shf.l."},
	{"mul.lo.", "mul.hi."}, {"mul.hi.", "mul.lo."},
	{"mad.lo.", "mad.hi."}, {"mad.hi.", "mad.lo."},
	{"min.", "max."}, {"max.", "min."},
	{"div.", "rem."}, {"rem.", "div."},
	{"popc.", "clz."}, {"clz.", "popc."},
	{"setp.eq.", "setp.ne."}, {"setp.ne.", "setp.eq."},
	{"setp.lt.", "setp.ge."}, {"setp.ge.", "setp.lt."},
	{"setp.gt.", "setp.le."}, {"setp.le.", "setp.gt."},
}

func (m *mutator) opcode(name string) string {
	for _, e := range exchanges {
		rest, ok := strings.CutPrefix(name, e.was)
		if !ok {
			continue
		}
		now := e.now + rest
		if _, ok := forms[now]; !ok { // shl.u32 is shl.b32
			i := strings.LastIndexByte(now, '.')
			now = now[:i] + ".b" + strings.TrimLeft(now[i+1:], "us")
		}
		return now
	}
	return ""
}
