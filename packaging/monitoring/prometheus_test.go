package monitoring

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds each wait for something that must happen.
const patience = 30 * time.Second

// mayBeEmpty are expressions that find nothing in the test, with the reason. They are
// evaluated all the same.
var mayBeEmpty = map[string]string{
	"stele_miner_device_power_watts":         "a CPU has a power only where RAPL can be read",
	"stele_miner_device_energy_joules_total": "the same for energy",
	"stele_miner_device_temperature_celsius": "only GPUs have a temperature",
	"stele_miner_device_fan_speed_ratio":     "only GPUs have a fan",
	"stele_miner_device_throttled":           "only GPUs are throttled",
	"stele_mining_blocks_total":              "only with --mine",
	"stele_p2p_disconnects_total":            "a counter by reason appears with its first event",
	"stele_pool_records_rejected_total":      "the same",
	"ALERTS{":                                "whether an alert fires depends on the machine, as its disk",
}

// process is a program that runs until the test ends.
type process struct {
	cmd   *exec.Cmd
	lines chan string // of its standard error
	ended chan struct{}
}

// start starts a program.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), lines: make(chan string, 10_000), ended: make(chan struct{})}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case p.lines <- s.Text():
			default: // nobody reads them any more
			}
		}
		_ = p.cmd.Wait() // it is stopped by a signal
	}()
	t.Cleanup(p.stop)
	return p
}

// stop ends the program and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// logged waits for a line of the log that matches, and returns the first group.
func (p *process) logged(t *testing.T, pattern string) string {
	t.Helper()
	re, limit, seen := regexp.MustCompile(pattern), time.After(patience), []string{}
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("%s ended without logging %q:\n%s", p.cmd, pattern, strings.Join(seen, "\n"))
			}
			seen = append(seen, line)
			if m := re.FindStringSubmatch(line); m != nil {
				return m[1]
			}
		case <-limit:
			t.Fatalf("%s has not logged %q:\n%s", p.cmd, pattern, strings.Join(seen, "\n"))
		}
	}
}

// server is a running Prometheus.
type server struct{ address string }

// get asks the API, and returns what it answers.
func (s server) get(t *testing.T, path string, data any) {
	t.Helper()
	answer, err := http.Get("http://" + s.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Status, Error string
		Data          json.RawMessage
	}
	err = json.NewDecoder(answer.Body).Decode(&body)
	if err == nil && body.Status == "success" {
		err = json.Unmarshal(body.Data, data)
	}
	if err != nil || body.Status != "success" {
		t.Fatalf("%s: %v %s", path, err, body.Error)
	}
}

// query returns how many series an expression finds.
func (s server) query(t *testing.T, expr string) int {
	t.Helper()
	var data struct{ Result []any }
	s.get(t, "/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result)
}

// wait waits until an expression finds this number of series.
func (s server) wait(t *testing.T, n int, expr string) {
	t.Helper()
	got := -1
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got = s.query(t, expr); got == n {
			return
		}
	}
	t.Fatalf("%s finds %d series, want %d", expr, got, n)
}

// market is two nodes that are peers, and a miner for the first.
type market struct {
	stele, dir   string
	node, peer   string // addresses of the APIs
	pool, token  string
	peerProcess  *process
	minerProcess *process
}

// newMarket builds stele, and starts nodes and miner.
func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{dir: t.TempDir()}
	m.stele, m.token = filepath.Join(m.dir, "stele"), filepath.Join(m.dir, "token")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", m.stele, "./cmd/stele")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(m.token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"node", "--network", "dev", "--api", "127.0.0.1:0", "--plain"}
	node := start(t, m.stele, append(flags, "--data", filepath.Join(m.dir, "a"), "--traffic", "5", "--stratum", "127.0.0.1:0", "--listen", "127.0.0.1:0")...)
	m.node = node.logged(t, ` api=(\S+)`)
	m.pool = node.logged(t, `stratum server started" address=(\S+)`)
	address := node.logged(t, `listening for peers" addr=(\S+)`)
	m.peerProcess = start(t, m.stele, append(flags, "--data", filepath.Join(m.dir, "b"), "--traffic", "0", "--peer", address)...)
	m.peer = m.peerProcess.logged(t, ` api=(\S+)`)
	return m
}

// mine starts the miner, and returns the address of its API, which needs the token.
func (m *market) mine(t *testing.T, port string) string {
	t.Helper()
	const payee = "32bf5faa7fa8e96160a54bb97e0d82265b92b04de97187fe487c7a6897930829d0dc9936" // the first published key
	m.minerProcess = start(t, m.stele, "mine", "--url", "stratum+tcp://"+m.pool, "--user", payee+".rig", "--threads", "1",
		"--api", "0.0.0.0:"+port, "--api-token-file", m.token, "--plain")
	return "127.0.0.1:" + m.minerProcess.logged(t, `what="status and metrics" address=\S*:(\d+)`)
}

