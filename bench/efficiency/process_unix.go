//go:build unix

package efficiency

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// openFlags are those with which a record opens: no link is followed, and a pipe does not
// block.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// lock locks a file until it is closed, or the process ends. Errors: [ErrBusy].
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: it holds %s", ErrBusy, file.Name())
	}
	return err
}

// detach lets a process outlive the signals of the terminal of this one.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// ignoreSignals ignores the signals that end a process, but for SIGKILL.
func ignoreSignals() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
}
