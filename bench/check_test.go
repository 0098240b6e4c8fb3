package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stele/engine/pow"
)

var quick = Rescan{Seed: 7, Ranges: 4, Size: 4096}

func TestCheckAcceptsTruth(t *testing.T) {
	r := trueResult(t)
	before := text(t, r)
	report, err := Check(t.Context(), r, quick)
	if err != nil {
		t.Fatal(err)
	}
	want := &Report{Cases: 6, Proofs: 1, Nonces: knownRanges[0].nonces, Rescan: quick, Problems: []Problem{},
		Confirmed: []string{
			"the figures of 6 cases follow from their samples",
			"the settings requested these cases",
			"each search found the known set of nonces: 1 sets, 1008 nonces, each hashed again",
			"no nonce is missing in 4 parts of 4096 nonces of each range, chosen by --seed 7",
		},
		Unconfirmed: []string{
			"that the samples are true: the program itself recorded how long the work took, and how often it was done",
			"that headers were verified: a verification leaves no proof",
			"the environment and the time: the program itself recorded them, and no figure depends on them",
		},
	}
	if !reflect.DeepEqual(report, want) {
		t.Errorf("got %+v, want %+v", report, want)
	}
	if !report.Good() {
		t.Error("not good")
	}
	if text(t, r) != before {
		t.Error("the result was changed")
	}
}

// A check confirms nothing that is wrong, and nothing about absent parts.
func TestCheckConfirms(t *testing.T) {
	for _, test := range []struct {
		name  string
		alter func(r *Result)
		want  []string // the beginnings
	}{
		{"a wrong figure", func(r *Result) { r.Cases[1].Rate.Median *= 2 }, []string{"the settings", "each search", "no nonce"}},
		{"a wrong setting", func(r *Result) { r.Settings.Mode = "search" }, []string{"the figures", "each search", "no nonce"}},
		{"a wrong nonce", func(r *Result) { r.Proofs[0].Nonces[3]++ }, []string{"the figures", "the settings", "no nonce"}},
		{"another range", func(r *Result) { r.Proofs[0].Count++ }, []string{"the figures", "the settings"}},
		{"no searches", func(r *Result) {
			r.Cases, r.Proofs, r.Settings.Mode = r.Cases[3:5], nil, "verify"
			r.derive()
		}, []string{"the figures", "the settings"}},
	} {
		r := trueResult(t)
		test.alter(r)
		report, err := Check(t.Context(), r, Rescan{Seed: 1, Ranges: 1, Size: 16})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(report.Confirmed, test.want, strings.HasPrefix) {
			t.Errorf("%s: confirmed %q, want %q", test.name, report.Confirmed, test.want)
		}
	}
}

// badNonce returns a nonce near n that does not meet the target.
func badNonce(n uint32) uint32 {
	header := genesis
	for {
		n++
		pow.SetNonce(&header, n)
		if !pow.ZeroBits(knownRanges[0].ZeroBits).MetBy(pow.Sum(header[:])) {
			return n
		}
	}
}

// problem is a result that was altered, and the problems that a check must find.
type problem struct {
	name  string
	alter func(r *Result)
	want  []Kind // in the order reported
	where string // of the first
	words string // in the text of the first
}

// test alters a true result and checks it.
func (p problem) test(t *testing.T) {
	r, err := Parse(strings.NewReader(text(t, trueResult(t)))) // a copy of its own
	if err != nil {
		t.Fatal(err)
	}
	p.alter(r)
	report, err := Check(t.Context(), r, Rescan{})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []Kind
	for _, found := range report.Problems {
		kinds = append(kinds, found.Kind)
	}
	if !slices.Equal(kinds, p.want) {
		t.Fatalf("problems %v, want %v", report.Problems, p.want)
	}
	if first := report.Problems[0]; !strings.HasPrefix(first.Where, p.where) || !strings.Contains(first.Text, p.words) {
		t.Errorf("got %v, want %q with %q", first, p.where, p.words)
	}
	if report.Good() {
		t.Error("good")
	}
}

