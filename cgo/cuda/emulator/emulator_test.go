package emulator

import (
	"debug/elf"
	"testing"
)

// The library exports functions of the driver and nothing else, so that it can
// be loaded beside anything.
func TestExports(t *testing.T) {
	f, err := elf.Open(Build(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]bool{}
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && elf.ST_BIND(s.Info) == elf.STB_GLOBAL {
			exported[s.Name] = true
			if s.Name[:2] != "cu" {
				t.Errorf("exports %s", s.Name)
			}
		}
	}
	for _, name := range []string{"cuInit", "cuLaunchKernel", "cuMemHostAlloc", "cuEventSynchronize", "cuDevicePrimaryCtxReset_v2"} {
		if !exported[name] {
			t.Errorf("does not export %s", name)
		}
	}
}
