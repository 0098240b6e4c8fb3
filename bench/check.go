package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"stele/bench/limit"
	"stele/engine/pow"
)

// Kind is a kind of problem of a result. The words are stable.
type Kind string

// The kinds of problems.
const (
	WrongFigure  Kind = "wrong-figure"  // a number does not follow from the samples
	WrongSetting Kind = "wrong-setting" // a case that the settings did not request
	NoProof      Kind = "no-proof"      // a search without a set of nonces, or a list without answers
	UnknownRange Kind = "unknown-range" // a proof of a range that is not in the table
	OutOfOrder   Kind = "out-of-order"  // nonces not ascending, twice, or outside the range
	WrongNonce   Kind = "wrong-nonce"   // a nonce whose hash has too few zero bits
	WrongDigest  Kind = "wrong-digest"  // the stated digest is not that of the nonces
	WrongSet     Kind = "wrong-set"     // the set is not the one of the table
	MissingNonce Kind = "missing-nonce" // the rescan found a nonce that the proof lacks
	WrongAnswers Kind = "wrong-answers" // the answers are not the known ones
)

// Problem is one thing that is wrong with a result.
type Problem struct {
	Kind  Kind   `json:"kind"`
	Where string `json:"where"` // the field: "proofs[0].nonces[12]"
	Text  string `json:"text"`
}

// String returns the problem in one line.
func (p Problem) String() string { return fmt.Sprintf("%s: %s: %s", p.Where, p.Kind, p.Text) }

// Rescan sets the parts of each proof's range that package pow searches again.
type Rescan struct {
	Seed   uint64 `json:"seed"`   // of the random choice of parts
	Ranges int    `json:"ranges"` // parts of each proof's range
	Size   uint64 `json:"size"`   // nonces in each part
}

// Report is the result of [Check].
type Report struct {
	Cases    int       `json:"cases"`  // cases whose figures were recomputed
	Proofs   int       `json:"proofs"` // sets compared with the table
	Nonces   int       `json:"nonces"` // nonces hashed again
	Rescan   Rescan    `json:"rescan"`
	Problems []Problem `json:"problems"`
	// Confirmed lists, in words, the facts that the check has confirmed, and
	// Unconfirmed those that no check of a file can confirm.
	Confirmed   []string `json:"confirmed"`
	Unconfirmed []string `json:"unconfirmed"`
}

// Good reports whether the check found no problem.
func (r *Report) Good() bool { return len(r.Problems) == 0 }

// maxProblems bounds the problems in a report: it has the first ones.
const maxProblems = 100

func (r *Report) add(kind Kind, where, format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{kind, where, fmt.Sprintf(format, args...)})
	}
}

// Check verifies a result and trusts nothing in it but the samples. It recomputes
// all figures, hashes every nonce of every proof again by package pow, compares
// the sets with the table, and searches random parts of their ranges again. It
// compares the digests of all other answers with the known ones. The settings must
// have requested the cases. Everything else that the program recorded (the
// environment, the planned duration, the length of a slice, the warm-up) leaves no
// trace in the samples and is not checked. The error is that of ctx.
func Check(ctx context.Context, r *Result, rescan Rescan) (*Report, error) {
	report := &Report{Cases: len(r.Cases), Rescan: rescan, Problems: []Problem{}}
	checkFigures(r, report)
	checkSettings(r, report)
	checkProofsNamed(r, report)
	answers := checkAnswers(r, report)
	random := rand.New(rand.NewPCG(rescan.Seed, 0))
	for i := range r.Proofs {
		if err := checkProof(ctx, &r.Proofs[i], fmt.Sprintf("proofs[%d]", i), random, report); err != nil {
			return report, err
		}
	}
	report.conclude(r, answers)
	return report, nil
}

