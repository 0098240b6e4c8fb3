package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"stele/engine/miner"
)

// mineScreen shows what a miner does: on a terminal as a view that is kept up to
// date, elsewhere as lines.
type mineScreen struct {
	*nodeOutput
	help   atomic.Bool
	failed atomic.Bool // the miner ended with an error, which says what a last line would
}

// The keys that end a view; in raw mode the terminal makes no signals of them.
const (
	ctrlC = 3
	ctrlD = 4
)

// pauser is the part of a miner that keys work.
type pauser interface {
	Pause()
	Resume()
}

// press does what a key is for.
func (o *mineScreen) press(key byte, m pauser, stop func()) {
	switch key {
	case 'q', 'Q', ctrlC, ctrlD:
		stop()
	case 'p', 'P':
		m.Pause()
	case 'r', 'R':
		m.Resume()
	case 'h', 'H', '?':
		o.help.Store(!o.help.Load())
	}
}

// show shows the miner until ctx ends.
func (o *mineScreen) show(ctx context.Context, m *miner.Miner) {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	var printed time.Time
	for {
		s := m.Status()
		switch {
		case o.screen != nil:
			width, _ := o.screen.size()
			v := mineView{paper: nodeView{width: width, color: o.color, ascii: o.ascii}, help: o.help.Load()}
			_ = o.screen.draw(v.lines(s))
		case s.Now.Sub(printed) >= linesEvery:
			printed = s.Now
			fmt.Fprintln(o.out, mineLine(s))
		}
		select {
		case <-ctx.Done():
			if o.screen == nil && !o.failed.Load() {
				fmt.Fprintln(o.out, mineLine(m.Status()))
			}
			return
		case <-ticker.C:
		}
	}
}

// keyboard reads single keys from a terminal, which is in raw mode until it is
// closed. A nil one reads nothing.
type keyboard struct {
	in    io.Reader // nil: it reads nothing
	close func()
}

// openKeyboard returns the keyboard that is standard input; one that reads
// nothing if it is no terminal, or nobody wants it.
func openKeyboard(stdin io.Reader, wanted bool) *keyboard {
	k := &keyboard{close: func() {}}
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

// watchTerminal returns what tells whether the terminal that is standard input
// now was closed. For a program without one, as a service or under nohup, it
// never was; nor for one that shall not end with its terminal, since who started
// it has SIGHUP ignored.
func watchTerminal(stdin io.Reader) (closed func() bool) {
	f, ok := stdin.(*os.File)
	if !ok || signal.Ignored(syscall.SIGHUP) || !term.IsTerminal(int(f.Fd())) {
		return func() bool { return false }
	}
	return func() bool { return !term.IsTerminal(int(f.Fd())) }
}

// read tells each key until there are no more. A read cannot be woken: it ends
// with the program.
func (k *keyboard) read(press func(key byte)) {
	if k.in == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			k.close()
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
