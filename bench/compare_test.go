package bench

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	scale := func(r *Result, id string, factor float64) {
		for i := range r.Cases {
			if r.Cases[i].ID == id {
				for j := range r.Cases[i].Samples {
					r.Cases[i].Samples[j].Seconds /= factor
				}
			}
		}
	}
	const one, reference = "search/cpu/avx2/1", "search/cpu/reference/1"
	tests := []struct {
		name           string
		alter          func(r *Result)
		faster, slower []string
	}{
		{"same", func(*Result) {}, nil, nil},
		{"faster", func(r *Result) { scale(r, one, 1.05) }, []string{one}, nil},
		{"slower", func(r *Result) { scale(r, one, 0.95) }, nil, []string{one}},
		{"within the intervals", func(r *Result) { scale(r, one, 1.0005) }, nil, nil},
		// The rate of the reference itself has no ratio: its rate counts.
		{"slower machine", func(r *Result) {
			for _, c := range r.Cases {
				scale(r, c.ID, 0.8)
			}
		}, nil, []string{reference, "verify/cpu/reference/1"}},
		{"stated figures do not count", func(r *Result) {
			for i := range r.Cases {
				r.Cases[i].Rate.Low *= 100
				r.Cases[i].Ratio = nil
			}
		}, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old, new := trueResult(t), trueResult(t)
			test.alter(new)
			c := Compare(old, new)
			var faster, slower []string
			for _, k := range c.Cases {
				if k.Faster() {
					faster = append(faster, k.Case)
				}
				if k.Slower() {
					slower = append(slower, k.Case)
				}
			}
			if len(c.Cases) != len(old.Cases) || !slices.Equal(faster, test.faster) || !slices.Equal(slower, test.slower) {
				t.Errorf("%d cases, faster %v, slower %v; want faster %v, slower %v", len(c.Cases), faster, slower, test.faster, test.slower)
			}
			if c.Slower() != (len(test.slower) > 0) {
				t.Errorf("slower: %v", c.Slower())
			}
			if _, err := json.Marshal(c); err != nil {
				t.Error(err)
			}
		})
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
	want := []string{"cpu differs: , then other", "new: search/cpu/avx2/1 is flagged disturbed"}
	if !slices.Equal(c.Notes, want) {
		t.Errorf("notes %q, want %q", c.Notes, want)
	}
}

func TestTables(t *testing.T) {
	r := trueResult(t)
	r.Cases[5].Samples = slices.Clone(r.Cases[5].Samples)
	for i := range r.Cases[5].Samples[:25] {
		r.Cases[5].Samples[i].Probe = 0.5
	}
	r.derive()
	for _, test := range []struct {
		format Format
		want   []string
	}{
		{Text, []string{
			"\nsearch", "Mhashes/s", "Mheaders/s", "\ncuda:0 sha256d", "disturbed few-quiet\n",
			"fastest search: 99", "search/cuda:0/sha256d, disturbed, few-quiet: do not rely on it, run again on a quiet machine\n",
			"verify/cpu/avx2/2\n",
			"the 1008 nonces of genesis-18 (262144 nonces from 2082996224) with 8 zero bits, found by 4 of 4 searches, digest " + knownRanges[0].digest,
		}},
		{Markdown, []string{"| search | threads | Mhashes/s |", "| --- | --- |", "\n| cuda:0 sha256d | - | 99", "| cpu reference | 1 |"}},
	} {
		var b strings.Builder
		if err := r.WriteTable(&b, test.format); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("format %d lacks %q:\n%s", test.format, want, b.String())
			}
		}
	}

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
	if want := "\nWRONG, not the set that is known: 0 nonces of genesis-18"; !strings.Contains(wrong.String(), want) {
		t.Errorf("lacks %q:\n%s", want, wrong.String())
	}

	slow := trueResult(t)
	for i := range slow.Cases[1].Samples {
		slow.Cases[1].Samples[i].Seconds *= 2
	}
	var b strings.Builder
	if err := Compare(r, slow).WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"slower\n", "no clear change\n", "search/cpu/avx2/1", "0.50", "note: old: search/cuda:0/sha256d is flagged disturbed\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("comparison lacks %q:\n%s", want, b.String())
		}
	}
}
