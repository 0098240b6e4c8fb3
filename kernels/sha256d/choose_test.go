package sha256d

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

	"stele/kernels/internal/selection"
)

// promised are all kernels, with their architectures, and the instruction sets with
// which a CPU must run them. It is written apart from the dispatch tables, so that a
// kernel cannot get lost by a mistake there.
var promised = map[string]struct {
	arch string // "" is any
	need []cpuid.FeatureID
}{
	"avx512": {"amd64", []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL}},
	"shani":  {"amd64", []cpuid.FeatureID{cpuid.SHA, cpuid.AVX, cpuid.AVX2}},
	"plain":  {"", nil},
}

// A CPU with the instruction sets of a kernel must be given this kernel, and its own
// functions must be behind its name and do the work.
func TestEveryVariantRuns(t *testing.T) {
	variants := map[string]Variant{}
	for _, v := range Variants() {
		variants[v.Name] = v
	}
	want, got := slices.Sorted(maps.Keys(promised)), slices.Sorted(maps.Keys(variants))
	if !slices.Equal(got, want) || !slices.Equal(slices.Sorted(slices.Values(selection.Messages)), want) {
		t.Fatalf("the program knows the kernels %v, STELE_CPU %v, promised are %v", got, selection.Messages, want)
	}
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			v, promise, reason := variants[k.name], promised[k.name], missing(t, k)
			can := promise.arch == "" || promise.arch == runtime.GOARCH && cpuid.CPU.Supports(promise.need...)
			disabled := strings.HasPrefix(reason, "disabled")
			switch {
			case can && reason != "" && !disabled:
				t.Fatalf("rejected because %s, but %v on %s is all it needs", reason, promise.need, promise.arch)
			case !can || disabled:
				if _, err := Lookup(k.name); v.Available || v.Reason == "" || !errors.Is(err, ErrUnusable) {
					t.Errorf("variant is %+v, Lookup returned %v, want it to be absent: %s", v, err, reason)
				}
				t.Skip(v.Reason)
			case !v.Available || v.Reason != "":
				t.Fatalf("this CPU has what it needs, but it is not available: %s", v.Reason)
			}
			got, err := Lookup(k.name)
			if err != nil || got != k || got.Name() != k.name {
				t.Fatalf("Lookup returned %v, %v", got, err)
			}
			if k != plain {
				checkCalls(t, k)
			}
		})
	}
}

// checkCalls checks that the assembly with the kernel's name hashes all but the rest of
// the messages and of the pairs.
func checkCalls(t *testing.T, k *Kernel) {
	t.Helper()
	for _, f := range []any{k.blocks, k.nodes} {
		if symbol := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name(); !strings.Contains(symbol, "."+k.name) {
			t.Errorf("%s is of another kernel", symbol)
		}
	}
	counting, blocks, turns := *k, 0, 0
	counting.blocks = func(b *batch, steps, last uint64) {
		for lane := range k.lanes {
			blocks += min(int(steps), -int(b.left[lane])-int(b.step))
		}
		k.blocks(b, steps, last)
	}
	counting.nodes = func(parents, nodes *[32]byte, n uint64) {
		turns += int(n)
		k.nodes(parents, nodes, n)
	}
	messages, hashes := make([]Message, 2*k.lanes), make([][32]byte, 2*k.lanes)
	for i := range messages {
		messages[i][0] = make([]byte, 1000) // 16 blocks, two calls
	}
	counting.Sum(hashes, messages)
	counting.Pairs(hashes[:k.lanes], hashes)
	if blocks != 16*2*k.lanes || turns != 1 {
		t.Errorf("the assembly hashed %d blocks and %d turns of pairs, want %d and 1", blocks, turns, 16*2*k.lanes)
	}
}

// Kernels of this architecture must be whole; the others are no more than names.
func TestTable(t *testing.T) {
	for _, k := range kernels {
		switch arch := promised[k.name].arch; {
		case arch != "" && arch != runtime.GOARCH:
			if k.made || k.blocks != nil || k.nodes != nil || k.need != nil {
				t.Errorf("kernel %q of %s is more than a name here", k.name, arch)
			}
		case !k.made:
			t.Errorf("kernel %q is missing", k.name)
		case k != plain && (k.lanes > maxLanes || k.least < 2 || k.least > k.lanes || k.blocks == nil || k.nodes == nil || k.initial == nil):
			t.Errorf("kernel %q is incomplete: %+v", k.name, k)
		}
	}
	if last := kernels[len(kernels)-1]; last != plain || last.need != nil {
		t.Errorf("the last kernel is %q and needs %v, want plain, which needs nothing", last.name, last.need)
	}
}

