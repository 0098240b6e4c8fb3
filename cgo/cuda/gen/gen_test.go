package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is committed is what the generator writes.
func TestGenerated(t *testing.T) {
	out := t.TempDir()
	if err := run("..", out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"include/cuda.h", "forward.c", "lib/libcuda.a"} {
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what the generator writes: run go run ./gen in cgo/cuda", name)
		}
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUsedNames(t *testing.T) {
	dir := write(t, map[string]string{
		"a.go": "package a\n\n/*\n#include <cuda.h>\nvoid f(CUgraph g) { cuGraphDestroy(g); }\n*/\nimport \"C\"\n\n" +
			"// C.cuCommented is not used.\nvar x = C.cuMemFree(C.CUdeviceptr(C.int(1)))\nvar cuLocal int\n",
		"a_test.go": "package a\n\nimport \"C\"\n\nvar y = C.cuOnlyInTests()\n",
		"a.c": "#include <cuda.h>\n// cuCommented()\n/* cuCommented2() */\nCUresult cuOwn(CUstream s) {\n" +
			"\tputs(\"cuString\");\n\treturn cuStreamQuery(s) == CUDA_SUCCESS ? CU_LIMIT_STACK_SIZE : cuOwn(s);\n}\n",
		"forward.c": "CUresult cuGenerated(void);\n",
	})
	used, err := usedNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for name := range used {
		got = append(got, name)
	}
	slices.Sort(got)
	want := strings.Fields("CUDA_SUCCESS CU_LIMIT_STACK_SIZE CUdeviceptr CUgraph CUresult CUstream cuGraphDestroy cuMemFree cuStreamQuery")
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

const small = `# comment
handle CUstream CUevent
type unsigned long long CUdeviceptr
type void (*CUhostFn)(void *)

enum CUresult
	CUDA_SUCCESS 0
	CUDA_ERROR_INVALID_VALUE 1
enum CUlimit
	CU_LIMIT_STACK_SIZE 0
struct CUparams
	CUhostFn fn
	CUevent done
function
	cuMemFree_v2(CUdeviceptr)
	cuStreamQuery(CUstream)
	cuUse(const CUparams *, int)
`

func TestChoose(t *testing.T) {
	a, err := parseAPI(small)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := a.choose(map[string]string{"cuMemFree": "x.go", "cuUse": "x.go", "CUDA_SUCCESS": "x.go"})
	if err != nil {
		t.Fatal(err)
	}
	header := chosen.header("test")
	for _, want := range []string{
		"typedef struct CUevent_st *CUevent;", "typedef unsigned long long CUdeviceptr;",
		"typedef void (*CUhostFn)(void *);", "\tCUDA_SUCCESS = 0,\n} CUresult;",
		"\tCUhostFn fn;\n\tCUevent done;\n} CUparams;",
		"#define cuMemFree cuMemFree_v2\nCUresult cuMemFree_v2(CUdeviceptr);", "CUresult cuUse(const CUparams *, int);",
	} {
		if !strings.Contains(header, want) {
			t.Errorf("the header lacks %q:\n%s", want, header)
		}
	}
	for _, other := range []string{"CUstream", "CUlimit", "INVALID_VALUE"} {
		if strings.Contains(header, other) {
			t.Errorf("the header has %s, which nothing needs:\n%s", other, header)
		}
	}
	if want := "FORWARD(1, cuUse, (const CUparams *a, int b), (const CUparams *, int), (a, b))"; !strings.Contains(chosen.forward("test"), want) {
		t.Errorf("forward.c lacks %q:\n%s", want, chosen.forward("test"))
	}

	_, err = a.choose(map[string]string{"cuUnknown": "some/file.go"})
	if err == nil || !strings.Contains(err.Error(), "some/file.go: cuUnknown is not in api.txt") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"\tlost":                         "api.txt:1:",
		"enum":                           "api.txt:1:",
		"enum A B":                       "api.txt:1:",
		"handle":                         "api.txt:1:",
		"\n\nnonsense A":                 "api.txt:3:",
		"function\n\tcuNoParameters":     "api.txt:2:",
		"function\n\tmemFree(int)":       "api.txt:2:",
		"enum A\n\tB 1\ntype int C\n\tD": "api.txt:4:",
	} {
		if _, err := parseAPI(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
