package fields

import (
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/reject"
)

// sample has a field of each kind.
type sample struct {
	A uint8
	B uint16
	C uint32
	D uint64
	E bool
	F [3]bool
	G [4]byte
	H [32]byte
	I [32]byte
	J uint8
	K uint8
	L string
	M string
}

func (p *sample) layout(f *Coder) {
	f.Uint8(&p.A)
	f.Uint16(&p.B)
	f.Uint32(&p.C)
	f.Uint64(&p.D)
	f.Flag(&p.E)
	f.Flags(&p.F[0], &p.F[1], &p.F[2])
	f.Fixed(p.G[:])
	Hash(f, &p.H)
	Optional(f, &p.I, [32]byte{})
	Choice(f, &p.J)
	ChoiceUpTo(f, &p.K, 3)
	Text8(f, &p.L)
	Text16(f, &p.M)
}

func encode(p *sample) []byte {
	f := Append([]byte{42})
	p.layout(&f)
	return f.Bytes()[1:]
}

func decode(b []byte) (p sample, rest int, err error) {
	f := Read(b)
	defer f.Release()
	p.layout(f)
	return p, len(f.Bytes()), f.Err()
}

// What was written is read, no part of it is, and whatever is read is written in
// the same way.
func TestCoder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := sample{
			A: rapid.Uint8().Draw(t, "A"), B: rapid.Uint16().Draw(t, "B"), C: rapid.Uint32().Draw(t, "C"), D: rapid.Uint64().Draw(t, "D"),
			E: rapid.Bool().Draw(t, "E"), F: [3]bool{rapid.Bool().Draw(t, "F"), false, rapid.Bool().Draw(t, "F")},
			G: [4]byte{1, 2, 3, 4}, H: [32]byte{rapid.Byte().Draw(t, "H")}, I: [32]byte{rapid.Byte().Draw(t, "I")},
			J: rapid.Uint8().Draw(t, "J"), K: rapid.Uint8Range(0, 3).Draw(t, "K"),
			L: rapid.StringN(0, 20, 80).Draw(t, "L"), M: rapid.StringN(0, 100, 400).Draw(t, "M"),
		}
		b := encode(&want)
		got, rest, err := decode(b)
		if err != nil || rest != 0 || got != want {
			t.Fatalf("%+v, %d bytes left, %v, want %+v", got, rest, err, want)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, _, err := decode(b[:cut]); err == nil {
			t.Fatalf("%d of %d bytes are enough", cut, len(b))
		}
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if changed, rest, err := decode(b); err == nil && rest == 0 && string(encode(&changed)) != string(b) {
			t.Fatalf("%x is read as %+v, which is written as %x", b, changed, encode(&changed))
		}
	})
}

// The memory of a value that is written serves for the next one.
func TestReset(t *testing.T) {
	var f Coder
	n := uint32(7)
	f.Uint32(&n)
	f.Reset()
	f.Uint32(&n)
	if len(f.Bytes()) != 4 || f.Reading() {
		t.Errorf("%x", f.Bytes())
	}
}

func TestWords(t *testing.T) {
	w := Words{"fault", "recall", "delivery"}
	for n, want := range []string{"none", "fault", "recall", "delivery", "choice-4"} {
		if got := w.Name(uint8(n)); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
		var c uint8
		err := Parse(&c, w, "ground", []byte(want))
		if n < 4 && (err != nil || c != uint8(n)) || n == 4 && err == nil {
			t.Errorf("%q is %d, %v", want, c, err)
		}
		if err := w.Check("ground", uint8(n)); (err == nil) != (n > 0 && n < 4) {
			t.Errorf("%d: %v", n, err)
		}
	}
	var c uint8
	err := Parse(&c, w, "ground", []byte("broken"))
	if want := `unknown-choice: invalid ground "broken": must be fault, recall or delivery`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if reason, _ := reject.Of(w.Check("ground", 9)); reason != reject.UnknownChoice {
		t.Errorf("the reason is %s", reason)
	}
}
