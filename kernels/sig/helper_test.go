package sig

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
)

// p is 2^255-19.
var p = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// big returns the number, not reduced.
func (x number) big() *big.Int {
	sum := new(big.Int)
	for i := 4; i >= 0; i-- {
		sum.Lsh(sum, 51)
		sum.Add(sum, new(big.Int).SetUint64(x[i]))
	}
	return sum
}

// numberOf returns v, which is below 2^255, with limbs below 2^51.
func numberOf(v *big.Int) (x number) {
	rest := new(big.Int).Set(v)
	for i := range x {
		x[i] = new(big.Int).And(rest, big.NewInt(limbMask)).Uint64()
		rest.Rsh(rest, 51)
	}
	return x
}

// equalModP reports whether x and y are equal modulo p.
func equalModP(x, y *big.Int) bool {
	d := new(big.Int).Sub(x, y)
	return d.Mod(d, p).Sign() == 0
}

// engines runs f with the model, and with the assembly where the CPU has it.
func engines(t *testing.T, f func(t *testing.T, e *engine)) {
	t.Run("model", func(t *testing.T) { f(t, &modelEngine) })
	t.Run("assembly", func(t *testing.T) {
		needKernel(t)
		f(t, &assembly)
	})
}

// needKernel skips the test where the assembly does not run.
func needKernel(t testing.TB) {
	t.Helper()
	if !present() {
		t.Skip("the assembly needs AVX-512 F, DQ, BW, VL and IFMA, which this CPU lacks")
	}
}

func (s stage) String() string {
	return [stages]string{
		"mul", "sqr", "carry", "canonical", "double", "toProjective", "toExtended", "toAddend", "addPoint", "addAffine",
		"minusAdded", "toAdded", "toAffine", "isIdentity", "decodeStart", "decodeRoot", "decodeTurn", "decodeSign",
	}[s]
}

// allFives calls f with all numbers whose limbs are edge values, up to wide ones.
func allFives(f func(number)) {
	edges := [...]uint64{
		0, 1, 18, 19, 1<<51 - 20, 1<<51 - 19, 1<<51 - 18, 1<<51 - 1, 1 << 51, 1<<51 + 1<<17, 1<<52 - 1,
	}
	var x number
	var fill func(i int)
	fill = func(i int) {
		if i == len(x) {
			f(x)
			return
		}
		for _, v := range edges {
			x[i] = v
			fill(i + 1)
		}
	}
	fill(0)
}

// edgeNumbers are numbers around the multiples of p, with wide limbs.
func edgeNumbers() (all []number) {
	one := big.NewInt(1)
	for _, v := range []*big.Int{new(big.Int), p, new(big.Int).Lsh(p, 1), new(big.Int).Lsh(one, 255)} {
		for d := int64(-20); d <= 20; d++ {
			w := new(big.Int).Add(v, big.NewInt(d))
			if w.Sign() < 0 {
				continue
			}
			x := numberOf(new(big.Int).Mod(w, new(big.Int).Lsh(one, 255)))
			x[4] += new(big.Int).Rsh(w, 255).Uint64() << 51
			all = append(all, x)
		}
	}
	return all
}

// bytes returns the loose number below p in 32 bytes, little-endian.
func (x number) bytes() []byte {
	var b []byte
	for _, w := range x.canonical().words() {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// eachStage runs a subtest for each stage.
func eachStage(t *testing.T, f func(t *testing.T, s stage)) {
	for s := range stages {
		t.Run(fmt.Sprint(s), func(t *testing.T) { f(t, s) })
	}
}