func TestCheckFindsWrongProofs(t *testing.T) {
	// restate makes the digests fit the altered nonces.
	restate := func(r *Result) {
		r.Proofs[0].Digest = Digest(r.Proofs[0].Nonces)
		for i := range r.Cases {
			if r.Cases[i].Proof != nil {
				r.Cases[i].Proof.Digest = r.Proofs[0].Digest
			}
		}
		r.derive()
	}
	nonces := func(r *Result) *[]uint32 { return &r.Proofs[0].Nonces }
	for _, p := range []problem{
		{"missing nonce", func(r *Result) { *nonces(r) = slices.Delete(*nonces(r), 5, 6) },
			[]Kind{WrongDigest, WrongSet}, "proofs[0].digest", "but that of the nonces is"},
		{"missing nonce, digest restated", func(r *Result) { *nonces(r) = slices.Delete(*nonces(r), 5, 6); restate(r) },
			[]Kind{WrongSet}, "proofs[0]", "1007 nonces with the digest"},
		{"nonce twice", func(r *Result) { *nonces(r) = slices.Insert(*nonces(r), 5, (*nonces(r))[5]); restate(r) },
			[]Kind{OutOfOrder, WrongSet}, "proofs[0].nonces[6]", "after"},
		{"nonces swapped", func(r *Result) { n := *nonces(r); n[5], n[6] = n[6], n[5] },
			[]Kind{OutOfOrder}, "proofs[0].nonces[6]", "after"},
		{"extra nonce outside the range", func(r *Result) { *nonces(r) = append(*nonces(r), 0xffffffff); restate(r) },
			[]Kind{OutOfOrder, WrongSet}, "proofs[0].nonces[1008]", "4294967295 is outside the range of 262144 nonces from 2082996224"},
		{"extra wrong nonce", func(r *Result) {
			*nonces(r) = slices.Insert(*nonces(r), 6, badNonce((*nonces(r))[5]))
			restate(r)
		}, []Kind{WrongNonce, WrongSet}, "proofs[0].nonces[6]", "with fewer than 8 zero bits"},
		{"wrong nonce", func(r *Result) { (*nonces(r))[5] = badNonce((*nonces(r))[5]) },
			[]Kind{WrongNonce, WrongDigest, WrongSet}, "proofs[0].nonces[5]", "has the hash"},
		{"no nonces", func(r *Result) { *nonces(r) = nil; restate(r) },
			[]Kind{WrongSet}, "proofs[0]", "0 nonces"},
		{"altered digest", func(r *Result) { r.Proofs[0].Digest = strings.Repeat("0", 64) },
			[]Kind{NoProof, NoProof, NoProof, NoProof, WrongDigest}, "cases[0].proof", "no proof of the range"},
		{"altered digest, restated in the cases", func(r *Result) {
			for i := range r.Cases {
				if r.Cases[i].Proof != nil {
					r.Cases[i].Proof.Digest = strings.Repeat("0", 64)
				}
			}
			r.Proofs[0].Digest = strings.Repeat("0", 64)
			r.derive()
		}, []Kind{WrongDigest}, "proofs[0].digest", "000"},
		{"flag of a wrong set left out", func(r *Result) {
			r.Proofs = append(r.Proofs, Proof{ProofRange: knownRanges[0].ProofRange, Header: GenesisHeader, Digest: Digest(nil)})
			r.Cases[1].Proof.Digest = Digest(nil)
		}, []Kind{WrongFigure, WrongSet}, "cases[1].flags", "[], but the samples give [wrong-set]"},
		{"no proof", func(r *Result) { r.Proofs = nil },
			[]Kind{NoProof, NoProof, NoProof, NoProof}, "cases[0].proof", "no proof of the range"},
		{"a search without proof", func(r *Result) { r.Cases[1].Proof = nil },
			[]Kind{NoProof}, "cases[1].proof", "search/cpu/avx2/1 has no set"},
		{"other range", func(r *Result) { r.Proofs[0].Count /= 2 },
			[]Kind{UnknownRange}, "proofs[0]", "not in the table"},
		{"other header", func(r *Result) { r.Proofs[0].Header = strings.Repeat("0", 160) },
			[]Kind{UnknownRange}, "proofs[0]", "not in the table"},
	} {
		t.Run(p.name, p.test)
	}
}

