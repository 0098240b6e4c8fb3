package minerflags

import "stele/cmd/stele/internal/screen"

// Pauser is the part of a miner that keys control.
type Pauser interface {
	Pause()
	Resume()
}

// Press performs the action of a key of the commands that mine: q, Ctrl-C and Ctrl-D
// call stop, p pauses the devices and r resumes them. Other keys do nothing.
func Press(key byte, m Pauser, stop func()) {
	switch key {
	case 'q', 'Q', screen.CtrlC, screen.CtrlD:
		stop()
	case 'p', 'P':
		m.Pause()
	case 'r', 'R':
		m.Resume()
	}
}
