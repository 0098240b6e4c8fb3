package web

import (
	"context"
	"fmt"
	stdhtml "html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"stele/engine"
	"stele/engine/miner"
	"stele/node/alert"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
)

// towerPaths are the pages of supervision, network and mining.
func towerPaths() []string {
	all := []string{"/supervision", "/network", "/mining", "/supervision/overdue?by=product", "/supervision/overdue?by=maker"}
	for list := range supervisionLists {
		all = append(all, "/supervision/"+list)
	}
	for _, m := range []string{"answer", "execution", "ruling", "carry"} {
		all = append(all, "/supervision/times?measure="+m)
	}
	for _, s := range alert.States() {
		all = append(all, "/supervision/alerts?state="+string(s))
	}
	for _, k := range anomaly.Kinds() {
		all = append(all, "/supervision/anomalies?kind="+string(k))
	}
	return all
}

// Each page is complete in both languages, and its counterpart in the API is there.
func TestTowerPages(t *testing.T) {
	s := sharedSite(t)
	api := regexp.MustCompile(`href="(/v1/[^"]*)"`)
	asked := map[string]bool{}
	for _, path := range towerPaths() {
		for _, lang := range []string{"en", "zh"} {
			text := s.shows(addressed(path, "lang", lang))
			if strings.Contains(text, "style=") || strings.Contains(text, "{") && strings.Contains(text, "|") && strings.Contains(text, "}") {
				t.Errorf("%s: a place that is not filled, or an inline style", path)
			}
			for _, m := range api.FindAllStringSubmatch(text, -1) {
				target := stdhtml.UnescapeString(m[1])
				if asked[target] || strings.HasPrefix(target, "/v1/export/") && !strings.HasSuffix(target, "csv") {
					continue
				}
				asked[target] = true
				if answer, body := s.get(target); answer.StatusCode != http.StatusOK {
					t.Errorf("%s links to %s: %s: %.200s", path, target, answer.Status, body)
				}
			}
		}
	}
	for path, status := range map[string]int{
		"/supervision/nothing": http.StatusNotFound, "/supervision/alerts?state=x": http.StatusUnprocessableEntity, "/supervision/anomalies?seller=x": http.StatusUnprocessableEntity,
		"/supervision/times?from=x": http.StatusUnprocessableEntity, "/supervision?at=3": http.StatusUnprocessableEntity, "/network?at=3": http.StatusUnprocessableEntity,
		"/mining?at=3": http.StatusUnprocessableEntity, "/supervision/audits?from=x": http.StatusUnprocessableEntity,
	} {
		if answer, _ := s.get(path); answer.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, answer.Status, status)
		}
	}
}

// The page says what the readers say.
func TestSupervisionPage(t *testing.T) {
	s := sharedSite(t)
	summary, err := s.supervision.Summary()
	s.check(err)
	totals, err := s.query.Totals(query.Of{})
	s.check(err)
	if !summary.Coverage.Complete() || totals.Overdue == 0 || summary.Counts[supervision.Defaults] == 0 {
		t.Fatalf("the chain of the test shows too little: %d overdue, %+v", totals.Overdue, summary)
	}
	text := s.shows("/supervision", "100 % covered", fmt.Sprintf("All %s records", show(summary.Coverage.Records)),
		fmt.Sprintf("%d of %d open claims are past", totals.Overdue, liveClaims(totals)), fmt.Sprintf("and %d orders were not", summary.Counts[supervision.Defaults]))
	overdue, err := s.supervision.OverdueClaims(query.Of{}, query.Range{Limit: towerLines})
	s.check(err)
	for _, c := range overdue.Items {
		if !strings.Contains(text, `href="/claims/`+c.ID.String()) {
			t.Errorf("the page does not link the overdue claim %v", c.ID)
		}
	}
	if n := strings.Count(s.shows("/claims?overdue=1"), `data-row="`); uint64(n) != min(totals.Overdue, claimsPage) {
		t.Errorf("the list behind the number has %d claims, the number is %d", n, totals.Overdue)
	}
	defaults := s.shows("/supervision/defaults")
	list, err := s.supervision.Defaults(query.Of{}, query.Range{Limit: 1000})
	s.check(err)
	if uint64(len(list.Items)) != summary.Counts[supervision.Defaults] {
		t.Errorf("%d defaults are listed, %d counted", len(list.Items), summary.Counts[supervision.Defaults])
	}
	for _, d := range list.Items[:min(len(list.Items), supervisionPage)] {
		if !strings.Contains(defaults, d.Claim.ID.String()) {
			t.Errorf("the page does not list the default of %v", d.Claim.ID)
		}
	}
	seller := list.Items[0].Claim.Seller.String()
	for path, other := range map[string]string{"/supervision/defaults?seller=" + seller: "Show all", "/supervision/times?measure=answer&seller=" + seller: shortKey(seller)} {
		s.shows(path, other)
	}
}