// conclude lists the facts that the check has confirmed, and those that it cannot. Answers
// is the number of cases with answers.
func (r *Report) conclude(of *Result, answers int) {
	without := func(kinds ...Kind) bool {
		return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return slices.Contains(kinds, p.Kind) })
	}
	confirm := func(format string, args ...any) { r.Confirmed = append(r.Confirmed, fmt.Sprintf(format, args...)) }
	r.Confirmed, r.Unconfirmed = []string{}, []string{}
	if r.Cases > 0 && without(WrongFigure) {
		confirm("the figures of %d cases follow from their samples", r.Cases)
		if of.EndToEnd != nil {
			confirm("the figures of the end-to-end measurement follow from its %d phases", len(of.EndToEnd.Phases))
		}
	}
	if n := len(of.Sweep); n > 0 && without(WrongFigure) {
		confirm("the figures of %d settings follow from their samples", n)
	}
	if r.Cases > 0 && without(WrongSetting) {
		confirm("the settings requested these cases")
	}
	if r.Proofs > 0 && without(NoProof, UnknownRange, OutOfOrder, WrongNonce, WrongDigest, WrongSet) {
		confirm("each search found the known set of nonces: %d sets, %d nonces, each hashed again", r.Proofs, r.Nonces)
	}
	if r.Proofs > 0 && r.Rescan.Ranges > 0 && without(UnknownRange, MissingNonce) {
		confirm("no nonce is missing in %d parts of %d nonces of each range, chosen by --seed %d", r.Rescan.Ranges, r.Rescan.Size, r.Rescan.Seed)
	}
	if answers > 0 && without(NoProof, WrongAnswers) {
		confirm("%d cases found the known answers to their lists, by the digest of all answers", answers)
	}
	r.Unconfirmed = append(r.Unconfirmed, "that the samples are true: the program itself recorded how long the work took, and how often it was done")
	if slices.ContainsFunc(of.Cases, func(c CaseResult) bool { return c.Mode == Verify }) {
		r.Unconfirmed = append(r.Unconfirmed, "that headers were verified: a verification leaves no proof")
	}
	if of.EndToEnd != nil {
		r.Unconfirmed = append(r.Unconfirmed, "that a pool accepted the shares: the program itself was the pool")
	}
	but := ""
	if of.hasLimits() {
		but = " but the share of the limit"
		if of.Environment.LimitTable != limit.Digest() {
			r.Unconfirmed = append(r.Unconfirmed, "the least numbers of cycles: they come from the tables of another version of the program")
		}
	}
	r.Unconfirmed = append(r.Unconfirmed, "the environment and the time: the program itself recorded them, and no figure"+but+" depends on them")
}

// checkFigures recomputes everything that follows from the samples.
func checkFigures(r *Result, report *Report) {
	recomputed := r.Recomputed()
	for i := range r.Cases {
		got, want := &r.Cases[i], &recomputed.Cases[i]
		where := fmt.Sprintf("cases[%d]", i)
		if path, g, w := difference(reflect.ValueOf(*got), reflect.ValueOf(*want), where); path != "" {
			report.add(WrongFigure, path, "%v, but the samples give %v", g, w)
		}
	}
	for i := range r.Sweep {
		where := fmt.Sprintf("sweep[%d]", i)
		if path, g, w := difference(reflect.ValueOf(r.Sweep[i]), reflect.ValueOf(recomputed.Sweep[i]), where); path != "" {
			report.add(WrongFigure, path, "%v, but the samples give %v", g, w)
		}
	}
	if path, g, w := difference(reflect.ValueOf(r.EndToEnd), reflect.ValueOf(recomputed.EndToEnd), "end_to_end"); path != "" {
		report.add(WrongFigure, path, "%v, but the phases give %v", g, w)
	}
	if len(r.Cases) == 0 {
		return // Timing and Headlines are of cases
	}
	if rounds := len(r.Cases[0].Samples); r.Timing.Rounds != rounds {
		report.add(WrongFigure, "timing.rounds", "%d, but every case has %d samples", r.Timing.Rounds, rounds)
	}
	if slices := sampled(r); r.Timing.Seconds < slices*(1-1e-9) {
		report.add(WrongFigure, "timing.seconds", "%v, but the samples alone took %v", r.Timing.Seconds, slices)
	}
	if path, g, w := difference(reflect.ValueOf(r.Headlines), reflect.ValueOf(recomputed.Headlines), "headlines"); path != "" {
		report.add(WrongFigure, path, "%v, but the samples give %v", g, w)
	}
}

