package lab

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/node/ledger/record"
	"stele/node/query"
)

var reportDir = flag.String("lab.report", "", "folder for the reports of the runs")

// imagined returns the result of a run that never was: blocks of ten nodes, with a
// partition in which two branches grow, and now and then a stale block.
func imagined(t *testing.T) *Result {
	t.Helper()
	p, err := Parse(`nodes 10 links 4 seed 7 blocks 120 records 5/s time 120s
line * latency 50ms rate 10Mbit jitter 20%
at 20s cut 0-4 from 5-9 for 22s at 60s kill 7 restart 5s at 70s stop 9 for 8s at 80s hostile 3 flood-headers for 10s at 95s slow 4 1B/s for 5s`)
	if err != nil {
		t.Fatal(err)
	}
	r := &Result{Plan: p, Stage: "virtual", Version: "v0.2.0-test", Repeat: "go test ./node/lab -run TestVirtual -lab.seed=7", Genesis: hash(0),
		Started: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Real: 9 * time.Second}
	rnd := rand.New(rand.NewPCG(1, 2))
	tips := make([]int, 10) // indices of blocks + 1, per node
	heights := []int{0}
	for _, m := range p.Miners() {
		cut := m.At > 20*time.Second && m.At < 42*time.Second
		parent := tips[m.Node]
		n := len(r.Blocks) + 1
		b := &Block{Hash: hash(n), Parent: hash(parent), Height: uint32(heights[parent] + 1), Miner: m.Node, At: m.At, Records: 10, Bytes: 3000}
		heights = append(heights, int(b.Height))
		lost := rnd.IntN(12) == 0
		for other := range 10 {
			seen := m.At + time.Duration(rnd.IntN(300))*time.Millisecond
			if cut && (other < 5) != (m.Node < 5) || lost && other != m.Node || heights[tips[other]] >= int(b.Height) {
				seen = Never
			} else {
				depth := 0
				if tips[other] != parent {
					depth = 1 + rnd.IntN(9)
				}
				tips[other] = n
				r.Tips = append(r.Tips, TipChange{At: seen, Node: other, Tip: b.Hash, Depth: depth})
			}
			b.Seen = append(b.Seen, seen)
		}
		r.Blocks = append(r.Blocks, b)
	}
	slices.SortStableFunc(r.Tips, func(a, b TipChange) int { return int(a.At - b.At) })
	for n := range 10 {
		r.Finals = append(r.Finals, &Final{Node: n, Up: true, Tip: r.Blocks[len(r.Blocks)-1].Hash, Height: r.Blocks[len(r.Blocks)-1].Height, Replayed: true,
			Peers: query.Peers{Counts: query.PeerCounts{
				Sent: map[string]uint64{"compact": 120_000, "records": 80_123}, Received: map[string]uint64{"compact": 119_000, "records": 80_000},
				MessagesOut: map[string]uint64{"compact": 120, "records": 800}, Disconnects: map[string]uint64{"protocol": 1}, Rebuilds: map[string]uint64{"whole": 100, "parts": 3},
			}}})
	}
	for i := range 600 {
		rec := &Record{ID: record.ID{byte(i), byte(i >> 8)}, Node: i % 10, At: time.Duration(i) * 200 * time.Millisecond, Fate: FateChain}
		for range 10 {
			rec.Seen = append(rec.Seen, rec.At+time.Duration(rnd.IntN(310))*time.Millisecond)
		}
		r.Records = append(r.Records, rec)
	}
	r.Logs = []LogLine{{At: 119 * time.Second, Node: 3, Text: `level=WARN msg="<b>peer</b> disconnected" reason=stalling`}}
	return r
}

// TestReport: the page is well-formed, has no script, loads nothing, and shows text
// from nodes as text. The JSON says the same.
func TestReport(t *testing.T) {
	t.Parallel()
	r := imagined(t)
	r.Finals[3].Damage = "body of block 7: <script>alert(1)</script>"
	rep := NewReport(r)
	if rep.Passed || rep.Stale == 0 {
		t.Errorf("passed %v, %d stale blocks", rep.Passed, rep.Stale)
	}
	dir := t.TempDir()
	if *reportDir != "" {
		dir = filepath.Join(*reportDir, "imagined")
	}
	if err := rep.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, HTMLFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"<script", "http:", "https:", "url(", "<b>", "ZgotmplZ"} {
		if bytes.Contains(page, []byte(never)) {
			t.Errorf("the page has %q", never)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(got.Plan); err != nil || again.String() != r.Plan.String() {
		t.Errorf("the plan of the report: %v\n%s", err, got.Plan)
	}
	broken := slices.IndexFunc(got.Invariants, func(i InvariantReport) bool { return !i.Held })
	if broken < 0 || got.Invariants[broken].Name != "undamaged" || len(got.Invariants[broken].Log) != 1 {
		t.Errorf("invariants: %+v", got.Invariants)
	}
	for _, f := range got.Figures {
		if f.P50 > f.P95 || f.P95 > f.P99 || f.P99 > f.Max || f.Name == "record_to_all" && f.Max > 0.31 {
			t.Errorf("figure %+v", f)
		}
	}
}

// TestTree: the picture is well-formed, and no two blocks are at one place.
func TestTree(t *testing.T) {
	t.Parallel()
	r := imagined(t)
	tr := newTree(r)
	d := xml.NewDecoder(strings.NewReader(string(tr.svg())))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	lanes := 0
	for i, a := range tr.order {
		lanes = max(lanes, a.lane+1)
		if a.stale != (a.lane > 0) {
			t.Errorf("block %d: stale %v on lane %d", a.Height, a.stale, a.lane)
		}
		for _, b := range tr.order[:i] {
			if a.lane == b.lane && a.lane > 0 && a.Parent != b.Hash && max(a.x-b.x, b.x-a.x) < 1 {
				t.Errorf("blocks %d and %d are both at lane %d, x %.0f", a.Height, b.Height, a.lane, a.x)
			}
		}
	}
	if lanes != tr.lanes {
		t.Errorf("%d lanes, said to be %d", lanes, tr.lanes)
	}
}
