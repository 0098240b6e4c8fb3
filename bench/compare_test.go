package bench

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"stele/engine"
	"stele/engine/host"
)

// scale makes a case faster by a factor.
func scale(r *Result, id string, factor float64) {
	for i := range r.Cases {
		if r.Cases[i].ID == id {
			for j := range r.Cases[i].Samples {
				r.Cases[i].Samples[j].Seconds /= factor
			}
		}
	}
}

// scaleAll makes all cases faster by a factor.
func scaleAll(r *Result, factor float64) {
	for _, c := range r.Cases {
		scale(r, c.ID, factor)
	}
}

// disturb disturbs the samples of a case, or with "" of all.
func disturb(r *Result, id string) {
	for i := range r.Cases {
		for j := range r.Cases[i].Samples {
			if id == "" || r.Cases[i].ID == id {
				r.Cases[i].Samples[j].Probe = 0.5
			}
		}
	}
}

func TestCompare(t *testing.T) {
	const one, two, reference, gpu = "search/cpu/avx2/1", "search/cpu/avx2/2", "search/cpu/reference/1", "search/cuda:0/sha256d"
	const verify, verifyReference = "verify/cpu/avx2/2", "verify/cpu/reference/1"
	tests := []struct {
		name           string
		alter          func(r *Result)
		faster, slower []string
		cannot         int // cases that cannot be judged
		want           Verdict
	}{
		{"same", func(*Result) {}, nil, nil, 0, NoClearChange},
		{"faster", func(r *Result) { scale(r, one, 1.05) }, []string{one}, nil, 0, Faster},
		{"slower", func(r *Result) { scale(r, one, 0.95) }, nil, []string{one}, 0, Slower},
		{"within the intervals", func(r *Result) { scale(r, one, 1.0005) }, nil, nil, 0, NoClearChange},
		// The reference itself and a GPU are judged by their rates.
		{"slower machine", func(r *Result) { scaleAll(r, 0.8) }, nil, []string{reference, verifyReference, gpu}, 0, Slower},
		{"faster GPU beside a faster reference", func(r *Result) { scale(r, gpu, 1.05); scale(r, reference, 2) },
			[]string{reference, gpu}, nil, 0, Faster},
		// A higher clock hides that the kernels got slower; the ratio shows it.
		{"faster machine with slower kernels", func(r *Result) { scaleAll(r, 1.3); scale(r, one, 0.9); scale(r, two, 0.9) },
			[]string{reference, verifyReference, gpu}, []string{one, two}, 0, Slower},
		{"faster GPU in another machine with a faster reference", func(r *Result) {
			scale(r, gpu, 1.05)
			scale(r, reference, 2)
			r.Environment.CPU.Brand = "other"
		}, []string{reference, gpu}, nil, 0, Faster},
		{"only Go's sha256 got faster", func(r *Result) { scale(r, reference, 2); r.Environment.Go = "go1.27" }, []string{reference}, nil, 0, NoClearChange},
		{"more threads", func(r *Result) { scale(r, reference, 2); r.Environment.Threads = 8 }, []string{reference}, nil, 0, NoClearChange},
		{"only Go's sha256 got slower", func(r *Result) { scale(r, reference, 0.5); r.Environment.Go = "go1.27" }, nil, []string{reference}, 0, NoClearChange},
		{"all disturbed", func(r *Result) { disturb(r, "") }, nil, nil, 6, CannotTell},
		{"all disturbed and slower", func(r *Result) { disturb(r, ""); scaleAll(r, 0.5) }, nil, nil, 6, CannotTell},
		{"one disturbed", func(r *Result) { disturb(r, one) }, nil, nil, 1, NoClearChange},
		// A ratio to a disturbed reference does not count, the rate does.
		{"disturbed and slower reference", func(r *Result) { disturb(r, reference); scale(r, reference, 0.5) }, nil, nil, 1, NoClearChange},
		{"a wrong set", func(r *Result) {
			proof := *r.Cases[1].Proof
			proof.Digest = Digest(nil)
			r.Cases[1].Proof = &proof
			scale(r, one, 2)
		}, nil, nil, 1, NoClearChange},
		{"stated figures do not count", func(r *Result) {
			for i := range r.Cases {
				r.Cases[i].Rate.Low *= 100
				r.Cases[i].Ratio = nil
			}
		}, nil, nil, 0, NoClearChange},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old, new := trueResult(t), trueResult(t)
			test.alter(new)
			c := Compare(old, new)
			got := map[Verdict][]string{}
			for _, k := range c.Cases {
				got[k.Verdict] = append(got[k.Verdict], k.Case)
			}
			if len(c.Cases) != len(old.Cases) || !slices.Equal(got[Faster], test.faster) || !slices.Equal(got[Slower], test.slower) {
				t.Errorf("%d cases, faster %v, slower %v; want faster %v, slower %v", len(c.Cases), got[Faster], got[Slower], test.faster, test.slower)
			}
			if len(got[CannotTell]) != test.cannot {
				t.Errorf("cannot tell of %v, want %d cases", got[CannotTell], test.cannot)
			}
			if c.Verdict != test.want {
				t.Errorf("%s, want %s", c.Verdict, test.want)
			}
			if _, err := json.Marshal(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Each kind of difference and each flag has one line, however many cases have
// it.
func TestCompareNotes(t *testing.T) {
	old, new := trueResult(t), trueResult(t)
	old.Environment.Devices = []engine.Info{{ID: "cpu", Kind: "cpu", Name: "some CPU"}, {ID: "cuda:0", Kind: "cuda", Name: "NVIDIA H100"}}
	new.Environment.Devices = []engine.Info{{ID: "cpu", Kind: "cpu", Name: "some CPU"}, {ID: "cuda:0", Kind: "cuda", Name: "NVIDIA GeForce RTX 4090"}}
	old.Environment.Kernel, new.Environment.Kernel = "6.1.0", "6.6.0"
	old.Environment.Process, new.Environment.Process = host.Limits{CPUs: 2}, host.Limits{CPUs: 4, Cores: 2, Quota: 2.5}
	new.Environment.Label = "rig 7"
	new.Environment.Go = "go1.27"
	new.Environment.Governor = "performance"
	new.Environment.Virtual = "KVM"
	new.Settings.Duration = 60
	new.Timing.Settled = false
	for _, i := range []int{1, 2} {
		for j := range new.Cases[i].Samples {
			new.Cases[i].Samples[j].Probe = 0.5
		}
	}
	want := []string{
		"label differs: none, then rig 7",
		"gpu differs: cuda:0 NVIDIA H100, then cuda:0 NVIDIA GeForce RTX 4090",
		"kernel differs: 6.1.0, then 6.6.0",
		"limit of the process differs: 2 CPUs, then 4 CPUs of 2 cores, quota 2.5",
		"governor differs: unknown, then performance",
		"hypervisor differs: none, then KVM",
		"go differs: go1.26, then go1.27",
		"duration differs: 5 s, then 60 s",
		"CPU cases are judged by their rate, not by the ratio to the reference, because this differs: go",
		"new: the warm-up ended before the rates were steady",
		"new: flagged disturbed: search/cpu/avx2/1, search/cpu/avx2/2",
		"new: flagged few-quiet: search/cpu/avx2/1, search/cpu/avx2/2",
	}
	if got := Compare(old, new).Notes; !slices.Equal(got, want) {
		t.Errorf("notes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// Only the reference changed, for an unknown reason.
	new = trueResult(t)
	for j := range new.Cases[0].Samples {
		new.Cases[0].Samples[j].Seconds *= 2
	}
	want = []string{"judged by their rate, which did not change when that of the reference did: search/cpu/avx2/1, search/cpu/avx2/2"}
	if got := Compare(trueResult(t), new).Notes; !slices.Equal(got, want) {
		t.Errorf("notes %q, want %q", got, want)
	}
}

func TestCompareDifferentCases(t *testing.T) {
	old, new := trueResult(t), trueResult(t)
	old.Cases = old.Cases[1:]
	new.Cases = new.Cases[:5]
	new.Environment.CPU.Brand = "other"
	new.Cases[1].Samples = slices.Clone(new.Cases[1].Samples)
	for i := range new.Cases[1].Samples[:20] {
		new.Cases[1].Samples[i].Probe = 0.5
	}
	c := Compare(old, new)
	if len(c.Cases) != 4 || !slices.Equal(c.OnlyNew, []string{"search/cpu/reference/1"}) || !slices.Equal(c.OnlyOld, []string{"search/cuda:0/sha256d"}) {
		t.Errorf("%d in both, only old %q, only new %q", len(c.Cases), c.OnlyOld, c.OnlyNew)
	}
	if c.Cases[0].Ratio != nil {
		t.Error("a ratio although the old result has no reference")
	}
	want := []string{
		"cpu differs: unknown, then other",
		"CPU cases are judged by their rate, not by the ratio to the reference, because this differs: cpu",
		"new: flagged disturbed: search/cpu/avx2/1",
	}
	if !slices.Equal(c.Notes, want) {
		t.Errorf("notes %q, want %q", c.Notes, want)
	}
}

// A table shows the limits of the process, and the size of the machine.
func TestEnvironment(t *testing.T) {
	smt := true
	r := trueResult(t)
	r.Environment.Label, r.Environment.Kernel, r.Environment.Virtual = "rig 7", "6.1.0", "KVM"
	r.Environment.CPU = host.CPU{Brand: "AMD EPYC", Cores: 127, Threads: 254}
	r.Environment.SMT = &smt
	r.Environment.Process = host.Limits{CPUs: 4, Cores: 2, Quota: 2.5, From: "/sys/fs/cgroup/cpu.max"}
	var b strings.Builder
	if err := r.WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"rig 7: stele v1, AMD EPYC, linux/amd64 6.1.0, go1.26, virtual: KVM\n",
		"2 threads on 4 CPUs of 2 cores, quota 2.5, the machine has 254, SMT; 32 rounds of 6 cases",
	} {
		if !strings.Contains(unwrapped(b.String()), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	e := Here("v1", nil)
	if e.CPU.Brand == "" || e.Threads < 1 || e.Process.CPUs < 1 || e.CPU.Threads < e.Process.CPUs || e.CPU.Cores > e.CPU.Threads || strings.TrimSpace(e.Virtual) != e.Virtual {
		t.Errorf("here: %+v", e)
	}
}

// disturbedResult is a true result whose fastest case was disturbed.
func disturbedResult(t *testing.T) *Result {
	r := trueResult(t)
	r.Cases[5].Samples = slices.Clone(r.Cases[5].Samples)
	for i := range r.Cases[5].Samples[:25] {
		r.Cases[5].Samples[i].Probe = 0.5
	}
	r.derive()
	return r
}

// unwrapped joins the lines of a table that were wrapped.
func unwrapped(table string) string { return strings.ReplaceAll(table, "\n    ", " ") }

func TestTables(t *testing.T) {
	r := disturbedResult(t)
	for _, test := range []struct {
		format Format
		want   []string
	}{
		{Text, []string{
			"search: 99", " MH/s (95 % ", ") cuda:0 sha256d; unreliable (disturbed, few-quiet): run again on a quiet machine\n",
			") cpu avx2, 2 threads\n",
			"\nsearch", "MH/s", "Mheaders/s", "\ncuda:0/sha256d", "  !\n", "! disturbed, few-quiet: cuda:0/sha256d\n",
			"the 1008 nonces of genesis-18 (262144 nonces from 2082996224) with 8 zero bits, found by 4 of 4 searches, digest " + knownRanges[0].digest,
		}},
		{Markdown, []string{"| search | MH/s | 95 % |", "| --- | --- |", "\n| cuda:0/sha256d | 99", "| cpu/reference/1 | "}},
	} {
		var b strings.Builder
		if err := r.WriteTable(&b, test.format); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(unwrapped(b.String()), want) {
				t.Errorf("format %d lacks %q:\n%s", test.format, want, b.String())
			}
		}
		for line := range strings.Lines(b.String()) {
			if test.format == Text && utf8.RuneCountInString(line) > 100 {
				t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
			}
		}
	}
}

// The headlines come first, and the legend explains each column.
func TestTableOrder(t *testing.T) {
	r := trueResult(t)
	var b strings.Builder
	if err := r.WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[0], "search: ") || !strings.HasPrefix(lines[1], "verify: ") || !strings.HasPrefix(lines[2], "stele v1") {
		t.Errorf("it begins with\n%s", strings.Join(lines[:3], "\n"))
	}
	for _, text := range r.legend() {
		if !strings.Contains(b.String(), "\n"+wrap(text)+"\n") {
			t.Errorf("the legend lacks %q:\n%s", text, b.String())
		}
	}
	for _, column := range r.rows(Search)[0][2:] {
		if !strings.Contains(strings.Join(r.legend(), " "), column+": ") {
			t.Errorf("the legend does not explain %q", column)
		}
	}
}

func TestTableOfWrongSet(t *testing.T) {
	bad := trueResult(t)
	bad.AddProof(bad.Cases[1].ID, Proof{ProofRange: knownRanges[0].ProofRange, Header: GenesisHeader, Digest: Digest(nil)})
	if flags := bad.Cases[1].Flags; !slices.Equal(flags, []Flag{FlagWrongSet}) {
		t.Errorf("flags %v of a case with a wrong set", flags)
	}
	bad.AddProof(bad.Cases[5].ID, bad.Proofs[1]) // the fastest
	if bad.Headlines[Search].Case == bad.Cases[5].ID {
		t.Error("a case with a wrong set is the headline")
	}
	var wrong strings.Builder
	if err := bad.WriteTable(&wrong, Text); err != nil {
		t.Fatal(err)
	}
	if want := "\nWRONG, not the known set: 0 nonces of genesis-18"; !strings.Contains(wrong.String(), want) {
		t.Errorf("lacks %q:\n%s", want, wrong.String())
	}
}

func TestComparisonTable(t *testing.T) {
	slow := trueResult(t)
	for i := range slow.Cases[1].Samples {
		slow.Cases[1].Samples[i].Seconds *= 2
	}
	var b strings.Builder
	if err := Compare(disturbedResult(t), slow).WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"slower: of 6 cases 1 slower, 4 no clear change, 1 cannot tell\n", "ratio  slower\n", "rate   no clear change\n", "rate   cannot tell\n",
		"search/cpu/avx2/1", "0.50", "note: old: flagged disturbed: search/cuda:0/sha256d\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("comparison lacks %q:\n%s", want, b.String())
		}
	}
}
