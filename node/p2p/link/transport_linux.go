package link

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// setLostTime has the system close a connection whose data is not acknowledged in time.
// An old kernel without the option does without.
func setLostTime(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lostTime.Milliseconds()))
	})
}
