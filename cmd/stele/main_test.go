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

// TestScripts runs testdata/script. Besides the commands of testscript the scripts
// have [steletest.Code] and those of script_test.go.
func TestScripts(t *testing.T) {
	t.Parallel() // with the tutorial, which mostly waits
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			examples, err := filepath.Abs("../../docs/examples")
			env.Setenv("EXAMPLES", examples)
			return err
		},
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
