package prep

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// The generator, a module of its own, repeats the offsets of Job's fields.
const layoutFile = "../../simd/gen/layout.go"

// offsets are the constants of the generator that begin with "off", and the size
// that it gives a job.
func offsets(t *testing.T) (found map[string]uintptr, size uintptr) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), layoutFile, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found = map[string]uintptr{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, id := range spec.Names {
			field, ok := strings.CutPrefix(id.Name, "off")
			if !ok && id.Name != "jobBytes" {
				continue
			}
			if i >= len(spec.Values) {
				t.Fatalf("%s: %s has no value of its own", layoutFile, id.Name)
			}
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s: %s is not a plain number", layoutFile, id.Name)
			}
			value, err := strconv.ParseUint(literal.Value, 0, 16)
			if err != nil {
				t.Fatalf("%s: %s: %v", layoutFile, id.Name, err)
			}
			if id.Name == "jobBytes" {
				size = uintptr(value)
				continue
			}
			found[field] = uintptr(value)
		}
		return true
	})
	return found, size
}

// The assembly reads a job by offsets that must be those of the Go compiler.
func TestLayout(t *testing.T) {
	generator, jobBytes := offsets(t)
	if size := reflect.TypeFor[Job]().Size(); size != jobBytes {
		t.Errorf("%s has %d bytes for a job, it has %d", layoutFile, jobBytes, size)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Job]()) {
		got, ok := generator[field.Name]
		if !ok && field.Name == "State3" { // of the GPU kernels, not read by assembly
			continue
		}
		if !ok {
			t.Errorf("%s has no offset for %s", layoutFile, field.Name)
			continue
		}
		if got != field.Offset {
			t.Errorf("%s has %s at %d, it is at %d", layoutFile, field.Name, got, field.Offset)
		}
		delete(generator, field.Name)
	}
	for name, offset := range generator {
		t.Errorf("%s has %s at %d, but a job has no such field", layoutFile, name, offset)
	}
	if size, words := reflect.TypeFor[Job]().Size(), jobWords(); size != words*4 {
		t.Errorf("a job has %d bytes, its fields have %d: the compiler put gaps between them", size, words*4)
	}
}

// jobWords is the number of 32-bit words of all fields.
func jobWords() (words uintptr) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Job]()) {
		words += field.Type.Size() / 4
	}
	return words
}
