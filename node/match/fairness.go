package match

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
)

// Bounds of the test. A cell is a seller in answers with the same candidates, or several
// sellers of them that are expected to be first too rarely to be judged alone.
const (
	minExpected = 5    // first places in a cell
	Unlikely    = 1e-4 // chance below which the first places are not as the draw would give them
)

// ErrTooFew means that the answers are too few to compare them with the chances.
var ErrTooFew = errors.New("too few answers to be tested")

// FirstPlaces are how often a seller was first.
type FirstPlaces struct {
	Seller    record.Key
	Observed  int
	Expected  float64 // by the chances of the draw
	Deviation float64 // in standard deviations of a fair draw; 0 if the expected number is certain
}

// FairnessReport is what first places say about the query ids that a platform drew by. A fair
// draw gives each seller the first place with a known chance: Pearson's chi-square
// compares how often each was first with how often it is expected to be.
type FairnessReport struct {
	Answers    int // that count
	Duplicates int // that do not, as another one has the same product, block and query
	Groups     int // of answers with the same candidates and scores
	ChiSquare  float64
	Degrees    int     // of freedom
	P          float64 // chance that fair draws deviate as much or more
	Sellers    []FirstPlaces
}

// IsUnlikely reports whether fair draws hardly ever deviate as much.
func (f *FairnessReport) IsUnlikely() bool { return f.P < Unlikely }

// FairnessTest compares the first places of answers with the chances of the draw. It
// keeps the candidates once for all answers that have them. Not safe for concurrent use.
type FairnessTest struct {
	seen    map[[32]byte]bool
	groups  map[[32]byte]*group
	answers int
	doubles int
}

// NewFairnessTest returns a test without answers.
func NewFairnessTest() *FairnessTest {
	return &FairnessTest{seen: map[[32]byte]bool{}, groups: map[[32]byte]*group{}}
}

// Fairness tests some answers. Errors: a [Fault] names the answer that cannot be drawn
// so; ErrTooFew.
func Fairness(answers []Answer) (FairnessReport, error) {
	t := NewFairnessTest()
	for i := range answers {
		if err := t.Add(&answers[i]); err != nil {
			return FairnessReport{}, fault("answer %d: %v", i+1, err)
		}
	}
	return t.Report()
}

// Add adds an answer, which must be what [Answer.Redraw] draws: else it returns a [Fault].
// An answer without sellers says nothing.
func (t *FairnessTest) Add(a *Answer) error {
	if err := a.Redraw(); err != nil || len(a.Sellers) == 0 {
		return err
	}
	id := a.question()
	if t.seen[id] {
		t.doubles++
		return nil
	}
	t.seen[id] = true
	key := a.candidates()
	g := t.groups[key]
	if g == nil {
		g = newGroup(a.Sellers)
		t.groups[key] = g
	}
	g.first[a.Order[0]]++
	g.answers++
	t.answers++
	return nil
}

// Report returns what the answers say. The sellers are sorted by their deviation, those
// that were first more often than expected before the others. Errors: ErrTooFew.
func (t *FairnessTest) Report() (FairnessReport, error) {
	f := FairnessReport{Answers: t.answers, Duplicates: t.doubles, Groups: len(t.groups)}
	bySeller := map[record.Key]*tallied{}
	for _, g := range t.groups {
		chi, degrees := g.chiSquare()
		f.ChiSquare, f.Degrees = f.ChiSquare+chi, f.Degrees+degrees
		g.tally(bySeller)
	}
	if f.Degrees == 0 {
		return f, fmt.Errorf("%w: %d answers count; at least two sellers, or several rarely drawn ones together, must be expected to be first %d times each", ErrTooFew, f.Answers, minExpected)
	}
	f.P = chiSquareTail(f.ChiSquare, f.Degrees)
	f.Sellers = firstPlaces(bySeller)
	return f, nil
}

// question returns what an answer is an answer to.
func (a *Answer) question() [32]byte {
	b := binary.LittleEndian.AppendUint32(nil, a.Network)
	b = binary.LittleEndian.AppendUint64(b, uint64(a.Product))
	return sha256.Sum256(append(append(b, a.Block[:]...), a.Query[:]...))
}

