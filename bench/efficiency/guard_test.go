//go:build unix

package efficiency

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/cgo/nvml"
)

// fileControl is a GPU whose settings are in a file, as those of a driver outlive the
// programs that change them.
type fileControl struct{ name string }

type board struct {
	Limit float64
	Clock uint32
	Fails bool // it refuses all changes
}

func (f fileControl) load() (b board) {
	text, err := os.ReadFile(f.name)
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		panic(err)
	}
	return b
}

func (f fileControl) change(do func(*board)) error {
	b := f.load()
	if b.Fails {
		return nvml.ErrNotPermitted
	}
	do(&b)
	f.store(b)
	return nil
}

// store replaces the file, so that a reader never sees a part.
func (f fileControl) store(b board) {
	text, err := json.Marshal(b)
	if err == nil {
		err = os.WriteFile(f.name+".new", text, 0o600)
	}
	if err = errors.Join(err, os.Rename(f.name+".new", f.name)); err != nil {
		panic(err)
	}
}

func (f fileControl) Power(string) (nvml.PowerRange, error) {
	return nvml.PowerRange{Limit: f.load().Limit, Default: 450, Min: 100, Max: 600}, nil
}
func (f fileControl) SetPowerLimit(_ string, watts float64) error {
	return f.change(func(b *board) { b.Limit = watts })
}
func (f fileControl) MaxClock(string) (uint32, error) { return 1980, nil }
func (f fileControl) LockClock(_ string, mhz uint32) error {
	return f.change(func(b *board) { b.Clock = mhz })
}
func (f fileControl) UnlockClock(string) error {
	return f.change(func(b *board) { b.Clock = 0 })
}

// The variables with which this test binary is another program: a guard, or a sweep
// that changes the GPU and then hangs.
const roleVariable, folderVariable = "STELE_TEST_ROLE", "STELE_TEST_FOLDER"