// After UsePlain all is done by plain, until that is taken back.
func TestUsePlain(t *testing.T) {
	UsePlain(true)
	if got := bestFor(100); got != plain {
		t.Errorf("%s is in use, want plain", got.name)
	}
	UsePlain(false)
	if got := bestFor(100); got != Best() {
		t.Errorf("%s is in use, want %s", got.name, Best().name)
	}
}

func TestLookupUnknown(t *testing.T) {
	if k, err := Lookup("sse"); !errors.Is(err, ErrUnknown) || k != nil || !strings.Contains(err.Error(), "avx512, shani, plain") {
		t.Errorf("%v, %v", k, err)
	}
}

// STELE_CPU selects kernels. Without any that is allowed, plain does the work.
func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		value string
		want  string // kernels that it does not disable
	}{
		{"", "avx512 shani plain"},
		{"avx512", "avx512"},
		{"shani,avx2", "shani"},
		{"-avx512", "shani plain"},
		{"-avx512,-shani,-plain", ""},
		{"hybrid", "avx512 shani plain"},
	} {
		t.Setenv(selection.EnvVar, c.value)
		var got, want []string
		for _, k := range kernels {
			if k != plain && len(k.lacking()) > 0 {
				continue // this CPU does not have it, whatever the variable says
			}
			if slices.Contains(strings.Fields(c.want), k.name) {
				want = append(want, k.name)
			}
			if err := k.usable(); err == nil || !strings.Contains(err.Error(), "disabled") {
				got = append(got, k.name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q leaves %v, want %v", c.value, got, want)
		}
		if k := choose(); k != plain && !slices.Contains(got, k.name) {
			t.Errorf("%q: the best is %s", c.value, k.name)
		}
	}
	t.Setenv(selection.EnvVar, "nonsense")
	if _, err := Lookup("plain"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown name in STELE_CPU: %v", err)
	}
	if choose() != plain {
		t.Error("with an unknown name in STELE_CPU the best is not plain")
	}
}

// Only avx512, and only when it is not clearly faster than shani.
func TestSlowed(t *testing.T) {
	all := []*Kernel{{name: "avx512"}, {name: "shani"}, plain}
	type times = []time.Duration
	for _, c := range []struct {
		name    string
		kernels []*Kernel
		times   times
		want    string
	}{
		{"as it should be", all, times{75, 150, 340}, ""},
		{"slow", all, times{91, 150, 340}, "avx512"},
		{"slower than shani", all, times{190, 150, 340}, "avx512"},
		{"no shani", []*Kernel{all[0], plain}, times{190, 340}, ""},
		{"no avx512", all[1:], times{150, 340}, ""},
	} {
		got := ""
		if k := slowed(c.kernels, c.times); k != nil {
			got = k.name
		}
		if got != c.want {
			t.Errorf("%s: slowed kernel %q, want %q", c.name, got, c.want)
		}
	}
}

// The kernel that is faster wins, and never one with wrong answers, however fast.
func TestChoose(t *testing.T) {
	t.Setenv(selection.EnvVar, "")
	fast := bySingles("avx512", nil)
	slow := bySingles("shani", nil)
	blocks, nodes := slow.blocks, slow.nodes
	slow.blocks = func(b *batch, steps, last uint64) {
		for range 5 {
			blocks(new(batch), 1, 0)
		}
		blocks(b, steps, last)
	}
	slow.nodes = func(parents, from *[32]byte, turns uint64) {
		for range 5 {
			nodes(parents, from, turns)
		}
	}
	wrong := &Kernel{name: "shani", made: true, lanes: 4, least: 2, initial: new([maxLanes][32]byte),
		blocks: func(b *batch, steps, _ uint64) { b.step += uint32(steps) }, nodes: func(_, _ *[32]byte, _ uint64) {}}
	setKernels(t, slow, fast)
	if k := choose(); k != fast {
		t.Error("the slower kernel was chosen")
	}
	setKernels(t, wrong, plain)
	if k := choose(); k != plain {
		t.Errorf("the kernel %s was chosen", k.name)
	}
	if _, err := Lookup("shani"); !errors.Is(err, ErrUnusable) || !errors.Is(err, ErrWrong) {
		t.Errorf("Lookup of a kernel with wrong answers: %v", err)
	}
}
