package host

import (
	"fmt"
	"reflect"
	"testing"
)

// In a virtual machine of 2 CPUs, CPUID may report the 254 cores below it.
func TestReadMachine(t *testing.T) {
	files := map[string]string{
		"sys/devices/system/cpu/online":                             "0-3\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":      "performance\n",
		"proc/sys/kernel/osrelease":                                 "6.1.0-18-amd64\n",
		"sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0-1\n",
		"sys/devices/system/cpu/cpu1/topology/thread_siblings_list": "0-1\n",
		"sys/devices/system/cpu/cpu2/topology/thread_siblings_list": "2-3\n",
		"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "2-3\n",
		"sys/devices/system/cpu/cpu4/topology/thread_siblings_list": "4\n", // not online
	}
	smt := true
	want := Machine{CPU: CPU{Cores: 2, Threads: 4}, SMT: &smt, Kernel: "6.1.0-18-amd64", Governor: "performance"}
	if got := readMachine(tree(files)); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for i := range 4 {
		files[fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i)] = fmt.Sprint(i)
	}
	if got := readMachine(tree(files)); got.CPU.Cores != 4 || got.SMT == nil || *got.SMT {
		t.Errorf("without SMT: %+v", got)
	}
	if got := readMachine(tree(nil)); !reflect.DeepEqual(got, Machine{}) {
		t.Errorf("no files: %+v", got)
	}
	if got := ReadMachine(); got.CPU.Brand == "" || got.CPU.Threads < 1 || got.CPU.Cores > got.CPU.Threads {
		t.Errorf("here: %+v", got)
	}
}

func TestCPUInfoName(t *testing.T) {
	for _, test := range []struct{ name, cpuinfo, want string }{
		{"none", "", ""},
		{"x86", "processor\t: 0\nmodel name\t: AMD EPYC 9005\nprocessor\t: 1\nmodel name\t: AMD EPYC 9005\n", "AMD EPYC 9005"},
		{"Graviton 3", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "Arm Neoverse-V1"},
		{"large and small cores", "CPU implementer\t: 0x41\nCPU part\t: 0xd05\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n", "Arm Cortex-A55 + Arm Cortex-A76"},
		{"an unknown core", "CPU implementer\t: 0x41\nCPU part\t: 0xfff\n", "Arm part 0xfff"},
		{"an unknown maker", "CPU implementer\t: 0x99\nCPU part\t: 0x001\n", "implementer 0x99 part 0x001"},
	} {
		if got := cpuinfoName(tree(map[string]string{"proc/cpuinfo": test.cpuinfo})); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestHypervisor(t *testing.T) {
	for vendor, want := range map[string]string{
		"bhyve bhyve ": "bhyve", "KVMKVMKVM\x00\x00\x00": "KVM", "VMwareVMware": "VMware", "XenVMMXenVMM": "XenVMM",
		"TCGTCGTCGTCG": "TCG", "Microsoft Hv": "Microsoft Hv", " lrpepyh  vr": "lrpepyh  vr", "": "",
	} {
		if got := hypervisor(vendor); got != want {
			t.Errorf("%q: %q, want %q", vendor, got, want)
		}
	}
}

func TestList(t *testing.T) {
	for text, want := range map[string][]int{
		"0\n": {0}, "0-2,5": {0, 1, 2, 5}, "": nil, "a": nil, "3-1": nil, "-1": nil, "0-99999999": nil, "1,,2": nil,
	} {
		if got := list(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