// checkSettings checks that the settings request every case but the references. It
// does not compare devices, which can have other names in the settings, nor the
// kernel of a verification on a GPU: the setting names that of the searches.
func checkSettings(r *Result, report *Report) {
	s := r.Settings
	for i, c := range r.Cases {
		where := fmt.Sprintf("cases[%d]", i)
		if c.Mode == Roll && !s.Rolling {
			report.add(WrongSetting, where+".mode", "%q, but settings.version_rolling is false", c.Mode)
		}
		if !c.Mode.RequestedBy(s.Mode) {
			report.add(WrongSetting, where+".mode", "%q, but settings.mode is %.40q", c.Mode, s.Mode)
		}
		if c.Kernel == Reference || c.Device == All {
			continue
		}
		onCPU := c.Threads > 0
		if s.Kernel != "" && s.Kernel != "all" && s.Kernel != c.Kernel && (onCPU || c.Mode.Searches()) {
			report.add(WrongSetting, where+".kernel", "%.40q, but settings.kernel is %.40q", c.Kernel, s.Kernel)
		}
		if s.Threads != 0 && s.Threads != c.Threads && onCPU && c.Device != Bare {
			report.add(WrongSetting, where+".threads", "%d, but settings.threads is %d", c.Threads, s.Threads)
		}
		if s.ThreadCounts != nil && !slices.Contains(s.ThreadCounts, c.Threads) && onCPU && c.Device != Bare {
			report.add(WrongSetting, where+".threads", "%d, but settings.thread_counts is %d", c.Threads, s.ThreadCounts)
		}
	}
}

// sampled returns the sum of the times of all samples, in seconds.
func sampled(r *Result) float64 {
	sum := 0.0
	for _, c := range r.Cases {
		for _, s := range c.Samples {
			sum += s.Seconds
		}
	}
	return sum
}

// difference returns the JSON path of the first place where two values of one type
// differ, or "", and the values there. Numbers may differ in the last digits,
// because processors round sums of products differently.
func difference(got, want reflect.Value, path string) (where string, g, w any) {
	differ := func() (string, any, any) { return path, printable(got), printable(want) }
	switch got.Kind() {
	case reflect.Float64:
		a, b := got.Float(), want.Float()
		if math.Abs(a-b) > 1e-9*max(math.Abs(a), math.Abs(b), 1e-3) {
			return differ()
		}
	case reflect.Pointer:
		if got.IsNil() || want.IsNil() {
			if got.IsNil() != want.IsNil() {
				return differ()
			}
			return "", nil, nil
		}
		return difference(got.Elem(), want.Elem(), path)
	case reflect.Struct:
		for i := range got.NumField() {
			field := got.Type().Field(i)
			inner := path
			if !field.Anonymous {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				inner += "." + name
			}
			if where, g, w := difference(got.Field(i), want.Field(i), inner); where != "" {
				return where, g, w
			}
		}
	case reflect.Slice:
		if got.Len() != want.Len() {
			return differ()
		}
		for i := range got.Len() {
			if where, g, w := difference(got.Index(i), want.Index(i), fmt.Sprintf("%s[%d]", path, i)); where != "" {
				return where, g, w
			}
		}
	case reflect.Map:
		if got.Len() != want.Len() {
			return differ()
		}
		for _, key := range want.MapKeys() {
			value := got.MapIndex(key)
			if !value.IsValid() {
				return differ()
			}
			if where, g, w := difference(value, want.MapIndex(key), fmt.Sprintf("%s.%v", path, key)); where != "" {
				return where, g, w
			}
		}
	default:
		if !got.Equal(want) {
			return differ()
		}
	}
	return "", nil, nil
}

// printable returns a short form of a value for a message.
func printable(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "nothing"
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		return "something"
	case reflect.String:
		return fmt.Sprintf("%.80q", v.String())
	}
	return fmt.Sprintf("%.80s", fmt.Sprint(v.Interface()))
}

