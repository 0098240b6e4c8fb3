package simd

import (
	"errors"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"

	"stele/engine/pow"
	"stele/kernels/internal/prep"
	"stele/kernels/internal/selection"
	"stele/kernels/simd/pure"
)

// promised are all kernels, with their architectures, and the instruction sets
// with which a CPU must run them. It is written apart from the dispatch tables,
// so that a kernel cannot get lost by a mistake there.
var promised = map[string]struct {
	arch string // "" is any
	need []cpuid.FeatureID
}{
	"hybrid": {"amd64", []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.SHA}},
	"avx512": {"amd64", []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL}},
	"shani":  {"amd64", []cpuid.FeatureID{cpuid.SHA, cpuid.AVX, cpuid.BMI2}},
	"avx2":   {"amd64", []cpuid.FeatureID{cpuid.AVX2}},
	"sha2":   {"arm64", []cpuid.FeatureID{cpuid.SHA2}},
	"pure":   {"", nil},
}

// A CPU with the instruction sets of a kernel must be given this kernel, and
// its own functions must be behind its name. STELE_CPU may switch it off.
func TestEveryVariantRuns(t *testing.T) {
	variants := map[string]Variant{}
	for _, v := range Variants() {
		variants[v.Name] = v
	}
	want, got := slices.Sorted(maps.Keys(promised)), slices.Sorted(maps.Keys(variants))
	if !slices.Equal(got, want) {
		t.Fatalf("the program knows the kernels %v, promised are %v", got, want)
	}

	genesis := realHeader(t, 0)
	header := genesis.Encode()
	target, err := genesis.Bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			v, promise, reason := variants[k.name], promised[k.name], missing(t, k)
			can := promise.arch == "" || promise.arch == runtime.GOARCH && cpuid.CPU.Supports(promise.need...)
			switchedOff := strings.HasPrefix(reason, "disabled")
			switch {
			case can && reason != "" && !switchedOff:
				t.Fatalf("rejected because %s, but %v on %s is all it needs", reason, promise.need, promise.arch)
			case !can || switchedOff:
				if v.Available || v.Reason == "" {
					t.Errorf("variant is %+v, want it to be absent: %s", v, reason)
				}
				t.Skip(v.Reason)
			case !v.Available || v.Reason != "":
				t.Fatalf("this CPU has what it needs, but it is not available: %s", v.Reason)
			}
			got, err := Lookup(k.name)
			if err != nil || got != k || got.Name() != k.name {
				t.Fatalf("Lookup gave %v, %v", got, err)
			}
			for what, f := range map[string]any{"search": got.search, "hash": got.hash} {
				symbol := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
				if !strings.Contains(symbol, "/simd/"+k.name+".") {
					t.Errorf("its %s is %s, of another kernel", what, symbol)
				}
			}

			counting, searches, hashings := *got, 0, 0
			counting.search = func(job *job, first uint32, candidates []uint64) {
				searches += len(candidates)
				got.search(job, first, candidates)
			}
			counting.hash = func(hashes [][32]byte, headers []byte) {
				hashings += len(hashes)
				got.hash(hashes, headers)
			}
			if nonces := counting.Scan(NewJob(&header, target.Bytes()), genesis.Nonce-100, 200, nil); !slices.Equal(nonces, []uint32{genesis.Nonce}) {
				t.Errorf("nonces of the genesis block: %v", nonces)
			}
			hashes := make([][32]byte, 1)
			counting.Hash(hashes, header[:])
			if pow.Hash(hashes[0]).String() != realHeaders[0].hash {
				t.Errorf("hash of the genesis block: %v", pow.Hash(hashes[0]))
			}
			if searches != 4 || hashings != k.width {
				t.Errorf("the kernel's functions were asked for %d groups of nonces and %d hashes, want 4 and %d", searches, hashings, k.width)
			}
		})
	}
}

