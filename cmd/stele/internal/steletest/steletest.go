// Package steletest runs commands of stele in tests, as processes of their own.
//
// The test binary is also the program stele: a package that uses it has a TestMain
// that calls [Main] with the commands that its tests run.
package steletest

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
)

// Main is the TestMain of a package: it runs the tests, or one of the commands if
// the process was started as stele.
func Main(m *testing.M, commands ...*cli.Command) {
	testscript.Main(m, map[string]func(){"stele": func() { os.Exit(cmdline.Main(cmdline.Build{}, commands...)) }})
}

// Code is the script command "code N command args...", which runs a command that
// must exit with N ("0|2": with one of these).
func Code(ts *testscript.TestScript, neg bool, args []string) {
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

// Run runs stele with arguments and returns what it printed and its exit code.
func Run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	raw, err := exec.CommandContext(t.Context(), "stele", args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(raw), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), 0
}

// AwaitText waits until a file, such as the log of a process, has a text so many times. It
// fails the test after 30 seconds.
func AwaitText(t testing.TB, file, text string, times int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		said, err := os.ReadFile(file)
		if strings.Count(string(said), text) >= times {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %q in %s, %v", text, said, err)
		}
	}
}
