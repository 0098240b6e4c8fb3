package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"stele/cmd/stele/internal/steletest"
)

// The test program is also the command stele, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stele": main})
}

// withoutHistory keeps the results of scripts out of the home of the user. Scripts that
// test the history set the folder.
func withoutHistory(env *testscript.Env) error {
	env.Setenv("STELE_BENCH_HISTORY", "none")
	return nil
}

// TestScripts runs testdata/script. Besides the commands of testscript the scripts
// have [steletest.Code] and those of script_test.go.
func TestScripts(t *testing.T) {
	t.Parallel() // with the tutorial, which mostly waits
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               withoutHistory,
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
