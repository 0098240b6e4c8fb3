package host

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// microarchitecture returns the name of the design of the processor's cores, such as
// "Zen 3", "Sapphire Rapids" or "Neoverse N1"; "" if it is not known, or if the cores
// differ.
func microarchitecture(root fs.FS) string {
	cpu := &cpuid.CPU
	switch cpu.VendorID {
	case cpuid.AMD, cpuid.Hygon:
		return amdDesign(cpu.Family, cpu.Model)
	case cpuid.Intel:
		return intelDesign(cpu.Family, cpu.Model, cpu.Stepping)
	}
	return armDesign(root)
}

// design is a range of models with the same cores.
type design struct {
	family, first, last int // models, inclusive
	name                string
}

// amdDesigns follows arch/x86/kernel/cpu/amd.c of Linux. Some models of Zen 5 have units
// of 256 bits instead of 512, and so another name.
var amdDesigns = []design{
	{0x17, 0x00, 0x2f, "Zen"}, {0x17, 0x50, 0x5f, "Zen"},
	{0x17, 0x30, 0x4f, "Zen 2"}, {0x17, 0x60, 0x7f, "Zen 2"}, {0x17, 0x90, 0x91, "Zen 2"}, {0x17, 0xa0, 0xaf, "Zen 2"},
	{0x19, 0x00, 0x0f, "Zen 3"}, {0x19, 0x20, 0x5f, "Zen 3"},
	{0x19, 0x10, 0x1f, "Zen 4"}, {0x19, 0x60, 0xaf, "Zen 4"},
	{0x1a, 0x20, 0x2f, "Zen 5 with 256-bit units"}, {0x1a, 0x60, 0x6f, "Zen 5 with 256-bit units"},
	{0x1a, 0x00, 0x1f, "Zen 5"}, {0x1a, 0x40, 0x4f, "Zen 5"}, {0x1a, 0x70, 0x7f, "Zen 5"},
}

// intelDesigns follows arch/x86/include/asm/intel-family.h of Linux. Processors with two
// kinds of cores are not in it.
var intelDesigns = []design{
	{6, 0x3c, 0x3c, "Haswell"}, {6, 0x3f, 0x3f, "Haswell"}, {6, 0x45, 0x46, "Haswell"},
	{6, 0x3d, 0x3d, "Broadwell"}, {6, 0x47, 0x47, "Broadwell"}, {6, 0x4f, 0x4f, "Broadwell"}, {6, 0x56, 0x56, "Broadwell"},
	{6, 0x4e, 0x4e, "Skylake"}, {6, 0x5e, 0x5e, "Skylake"}, {6, 0x8e, 0x8e, "Skylake"}, {6, 0x9e, 0x9e, "Skylake"}, {6, 0xa5, 0xa6, "Skylake"},
	{6, 0x6a, 0x6a, "Ice Lake-SP"}, {6, 0x6c, 0x6c, "Ice Lake-SP"},
	{6, 0x7d, 0x7e, "Ice Lake"}, {6, 0x8c, 0x8d, "Tiger Lake"}, {6, 0xa7, 0xa7, "Rocket Lake"},
	{6, 0x8f, 0x8f, "Sapphire Rapids"}, {6, 0xcf, 0xcf, "Emerald Rapids"}, {6, 0xad, 0xae, "Granite Rapids"},
}

func find(designs []design, family, model int) string {
	for _, d := range designs {
		if d.family == family && d.first <= model && model <= d.last {
			return d.name
		}
	}
	return ""
}

func amdDesign(family, model int) string { return find(amdDesigns, family, model) }

func intelDesign(family, model, stepping int) string {
	if family == 6 && model == 0x55 { // three processors by one number
		switch {
		case stepping < 5:
			return "Skylake-X"
		case stepping < 10:
			return "Cascade Lake"
		}
		return "Cooper Lake"
	}
	return find(intelDesigns, family, model)
}

// armDesign returns the name of Arm's Neoverse cores, by their main ID register or by
// /proc/cpuinfo.
func armDesign(root fs.FS) string {
	found := ""
	for _, n := range list(read(root, "/sys/devices/system/cpu/online")) {
		text := strings.TrimSpace(read(root, fmt.Sprintf("/sys/devices/system/cpu/cpu%d/regs/identification/midr_el1", n)))
		midr, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			found = ""
			break
		}
		model := armModel(fmt.Sprintf("0x%02x", midr>>24&0xff), fmt.Sprintf("0x%03x", midr>>4&0xfff))
		if found != "" && found != model {
			return ""
		}
		found = model
	}
	if found == "" {
		found = cpuinfoName(root)
	}
	name, isArm := strings.CutPrefix(found, "Arm Neoverse-")
	if !isArm || strings.Contains(name, "+") {
		return ""
	}
	return "Neoverse " + name
}
