package screen

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// The keys that stop a command. In raw mode they arrive as bytes, not as signals.
const (
	CtrlC = 3
	CtrlD = 4
)

// Keyboard reads single keys from a terminal, which is in raw mode until
// [Keyboard.Close].
type Keyboard struct {
	in    io.Reader // nil: it reads nothing
	close func()
}

// OpenKeyboard returns the keyboard of standard input. It reads nothing if standard
// input is not a terminal or the keyboard is not wanted.
func OpenKeyboard(stdin io.Reader, wanted bool) *Keyboard {
	k := &Keyboard{close: func() {}}
	f, ok := stdin.(*os.File)
	if !wanted || !ok || !term.IsTerminal(int(f.Fd())) {
		return k
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return k
	}
	k.in = f
	k.close = sync.OnceFunc(func() { _ = term.Restore(int(f.Fd()), before) })
	return k
}

// IsOpen reports whether the keyboard reads keys.
func (k *Keyboard) IsOpen() bool { return k.in != nil }

// Close restores the mode of the terminal. Further calls do nothing.
func (k *Keyboard) Close() { k.close() }

// Read calls press for each key until the input ends. Nothing can wake a read: it
// lives as long as the program.
func (k *Keyboard) Read(press func(key byte)) {
	if k.in == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			k.Close()
			panic(p)
		}
	}()
	key := make([]byte, 1)
	for {
		if n, err := k.in.Read(key); err != nil {
			return
		} else if n == 1 {
			press(key[0])
		}
	}
}
