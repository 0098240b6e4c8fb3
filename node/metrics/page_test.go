package metrics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sections are the parts of the page about metrics, by the word after stele_.
var sections = []struct{ part, title, text string }{
	{"node", "The node", ""},
	{"chain", "The chain", "Height and age of the tip, and what became of blocks. In most networks a depth of more than two is rare."},
	{"sync", "Synchronisation", "How far the node is behind its peers."},
	{"p2p", "Peers", "Reasons are the words with which connections end."},
	{"pool", "The pool", "Records that wait for a block. [reasons.md](reasons.md) has the reasons of rejections."},
	{"signatures", "Signatures", "After a disagreement the kernel is not used any more, and the log has the signature: look for a fault of the processor, and report it. [cpu-kernels.md](cpu-kernels.md#signatures) has more."},
	{"store", "The store", "The files of the chain, the state and the pool. Their counters begin anew when the store has recovered from a failure of its disk."},
	{"views", "The index", ""},
	{"feed", "The stream of events", "`GET /v1/events` of the API. `not-kept` is usual among the gaps after a restart; `too-far` and `pruned` mean clients that were away for long."},
	{"supervision", "Supervision", "What [supervision.md](supervision.md) explains, of the whole market. The numbers are read at each scrape, and are gauges: a reorganisation can lower them."},
	{"alerts", "Alerts", "[alerts.md](alerts.md) has the kinds."},
	{"api", "The API", "A route is a method and a pattern; `none` stands for requests that no route has answered, because there is none or because a limit was exceeded."},
	{"mining", "Mining", "Only if the node mines."},
	{"miner", "The devices", "Only if the node mines. `stele mine` has the same metrics. A share of a node's own devices is a block."},
	{"stratum", "The Stratum server", "Only with `--stratum`."},
}

const intro = `# Metrics of a node

Look up here what ` + "`GET /metrics`" + ` of a node's [API](node.md#the-api) shows. It has the text format of Prometheus, and anybody may read it who may read the API. [monitoring.md](monitoring.md) sets up Prometheus, with alert rules and dashboards.

## How to read it

Counters start at 0 with the node. A counter by kind or reason appears with its first event. Times are in seconds, sizes in bytes. The metrics of [the process and of Go](https://pkg.go.dev/github.com/prometheus/client_golang/prometheus/collectors) come with them.
`

// shown is a metric in the text format.
type shown struct {
	name, help, kind string
	labels           []string
}

var labelName = regexp.MustCompile(`[{,]([a-z_]+)="`)

// metricsOf reads the metrics of a text.
func metricsOf(text string) []shown {
	var all []shown
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			all = append(all, shown{name: name, help: help})
			continue
		}
		last := &all[len(all)-1]
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			_, last.kind, _ = strings.Cut(rest, " ")
			continue
		}
		for _, m := range labelName.FindAllStringSubmatch(line, -1) {
			if m[1] != "le" && !slices.Contains(last.labels, m[1]) {
				last.labels = append(last.labels, m[1])
			}
		}
	}
	return all
}

// pageOf returns the page about the metrics of a text.
func pageOf(t *testing.T, text string) string {
	t.Helper()
	all := metricsOf(text)
	var b strings.Builder
	b.WriteString(intro)
	rows := 0
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.text != "" {
			fmt.Fprintf(&b, "%s\n\n", s.text)
		}
		b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
		for _, m := range all {
			if m.name != prefix+s.part && !strings.HasPrefix(m.name, prefix+s.part+"_") {
				continue
			}
			labels := ""
			if len(m.labels) > 0 {
				labels = "`" + strings.Join(m.labels, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, strings.TrimSuffix(m.help, "."))
			rows++
		}
	}
	if rows != len(all) {
		t.Errorf("%d metrics have %d rows: a part has no section", len(all), rows)
	}
	return b.String()
}
