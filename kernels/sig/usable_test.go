package sig

import (
	"errors"
	"testing"
)

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
