package main

import (
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test program is also the command stele, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stele": main})
}

// TestScripts runs testdata/script. Besides the commands of testscript they
// have "code N command args...", which runs a command that has to exit with N
// ("0|2": with one of these),
// and those of verify_test.go.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":  code,
			"real":  realData,
			"flip":  flip,
			"hide":  hide,
			"magic": magic,
			"slice": slice,
			"unhex": unhex,
		},
	})
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N[|N] command args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}
