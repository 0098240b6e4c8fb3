//go:build unix

package lab

import (
	"os"
	"syscall"
)

// freeze stops a process, as Ctrl-Z does but without asking it.
func freeze(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// thaw continues it.
func thaw(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// yieldTo lets all processes of normal priority go before a process.
func yieldTo(p *os.Process) { _ = syscall.Setpriority(syscall.PRIO_PROCESS, p.Pid, 19) }