// candidates returns what the chances follow from.
func (a *Answer) candidates() [32]byte {
	b := binary.LittleEndian.AppendUint32(nil, a.Network)
	for _, s := range a.Sellers {
		b = binary.LittleEndian.AppendUint32(append(b, s.Account[:]...), s.Score)
		if s.Newcomer {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	return sha256.Sum256(b)
}

// FirstChances returns the chance of each seller to be first.
func FirstChances(sellers []Seller) []float64 {
	sum, newcomers := 0.0, 0.0
	for _, s := range sellers {
		sum += float64(share(s.Score))
		if s.Newcomer {
			newcomers++
		}
	}
	forNewcomers := 0.0
	if newcomers > 0 {
		forNewcomers = 1.0 / newEvery
	}
	chances := make([]float64, len(sellers))
	for i, s := range sellers {
		chances[i] = (1 - forNewcomers) * float64(share(s.Score)) / sum
		if s.Newcomer {
			chances[i] += forNewcomers / newcomers
		}
	}
	return chances
}

// group are answers with the same candidates.
type group struct {
	sellers []Seller
	chances []float64
	first   map[record.Key]int
	answers int
}

func newGroup(sellers []Seller) *group {
	return &group{sellers: sellers, chances: FirstChances(sellers), first: map[record.Key]int{}}
}

// chiSquare returns the statistic of the group. Cells are made of the sellers in the
// order of their chances, so they do not follow from who was first.
func (g *group) chiSquare() (chi float64, degrees int) {
	order := make([]int, len(g.sellers))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(g.chances[b], g.chances[a]), cmp.Compare(a, b)) })
	type cell struct{ observed, expected float64 }
	var cells []cell
	var open cell
	for _, i := range order {
		open.observed += float64(g.first[g.sellers[i].Account])
		open.expected += g.chances[i] * float64(g.answers)
		if open.expected >= minExpected {
			cells = append(cells, open)
			open = cell{}
		}
	}
	if len(cells) == 0 {
		return 0, 0
	}
	last := &cells[len(cells)-1] // with what is left
	last.observed, last.expected = last.observed+open.observed, last.expected+open.expected
	for _, c := range cells {
		chi += (c.observed - c.expected) * (c.observed - c.expected) / c.expected
	}
	return chi, len(cells) - 1
}

// tallied are the first places of a seller in all groups.
type tallied struct {
	observed           int
	expected, variance float64
}

func (g *group) tally(to map[record.Key]*tallied) {
	for i, s := range g.sellers {
		t := to[s.Account]
		if t == nil {
			t = new(tallied)
			to[s.Account] = t
		}
		n, p := float64(g.answers), g.chances[i]
		t.observed += g.first[s.Account]
		t.expected, t.variance = t.expected+n*p, t.variance+n*p*(1-p)
	}
}

func firstPlaces(of map[record.Key]*tallied) (all []FirstPlaces) {
	for seller, t := range of {
		f := FirstPlaces{Seller: seller, Observed: t.observed, Expected: t.expected}
		if t.variance > 0 {
			f.Deviation = (float64(t.observed) - t.expected) / math.Sqrt(t.variance)
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b FirstPlaces) int {
		return cmp.Or(cmp.Compare(b.Deviation, a.Deviation), slices.Compare(a.Seller[:], b.Seller[:]))
	})
	return all
}

// chiSquareTail returns the chance that a chi-square variable with degrees of freedom is
// at least x: the upper regularised incomplete gamma function Q(degrees/2, x/2).
func chiSquareTail(x float64, degrees int) float64 {
	a, x := float64(degrees)/2, x/2
	if x <= 0 {
		return 1
	}
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - logGamma)
	if x < a+1 { // the series of the lower function converges fast
		term, sum := 1/a, 1/a
		for n := 1.0; n < 1e5 && term > sum*1e-16; n++ {
			term *= x / (a + n)
			sum += term
		}
		return max(0, 1-front*sum)
	}
	// The continued fraction of the upper function, by Lentz's method.
	b := x + 1 - a
	c, d := math.Inf(1), 1/b
	h := d
	for n := 1.0; n < 1e5; n++ {
		k := -n * (n - a)
		b += 2
		d = 1 / (k*d + b)
		c = b + k/c
		h *= c * d
		if math.Abs(c*d-1) < 1e-15 {
			break
		}
	}
	return front * h
}
