package host

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compiler is the C++ compiler with its fixed arguments.
var compiler = []string{"g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"}

// Source is code compiled together with the kernels. Paths are relative to the
// root of the repository.
type Source struct {
	Folder  string   // all .cpp files in it, which may include kernels.h
	Include []string // folders for further headers
	Flags   []string // for the compiler
}

// Compile compiles the kernels and a further source, and returns the path of the
// output, a file with this name. Outputs are cached in the user's cache folder by
// the contents of the sources and the flags. Without a C++ compiler it skips the
// test; the last lines of make test report that.
func Compile(t testing.TB, name string, source Source) string {
	t.Helper()
	if _, err := exec.LookPath(compiler[0]); err != nil {
		t.Skipf("NOT RUN for want of a C++ compiler, install the package g++: %v", err)
	}
	root := root(t)
	folder := filepath.Join(root, "kernels", "cuda")
	own := filepath.Join(folder, "host", "src")
	args := slices.Concat(compiler[1:], []string{"-I" + own, "-DVARIANTS=" + variants(t, folder)}, source.Flags)
	folders := []string{folder, filepath.Join(root, source.Folder)}
	for _, f := range source.Include {
		args = append(args, "-I"+filepath.Join(root, f))
		folders = append(folders, filepath.Join(root, f))
	}
	files, err := filepath.Glob(filepath.Join(root, source.Folder, "*.cpp"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no C++ sources in %s: %v", source.Folder, err)
	}
	args = append(args, files...)
	if kernels := filepath.Join(own, "kernels.cpp"); !slices.Contains(files, kernels) {
		args = append(args, kernels)
	}

	version, err := exec.Command(compiler[0], "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%s --version: %v\n%s", compiler[0], err, version)
	}
	key := sha256.New()
	fmt.Fprintf(key, "%s %q", version, args)
	for _, f := range folders {
		hash(t, key, f)
	}
	out := filepath.Join(cache(t), fmt.Sprintf("%x", key.Sum(nil)[:12]), name)
	if _, err := os.Stat(out); err == nil {
		return out
	}

	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	part, err := os.CreateTemp(filepath.Dir(out), "part") // another test may be compiling it too
	if err != nil {
		t.Fatal(err)
	}
	part.Close()
	defer os.Remove(part.Name())
	if text, err := exec.Command(compiler[0], append(args, "-o", part.Name())...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", compiler[0], args, err, text)
	}
	if err := os.Chmod(part.Name(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part.Name(), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// root returns the root of the repository of the running test.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if text, err := os.ReadFile(filepath.Join(d, "go.mod")); err == nil && bytes.HasPrefix(text, []byte("module stele\n")) {
			return d
		}
		if d == filepath.Dir(d) {
			t.Fatalf("%s is not in the repository, whose sources are compiled here", dir)
		}
	}
}

// variants returns variants.txt as a macro, see src/kernels.cpp.
func variants(t testing.TB, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "variants.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 0 && f[0][0] != '#' {
			fmt.Fprintf(&rows, "VARIANT(%s)", strings.Join(f, ","))
		}
	}
	return rows.String()
}

// hash writes the C++ sources of a folder, and of those in it, to w.
func hash(t testing.TB, w interface{ Write([]byte) (int, error) }, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		switch filepath.Ext(name) {
		case ".h", ".cu", ".cpp":
		default:
			return err
		}
		text, err := os.ReadFile(name)
		fmt.Fprintf(w, "%s %d %s", name, len(text), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// cache returns the folder for outputs.
func cache(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir() // no home
	}
	return filepath.Join(dir, "stele", "host")
}