// Kernels of this architecture must be whole, their widths within the buffer of
// Hash; the others are no more than names.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kernels {
		if arch := promised[k.name].arch; arch != "" && arch != runtime.GOARCH {
			if k.search != nil || k.hash != nil || k.need != nil || k.width != 0 {
				t.Errorf("kernel %q of %s is more than a name here", k.name, arch)
			}
			continue
		}
		if k.search == nil || k.hash == nil {
			t.Errorf("kernel %q has no search or no hash", k.name)
		}
		if k.width < 1 || k.width > maxWidth || group%k.width != 0 {
			t.Errorf("kernel %q hashes %d headers at once, want a power of two up to %d", k.name, k.width, maxWidth)
		}
		if seen[k.name] {
			t.Errorf("kernel %q is listed twice", k.name)
		}
		seen[k.name] = true
	}
	if last := kernels[len(kernels)-1]; last.name != "pure" || last.need != nil {
		t.Errorf("the last kernel is %q and needs %v, want pure, which needs nothing", last.name, last.need)
	}
}

func TestFeatures(t *testing.T) {
	got := Features()
	for i, f := range got {
		if slices.Contains(got[:i], f) {
			t.Errorf("%s is listed twice: %v", f, got)
		}
		if !cpuid.CPU.Has(cpuid.ParseFeature(f)) {
			t.Errorf("%s is listed, but this CPU lacks it", f)
		}
	}
	for _, k := range kernels {
		for _, f := range k.need {
			if f.present() != slices.Contains(got, f.String()) {
				t.Errorf("kernel %s needs %v, which is present: %v; listed are %v", k.name, f, f.present(), got)
			}
		}
	}
	setKernels(t, &Kernel{name: "pure"})
	if got := Features(); got == nil || len(got) != 0 {
		t.Errorf("features when no kernel needs any: %#v", got)
	}
}

// fakes sets a dispatch table of kernels of several kinds. All that can run
// are pure.
func fakes(t *testing.T) {
	absent := cpuid.FeatureID(1)
	for cpuid.CPU.Has(absent) {
		absent++
	}
	plain := func(name string, need ...feature) *Kernel {
		return &Kernel{name: name, need: need, search: pure.Search, hash: pure.Hash, width: 1}
	}
	broken := plain("broken")
	broken.hash = func([][32]byte, []byte) {}
	setKernels(t,
		plain("future", feature(absent)),
		&Kernel{name: "foreign"},
		broken,
		plain("other"),
		plain("plain"),
	)
	t.Setenv(selection.EnvVar, "")
}

func TestVariants(t *testing.T) {
	fakes(t)
	want := []Variant{
		{"future", false, "this CPU has no " + kernels[0].need[0].String()},
		{"foreign", false, "not available for this architecture"},
		{"broken", false, "disabled by STELE_CPU=-plain,-broken"},
		{"other", true, ""},
		{"plain", false, "disabled by STELE_CPU=-plain,-broken"},
	}
	t.Setenv(selection.EnvVar, "-plain,-broken")
	if got := Variants(); !slices.Equal(got, want) {
		t.Errorf("variants %+v, want %+v", got, want)
	}
	t.Setenv(selection.EnvVar, "")
	if got := Variants()[2]; got.Available || got.Reason != "failed its known-answer test: hash of a header" {
		t.Errorf("a kernel that gives wrong hashes: %+v", got)
	}
}

func TestLookupErrors(t *testing.T) {
	fakes(t)
	for _, c := range []struct {
		env, name string
		kinds     []error
		text      string
	}{
		{"", "abacus", []error{ErrUnknown}, `unknown kernel "abacus": the CPU kernels are future, foreign, broken, other, plain`},
		{"", "", []error{ErrUnknown}, `unknown kernel "": the CPU kernels are future, foreign, broken, other, plain`},
		{"", "Plain", []error{ErrUnknown}, `unknown kernel "Plain": the CPU kernels are future, foreign, broken, other, plain`},
		{"", "future", []error{ErrUnusable}, `kernel "future" cannot be used: this CPU has no ` + kernels[0].need[0].String()},
		{"", "foreign", []error{ErrUnusable}, `kernel "foreign" cannot be used: not available for this architecture`},
		{"", "broken", []error{ErrUnusable, errWrong}, `kernel "broken" cannot be used: failed its known-answer test: hash of a header`},
		{"-plain", "plain", []error{ErrUnusable}, `kernel "plain" cannot be used: disabled by STELE_CPU=-plain`},
		{"other,future", "plain", []error{ErrUnusable}, `kernel "plain" cannot be used: disabled by STELE_CPU=other,future`},
		{"abacus", "plain", []error{ErrUnusable, ErrUnknown}, `kernel "plain" cannot be used: STELE_CPU=abacus: unknown kernel "abacus": the CPU kernels are future, foreign, broken, other, plain, hybrid, avx512, shani, avx2, sha2, pure, ifma`},
	} {
		t.Setenv(selection.EnvVar, c.env)
		k, err := Lookup(c.name)
		if k != nil || err == nil {
			t.Errorf("STELE_CPU=%s: kernel %q is found", c.env, c.name)
			continue
		}
		if err.Error() != c.text {
			t.Errorf("STELE_CPU=%s, kernel %q: %v, want %s", c.env, c.name, err, c.text)
		}
		for _, kind := range c.kinds {
			if !errors.Is(err, kind) {
				t.Errorf("STELE_CPU=%s, kernel %q: %v is not of the kind %v", c.env, c.name, err, kind)
			}
		}
	}
}