// scraped starts a Prometheus with the configuration of docs/monitoring.md and the rules
// of this folder, for the nodes and the miner. Scrapes and rules take a second instead of
// 15 or 60, and an alert fires after two seconds instead of minutes.
func (m *market) scraped(t *testing.T, miner string) server {
	t.Helper()
	for _, name := range fileNames(t, "*.rules.yml") {
		text := regexp.MustCompile(`(?m)^(\s+for): .*$`).ReplaceAllString(readFile(t, name), "$1: 2s")
		text = strings.ReplaceAll(text, "interval: 1m", "interval: 1s")
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, text, _ := strings.Cut(readFile(t, page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	for _, change := range [][2]string{
		{"15s", "1s"}, {"15s", "1s"}, {"/etc/prometheus/stele-*", m.dir + "/stele-*"}, {"/etc/prometheus/stele-token", m.token},
		{`"node.example:8690"`, fmt.Sprintf("%q, %q", m.node, m.peer)}, {`"rig1.example:8691", "rig2.example:8691"`, fmt.Sprintf("%q", miner)},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("no %s in the configuration of %s:\n%s", change[0], page, text)
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	config := filepath.Join(m.dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, program(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(m.dir, "tsdb"), "--web.listen-address=127.0.0.1:0")
	s := server{p.logged(t, `msg="Listening on" address=(\S+)`)}
	p.logged(t, `msg="(Server is ready to receive web requests)`)
	return s
}

// A real Prometheus reads real miners and nodes, accepts the rules, and finds something for
// each panel of the dashboards; and alerts fire and resolve.
func TestPrometheus(t *testing.T) {
	program(t, "prometheus")
	m := newMarket(t)
	miner := m.mine(t, "0")
	s := m.scraped(t, miner)
	s.wait(t, 3, `up{job=~"stele-node|stele-miner"} == 1`)
	s.wait(t, 1, `stele_chain_height > 2 and on (job, instance) stele_p2p_peers{kind="manual"} == 1`) // the second node follows the first
	t.Run("rules", func(t *testing.T) { checkRules(t, s) })
	t.Run("dashboards", func(t *testing.T) { checkDashboards(t, s) })
	t.Run("alerts", func(t *testing.T) {
		const minerDown, nodeDown = `ALERTS{alertname="SteleMinerDown", alertstate="firing"}`, `ALERTS{alertname="SteleNodeDown", alertstate="firing"}`
		s.wait(t, 0, minerDown)
		s.wait(t, 0, nodeDown)
		m.minerProcess.stop()
		m.peerProcess.stop()
		s.wait(t, 1, minerDown)
		s.wait(t, 1, nodeDown+` and on (instance) up{instance="`+m.peer+`"}`)
		m.mine(t, strings.TrimPrefix(miner, "127.0.0.1:"))
		s.wait(t, 0, minerDown)
		s.wait(t, 1, nodeDown)
	})
}

// checkRules compares the rules that Prometheus has with those of the files, as
// [readRules] reads them.
func checkRules(t *testing.T, s server) {
	var data struct {
		Groups []struct {
			Rules []struct {
				Name, Type, Health, LastError string
				Labels, Annotations           map[string]string
			}
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		s.get(t, "/api/v1/rules", &data)
		text, _ := json.Marshal(data)
		if !strings.Contains(string(text), `"Health":"unknown"`) { // not evaluated yet
			break
		}
		if time.Now().After(end) {
			t.Fatal("rules are not evaluated")
		}
	}
	want := map[string]rule{}
	for _, r := range readRules(t) {
		want[r.alert+r.record] = r
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			w, ok := want[r.Name]
			delete(want, r.Name)
			if !ok || r.Labels["severity"] != w.severity || r.Annotations["runbook_url"] != w.runbook {
				t.Errorf("Prometheus has %+v, the file %+v", r, w)
			}
			if r.Health != "ok" {
				t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("Prometheus does not have %+v", want)
	}
}

// checkDashboards evaluates each expression of the dashboards.
func checkDashboards(t *testing.T, s server) {
	for _, d := range readDashboards(t) {
		for _, expr := range d.exprs() {
			filled := strings.NewReplacer("$instance", ".*", "$__rate_interval", "10s").Replace(expr)
			reason := ""
			for metric, why := range mayBeEmpty {
				if strings.Contains(expr, metric) {
					reason = why
				}
			}
			if reason == "" {
				for end := time.Now().Add(patience); s.query(t, filled) == 0; time.Sleep(200 * time.Millisecond) {
					if time.Now().After(end) {
						t.Errorf("%s: nothing is found by %s", d.file, expr)
						break
					}
				}
			} else if s.query(t, filled) == 0 {
				t.Logf("nothing is found, since %s, by %s", reason, expr)
			}
		}
	}
}
