package node

import (
	"os"
	"os/exec"
	"testing"

	"stele/cmd/stele/internal/steletest"
)

// On a terminal single keys pause and resume the devices of a node and stop it, and
// in the end the terminal is as it was. A node that does not mine reads no keys.
func TestNodeTerminal(t *testing.T) {
	for _, end := range []string{"q", "\x03"} {
		x := steletest.NewTerminal(t)
		before := x.Mode()
		c := exec.Command("stele", "node", "--dev", "--mine", "--data", t.TempDir(), "--threads", "1", "--api", "none", "--traffic", "0")
		c.Env = append(os.Environ(), "TERM=xterm")
		c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		x.Wait("p pause  r resume  q quit")
		if x.Mode() == before {
			t.Error("keys are read by the line")
		}
		x.Press("p")
		x.Wait(", paused")
		x.Press("xr")
		x.Wait("stale\x1b[K")
		x.Press(end)
		if err := c.Wait(); err != nil {
			t.Errorf("%q: %v", end, err)
		}
		x.Wait("stopped at height")
		if x.Mode() != before {
			t.Errorf("%q: the terminal has other modes than before", end)
		}
	}
	x := steletest.NewTerminal(t)
	before := x.Mode()
	c := exec.Command("stele", "node", "--dev", "--data", t.TempDir(), "--api", "none")
	c.Env = append(os.Environ(), "TERM=xterm")
	c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	x.Wait("Ctrl-C to stop")
	if x.Mode() != before {
		t.Error("a node that does not mine has changed the terminal")
	}
	_ = c.Process.Signal(os.Interrupt)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}