func TestMain(m *testing.M) {
	folder := os.Getenv(folderVariable)
	control := fileControl{filepath.Join(folder, "gpu")}
	switch os.Getenv(roleVariable) {
	case "guard":
		if err := Serve(control); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	case "sweep":
		g, err := StartGuard(control, guardCommand(folder), filepath.Join(folder, "record"), changes)
		if err == nil {
			err = errors.Join(control.SetPowerLimit("GPU-1", 200), control.LockClock("GPU-1", 1200))
		}
		fmt.Println("changed", err, g.cmd.Process.Pid)
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var changes = []Change{{Device: "cuda:0", UUID: "GPU-1", PowerLimit: true, Clock: true}}

func guardCommand(folder string) *exec.Cmd { return roleCommand("guard", folder) }

func roleCommand(role, folder string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, folderVariable+"="+folder)
	return cmd
}

// newBoard returns a GPU at 450 W in a folder of its own.
func newBoard(t *testing.T) (fileControl, string) {
	t.Helper()
	folder := t.TempDir()
	control := fileControl{filepath.Join(folder, "gpu")}
	control.store(board{Limit: 450})
	return control, folder
}

// recordText returns what is left to restore.
func recordText(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "record"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A sweep that ends restores, and so does the sweep itself if its guard was killed.
func TestGuardCloses(t *testing.T) {
	for _, isKilled := range []bool{false, true} {
		control, folder := newBoard(t)
		g, err := StartGuard(control, guardCommand(folder), filepath.Join(folder, "record"), changes)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(control.SetPowerLimit("GPU-1", 200), control.LockClock("GPU-1", 1200)); err != nil {
			t.Fatal(err)
		}
		if _, err := StartGuard(control, guardCommand(folder), filepath.Join(folder, "record"), changes); !errors.Is(err, ErrBusy) {
			t.Errorf("a second sweep: %v", err)
		}
		if isKilled {
			if err := g.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Close(); err != nil {
			t.Errorf("killed %v: %v", isKilled, err)
		}
		if b := control.load(); b != (board{Limit: 450}) || recordText(t, folder) != "" {
			t.Errorf("killed %v: %+v, record %q", isKilled, b, recordText(t, folder))
		}
	}
}

// A sweep that is killed leaves the GPU as it was, and if its guard is killed too, the
// next sweep restores.
func TestSweepKilled(t *testing.T) {
	for _, withGuard := range []bool{false, true} {
		control, folder := newBoard(t)
		sweep := roleCommand("sweep", folder)
		out, err := sweep.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := sweep.Start(); err != nil {
			t.Fatal(err)
		}
		var guard int
		line, err := bufio.NewReader(out).ReadString('\n')
		if _, err2 := fmt.Sscanf(line, "changed <nil> %d", &guard); err != nil || err2 != nil {
			t.Fatalf("%q, %v", line, errors.Join(err, err2))
		}
		if b := control.load(); b != (board{Limit: 200, Clock: 1200}) {
			t.Fatalf("the sweep set %+v", b)
		}
		if withGuard {
			if err := syscall.Kill(guard, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		} else if err := syscall.Kill(guard, syscall.SIGTERM); err != nil { // which it ignores
			t.Fatal(err)
		}
		if err := sweep.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = sweep.Wait() // killed
		if !withGuard {
			waitFor(t, func() bool { return control.load() == board{Limit: 450} && recordText(t, folder) == "" })
			continue
		}
		waitFor(t, func() bool { // the lock of a killed process goes with it
			g, err := StartGuard(control, guardCommand(folder), filepath.Join(folder, "record"), changes)
			if errors.Is(err, ErrBusy) {
				return false
			}
			if err != nil || g.Note != "an earlier sweep did not end; restored cuda:0: 450 W, clock unlocked" {
				t.Errorf("note %q, %v", g.Note, err)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			return true
		})
		if b := control.load(); b != (board{Limit: 450}) {
			t.Errorf("%+v after the next sweep", b)
		}
	}
}

// waitFor waits for a condition. A guard restores within a second; a loaded machine
// gets more.
func waitFor(t *testing.T, isSo func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !isSo(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the limits were not restored")
		}
	}
}

// Whatever a sweep does and however it and its guard end, the GPU has its limits again
// after the next sweep.
func TestAlwaysRestored(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		name := filepath.Join(folder, "record")
		_ = os.Remove(name) // of the last case
		control := fileControl{filepath.Join(folder, "gpu")}
		first := board{Limit: rapid.Float64Range(100, 600).Draw(t, "limit")}
		control.store(first)
		for range rapid.IntRange(1, 4).Draw(t, "sweeps") {
			r, saved, _, err := prepare(control, request{name, changes})
			if err != nil {
				t.Fatal(err)
			}
			if b := control.load(); b != first {
				t.Fatalf("%+v before a sweep, want %+v", b, first)
			}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				_ = control.SetPowerLimit("GPU-1", rapid.Float64Range(100, 600).Draw(t, "to"))
				_ = control.LockClock("GPU-1", rapid.Uint32Range(1, 1980).Draw(t, "clock"))
			}
			if rapid.Bool().Draw(t, "killed") {
				_ = r.close()
				continue
			}
			if err := errors.Join(restore(control, saved), r.clear(), r.close()); err != nil {
				t.Fatal(err)
			}
		}
		r, _, _, err := prepare(control, request{name, changes})
		if err != nil {
			t.Fatal(err)
		}
		if b := control.load(); b != first {
			t.Fatalf("%+v at the end, want %+v", b, first)
		}
		_ = r.close()
	})
}

// A record of an earlier start of the machine, and one that a power failure has cut, do
// not change the GPU. One that cannot be restored stays.
func TestRecord(t *testing.T) {
	whole := func(boot string) string {
		text, _ := json.Marshal(content{boot, []Saved{{Device: "cuda:0", UUID: "GPU-1", PowerLimit: 450, Clock: true}}})
		return string(text)
	}
	for _, test := range []struct {
		text, note, err string
		isRestored      bool
		fails           bool
	}{
		{text: ""},
		{text: "\n"},
		{text: whole("other"), note: "reset when the machine restarted"},
		{text: whole(bootID())[:20], note: "cannot be read"},
		{text: "\x00\x00", note: "cannot be read"},
		{text: whole(bootID()), note: "restored cuda:0: 450 W", isRestored: true},
		{text: whole(bootID()), err: "cannot restore the limits that an earlier sweep left: cuda:0: not permitted", fails: true},
	} {
		control, folder := newBoard(t)
		control.store(board{Limit: 200, Clock: 1200, Fails: test.fails})
		name := filepath.Join(folder, "record")
		if err := os.WriteFile(name, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, _, note, err := prepare(control, request{name, nil})
		if err != nil != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) || !strings.Contains(note, test.note) {
			t.Errorf("%q: note %q, %v", test.text, note, err)
		}
		if b := control.load(); (b.Limit == 450 && b.Clock == 0) != test.isRestored {
			t.Errorf("%q: %+v", test.text, b)
		}
		if err == nil {
			err = errors.Join(r.clear(), r.close())
		}
		if text := recordText(t, folder); (text == test.text) != (test.fails || test.text == "") {
			t.Errorf("%q: the record is %q, %v", test.text, text, err)
		}
	}
}

// The record is no link, through which root would write to the file of another, and no
// pipe.
func TestRecordIsRegular(t *testing.T) {
	folder := t.TempDir()
	other, link, pipe := filepath.Join(folder, "other"), filepath.Join(folder, "link"), filepath.Join(folder, "pipe")
	if err := errors.Join(os.WriteFile(other, []byte("precious"), 0o600), os.Symlink(other, link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, pipe} {
		if r, err := openRecord(name); err == nil {
			t.Errorf("%s was opened: %v", name, r.close())
		}
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "precious" {
		t.Errorf("the other file has %q, %v", text, err)
	}
}

// A guard that cannot begin changes nothing, and says why.
func TestServeRefuses(t *testing.T) {
	control, folder := newBoard(t)
	var out strings.Builder
	if err := serve(control, strings.NewReader("no request"), &out, io.Discard); err == nil || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
	text, err := json.Marshal(request{filepath.Join(folder, "gpu", "record"), changes}) // below a file
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(control, strings.NewReader(string(text)), &out, io.Discard); err == nil || !strings.Contains(out.String(), "error") {
		t.Errorf("%v, %q", err, out.String())
	}
	control.store(board{Limit: 450, Fails: true})
	_, err = StartGuard(control, guardCommand(folder), filepath.Join(folder, "record"), changes)
	if err == nil || !strings.HasPrefix(err.Error(), "cuda:0: not permitted: needs root") || recordText(t, folder) != "" {
		t.Errorf("%v, record %q", err, recordText(t, folder))
	}
}
