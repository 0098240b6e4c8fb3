package match

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// answersOf returns answers that a platform gives: of each so many query ids it takes the
// one that its favourite likes best, if it has one.
func answersOf(sellers []Seller, blocks, count, tries int, favourite record.Key) (all []Answer) {
	next := uint64(0)
	for i := range count {
		var best *Answer
		for range tries {
			a := Answer{Network: 1, Product: 6291041500213, Block: pow.Hash{byte(i % blocks)}, Sellers: sellers}
			binary.LittleEndian.PutUint64(a.Query[:], next)
			next++
			a.Draw()
			if best == nil || a.Order[0] == favourite {
				best = &a
			}
		}
		all = append(all, *best)
	}
	return all
}

// Over 100,000 answers whose query ids nobody chose, the test sees nothing; of 2,000
// whose ids were chosen from two each, it names the favourite.
func TestFairness(t *testing.T) {
	sellers := market()[:8]
	fair, err := Fairness(answersOf(sellers, 3, 100_000, 1, record.Key{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fair: chi-square %.2f with %d degrees of freedom, p %.3f", fair.ChiSquare, fair.Degrees, fair.P)
	if fair.Answers != 100_000 || fair.Duplicates != 0 || fair.Groups != 1 || fair.Degrees != 7 || fair.P < 1e-6 || fair.P > 1-1e-6 {
		t.Errorf("%+v", fair)
	}
	favourite := sellers[3].Account
	picked, err := Fairness(answersOf(sellers, 3, 2000, 2, favourite))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("picked: chi-square %.2f with %d degrees of freedom, p %.3g", picked.ChiSquare, picked.Degrees, picked.P)
	if !picked.IsUnlikely() || picked.Sellers[0].Seller != favourite || picked.Sellers[0].Deviation < 5 {
		t.Errorf("%+v", picked)
	}
}

// Of 400 honest platforms with few answers about several products, the p-values are
// spread as they should be.
func TestFairnessIsExact(t *testing.T) {
	const platforms = 400
	below := [10]int{}
	all := market()
	for i := range platforms {
		var answers []Answer
		for part := range 3 { // with other candidates each
			some := answersOf(all[part*9:part*9+9], 5, 80, 1, record.Key{})
			for j := range some {
				binary.LittleEndian.PutUint32(some[j].Query[8:], uint32(i*3+part))
				some[j].Draw()
			}
			answers = append(answers, some...)
		}
		f, err := Fairness(answers)
		if err != nil || f.Groups != 3 || f.Answers != 240 {
			t.Fatal(f, err)
		}
		below[min(9, int(f.P*10))]++
	}
	for tenth, n := range below {
		if math.Abs(float64(n)-platforms/10) > 5*math.Sqrt(platforms*0.1*0.9) {
			t.Errorf("%d of %d p-values are in tenth %d: %v", n, platforms, tenth, below)
		}
	}
}

// Answers are counted once, and one that is not drawn so is no answer.
func TestFairnessInput(t *testing.T) {
	sellers := market()[:4]
	answers := answersOf(sellers, 1, 300, 1, record.Key{})
	f, err := Fairness(append(answers, answers[:7]...))
	if err != nil || f.Answers != 300 || f.Duplicates != 7 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := Fairness(answers[:3]); !errors.Is(err, ErrTooFew) {
		t.Errorf("three answers: %v", err)
	}
	if _, err := Fairness(nil); !errors.Is(err, ErrTooFew) {
		t.Errorf("no answers: %v", err)
	}
	one := answersOf(sellers[:1], 1, 100, 1, record.Key{})
	if _, err := Fairness(one); !errors.Is(err, ErrTooFew) {
		t.Errorf("one seller: %v", err)
	}
	wrong := answers[5]
	wrong.Order = append([]record.Key{wrong.Order[1], wrong.Order[0]}, wrong.Order[2:]...)
	var fault *Fault
	if _, err := Fairness(append(answers[:5:5], wrong)); !errors.As(err, &fault) || fault.Error()[:9] != "answer 6:" {
		t.Errorf("a moved place: %v", err)
	}
}

// The chances add up to 1, and the tail of the distribution is that of closed forms.
func TestChiSquareTail(t *testing.T) {
	for _, n := range []int{1, 2, 17, 40} {
		sum := 0.0
		for _, p := range FirstChances(market()[:n]) {
			sum += p
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("the chances of %d sellers add up to %g", n, sum)
		}
	}
	same := func(x float64, degrees int, want float64) {
		if got := chiSquareTail(x, degrees); math.Abs(got-want) > 1e-10*want+1e-15 {
			t.Errorf("tail of %g with %d degrees: %g, want %g", x, degrees, got, want)
		}
	}
	for _, x := range []float64{0, 0.01, 0.5, 1, 3.84, 10, 40, 200} {
		same(x, 1, math.Erfc(math.Sqrt(x/2)))
		for _, degrees := range []int{2, 4, 10, 40, 200} { // the first terms of a Poisson distribution
			term, sum := math.Exp(-x/2), 0.0
			for k := range degrees / 2 {
				if k > 0 {
					term *= x / 2 / float64(k)
				}
				sum += term
			}
			same(x, degrees, sum)
		}
	}
}
