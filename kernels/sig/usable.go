package sig

import (
	"errors"
	"fmt"
)

// Name is the name of the kernel in STELE_CPU and in reports.
const Name = "ifma"

// Errors of [Usable].
var (
	ErrAbsent = errors.New("cannot be used")                // the CPU lacks instructions, or it is disabled
	ErrWrong  = errors.New("self-test gives wrong answers") // a fault of the processor or of the kernel
)

// Usable returns nil if the kernel runs here, is not disabled and passes its
// self-test, which is run anew, or the reason why it is not [Available]. Safe for
// concurrent use.
func Usable() error {
	byEnv := disabledByEnv()
	switch {
	case !present():
		return fmt.Errorf("kernel %s %w: it needs an amd64 CPU with AVX-512 F, BW, DQ, VL and IFMA", Name, ErrAbsent)
	case byEnv != nil:
		return fmt.Errorf("kernel %s %w: %w", Name, ErrAbsent, byEnv)
	case disabled.Load():
		return fmt.Errorf("kernel %s %w: it gave a wrong verdict", Name, ErrAbsent)
	case !selfTest(&assembly):
		return fmt.Errorf("kernel %s: %w", Name, ErrWrong)
	}
	return nil
}
