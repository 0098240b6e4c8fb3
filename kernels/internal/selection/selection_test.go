package selection

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// own are the kernels of a kind of work that no other has.
var own = []string{"wide", "narrow", "basic"}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		value string
		want  string // the kernels of own that are allowed
	}{
		{"", "wide narrow basic"},
		{" ", "wide narrow basic"},
		{",, ,", "wide narrow basic"},
		{"wide", "wide"},
		{" wide ", "wide"},
		{"wide,basic", "wide basic"},
		{"\tbasic , wide,", "wide basic"},
		{"wide,wide", "wide"},
		{"-wide", "narrow basic"},
		{"-wide, -narrow", "basic"},
		{"-wide,-narrow,-basic", ""},
		{"wide,narrow,-wide", "narrow"},
		{"-wide,narrow,wide", "narrow"},
		{"wide,-wide", ""},
		{"wide,-basic", "wide"},

		// Kernels for other work.
		{"-ifma", "wide narrow basic"},
		{"ifma", "wide narrow basic"},
		{"wide,-ifma", "wide"},
		{"avx512,plain", "wide narrow basic"},
		{"-avx512,-pure,-basic", "wide narrow"},
	} {
		allowed, err := parse(c.value, own)
		if err != nil {
			t.Errorf("%q: %v", c.value, err)
			continue
		}
		var got []string
		for _, k := range own {
			if allowed(k) {
				got = append(got, k)
			}
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%q allows %q, want %q", c.value, got, c.want)
		}
	}
}

func TestParseUnknown(t *testing.T) {
	for _, c := range []struct{ value, name string }{
		{"abacus", "abacus"},
		{"wide,abacus", "abacus"},
		{"-abacus", "abacus"},
		{"WIDE", "WIDE"},
		{"wide basic", "wide basic"},
		{"wide;basic", "wide;basic"},
		{"-", ""},
		{"--wide", "-wide"},
		{"- wide", " wide"},
		{"wide\x00", `wide\x00`},
	} {
		_, err := parse(c.value, own)
		want := "STELE_CPU=" + c.value + `: unknown kernel "` + c.name +
			`": the CPU kernels are wide, narrow, basic, hybrid, avx512, shani, avx2, sha2, pure, plain, ifma`
		if !errors.Is(err, ErrUnknown) || err.Error() != want {
			t.Errorf("%q: %v, want %s", c.value, err, want)
		}
	}
}

// The variable itself is read, once for each call.
func TestAllowed(t *testing.T) {
	t.Setenv(EnvVar, "-ifma,avx512")
	for _, c := range []struct {
		kernels []string
		want    string
	}{
		{Headers, "avx512"},
		{Messages, "avx512"},
		{Signatures, ""},
	} {
		allowed, err := Allowed(c.kernels)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(slices.Clone(c.kernels), func(k string) bool { return !allowed(k) })
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("of %v it allows %q, want %q", c.kernels, got, c.want)
		}
	}
	if got, want := Disabled().Error(), "disabled by STELE_CPU=-ifma,avx512"; got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
	t.Setenv(EnvVar, "abacus")
	if _, err := Allowed(Headers); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown kernel: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "pure", "-pure", "pure,-pure", " avx2 , shani", "-ifma,pure", "--", "\x00,", "plain,-avx512"} {
		f.Add(s)
	}
	every := slices.Concat(Headers, Messages, Signatures)
	f.Fuzz(func(t *testing.T, value string) {
		var fields []string
		for f := range strings.SplitSeq(value, ",") {
			if f = strings.TrimSpace(f); f != "" {
				fields = append(fields, f)
			}
		}
		unknown := slices.ContainsFunc(fields, func(f string) bool {
			return !slices.Contains(every, strings.TrimPrefix(f, "-"))
		})
		for _, kernels := range [][]string{Headers, Messages, Signatures} {
			allowed, err := parse(value, kernels)
			if unknown {
				if !errors.Is(err, ErrUnknown) {
					t.Errorf("%q: %v, want an unknown kernel", value, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			choosing := slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(kernels, f) })
			for _, k := range kernels {
				want := !slices.Contains(fields, "-"+k) && (!choosing || slices.Contains(fields, k))
				if got := allowed(k); got != want {
					t.Errorf("%q allows %s: %v, want %v", value, k, got, want)
				}
			}
		}
	})
}
