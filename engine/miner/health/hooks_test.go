package health

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged gathers log lines.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.String()
}

// await waits until the log has n lines with the text.
func (l *logged) await(t *testing.T, n int, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); strings.Count(l.text(), text) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q is not in the log %d times: %s", text, n, l.text())
		}
	}
}

func run(t *testing.T, h Hooks) (*Runner, *logged, func()) {
	t.Helper()
	var log logged
	r := NewRunner(h, slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return r, &log, stop
}

func TestHooks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	command := []string{"sh", "-c", `echo "$STELE_EVENT,$STELE_DEVICE,$STELE_REASON,$STELE_BLOCK,$1" >>"$0"; echo done with it`, file, "a b;c"}
	r, log, _ := run(t, Hooks{Sick: command, Dead: command, Recovered: command, Block: command})
	want := ""
	for i, fire := range []func(){
		func() { r.Device(Sick, "cpu", "3 wrong hits"); want += "sick,cpu,3 wrong hits,,a b;c\n" },
		func() { r.Device(Dead, "cpu", "gone"); want += "dead,cpu,gone,,a b;c\n" },
		func() { r.Device(OK, "cpu", ""); want += "recovered,cpu,,,a b;c\n" },
		func() { r.Block("cpu", "00ff"); want += "block,cpu,,00ff,a b;c\n" },
	} {
		fire()
		log.await(t, i+1, `output="done with it"`)
	}
	r.Device(Resting, "cpu", "") // has no hook
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s, want\n%s", err, got, want)
	}
}

// A command that fails, does not exist, or takes too long does no harm. Those of an
// event run one after the other.
func TestBadHooks(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one")
	r, log, _ := run(t, Hooks{
		Sick:      []string{"sh", "-c", "echo oops; exit 3"},
		Dead:      []string{filepath.Join(dir, "absent")},
		Recovered: []string{"sleep", "1000"},
		Block:     []string{"sh", "-c", `mkdir "$0" && echo alone && rmdir "$0"`, one},
		Timeout:   2 * time.Second,
	})
	r.Device(Sick, "cpu", "")
	r.Device(Dead, "cpu", "")
	r.Device(OK, "cpu", "")
	for range 20 {
		r.Block("cpu", "")
	}
	log.await(t, 20, "alone")
	log.await(t, 1, "exit status 3")
	log.await(t, 1, "no such file")
	log.await(t, 1, `"hook killed" event=recovered command=sleep reason=timeout after=`)
}

// The settings of the program, of which some are secrets, are not for hooks.
func TestHooksInheritNoSettings(t *testing.T) {
	t.Setenv("STELE_PASSWORD", "secret")
	t.Setenv("STELE_REASON", "another's")
	t.Setenv("NOT_STELE", "kept")
	r, log, _ := run(t, Hooks{Block: []string{"sh", "-c", "env | grep STELE"}})
	r.Block("cpu", "00ff")
	log.await(t, 1, "hook finished")
	for name, want := range map[string]int{"STELE_PASSWORD": 0, "STELE_REASON": 0, "NOT_STELE=kept": 1, "STELE_BLOCK=00ff": 1, "STELE_EVENT=block": 1} {
		if got := strings.Count(log.text(), name); got != want {
			t.Errorf("%s is there %d times: %s", name, got, log.text())
		}
	}
}

// The log of a hook that the end of the runner kills has the time that it had,
// not the one that it might have had.
func TestKilledHookTellsItsTime(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	r, log, stop := run(t, Hooks{Sick: []string{"sh", "-c", `: >"$0"; exec sleep 1000`, started}, Timeout: time.Hour})
	r.Device(Sick, "cpu", "")
	for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
		time.Sleep(time.Millisecond)
	}
	stop()
	log.await(t, 1, `reason="miner stopped" after=`)
	if strings.Contains(log.text(), "after=1h") {
		t.Error(log.text())
	}
}

// Too many calls are dropped, a long output is cut, and the end of the runner kills
// what runs.
func TestHooksAreBounded(t *testing.T) {
	r, log, stop := run(t, Hooks{
		Sick:  []string{"sleep", "1000"},
		Block: []string{"sh", "-c", `head -c 100000 /dev/zero | tr '\0' x`},
	})
	for range 2 * maxCalls {
		r.Device(Sick, "cpu", "")
	}
	log.await(t, maxCalls-1, "too many wait")
	r.Block("cpu", "")
	log.await(t, 1, "hook finished")
	if n := strings.Count(log.text(), "x"); n < maxOutput || n > maxOutput+100 {
		t.Errorf("%d bytes of output", n)
	}
	stop()
}
