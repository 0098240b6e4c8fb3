//go:build unix

package health

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// fifo makes a named pipe. It has an end for its reader when nobody writes to it
// any more, and one who opens it waits for the other side.
func fifo(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return f
}

// What a hook has started is killed with it.
func TestKilledHookLeavesNothing(t *testing.T) {
	path := fifo(t, "alive")
	r, log, stop := run(t, Hooks{Sick: []string{"sh", "-c", `sleep 1000 >"$0" & wait`, path}})
	r.Device(Sick, "cpu", "")
	alive := open(t, path, os.O_RDONLY) // when the child has opened it
	stop()
	if _, err := io.ReadAll(alive); err != nil {
		t.Error("a child of the hook lives on:", err)
	}
	log.await(t, 1, `"hook killed" event=sick command=sh reason="miner stopped"`)
}

// What a hook leaves in the background when it exits keeps running, and is not a
// failure, although it holds the output of the hook.
func TestEndedHookLeavesItsChild(t *testing.T) {
	in, out := fifo(t, "in"), fifo(t, "out")
	r, log, stop := run(t, Hooks{Sick: []string{"sh", "-c", `cat <"$0" >"$1" & echo away`, in, out}})
	r.Device(Sick, "cpu", "")
	log.await(t, 1, `"hook finished" event=sick command=sh output=away`)
	stop()
	to := open(t, in, os.O_WRONLY)
	from := open(t, out, os.O_RDONLY)
	if _, err := io.WriteString(to, "still here"); err != nil {
		t.Fatal(err)
	}
	to.Close()
	if got, err := io.ReadAll(from); err != nil || string(got) != "still here" {
		t.Errorf("%q, %v", got, err)
	}
}