// STELE_CPU knows the kernels of this package by their names.
func TestEnvKnowsKernels(t *testing.T) {
	if got := names(); !slices.Equal(got, selection.Headers) {
		t.Errorf("the kernels are %v, STELE_CPU knows %v", got, selection.Headers)
	}
}

// Best must give kernels that Lookup gives too, and no others.
func TestBest(t *testing.T) {
	c, err := Best()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Best(); again != c {
		t.Errorf("Best gave %+v, and then %+v", c, again)
	}
	chosen := []*Kernel{c.Search, c.Hash}
	if c.Versions != nil {
		chosen = append(chosen, c.Versions)
	}
	for _, k := range chosen {
		if got, err := Lookup(k.Name()); got != k {
			t.Errorf("Best gave %s, which Lookup rejects: %v", k.Name(), err)
		}
		if k.need == nil && len(presentKernels(t)) > 1 {
			t.Errorf("Best gave %s, although there is another", k.Name())
		}
	}
}

func TestChooseObeysEnv(t *testing.T) {
	present := presentKernels(t)
	for _, k := range present {
		t.Setenv(selection.EnvVar, k.name)
		for _, env := range []string{k.name, k.name + ",pure"} {
			t.Setenv(selection.EnvVar, env)
			got, err := choose()
			if got.Search != k || got.Hash != k || got.Versions != nil && got.Versions != k || err != nil {
				t.Errorf("STELE_CPU=%s: got %+v, %v", env, got, err)
			}
		}
		t.Setenv(selection.EnvVar, "-"+k.name)
		if got, _ := choose(); got.Search == k || got.Hash == k || got.Versions == k {
			t.Errorf("STELE_CPU=-%s: it is chosen", k.name)
		}
	}
}

func TestChooseErrors(t *testing.T) {
	fakes(t)
	absent := "future: this CPU has no " + kernels[0].need[0].String() + "; foreign: not available for this architecture; "
	for _, c := range []struct {
		env  string
		kind error
		text string
	}{
		{"broken", ErrUnusable, "CPU kernels cannot be used: " + absent +
			"broken: failed its known-answer test: hash of a header; other: disabled by STELE_CPU=broken; plain: disabled by STELE_CPU=broken"},
		{"-broken,-plain,-other", ErrUnusable, "CPU kernels cannot be used: " + absent +
			"broken: disabled by STELE_CPU=-broken,-plain,-other; other: disabled by STELE_CPU=-broken,-plain,-other; plain: disabled by STELE_CPU=-broken,-plain,-other"},
		{"abacus", ErrUnknown, `STELE_CPU=abacus: unknown kernel "abacus": the CPU kernels are future, foreign, broken, other, plain, hybrid, avx512, shani, avx2, sha2, pure, ifma`},
	} {
		t.Setenv(selection.EnvVar, c.env)
		got, err := choose()
		if got != (Choice{}) || !errors.Is(err, c.kind) || err.Error() != c.text {
			t.Errorf("STELE_CPU=%s: got %+v, %v, want %s", c.env, got, err, c.text)
		}
		if err := CheckEnv(); errors.Is(err, ErrUnknown) != (c.kind == ErrUnknown) {
			t.Errorf("STELE_CPU=%s: CheckEnv returned %v", c.env, err)
		}
	}
	t.Setenv(selection.EnvVar, "-other")
	if got, err := choose(); err != nil || got.Search.name != "plain" || got.Hash.name != "plain" || got.Versions != nil {
		t.Errorf("one kernel is left, but got %+v, %v", got, err)
	}
}

