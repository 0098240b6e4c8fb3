package sig

import (
	"errors"
	"strings"
	"testing"
)

// The kernel is present where the CPU has all that it needs.
func TestFeatures(t *testing.T) {
	all := strings.Join(Features(), " ")
	if want := "AVX512F AVX512BW AVX512VL AVX512DQ AVX512IFMA"; present() != (all == want) {
		t.Errorf("present: %v, but the CPU has %q of %q", present(), all, want)
	}
}

// Usable agrees with Available, and says why not.
func TestUsable(t *testing.T) {
	if err := Usable(); (err == nil) != Available() {
		t.Errorf("usable: %v, available: %v", err, Available())
	}
	t.Setenv(EnvVar, "-ifma")
	if err := Usable(); !errors.Is(err, ErrAbsent) {
		t.Errorf("disabled: %v", err)
	}
}
