package metrics

import (
	"bytes"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

var update = flag.Bool("update", false, "write the golden file and the page about metrics")

const (
	golden = "testdata/metrics.txt"
	page   = "../../docs/metrics.md"
)

// scrape returns what Prometheus gets.
func scrape(t *testing.T, m *Metrics) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// checkFile compares a file with what it should be.
func checkFile(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not up to date; run: go test ./node/metrics -update\n%s", name, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "has  " + a[i] + "\nwant " + b[i]
		}
	}
	return "one is longer"
}

// A node whose parts all have something to show has the metrics of the golden file,
// which follow the rules of Prometheus for names and units.
func TestGolden(t *testing.T) {
	m := someMetrics()
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	checkFile(t, golden, scrape(t, m))
}

// The program of Prometheus finds no fault with the golden file.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (make test-metrics installs it)")
	}
	text, err := os.Open(golden)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = text
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The metrics of the process and of Go's runtime come with those of the node.
func TestProcess(t *testing.T) {
	o := someOptions()
	text := string(scrape(t, New(o)))
	for _, want := range []string{"\ngo_goroutines ", "\nprocess_start_time_seconds ", "\nstele_chain_height 1200\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
}

// A node without its optional parts has metrics all the same.
func TestParts(t *testing.T) {
	text := string(scrape(t, newMetrics(Options{Status: func() query.Status { return query.Status{Height: 7} }})))
	if !strings.Contains(text, "\nstele_chain_height 7\n") {
		t.Errorf("no height in\n%s", text)
	}
	for _, part := range []string{"p2p", "sync", "pool", "store", "views", "stratum", "mining", "miner", "api"} {
		if strings.Contains(text, "stele_"+part+"_") {
			t.Errorf("there are metrics of %s", part)
		}
	}
}

// A part that cannot be read hides nothing else.
func TestUnreadable(t *testing.T) {
	o := someOptions()
	o.Store = func() (store.Usage, error) { return store.Usage{}, errors.New("no disk") }
	o.Views = func() (views.Tip, bool) { return views.Tip{}, false }
	text := string(scrape(t, newMetrics(o)))
	if !strings.Contains(text, "\nstele_store_readable 0\n") || !strings.Contains(text, "\nstele_chain_height 1200\n") {
		t.Error("the metrics are incomplete")
	}
	if strings.Contains(text, "stele_store_disk_bytes") || strings.Contains(text, "stele_views_height") {
		t.Error("there are values of what cannot be read")
	}
}

// A reorganisation counts once, with all blocks that left the chain, even if it comes
// in parts.
func TestChanged(t *testing.T) {
	m := newMetrics(Options{Status: func() query.Status { return query.Status{} }})
	some := func(n int) []*block.Block { return make([]*block.Block, n) }
	m.Changed(chain.Change{Connected: some(1)})
	m.Changed(chain.Change{Connected: some(3), Disconnected: some(2), Depth: 2})
	m.Changed(chain.Change{Disconnected: some(20), Depth: 20, Partial: true})
	m.Changed(chain.Change{Disconnected: some(5), Connected: some(4), Depth: 25, Partial: true})
	m.Changed(chain.Change{Connected: some(22), Depth: 25})
	m.Changed(chain.Change{Connected: some(1)})
	text := string(scrape(t, m))
	for _, want := range []string{
		"stele_chain_blocks_connected_total 31",
		"stele_chain_blocks_disconnected_total 27",
		`stele_chain_reorganisation_depth_bucket{le="1"} 0`,
		`stele_chain_reorganisation_depth_bucket{le="2"} 1`,
		`stele_chain_reorganisation_depth_bucket{le="24"} 1`,
		`stele_chain_reorganisation_depth_bucket{le="100"} 2`,
		"stele_chain_reorganisation_depth_sum 27",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// Requests count by route and class.
func TestAnswered(t *testing.T) {
	m := newMetrics(Options{Status: func() query.Status { return query.Status{} }})
	m.Answered("GET /v1/tip", 200, time.Millisecond)
	m.Answered("GET /v1/tip", 204, time.Second)
	m.Answered("", 429, time.Microsecond)
	text := string(scrape(t, m))
	for _, want := range []string{
		`stele_api_requests_total{code="2xx",route="GET /v1/tip"} 2`,
		`stele_api_requests_total{code="4xx",route="none"} 1`,
		`stele_api_request_seconds_bucket{route="GET /v1/tip",le="0.001"} 1`,
		`stele_api_request_seconds_sum{route="GET /v1/tip"} 1.001`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// However often the latest values are read, each is counted once.
func TestAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		var all, latest, before, counted []time.Duration
		for range rapid.IntRange(0, 12).Draw(t, "scrapes") {
			// No more than the list holds: what is overwritten cannot be counted.
			for range rapid.IntRange(0, size).Draw(t, "new") {
				all = append(all, time.Duration(len(all)))
				latest = append(latest, all[len(all)-1])
				latest = latest[max(0, len(latest)-size):]
			}
			counted = append(counted, added(before, latest)...)
			before = slices.Clone(latest)
		}
		if !slices.Equal(counted, all) {
			t.Fatalf("counted %v, want %v", counted, all)
		}
	})
	if got := added([]time.Duration{5, 5}, []time.Duration{5, 5}); len(got) > 0 {
		t.Errorf("%v was added to a list that is the same", got)
	}
}

// The page about metrics has a row for each metric of the golden file.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	checkFile(t, page, []byte(pageOf(t, string(text))))
}

// The page names no metric that does not exist.
func TestPageNames(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	exists, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`stele_[a-z0-9_]+`).FindAllString(string(text), -1) {
		if !regexp.MustCompile(`(?m)^(# TYPE )?` + name + `[ {]`).Match(exists) {
			t.Errorf("there is no metric %s", name)
		}
	}
}