func TestCheckFindsWrongFigures(t *testing.T) {
	for _, p := range []problem{
		{"altered rate", func(r *Result) { r.Cases[2].Rate.Median *= 1.001 },
			[]Kind{WrongFigure}, "cases[2].rate.median", "but the samples give"},
		{"altered interval of all", func(r *Result) { r.Cases[2].All.Low *= 1.001 },
			[]Kind{WrongFigure}, "cases[2].rate_all.low", "but the samples give"},
		{"altered ratio", func(r *Result) { r.Cases[2].Ratio.High += 0.1 },
			[]Kind{WrongFigure}, "cases[2].ratio.high", "but the samples give"},
		{"ratio left out", func(r *Result) { r.Cases[2].Scaling = nil },
			[]Kind{WrongFigure}, "cases[2].scaling", "nothing, but the samples give something"},
		{"altered sample", func(r *Result) { r.Cases[2].Samples[0].Seconds /= 2 },
			[]Kind{WrongFigure}, "cases[2].rate.", "but the samples give"},
		{"disturbance hidden", func(r *Result) { r.Cases[1].Disturbed = 0 },
			[]Kind{WrongFigure}, "cases[1].disturbed", "0, but the samples give 0.03125"},
		{"made-up flag", func(r *Result) { r.Cases[1].Flags = []Flag{"fast"} },
			[]Kind{WrongFigure}, "cases[1].flags", "[fast], but the samples give []"},
		{"altered ID", func(r *Result) { r.Cases[1].ID = "search/cpu/avx512/1" },
			[]Kind{WrongFigure}, "cases[1].id", `"search/cpu/avx512/1", but the samples give "search/cpu/avx2/1"`},
		{"altered headline", func(r *Result) {
			h := r.Headlines[Search]
			h.Rate *= 2
			r.Headlines[Search] = h
		}, []Kind{WrongFigure}, "headlines.search.rate", "but the samples give"},
		{"headline left out", func(r *Result) { delete(r.Headlines, Verify) },
			[]Kind{WrongFigure}, "headlines", "but the samples give"},
		{"passes that were not", func(r *Result) { r.Cases[1].Proof.Passes++ },
			[]Kind{WrongFigure}, "cases[1].proof.passes", "40, but the samples give 39"},
		{"a mode not asked for", func(r *Result) { r.Settings.Mode = "verify" },
			[]Kind{WrongSetting, WrongSetting, WrongSetting, WrongSetting}, "cases[0].mode", `"search", but settings.mode is "verify"`},
		{"a kernel not asked for", func(r *Result) { r.Settings.Kernel = "sha256d" },
			[]Kind{WrongSetting, WrongSetting, WrongSetting}, "cases[1].kernel", `"avx2", but settings.kernel is "sha256d"`},
		{"a number of threads not asked for", func(r *Result) { r.Settings.Threads = 2 },
			[]Kind{WrongSetting}, "cases[1].threads", "1, but settings.threads is 2"},
		{"rounds that were not", func(r *Result) { r.Timing.Rounds = 100 },
			[]Kind{WrongFigure}, "timing.rounds", "100, but every case has 32 samples"},
		{"shorter than its samples", func(r *Result) { r.Timing.Seconds = 1 },
			[]Kind{WrongFigure}, "timing.seconds", "1, but the samples alone took 3.8"},
	} {
		t.Run(p.name, p.test)
	}
}

// The rescan finds a missing nonce without the table.
func TestRescanFindsMissing(t *testing.T) {
	header, target := genesis, pow.ZeroBits(8)
	found := 0
	for seed := range uint64(3) {
		r := trueResult(t)
		all := r.Proofs[0].Nonces
		r.Proofs[0].Nonces = []uint32{}
		report, err := Check(t.Context(), r, Rescan{Seed: seed, Ranges: 2, Size: 1 << 12})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range report.Problems {
			if p.Kind != MissingNonce {
				continue
			}
			found++
			var nonce uint32
			if _, err := fmt.Sscanf(p.Text, "%d is missing", &nonce); err != nil {
				t.Fatalf("%v: %v", p, err)
			}
			pow.SetNonce(&header, nonce)
			if !slices.Contains(all, nonce) || !target.MetBy(pow.Sum(header[:])) {
				t.Errorf("%d is not in the set", nonce)
			}
		}
	}
	if found == 0 {
		t.Error("searched 24576 nonces again and found none of about 96")
	}

	// A part larger than the range is the whole range, and each nonce is reported once.
	small := Proof{ProofRange: ProofRange{First: smallest()[5], Count: 1, ZeroBits: 8}}
	report := &Report{Rescan: Rescan{Ranges: 3, Size: 1 << 40}}
	if err := rescan(t.Context(), &small, "x", rand.New(rand.NewPCG(1, 1)), report); err != nil || len(report.Problems) != 1 {
		t.Errorf("problems %v, error %v; want one nonce to be missing", report.Problems, err)
	}
}

func TestCheckStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, trueResult(t), quick); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestReportIsBounded(t *testing.T) {
	r := trueResult(t)
	r.Proofs[0].Nonces = make([]uint32, 10*maxProblems)
	report, err := Check(t.Context(), r, Rescan{})
	if err != nil || len(report.Problems) != maxProblems {
		t.Errorf("%d problems, %v", len(report.Problems), err)
	}
}

