package pages

import (
	"errors"
	"testing"
)

// Code is moved as long as it is slow, it can be moved and the limit is not reached; what
// was measured last is of the code where it stays.
func TestSettle(t *testing.T) {
	code := func() {}
	for _, c := range []struct {
		name            string
		slow            int // measurements of code that is slow
		matters         bool
		fails           int // moves before one that fails; 0: none does
		measured, moved int
	}{
		{"good at once", 0, true, 0, 1, 0},
		{"slow once", 1, true, 0, 2, 1},
		{"slow three times", 3, true, 0, 4, 3},
		{"always slow", 9, true, 0, 4, 3},
		{"on another CPU", 9, false, 0, 1, 0},
		{"no code can be written", 9, true, 1, 1, 1},
		{"the second move fails", 9, true, 2, 2, 2},
	} {
		measured, moved := 0, 0
		move := func(f any) error {
			if _, ok := f.(func()); !ok {
				t.Errorf("%s: %T is moved", c.name, f)
			}
			if moved++; moved == c.fails {
				return errors.ErrUnsupported
			}
			return nil
		}
		if !c.matters {
			move = nil
		}
		settle(func() any {
			if measured++; measured <= c.slow {
				return code
			}
			return nil
		}, move)
		if measured != c.measured || moved != c.moved {
			t.Errorf("%s: measured %d times and moved %d times, want %d and %d", c.name, measured, moved, c.measured, c.moved)
		}
	}
}
