package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// build is a program for a platform.
type build struct {
	arch   string // as Go names it
	cuda   bool   // made for GPUs too, and linked with glibc
	binary []byte
}

// name returns the name of the build in file names, such as "linux-amd64-cuda".
func (b build) name() string {
	if b.cuda {
		return "linux-" + b.arch + "-cuda"
	}
	return "linux-" + b.arch
}

// readBuild reads and checks the program in the folder of a build.
func readBuild(folder, name string) (build, error) {
	arch, cuda := strings.CutSuffix(strings.TrimPrefix(name, "linux-"), "-cuda")
	machine, ok := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if !ok || !strings.HasPrefix(name, "linux-") {
		return build{}, fmt.Errorf("build %q: must be linux-amd64 or linux-arm64, with -cuda or without", name)
	}
	file := filepath.Join(folder, name, "stele")
	if err := checkBinary(file, machine, cuda); err != nil {
		return build{}, fmt.Errorf("%s: %w", file, err)
	}
	data, err := os.ReadFile(file)
	return build{arch: arch, cuda: cuda, binary: data}, err
}

// The oldest glibc that a program may need.
const oldestMajor, oldestMinor = 2, 28

// checkBinary checks that a program is for a machine and that it is stripped, and either
// static or, with CUDA, content with the oldest glibc.
func checkBinary(name string, machine elf.Machine, cuda bool) error {
	f, err := elf.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Machine != machine {
		return fmt.Errorf("it is made for %v: must be %v", f.Machine, machine)
	}
	if f.Section(".symtab") != nil || f.Section(".debug_info") != nil || f.Section(".zdebug_info") != nil {
		return fmt.Errorf("it has symbols: must be linked with -s -w")
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	if !cuda {
		if len(libraries) > 0 || f.Section(".interp") != nil {
			return fmt.Errorf("it loads libraries %q: must be static", libraries)
		}
		return nil
	}
	if len(libraries) == 0 {
		return fmt.Errorf("it loads no libraries: a program with CUDA loads glibc, to load the driver")
	}
	return checkGlibc(f)
}

// checkGlibc checks the versions of all symbols that a program needs of libraries.
func checkGlibc(f *elf.File) error {
	needs, err := f.DynamicVersionNeeds()
	if err != nil {
		return err
	}
	for _, need := range needs {
		for _, version := range need.Needs {
			if newer(version.Dep) {
				return fmt.Errorf("it needs %s of %s: must be at most GLIBC_%d.%d", version.Dep, need.Name, oldestMajor, oldestMinor)
			}
		}
	}
	return nil
}

// newer reports whether a version of a symbol is none that the oldest glibc has.
func newer(version string) bool {
	number, ok := strings.CutPrefix(version, "GLIBC_")
	if !ok {
		return version != ""
	}
	var major, minor int
	if n, _ := fmt.Sscanf(number, "%d.%d", &major, &minor); n != 2 {
		return true // GLIBC_PRIVATE, GLIBC_ABI_DT_RELR
	}
	return major > oldestMajor || major == oldestMajor && minor > oldestMinor
}
