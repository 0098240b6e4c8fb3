package lab

import (
	"errors"
	"fmt"
	"os"
)

var errNoSignals = fmt.Errorf("a process of Windows cannot be stopped and continued: %w", errors.ErrUnsupported)

// freeze fails: see errNoSignals.
func freeze(*os.Process) error { return errNoSignals }

// thaw fails: see errNoSignals.
func thaw(*os.Process) error { return errNoSignals }

// yieldTo does nothing.
func yieldTo(*os.Process) {}
