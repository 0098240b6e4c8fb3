package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	rigVersionText = "v1.2.3-4-gc0ffee" // with hyphens, which HiveOS does not allow
	rigPatience    = time.Minute        // for what takes a second on an idle machine
)

// rigTools skips a test where the programs that both systems bring are missing.
func rigTools(t *testing.T) {
	t.Helper()
	for _, name := range []string{"bash", "curl", "jq", "tar"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is missing: install bash, curl, jq and tar", name)
		}
	}
}

// The archives have what the systems look for.
func TestRigArchives(t *testing.T) {
	d := rigDist(t, "/bin/true")
	for name, want := range map[string]string{
		"hiveos/stele-1.2.3_4_gc0ffee.tar.gz": "stele/ 755, stele/LICENSE 644, stele/h-config.sh 755, stele/h-manifest.conf 644, stele/h-run.sh 755, stele/h-stats.sh 755, stele/stele 755",
		"stele-1.2.3-4-gc0ffee-mmpos.tar.gz":  "stele/ 755, stele/LICENSE 644, stele/mmp-external.conf 644, stele/mmp-launch.sh 755, stele/mmp-stats.sh 755, stele/stele 755",
	} {
		data, err := os.ReadFile(filepath.Join(d.out, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := rigList(t, data); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// The scripts have no fault that shellcheck finds.
func TestRigScripts(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is missing: install it to check the scripts for HiveOS and mmpOS")
	}
	for _, dir := range []string{"../hiveos", "../mmpos"} {
		check := exec.Command("sh", "-c", "exec shellcheck -x *.sh *.conf")
		check.Dir = dir
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v:\n%s", dir, err, out)
		}
	}
}

// rigList lists names and modes of an archive, and checks the owners.
func rigList(t *testing.T, data []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(list, ", ")
		}
		if err != nil || h.Uid != 0 || h.Gid != 0 {
			t.Fatalf("%+v %v", h, err)
		}
		list = append(list, fmt.Sprintf("%s %o", h.Name, h.Mode))
	}
}

// Both archives work as the systems use them, from unpacking to the last share.
func TestRigs(t *testing.T) {
	rigTools(t)
	program := filepath.Join(t.TempDir(), "stele")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+rigVersionText, "-o", program, "./cmd/stele")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d := rigDist(t, program)
	pool := startPool(t, program)
	t.Run("hiveos", func(t *testing.T) { t.Parallel(); testHive(t, d, pool) })
	t.Run("flightsheets", func(t *testing.T) { t.Parallel(); testFlightSheets(t, d) })
	t.Run("mmpos", func(t *testing.T) { t.Parallel(); testMMPOS(t, d, pool) })
}

// rigDist writes the archives. In place of the program they have a script that executes
// it, since compressing it takes long.
func rigDist(t *testing.T, program string) *dist {
	t.Helper()
	script := "#!/bin/sh\nexec '" + program + "' \"$@\"\n"
	d := &dist{
		version: rigVersionText, time: time.Unix(1e9, 0), root: "../..", out: t.TempDir(),
		builds: []build{{arch: "arm64"}, {arch: "amd64", binary: []byte(script)}},
	}
	if err := d.rigArchives(); err != nil {
		t.Fatal(err)
	}
	return d
}

var listening = regexp.MustCompile(`msg="stratum server started" address=(\S+)`)

// startPool runs a node that pays all workers itself, and returns its address.
func startPool(t *testing.T, program string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "node", "--dev", "--data", t.TempDir(), "--traffic", "0",
		"--api", "none", "--listen", "none", "--stratum", "127.0.0.1:0", "--stratum-difficulty", "0.001")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	read := make(chan struct{})
	go func() { // until the node ends
		defer close(read)
		defer close(address)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait()
	})
	select {
	case a := <-address:
		if a != "" {
			return a
		}
	case <-time.After(rigPatience):
	}
	t.Fatal("the node does not start its Stratum server")
	return ""
}

// unpack unpacks an archive into a folder as both systems do.
func unpack(t *testing.T, d *dist, name, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xzf", filepath.Join(d.out, name), "-C", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// freePort returns a port on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// rigRun runs a program with an end, as an agent does, and returns what it prints.
func rigRun(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), rigPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %q hangs", name, args)
	}
	return string(out), err
}

// process is a script that runs the miner, with a session of its own, as in a terminal.
type process struct {
	*testing.T
	cmd  *exec.Cmd
	text string // the file with what it prints
}

func start(t *testing.T, dir, name string, args ...string) *process {
	t.Helper()
	text := filepath.Join(t.TempDir(), "printed")
	f, err := os.Create(text)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, text}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			p.signal(syscall.SIGKILL)
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.printed())
		}
	})
	return p
}

// signal sends a signal to all processes of the session, as the terminal does.
func (p *process) signal(s syscall.Signal) {
	p.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil {
		p.Errorf("signal %v: %v", s, err)
	}
}

// suspend stops all processes of the session, and returns when each thread has stopped.
func (p *process) suspend() {
	p.Helper()
	p.signal(syscall.SIGSTOP)
	group := strconv.Itoa(p.cmd.Process.Pid)
	for end := time.Now().Add(rigPatience); ; time.Sleep(time.Millisecond) {
		tasks, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/stat")
		if err != nil {
			p.Fatal(err)
		}
		stopped, running := 0, 0
		for _, name := range tasks {
			text, err := os.ReadFile(name)
			fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // state, parent, group
			switch {
			case err != nil || len(fields) < 3 || fields[2] != group: // ended, or of others
			case fields[0] == "T":
				stopped++
			default:
				running++
			}
		}
		if stopped > 1 && running == 0 {
			return
		}
		if time.Now().After(end) {
			p.Fatalf("%d threads run on", running)
		}
	}
}

