package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"stele/cmd/stele/internal/steletest"
)

// The test program is also the command stele, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stele": main})
}

// setUp names the folder of the examples, and keeps the results of benchmarks out of the
// home of the user. Scripts that test the history set its folder.
func setUp(env *testscript.Env) error {
	env.Setenv("STELE_BENCH_HISTORY", "none")
	examples, err := filepath.Abs("../../docs/examples")
	env.Setenv("EXAMPLES", examples)
	return err
}

// TestScripts runs testdata/script. Besides the commands of testscript the scripts
// have [steletest.Code] and those of script_test.go.
func TestScripts(t *testing.T) {
	t.Parallel() // with the tutorial, which mostly waits
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUp,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":  steletest.Code,
			"real":  realData,
			"flip":  flip,
			"hide":  hide,
			"magic": magic,
			"slice": slice,
			"unhex": unhex,
		},
	})
}
