//go:build unix

package health

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes a command the leader of a process group of its own, and kills the
// whole group with it.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error {
		err := syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
