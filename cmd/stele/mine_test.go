package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"stele/engine/miner/stratum/stratumtest"
)

// TestMine runs testdata/mine. The scripts have $POOL, the URL of a strict pool
// that wants the user rig.1 with the password secret and has easy shares,
// $OTHER, that of another, and $EXAMPLES, the folder of the examples.
func TestMine(t *testing.T) {
	o := stratumtest.Options{User: "rig.1", Password: "secret", Difficulty: "0.0001"}
	pool, other := stratumtest.New(t, o), stratumtest.New(t, o)
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/mine",
			RequireExplicitExec: true,
			Setup: func(e *testscript.Env) error {
				e.Setenv("POOL", pool.URL())
				e.Setenv("OTHER", other.URL())
				examples, err := filepath.Abs("../../docs/examples")
				e.Setenv("EXAMPLES", examples)
				return err
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"code": code,
				"accepted": func(ts *testscript.TestScript, neg bool, args []string) {
					pool.Wait(func(p *stratumtest.Pool) bool { return p.Accepted() > 0 })
				},
			},
		})
	})
}
