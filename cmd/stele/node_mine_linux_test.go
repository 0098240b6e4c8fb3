package main

import (
	"os"
	"os/exec"
	"testing"
)

// On a terminal single keys pause and resume the devices of a node and stop it, and
// in the end the terminal is as it was. A node that does not mine reads no keys.
func TestNodeTerminal(t *testing.T) {
	for _, end := range []string{"q", "\x03"} {
		x := newTerminal(t)
		before := x.mode()
		c := exec.Command("stele", "node", "--dev", "--mine", "--data", t.TempDir(), "--threads", "1", "--api", "none", "--traffic", "0")
		c.Env = append(os.Environ(), "TERM=xterm")
		c.Stdin, c.Stdout, c.Stderr = x.program, x.program, x.program
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		x.wait("p pause  r resume  q quit")
		if x.mode() == before {
			t.Error("keys are read by the line")
		}
		x.press("p")
		x.wait(", paused")
		x.press("xr")
		x.wait("stale\x1b[K")
		x.press(end)
		if err := c.Wait(); err != nil {
			t.Errorf("%q: %v", end, err)
		}
		x.wait("stopped at height")
		if x.mode() != before {
			t.Errorf("%q: the terminal has other modes than before", end)
		}
	}
	x := newTerminal(t)
	before := x.mode()
	c := exec.Command("stele", "node", "--dev", "--data", t.TempDir(), "--api", "none")
	c.Env = append(os.Environ(), "TERM=xterm")
	c.Stdin, c.Stdout, c.Stderr = x.program, x.program, x.program
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	x.wait("Ctrl-C stops it")
	if x.mode() != before {
		t.Error("a node that does not mine has changed the terminal")
	}
	_ = c.Process.Signal(os.Interrupt)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}