func FuzzParse(f *testing.F) {
	whole := trueResult(f)
	for i := range whole.Cases {
		whole.Cases[i].Samples = whole.Cases[i].Samples[:1]
	}
	whole.Proofs[0].Nonces = whole.Proofs[0].Nonces[:3]
	good := text(f, whole.Recomputed())
	f.Add([]byte(good))
	f.Add([]byte(good[:1000]))
	limited := limitResult(f)
	limited.Cases, limited.Proofs = limited.Cases[4:], nil
	for i := range limited.Cases {
		limited.Cases[i].Samples = limited.Cases[i].Samples[:minQuiet]
	}
	f.Add([]byte(text(f, limited.recomputed())))
	f.Add([]byte(`{"schema":"stele-bench/1","cases":[{"mode":"search","device":"cpu","kernel":"k","samples":[{"items":1,"seconds":1e-9,"probe":1}]}]}`))
	f.Add([]byte(`{"schema":"stele-bench/1","proofs":[{}],"cases":[{"mode":"verify","device":"d","kernel":"k","threads":2,"proof":{},"samples":[{"items":9007199254740992,"seconds":1e-9,"probe":1e-300}]}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := Parse(strings.NewReader(string(in)))
		if err != nil {
			return
		}
		if _, err := Check(t.Context(), r, Rescan{Ranges: 1, Size: 64}); err != nil {
			t.Error(err)
		}
		// Comparisons and tables of it can be written.
		if err := Compare(r, r).WriteTable(&strings.Builder{}, Text); err != nil {
			t.Error(err)
		}
		if err := r.WriteTable(&strings.Builder{}, Markdown); err != nil {
			t.Error(err)
		}
		again, err := Parse(strings.NewReader(text(t, r)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if text(t, again) != text(t, r) {
			t.Error("read and written again, it differs")
		}
	})
}

// A search with several versions has a proof of its own kind, and must have
// been asked for.
func TestCheckRolled(t *testing.T) {
	rolled := func() *Result {
		sample := Sample{Items: 1 << 18, Seconds: 0.02, Probe: 1}
		r := New(trueResult(t).Started, Environment{}, Settings{Mode: "search", Rolling: true},
			[]Case{{Spec: Spec{Roll, "cuda:0", "roll_a", 0}}, {Spec: Spec{Search, "cuda:0", "scan_a", 0}}},
			Measured{[][]Sample{{sample}, {sample}}, make([]error, 2), Timing{Rounds: 1, Seconds: 1}})
		for i, w := range []*Walk{NewRolledWalk(ReferenceScan), NewWalk(ReferenceScan)} {
			p, err := w.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.AddProof(r.Cases[i].ID, p)
		}
		return r
	}
	for _, test := range []struct {
		name  string
		alter func(r *Result)
		want  []Kind
	}{
		{"true", func(*Result) {}, nil},
		{"not asked for", func(r *Result) { r.Settings.Rolling = false }, []Kind{WrongSetting}},
		{"no searches asked for", func(r *Result) { r.Settings.Mode = "verify" }, []Kind{WrongSetting, WrongSetting}},
		{"another place", func(r *Result) { r.Proofs[0].Nonces[3]++ }, []Kind{WrongNonce, WrongDigest, WrongSet}},
		{"without versions", func(r *Result) { r.Proofs[0].Versions = 0 }, []Kind{UnknownRange}},
		{"proof of one version", func(r *Result) {
			*r.Cases[0].Proof = *r.Cases[1].Proof
			r.derive()
		}, []Kind{NoProof}},
	} {
		r := rolled()
		test.alter(r)
		report, err := Check(t.Context(), r, quick)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []Kind
		for _, p := range report.Problems {
			if p.Kind != MissingNonce {
				kinds = append(kinds, p.Kind)
			}
		}
		if !slices.Equal(kinds, test.want) {
			t.Errorf("%s: problems %v, want %v", test.name, report.Problems, test.want)
		}
	}
}

// A case of a list must have the known answers, and must have been asked for.
func TestCheckAnswers(t *testing.T) {
	answered := func() *Result {
		cases := []Case{{Spec: Spec{SignaturesNew, "cpu", Reference, 1}}, {Spec: Spec{SignaturesNew, "cpu", "ifma", 2}}, {Spec: Spec{SignaturesKnown, "cpu", "ifma", 2}}}
		var samples [][]Sample
		for i := range cases {
			samples = append(samples, slices.Repeat([]Sample{{Items: uint64(300 * (i + 1)), Seconds: 0.02, Probe: 1}}, 20))
		}
		r := New(trueResult(t).Started, Environment{}, Settings{Mode: "signatures"}, cases,
			Measured{samples, make([]error, len(cases)), Timing{Rounds: 20, Seconds: 2}})
		for _, c := range cases {
			r.AddAnswers(c.ID(), c.Mode.Known())
		}
		return r
	}
	r := answered()
	if c := r.Cases[1]; c.Ratio.Median != 2 || c.Unit != "signatures" || c.Answers.Passes != 2 || len(c.Flags) > 0 {
		t.Errorf("got %+v, %+v", c, c.Answers)
	}
	report, err := Check(t.Context(), r, quick)
	if err != nil || !report.Good() || !slices.Contains(report.Confirmed, "3 cases found the known answers to their lists, by the digest of all answers") {
		t.Errorf("confirmed %q, problems %v, %v", report.Confirmed, report.Problems, err)
	}
	for _, test := range []struct {
		name  string
		alter func(r *Result)
		want  []Kind
	}{
		{"no answers", func(r *Result) { r.Cases[1].Answers = nil }, []Kind{NoProof}},
		{"other answers", func(r *Result) { r.Cases[1].Answers.Digest = "00"; r.derive() }, []Kind{WrongAnswers}},
		{"answers to another list", func(r *Result) { r.Cases[1].Answers.List = "records-1"; r.derive() }, []Kind{WrongAnswers}},
		{"flag left out", func(r *Result) { r.Cases[1].Answers.Digest = "00" }, []Kind{WrongFigure, WrongFigure, WrongAnswers}},
		{"passes that were not", func(r *Result) { r.Cases[1].Answers.Passes++ }, []Kind{WrongFigure}},
		{"not asked for", func(r *Result) { r.Settings.Mode = "records" }, []Kind{WrongSetting, WrongSetting, WrongSetting}},
		{"not part of all", func(r *Result) { r.Settings.Mode = "all" }, []Kind{WrongSetting, WrongSetting, WrongSetting}},
	} {
		r, err := Parse(strings.NewReader(text(t, answered()))) // a copy of its own
		if err != nil {
			t.Fatal(err)
		}
		test.alter(r)
		report, err := Check(t.Context(), r, Rescan{})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []Kind
		for _, p := range report.Problems {
			kinds = append(kinds, p.Kind)
		}
		if !slices.Equal(kinds, test.want) || slices.ContainsFunc(report.Confirmed, func(s string) bool { return strings.Contains(s, "known answers") }) != !slices.ContainsFunc(kinds, func(k Kind) bool { return k == NoProof || k == WrongAnswers }) {
			t.Errorf("%s: problems %v, confirmed %q", test.name, report.Problems, report.Confirmed)
		}
	}
}

// A case with wrong answers is no headline, and nothing is compared with it.
func TestWrongAnswers(t *testing.T) {
	one := func(digest string) *Result {
		cases := []Case{{Spec: Spec{RecordHashes, "cpu", "avx512", 1}}}
		r := New(trueResult(t).Started, Environment{}, Settings{Mode: "records"}, cases,
			Measured{[][]Sample{slices.Repeat([]Sample{{Items: 300, Seconds: 0.02, Probe: 1}}, 20)}, make([]error, 1), Timing{Rounds: 20, Seconds: 1}})
		r.AddAnswers(cases[0].ID(), Answers{RecordHashes.Known().List, digest})
		return r
	}
	good, bad := one(RecordHashes.Known().Digest), one("00")
	if len(good.Headlines) != 1 || len(bad.Headlines) != 0 || !slices.Equal(bad.Cases[0].Flags, []Flag{FlagWrongAnswers}) {
		t.Errorf("headlines %v and %v, flags %v", good.Headlines, bad.Headlines, bad.Cases[0].Flags)
	}
	if c := Compare(good, bad); c.Verdict != CannotTell {
		t.Errorf("verdict %s", c.Verdict)
	}
	for r, want := range map[*Result]string{
		good: "\nwork done: the known answers to the 16384 records of records-1, found by 1 of 1 cases of records-hashes, digest 2252",
		bad:  "\nWRONG, not the known answers to the 16384 records of records-1, found by 1 of 1 cases of records-hashes, digest 00",
	} {
		var b strings.Builder
		if err := r.WriteTable(&b, Text); err != nil || !strings.Contains(unwrapped(b.String()), want) {
			t.Errorf("%v, lacks %q:\n%s", err, want, b.String())
		}
	}
}