// checkProofsNamed checks that every search names a proof that the result has.
func checkProofsNamed(r *Result, report *Report) {
	check := func(where string, mode Mode, id string, proof *CaseProof) {
		switch {
		case !mode.Searches():
		case proof == nil:
			report.add(NoProof, where, "%s has no set of nonces", id)
		case !slices.ContainsFunc(r.Proofs, func(p Proof) bool { return p.Name == proof.Range && p.Digest == proof.Digest }):
			report.add(NoProof, where, "no proof of the range %.40q with the digest %.64q", proof.Range, proof.Digest)
		case (mode == Roll) != rangeOf(proof.Range).isRolled():
			report.add(NoProof, where, "%.40q is not a range of the mode %q", proof.Range, mode)
		}
	}
	for i, c := range r.Cases {
		check(fmt.Sprintf("cases[%d].proof", i), c.Mode, c.ID, c.Proof)
	}
	for i, p := range r.Sweep {
		check(fmt.Sprintf("sweep[%d].proof", i), p.Mode, p.Case, p.Proof)
	}
}

// checkAnswers checks that every case of a list has the known answers, and returns how
// many there are.
func checkAnswers(r *Result, report *Report) (cases int) {
	for i, c := range r.Cases {
		if !c.Mode.Answers() {
			continue
		}
		cases++
		where, known := fmt.Sprintf("cases[%d].answers", i), c.Mode.Known()
		switch {
		case c.Answers == nil:
			report.add(NoProof, where, "%s has no answers", c.ID)
		case c.Answers.List != known.List:
			report.add(WrongAnswers, where+".list", "%.40q is not the list of the mode %q", c.Answers.List, c.Mode)
		case c.Answers.Digest != known.Digest:
			report.add(WrongAnswers, where+".digest", "%.64q, but that of the known answers is %q", c.Answers.Digest, known.Digest)
		}
	}
	return cases
}

// checkProof verifies one set of nonces.
func checkProof(ctx context.Context, p *Proof, where string, random *rand.Rand, report *Report) error {
	want := rangeOf(p.Name)
	if want.Name == "" || want.ProofRange != p.ProofRange || p.Header != GenesisHeader {
		report.add(UnknownRange, where, "the range %.40q is not in the table with this header, first nonce, count and number of zero bits", p.Name)
		return nil
	}
	target := pow.ZeroBits(want.ZeroBits)
	for i, nonce := range p.Nonces {
		where := fmt.Sprintf("%s.nonces[%d]", where, i)
		if i%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		header := want.header(nonce)
		hash := pow.Sum(header[:])
		report.Nonces++
		switch {
		case uint64(nonce-want.begin()) >= want.Count:
			report.add(OutOfOrder, where, "%d is outside the range of %d nonces from %d", nonce, want.Count, want.begin())
		case i > 0 && nonce <= p.Nonces[i-1]:
			report.add(OutOfOrder, where, "%d after %d", nonce, p.Nonces[i-1])
		case !target.MetBy(hash):
			report.add(WrongNonce, where, "%d has the hash %v, with fewer than %d zero bits", nonce, hash, want.ZeroBits)
		}
	}
	digest := Digest(p.Nonces)
	if p.Digest != digest {
		report.add(WrongDigest, where+".digest", "%.64q, but that of the nonces is %q", p.Digest, digest)
	}
	if digest != want.digest {
		report.add(WrongSet, where, "%d nonces with the digest %s; the table has %d with %s", len(p.Nonces), digest, want.nonces, want.digest)
	}
	report.Proofs++
	return rescan(ctx, p, where, random, report)
}

// rescan searches random parts of the range again.
func rescan(ctx context.Context, p *Proof, where string, random *rand.Rand, report *Report) error {
	have := map[uint32]bool{}
	for _, nonce := range p.Nonces {
		have[nonce] = true
	}
	size, target := min(report.Rescan.Size, p.Count), pow.ZeroBits(p.ZeroBits)
	for range report.Rescan.Ranges {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		first := p.begin() + uint32(random.Uint64N(p.Count-size+1))
		for i := range size {
			nonce := first + uint32(i)
			header := p.header(nonce)
			if !have[nonce] && target.MetBy(pow.Sum(header[:])) {
				report.add(MissingNonce, where+".nonces", "%d is missing", nonce)
				have[nonce] = true // report it once
			}
		}
	}
	return nil
}