// The pages of a list are all of it, each line once.
func TestSupervisionListPages(t *testing.T) {
	s := sharedSite(t)
	next := regexp.MustCompile(`<a href="(/supervision/[^"]*from=[^"]*)">Next page`)
	rows, pages := 0, 0
	for path := "/supervision/times?measure=answer&lang=en"; path != ""; pages++ {
		text := s.shows(path)
		rows += strings.Count(text, `<th scope="row"`)
		path = ""
		if m := next.FindStringSubmatch(text); m != nil {
			path = stdhtml.UnescapeString(m[1])
		}
	}
	times, err := s.supervision.Times(supervision.Answer, query.Of{})
	s.check(err)
	if pages < 2 || uint64(rows) != times.Count {
		t.Errorf("%d lines on %d pages, and there are %d times", rows, pages, times.Count)
	}
}

// Alerts are shown with their states, and what somebody calls itself is text.
func TestAlertsOnPages(t *testing.T) {
	s := newSite(t, 40, 30)
	open, err := s.alerts.List([]alert.State{alert.Open}, query.Range{Limit: 1})
	s.check(err)
	if len(open.Items) == 0 {
		t.Fatal("the chain of the test has no alert")
	}
	id := open.Items[0].ID
	_, err = s.alerts.Acknowledge(id, hostile)
	s.check(err)
	text := s.shows("/supervision/alerts?state=acknowledged&lang=en", "Acknowledged", stdhtml.EscapeString(hostile))
	if strings.Contains(text, "<img") || strings.Count(text, `<th scope="row"`) != 1 {
		t.Error("the list has other alerts, or the name is HTML")
	}
	if strings.Contains(s.shows("/supervision/alerts?state=open"), id) {
		t.Error("an acknowledged alert is listed as open")
	}
}

// Blocks beside the chain are in the tree and in the list, and addresses of peers are nowhere.
func TestNetworkPage(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 3)
	tip := b.Grow(b.Genesis, 20, 1)
	s := openSite(t, b.Params, b.Now())
	side := b.Grow(tip.Chain()[12], 3, 1)
	for _, made := range append(tip.Chain()[1:], side.Chain()[13:]...) {
		_, err := s.chain.Submit(made.Block)
		s.check(err)
	}
	s.check(s.views.Update(context.Background()))
	peers := samplePeers(s)
	s.listen(func(o *Options) {
		o.Status = func() query.Status {
			return query.Status{Peers: &peers, Warnings: []query.Warning{{Kind: query.DeepReorg}, {Kind: "unheard", Text: "<b>new"}}}
		}
		o.Peers = func() query.Peers { return peers }
	})
	text := s.shows("/network?lang=en", "2 peers agree on block 20", "1 branch, the longest of 3 blocks", "/blocks/"+side.Chain()[13].Hash().String(), "f00dcafe00000001",
		"31.0 ms", "Lost", "room for 6 more", "longer branch has replaced", "&lt;b&gt;new", "not known", "12.0 ms", stdhtml.EscapeString(hostile))
	if n := strings.Count(text, `class="fb" x=`); n != 3 {
		t.Errorf("the tree has %d blocks beside the chain, want 3", n)
	}
	for _, lang := range []string{"en", "zh"} {
		if text := s.shows("/network?lang=" + lang); strings.Contains(text, "203.0.113.") || strings.Contains(text, "<img") {
			t.Error("the page shows an address, or text of a peer is HTML")
		}
	}
	s.browse("network", "/network")
	peers.Connected, peers.Sync.State = nil, query.SyncAlone
	s.shows("/network?lang=en", "This node is alone")
}

