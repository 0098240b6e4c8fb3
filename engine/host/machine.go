package host

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Machine describes the machine.
type Machine struct {
	CPU CPU
	// Microarchitecture is the name of the design of the cores, such as "Zen 3",
	// "Sapphire Rapids" or "Neoverse N1"; "" if it is not known, or if the cores differ.
	Microarchitecture string

	SMT        *bool  // whether cores run several threads; nil if not known
	Kernel     string // release of the operating system's kernel
	Hypervisor string // "" on hardware; "unknown" if a virtual machine does not name it
	Governor   string // frequency governor of CPU 0
}

// CPU describes the processor. Counts are 0 where they are not known.
type CPU struct {
	Brand   string `json:"brand"`
	Vendor  string `json:"vendor"`
	Family  int    `json:"family"`
	Model   int    `json:"model"`
	Cores   int    `json:"cores"`   // of all online CPUs
	Threads int    `json:"threads"` // of all online CPUs
}

// ReadMachine describes this machine.
func ReadMachine() Machine {
	root := os.DirFS("/")
	m := readMachine(root)
	cpu := &cpuid.CPU
	m.CPU.Brand = CPUName()
	m.Microarchitecture = microarchitecture(root)
	m.CPU.Vendor, m.CPU.Family, m.CPU.Model = cpu.VendorString, cpu.Family, cpu.Model
	if m.CPU.Threads == 0 {
		m.CPU.Threads = runtime.NumCPU()
	}
	if cpu.VM() {
		m.Hypervisor = cmp.Or(hypervisor(cpu.HypervisorVendorString), "unknown")
	}
	return m
}

// readMachine reads the machine's files. It does not use CPUID, which in a virtual
// machine may report the cores of the physical machine.
func readMachine(root fs.FS) Machine {
	online := list(read(root, "/sys/devices/system/cpu/online"))
	m := Machine{
		CPU:      CPU{Cores: cores(root, online), Threads: len(online)},
		Kernel:   strings.TrimSpace(read(root, "/proc/sys/kernel/osrelease")),
		Governor: strings.TrimSpace(read(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
	}
	if m.CPU.Cores > 0 {
		smt := m.CPU.Threads > m.CPU.Cores
		m.SMT = &smt
	}
	return m
}

// CPUName returns the vendor's name of the processor.
func CPUName() string {
	return cmp.Or(strings.TrimSpace(cpuid.CPU.BrandName), cpuinfoName(os.DirFS("/")), "unknown "+runtime.GOARCH+" processor")
}

// cpuinfoName returns the name of a processor that does not report it by CPUID, such
// as those of Arm; "" if there is none.
func cpuinfoName(root fs.FS) string {
	var models []string
	seen := map[string]bool{}
	implementer := ""
	for line := range strings.Lines(read(root, "/proc/cpuinfo")) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "model name":
			return value
		case "CPU implementer":
			implementer = value
		case "CPU part":
			if model := armModel(implementer, value); !seen[model] {
				seen[model] = true
				models = append(models, model)
			}
		}
	}
	return strings.Join(models, " + ") // large and small cores
}

// armModel returns the name of a core for the values of its main ID register, from
// arch/arm64/include/asm/cputype.h of Linux.
func armModel(implementer, part string) string {
	maker, ok := armMakers[implementer]
	if !ok {
		maker.name = "implementer " + implementer
	}
	return maker.name + " " + cmp.Or(maker.parts[part], "part "+part)
}

var armMakers = map[string]struct {
	name  string
	parts map[string]string
}{
	"0x41": {"Arm", map[string]string{
		"0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
		"0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0d": "Cortex-A77", "0xd41": "Cortex-A78",
		"0xd46": "Cortex-A510", "0xd47": "Cortex-A710", "0xd4d": "Cortex-A715", "0xd80": "Cortex-A520", "0xd81": "Cortex-A720",
		"0xd44": "Cortex-X1", "0xd48": "Cortex-X2", "0xd4e": "Cortex-X3", "0xd82": "Cortex-X4",
		"0xd0c": "Neoverse-N1", "0xd49": "Neoverse-N2", "0xd8e": "Neoverse-N3",
		"0xd40": "Neoverse-V1", "0xd4f": "Neoverse-V2", "0xd84": "Neoverse-V3", "0xd4a": "Neoverse-E1",
	}},
	"0x43": {"Cavium", map[string]string{"0x0af": "ThunderX2"}},
	"0x46": {"Fujitsu", map[string]string{"0x001": "A64FX"}},
	"0x48": {"HiSilicon", map[string]string{"0xd01": "TaiShan v110"}},
	"0x4e": {"NVIDIA", map[string]string{"0x004": "Carmel"}},
	"0x51": {"Qualcomm", map[string]string{"0x001": "Oryon"}},
	"0x61": {"Apple", map[string]string{"0x022": "M1 Icestorm", "0x023": "M1 Firestorm"}},
	"0x6d": {"Microsoft", map[string]string{"0xd49": "Azure Cobalt 100"}},
	"0xc0": {"Ampere", map[string]string{"0xac3": "Ampere-1", "0xac4": "Ampere-1a"}},
}

// hypervisor returns the name in the twelve bytes of CPUID for a hypervisor, which
// repeat a short name, as "KVMKVMKVM" or "bhyve bhyve ".
func hypervisor(vendor string) string {
	vendor = strings.TrimRight(vendor, "\x00")
	for n := 1; n <= len(vendor)/2; n++ {
		if len(vendor)%n == 0 && strings.Repeat(vendor[:n], len(vendor)/n) == vendor {
			vendor = vendor[:n]
			break
		}
	}
	return strings.TrimSpace(vendor)
}

// cores counts the cores of these CPUs; 0 if the system does not report them.
func cores(root fs.FS, cpus []int) int {
	siblings := map[string]bool{}
	for _, n := range cpus {
		list := strings.TrimSpace(read(root, fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", n)))
		if list == "" {
			return 0
		}
		siblings[list] = true
	}
	return len(siblings)
}

// list parses a list of CPUs such as "0-3,8"; nil if it is malformed.
func list(text string) (cpus []int) {
	const maxCPUs = 1 << 16
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || first < 0 || last < first || last >= maxCPUs {
			return nil
		}
		for n := first; n <= last; n++ {
			cpus = append(cpus, n)
		}
	}
	return cpus
}