// The fastest is chosen for each kind of work, and a search of versions only where it
// is faster than every search of single versions.
func TestFastest(t *testing.T) {
	own := func(*prep.VersionJob, uint32, []uint16) {}
	all := []*Kernel{{name: "a"}, {name: "b", versions: own}, {name: "c", versions: own}}
	type times = []time.Duration
	for _, c := range []struct {
		name                   string
		search, versions, hash times
		want                   string
	}{
		{"the same for all", times{3, 2, 4}, times{3, 1, 4}, times{8, 7, 9}, "b b b"},
		{"one for each", times{3, 4, 5}, times{3, 4, 2}, times{8, 7, 9}, "a b c"},
		{"as fast as a single version", times{3, 4, 5}, times{3, 4, 3}, times{7, 8, 9}, "a a "},
		{"slower than single versions of its own", times{3, 2, 5}, times{3, 4, 6}, times{7, 8, 9}, "b a "},
		{"faster than its own, slower than another", times{3, 6, 5}, times{3, 5, 4}, times{7, 8, 9}, "a a "},
	} {
		got := timings{all, c.search, c.versions, c.hash}.fastest()
		names := got.Search.name + " " + got.Hash.name + " "
		if got.Versions != nil {
			names += got.Versions.name
		}
		if names != c.want {
			t.Errorf("%s: got %q, want %q", c.name, names, c.want)
		}
	}
}

// Each kernel has the time of its own loop for versions, or else that of its search.
func TestMeasure(t *testing.T) {
	calls := map[string]int{}
	fake := func(name string, versions bool) *Kernel {
		k := &Kernel{name: name, width: 1}
		k.search = func(*job, uint32, []uint64) { calls[name+" search"]++ }
		k.hash = func([][32]byte, []byte) { calls[name+" hash"]++ }
		if versions {
			k.versions = func(job *prep.VersionJob, _ uint32, masks []uint16) {
				calls[name+" versions"]++
				if len(job.Jobs()) != MaxVersions {
					t.Errorf("%d versions are measured", len(job.Jobs()))
				}
				for range 100_000 {
					runtime.KeepAlive(masks)
				}
			}
		}
		return k
	}
	all := []*Kernel{fake("a", false), fake("b", true), fake("c", false)}
	got := measure(all)
	for i, k := range all {
		if slower := got.versions[i] > got.search[i]; slower != (k.name == "b") {
			t.Errorf("%s: a search takes %v, one of versions %v", k.name, got.search[i], got.versions[i])
		}
		if calls[k.name+" search"] < 8 || calls[k.name+" hash"] < 8 || (calls[k.name+" versions"] < 8) != (k.name != "b") {
			t.Errorf("%s: calls %v", k.name, calls)
		}
	}
}

// Only avx512, and only when it is not as much faster than the hybrid as it should be.
func TestSlowed(t *testing.T) {
	all := []*Kernel{{name: "hybrid"}, {name: "avx512"}, {name: "avx2"}}
	type times = []time.Duration
	for _, c := range []struct {
		name                   string
		kernels                []*Kernel
		search, versions, hash times
		want                   string
	}{
		{"as it should be", all, times{117, 46, 238}, times{117, 40, 238}, times{53, 21, 98}, ""},
		{"a slow search", all, times{117, 53, 238}, times{117, 40, 238}, times{53, 21, 98}, "avx512"},
		{"a slow hash", all, times{117, 46, 238}, times{117, 40, 238}, times{53, 24, 98}, "avx512"},
		{"a slow search of versions", all, times{117, 46, 238}, times{117, 48, 238}, times{53, 21, 98}, "avx512"},
		{"slower than the hybrid", all, times{117, 190, 238}, times{117, 180, 238}, times{53, 21, 98}, "avx512"},
		{"no hybrid", all[1:], times{190, 238}, times{180, 238}, times{24, 98}, ""},
		{"no avx512", slices.Delete(slices.Clone(all), 1, 2), times{117, 238}, times{117, 238}, times{53, 98}, ""},
	} {
		got := ""
		if k := (timings{c.kernels, c.search, c.versions, c.hash}).slowed(); k != nil {
			got = k.name
		}
		if got != c.want {
			t.Errorf("%s: slowed kernel %q, want %q", c.name, got, c.want)
		}
	}
}
