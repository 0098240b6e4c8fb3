package node

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"stele/node/query"
)

// The metrics of a node that runs show all its parts.
func TestMetrics(t *testing.T) {
	o := testOptions(t)
	o.Stratum = "127.0.0.1:0"
	n := start(t, o)
	n.wait("blocks, records and an index", func(s query.Status) bool {
		indexed, _ := n.views.Tip()
		return s.Height >= 5 && s.Records.Accepted > 0 && s.Mined.Blocks > 0 && indexed.Height > 0
	})
	n.expect(map[string]float64{
		`stele_chain_height`:                                  5,
		`stele_chain_blocks_connected_total`:                  5,
		`stele_pool_records_accepted_total`:                   1,
		`stele_signatures_records_checked_total`:              1,
		`stele_signatures_disagreements_total`:                0,
		`stele_store_readable`:                                1,
		`stele_store_disk_bytes`:                              1,
		`stele_views_height`:                                  1,
		`stele_mining_blocks_total{result="accepted"}`:        1,
		`stele_miner_device_hashes_total{device="reference"}`: 1,
		`stele_stratum_connections`:                           0,
		`stele_node_trouble`:                                  0,
		`go_goroutines`:                                       1,
	})
	n.expect(map[string]float64{`stele_api_requests_total{code="2xx",route="GET /metrics"}`: 1})
}

// A node with a peer-to-peer server has its metrics too.
func TestMetricsOfPeers(t *testing.T) {
	o := testOptions(t)
	o.Engine, o.Traffic, o.P2P = nil, 0, &P2P{Listen: "127.0.0.1:0", MaxPeers: 7}
	start(t, o).expect(map[string]float64{
		`stele_p2p_peers{direction="outbound",kind="full"}`: 0,
		`stele_p2p_peers_limit`:                             7,
		`stele_sync_target_height`:                          0,
		`stele_node_warning{kind="alone"}`:                  0,
	})
}

// expect checks that metrics have at least some values.
func (n *testNode) expect(least map[string]float64) {
	n.Helper()
	text := n.scrape()
	for name, want := range least {
		m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
		if m == nil {
			n.Errorf("no %s", name)
			continue
		}
		if x, err := strconv.ParseFloat(string(m[1]), 64); err != nil || x < want {
			n.Errorf("%s is %s, want at least %v", name, m[1], want)
		}
	}
}

// scrape returns the metrics that the API serves.
func (n *testNode) scrape() []byte {
	n.Helper()
	r, err := http.NewRequestWithContext(n.Context(), http.MethodGet, "http://"+n.Status().API+"/metrics", nil)
	if err != nil {
		n.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		n.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		n.Fatalf("%d %s (%v)", answer.StatusCode, text, err)
	}
	return text
}
