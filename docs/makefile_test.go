package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bareMachine is a machine without a C compiler for the Makefile: a folder of
// programs that is all of PATH, and in it a Go that only writes down what it is
// asked to do.
type bareMachine struct {
	t   *testing.T
	bin string
}

// newBareMachine makes the machine of the user with this id. apt-get installs
// the compilers on it, for root.
func newBareMachine(t *testing.T, uid int) bareMachine {
	t.Helper()
	// Go runs a test again if a file has changed that the test itself opened.
	if _, err := os.ReadFile(filepath.Join(root, "Makefile")); err != nil {
		t.Fatal(err)
	}
	m := bareMachine{t: t, bin: t.TempDir()}
	for _, name := range []string{"make", "sh", "echo", "grep", "ln", "dirname", "cat", "cksum", "tr", "mkdir", "mktemp", "cp", "mv", "rm"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(m.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.script("id", fmt.Sprint("echo ", uid))
	m.script("git", "exit 1")
	m.script("go", `case "$*" in
"env GOOS") echo linux ;;
"env GOFLAGS") ;;
"env CC") echo gcc ;;
"env GOCACHE") echo "$HOME/cache" ;;
"env CGO_ENABLED") if command -v gcc >/dev/null; then echo 1; else echo 0; fi ;;
*) echo "go $*" ;;
esac`)
	compiler := filepath.Join(m.bin, "id") // any program will do
	m.script("apt-get", fmt.Sprintf(`case "$*" in
*gcc*) ln -s %[1]s %[2]s/gcc ;;
*g++*) ln -s %[1]s %[2]s/g++ ;;
esac`, compiler, m.bin))
	return m
}

func (m bareMachine) script(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// run makes the targets, all in one run of make, and returns what was printed.
func (m bareMachine) run(targets ...string) string {
	m.t.Helper()
	cmd := exec.Command("make", append([]string{"-C", root, "GO=go"}, targets...)...)
	cmd.Env = []string{"PATH=" + m.bin, "HOME=" + m.t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("make %q: %v\n%s", targets, err, out)
	}
	return string(out)
}

// What a compiler is needed for is tested in the very run that installs it.
func TestMakeTestInstallsCompilers(t *testing.T) {
	out := newBareMachine(t, 0).run("compilers", "test-race", "test-cuda", "test-summary")
	for _, want := range []string{"go test -race", "go test -tags cuda", "all tests that can run here passed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "NOT RUN") && !strings.Contains(line, "web pages") && !strings.Contains(line, "HiveOS") && !strings.Contains(line, "dashboards") { // which need no compiler
			t.Errorf("something is left out:\n%s", out)
		}
	}
}

// Who may not install a compiler reads what is left out, at the end too.
func TestMakeTestWithoutCompilers(t *testing.T) {
	out := newBareMachine(t, 1000).run("compilers", "test-race", "test-cuda", "test-summary")
	for _, not := range []string{"go test -race", "go test -tags cuda"} {
		if strings.Contains(out, not) {
			t.Errorf("%q without a compiler:\n%s", not, out)
		}
	}
	_, summary, ok := strings.Cut(out, "all tests that can run here passed")
	if !ok {
		t.Fatalf("no summary in\n%s", out)
	}
	for _, want := range []string{"NOT RUN for want of a C compiler", "race detector", "GPU device", "NOT RUN for want of a C++ compiler", "NOT RUN for want of a browser"} {
		if !strings.Contains(summary, want) {
			t.Errorf("no %q in the last lines\n%s", want, summary)
		}
	}
}

// The last lines of .ci/run name what passed only because it was left out.
func TestCINamesWhatIsLeftOut(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".ci"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".ci", "run"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"make": "[ \"$*\" = lint ] || exit 0\necho 'NOT CHECKED: vulnerabilities'",
		"gcc":  "", "g++": "", "clang-16": "", "qemu-aarch64": "", "git": "", "curl": "", "jq": "", "shellcheck": "",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", filepath.Join(dir, ".ci", "run"))
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, last, ok := strings.Cut(string(out), "=== passed in ")
	if !ok || !strings.Contains(last, "NOT CHECKED: vulnerabilities") {
		t.Errorf("the last lines do not say what was not checked:\n%s", out)
	}

	if err := os.WriteFile(filepath.Join(bin, "make"), []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("bash", filepath.Join(dir, ".ci", "run"))
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "FAILED") || !strings.Contains(string(out), "code 3") {
		t.Errorf("a step that fails: %v\n%s", err, out)
	}
}
