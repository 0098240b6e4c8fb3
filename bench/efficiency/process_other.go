//go:build !unix

package efficiency

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// openFlags are those with which a record opens.
const openFlags = 0

// lock reports that there are no locks.
func lock(*os.File) error { return errors.New("limits of GPUs can be changed on Linux only") }

func detach(*exec.Cmd) {}

func ignoreSignals() { signal.Ignore(os.Interrupt) }
