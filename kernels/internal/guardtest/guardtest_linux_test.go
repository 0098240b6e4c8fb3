package guardtest

import (
	"runtime/debug"
	"testing"
	"unsafe"
)

// Every value can be written, and the byte beside them, on the side that is asked for,
// cannot be read.
func TestValues(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	faults := func(p unsafe.Pointer) (faulted bool) {
		defer func() { faulted = recover() != nil }()
		_ = *(*byte)(p)
		return false
	}
	for _, n := range []int{1, 3, 511, 512, 513, 5000} {
		for _, atEnd := range []bool{false, true} {
			values := Values[uint64](t, n, atEnd)
			for i := range values {
				if values[i] != 0 {
					t.Fatalf("value %d of %d is not 0", i, n)
				}
				values[i] = 1
			}
			first := unsafe.Pointer(&values[0])
			beside := unsafe.Add(first, -1)
			if atEnd {
				beside = unsafe.Add(first, 8*n)
			}
			if !faults(beside) {
				t.Errorf("%d values, at the end: %v: the byte beside them can be read", n, atEnd)
			}
		}
	}
	if got := Values[byte](t, 0, true); len(got) != 0 {
		t.Errorf("%d values, want none", len(got))
	}
	if *Value[byte](t, true) != 0 {
		t.Error("a value is not 0")
	}
}