// samplePeers are two peers, and one that has left.
func samplePeers(s *site) query.Peers {
	now := s.time()
	return query.Peers{
		Now: now, MaxPeers: 8, Addresses: 214, Discouraged: 2, Sync: query.Sync{State: query.SyncDone, Height: s.chain.Tip().Height},
		Connected: []query.Peer{
			{
				Key: "f00dcafe00000001", Address: "203.0.113.17:8691", Kind: "full", Agent: "stele/1", Since: now.Add(-time.Hour), Ping: 31 * time.Millisecond,
				Height: 20, Blocks: 412, Records: 9001,
			},
			{Key: "f00dcafe00000002", Address: "203.0.113.18:8691", Inbound: true, Kind: "inbound", Agent: hostile, Since: now.Add(-time.Minute)},
		},
		Gone: []query.GonePeer{{Key: "f00dcafe00000003", Address: "203.0.113.19:8691", Since: now.Add(-time.Hour), Until: now.Add(-time.Minute), Reason: "timeout", Text: "203.0.113.19 is silent"}},
		Counts: query.PeerCounts{
			Received: map[string]uint64{"block": 31_000_000}, Sent: map[string]uint64{"block": 90_000_000}, Rebuilds: map[string]uint64{"whole": 40, "parts": 3},
			HeaderToConnected: []time.Duration{12 * time.Millisecond, 12 * time.Millisecond, 40 * time.Millisecond},
		},
	}
}

// What a device measures is shown, and what is not known is a word.
func TestMiningPage(t *testing.T) {
	now := time.Unix(int64(network.Dev.GenesisTime), 0)
	temperature, watts := 62.0, 318.0
	device := func(id string, health miner.Health, rate float64, hits uint64, expected float64, x *miner.Sensors) miner.DeviceStatus {
		return miner.DeviceStatus{
			DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: id, Name: "Device " + id}, Hits: hits, ExpectedHits: expected},
			Health:       health, Reason: map[bool]string{true: "<b>wrong hash"}[health != miner.OK], Rates: miner.Rates{Minute1: rate}, Sensors: x,
		}
	}
	status := miner.Status{
		Now: now, State: miner.Mining, Counted: miner.Rates{Minute1: 2.3e10, Hour1: 2.2e10},
		Devices: []miner.DeviceStatus{
			device("cuda:0", miner.OK, 2.2e10, 30, 25, &miner.Sensors{Temperature: &temperature, Power: &watts}), device("cpu", miner.OK, 1e9, 8, 5, nil),
			device("cuda:1", miner.Sick, 0, 3, 8, nil),
		},
	}
	key := record.PublicOf(network.DevFaucets()[1]).String()
	miners := query.Miners{Now: now, Server: query.Stratum{Connections: 2, HashRate: 6e10}, All: []query.Miner{
		{Name: key + ".rig1", Agent: hostile, LastShare: now.Add(-time.Second), HashRate: 6e10, Difficulty: 64, Shares: query.Shares{Accepted: 1204, Stale: 3}},
		{Name: "garage", LastShare: now.Add(-4 * time.Minute)},
	}}
	s := openSite(t, network.Dev, now)
	s.check(s.views.Update(context.Background()))
	s.listen(func(o *Options) {
		o.Status = func() query.Status { return query.Status{Miner: &status, Mined: query.Mined{Blocks: 40, Stale: 1}} }
		o.Miners = func() query.Miners { return miners }
	})
	text := s.shows("/mining?lang=en", "1 device needs you", "23.0 GH/s from 2 of 3 devices", "41 blocks where 38.0 were to be expected", "ordinary luck", "26 to 51", "62 °C", "318 W", "69.2 MH/J",
		"not known", "&lt;b&gt;wrong hash", ".rig1", "No share for 4 min", "1 of 3 devices measured", "1,204")
	if strings.Contains(text, "<img") || strings.Contains(text, key) {
		t.Error("text of a miner is HTML, or its name is not short")
	}
	s.browse("mining", "/mining")
	status.Devices[0].Hits = 2
	s.shows("/mining?lang=en", "Check the devices")
	s.shows("/mining?lang=zh", "请检查设备")
}

// browse looks at a page in a browser in the looks of the sweep.
func (s *site) browse(name, path string) {
	s.Helper()
	for _, l := range []look{{1280, false, "en"}, {390, true, "zh"}} {
		b := s.tab(s.TB, l)
		b.open(addressed(path, "lang", l.lang))
		b.Picture(pictureName(name, l))
		b.checkPage(path, l.rules()...)
	}
}