// wait returns how the script has ended.
func (p *process) wait() syscall.WaitStatus {
	p.Helper()
	kill := time.AfterFunc(rigPatience, func() { p.signal(syscall.SIGKILL) })
	defer kill.Stop()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func (p *process) printed() string {
	text, err := os.ReadFile(p.text)
	if err != nil {
		p.Error(err)
	}
	return string(text)
}

// rigStatus is a part of what the miner serves at /status.
type rigStatus struct {
	Version string
	Uptime  float64 `json:"uptime_seconds"`
	Counted struct {
		Minute float64 `json:"hashes_per_second_1m"`
	}
	Shares struct {
		Accepted uint64
		Rejected map[string]uint64
	}
	Devices []struct{ Kind string }
}

func (s rigStatus) rejected() uint64 {
	var n uint64
	for cause, k := range s.Shares.Rejected {
		if cause != "lost" {
			n += k
		}
	}
	return n
}

func getStatus(port string) (s rigStatus, err error) {
	client := http.Client{Timeout: 5 * time.Second}
	r, err := client.Get("http://127.0.0.1:" + port + "/status")
	if err != nil {
		return s, err
	}
	defer r.Body.Close()
	return s, json.NewDecoder(r.Body).Decode(&s)
}

// awaitShares waits until the pool has accepted some shares.
func awaitShares(t *testing.T, port string) rigStatus {
	t.Helper()
	for end := time.Now().Add(rigPatience); ; time.Sleep(50 * time.Millisecond) {
		s, err := getStatus(port)
		if err == nil && s.Shares.Accepted >= 3 && s.Counted.Minute > 0 {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("no shares: %+v %v", s, err)
		}
	}
}

// checkReport compares what a script reported with the statuses before and after it.
func checkReport(t *testing.T, rate float64, accepted, rejected uint64, before, after rigStatus) {
	t.Helper()
	if accepted < before.Shares.Accepted || accepted > after.Shares.Accepted || rejected < before.rejected() || rejected > after.rejected() {
		t.Errorf("accepted %d, rejected %d: must be between %+v and %+v", accepted, rejected, before.Shares, after.Shares)
	}
	// The rates are measured at other times.
	if low, high := min(before.Counted.Minute, after.Counted.Minute)/2, max(before.Counted.Minute, after.Counted.Minute)*2; rate < low || rate > high {
		t.Errorf("%.0f hashes per second: must be %.0f to %.0f", rate, low, high)
	}
}

func testMMPOS(t *testing.T, d *dist, pool string) {
	dir := filepath.Join(t.TempDir(), "opt/mmp/miners")
	unpack(t, d, "stele-1.2.3-4-gc0ffee-mmpos.tar.gz", dir)
	if err := os.Rename(filepath.Join(dir, "stele"), filepath.Join(dir, "custom-0a1b2")); err != nil { // as the agent does
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "custom-0a1b2")
	if out, err := rigRun(t, dir, "bash", "-c", `. ./mmp-external.conf; echo "$EXTERNAL_NAME $EXTERNAL_VERSION"`); err != nil || out != "stele 1.2.3-4-gc0ffee\n" {
		t.Errorf("mmp-external.conf: %q %v", out, err)
	}
	if out, err := rigRun(t, dir, "./mmp-launch.sh", "--pool", pool, "--user"); err == nil || !strings.Contains(out, "--user requires a value") {
		t.Errorf("an argument without a value: %q %v", out, err)
	}
	port := freePort(t)
	miner := start(t, dir, filepath.Join(dir, "mmp-launch.sh"), "--coin", "BTC", "--pool", "127.0.0.1:1", "--pool", pool,
		"--user", "node.rig 1", "--password", "$(touch pwned)", "--api-port", port, "--device", "cpu", "--threads", "1", "--cache", dir)
	before := awaitShares(t, port)
	out, err := rigRun(t, "/", filepath.Join(dir, "mmp-stats.sh"), "1", "/nonexistent.log")
	after := awaitShares(t, port)
	var got struct {
		BusID                     []any
		Hash                      []float64
		Units                     string
		AIR                       [3]string
		Miner_name, Miner_version string
	}
	if err := errors.Join(err, json.Unmarshal([]byte(out), &got)); err != nil {
		t.Fatalf("mmp-stats.sh: %v: %s", err, out)
	}
	if fmt.Sprint(got.BusID) != "[cpu]" || len(got.Hash) != 1 || got.Units != "hs" || got.AIR[1] != "0" || got.Miner_name != "stele" || got.Miner_version != rigVersionText {
		t.Fatalf("mmp-stats.sh: %s", out)
	}
	accepted, errA := strconv.ParseUint(got.AIR[0], 10, 64)
	rejected, errR := strconv.ParseUint(got.AIR[2], 10, 64)
	if err := errors.Join(errA, errR); err != nil {
		t.Error(err)
	}
	checkReport(t, got.Hash[0], accepted, rejected, before, after)

	miner.suspend() // it hangs
	if out, err := rigRun(t, "/", filepath.Join(dir, "mmp-stats.sh"), "1", "log"); err == nil || out != "Stele does not answer on port "+port+"\n" {
		t.Errorf("of a miner that hangs: %q %v", out, err)
	}
	miner.signal(syscall.SIGCONT)
	if err := miner.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if s := miner.wait(); s.ExitStatus() != 0 || !strings.Contains(miner.printed(), "stopped after") {
		t.Errorf("ended with %v, printed %s", s, miner.printed())
	}
	if out, err := rigRun(t, "/", filepath.Join(dir, "mmp-stats.sh"), "1", "log"); err == nil || !strings.HasPrefix(out, "Stele does not answer") {
		t.Errorf("of a miner that ended: %q %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("a password was executed")
	}
}
