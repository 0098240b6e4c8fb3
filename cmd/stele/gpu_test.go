//go:build linux && cuda && cgo

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"stele/cgo/cuda"
	"stele/cgo/cuda/emulator"
	nvmlemulator "stele/cgo/nvml/emulator"
	"stele/cmd/stele/internal/steletest"
)

// TestScriptsGPU runs testdata/gpu with the emulated driver. All scripts share
// one cache folder, so that only the first measures the kernels. A script that
// wants sensors sets LD_LIBRARY_PATH to $NVML, the folder of an emulated NVML.
func TestScriptsGPU(t *testing.T) {
	library, cache, sensors := emulator.Build(t), t.TempDir(), nvmlemulator.Build(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/gpu",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"code": steletest.Code},
		Setup: func(env *testscript.Env) error {
			env.Setenv(cuda.LibraryVariable, library)
			env.Setenv("XDG_CACHE_HOME", cache)
			env.Setenv("NVML", sensors)
			env.Setenv("GENESIS", "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
			return withoutHistory(env)
		},
	})
}
