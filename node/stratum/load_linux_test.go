package stratum_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveVariable makes TestMain's process a server for BenchmarkThousandMiners.
const serveVariable = "STELE_TEST_STRATUM_SERVER"

// TestServe is that server. By itself it tests nothing.
func TestServe(t *testing.T) {
	if os.Getenv(serveVariable) == "" {
		return
	}
	w := newWorld(t)
	w.fill(7)
	w.take()
	fmt.Printf("address %s\n", w.address)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // until the benchmark ends
		w.pass(30 * time.Second)
		w.take()
	}
}

// BenchmarkThousandMiners is the processor time that a server with 1,000 miners
// takes, in percent of one core. Each has a key of its own and finds 20 shares a
// minute, and there is new work every 9 seconds. The server is a process of its
// own, and only that is counted.
func BenchmarkThousandMiners(b *testing.B) {
	const miners, rounds, shareInterval = 1000, 9, 3 * time.Second
	server := exec.Command(os.Args[0], "-test.run=^TestServe$")
	server.Env = append(os.Environ(), serveVariable+"=1")
	server.Stderr = os.Stderr
	control, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = control.Close()
		if err := server.Wait(); err != nil {
			b.Error(err)
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	_, address, _ := strings.Cut(strings.TrimSpace(line), "address ")

	w := &world{TB: b, address: address}
	r := w.connect(miners, miners)
	var shares [rounds][miners][]byte
	for i := range rounds {
		for k, m := range r.all {
			shares[i][k] = prepare(m)
		}
	}
	r.listen()
	began, used := time.Now(), processorTime(b, server.Process.Pid)
	ticker := time.NewTicker(shareInterval / miners)
	defer ticker.Stop()
	for i := range rounds {
		for k, m := range r.all {
			<-ticker.C
			if _, err := m.conn.Write(shares[i][k]); err != nil {
				b.Fatal(err)
			}
		}
		if i%3 == 0 {
			if _, err := fmt.Fprintln(control); err != nil {
				b.Fatal(err)
			}
			for range miners {
				<-r.seen
			}
		}
	}
	spent := processorTime(b, server.Process.Pid) - used
	b.ReportMetric(100*spent.Seconds()/time.Since(began).Seconds(), "%core")
	b.ReportMetric(float64(spent.Microseconds())/(rounds*miners), "us/share")
	b.ReportMetric(0, "ns/op")
}

// processorTime is what a process has used of all cores, exactly: the ticks of
// /proc/PID/stat are too coarse for something that runs for microseconds.
func processorTime(b *testing.B, pid int) (sum time.Duration) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}
