package host

import (
	"fmt"
	"testing"
)

func TestDesigns(t *testing.T) {
	for _, test := range []struct {
		family, model int
		want          string
	}{
		{0x17, 0x08, "Zen"}, {0x17, 0x31, "Zen 2"}, {0x17, 0x71, "Zen 2"}, {0x19, 0x01, "Zen 3"}, {0x19, 0x21, "Zen 3"}, {0x19, 0x50, "Zen 3"},
		{0x19, 0x11, "Zen 4"}, {0x19, 0x61, "Zen 4"}, {0x19, 0xa0, "Zen 4"}, {0x1a, 0x02, "Zen 5"}, {0x1a, 0x11, "Zen 5"}, {0x1a, 0x44, "Zen 5"},
		{0x1a, 0x24, "Zen 5 with 256-bit units"}, {0x15, 0x02, ""}, {0x1a, 0x50, ""}, {0x1b, 0, ""},
	} {
		if got := amdDesign(test.family, test.model); got != test.want {
			t.Errorf("AMD family %#x model %#x: %q, want %q", test.family, test.model, got, test.want)
		}
	}
	for _, test := range []struct {
		model, stepping int
		want            string
	}{
		{0x55, 4, "Skylake-X"}, {0x55, 7, "Cascade Lake"}, {0x55, 11, "Cooper Lake"}, {0x9e, 10, "Skylake"},
		{0x6a, 6, "Ice Lake-SP"}, {0x8f, 8, "Sapphire Rapids"}, {0xcf, 2, "Emerald Rapids"},
		{0x97, 2, ""}, // Alder Lake has two kinds of cores
	} {
		if got := intelDesign(6, test.model, test.stepping); got != test.want {
			t.Errorf("Intel model %#x stepping %d: %q, want %q", test.model, test.stepping, got, test.want)
		}
	}
}

// No model may have two names.
func TestDesignsDisjoint(t *testing.T) {
	for _, designs := range [][]design{amdDesigns, intelDesigns} {
		for i, a := range designs {
			for _, b := range designs[:i] {
				if a.first > a.last || a.family == b.family && a.first <= b.last && b.first <= a.last {
					t.Errorf("%+v and %+v", a, b)
				}
			}
		}
	}
}

func TestArmDesign(t *testing.T) {
	midr := func(values ...string) map[string]string {
		files := map[string]string{"sys/devices/system/cpu/online": fmt.Sprintf("0-%d\n", len(values)-1)}
		for i, v := range values {
			files[fmt.Sprintf("sys/devices/system/cpu/cpu%d/regs/identification/midr_el1", i)] = v + "\n"
		}
		return files
	}
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"Graviton 2", midr("0x00000000413fd0c1", "0x00000000413fd0c1"), "Neoverse N1"},
		{"Graviton 3", midr("0x00000000411fd401"), "Neoverse V1"},
		{"two designs", midr("0x00000000413fd0c1", "0x00000000411fd401"), ""},
		{"another maker", midr("0x00000000610f0220"), ""},
		{"no number", midr("x"), ""},
		{"no register", map[string]string{"proc/cpuinfo": "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"}, "Neoverse N1"},
		{"two designs, no register", map[string]string{"proc/cpuinfo": "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"}, ""},
		{"nothing", nil, ""},
	} {
		if got := armDesign(tree(test.files)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
