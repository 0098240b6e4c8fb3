package mine

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stele/cmd/stele/internal/screen"
	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
)

func someMinerStatus() miner.Status {
	now := time.Unix(1_800_000_000, 0)
	difficulty := func(text string) pow.Difficulty {
		d, err := pow.ParseDifficulty(text)
		if err != nil {
			panic(err)
		}
		return d
	}
	watts, celsius := 200.0, 65.0
	return miner.Status{
		Started: now.Add(-754 * time.Second), Now: now, State: miner.Mining, Trouble: "cpu is sick",
		Counted:   miner.Rates{Seconds10: 1.2e9, Minute1: 1e9, Minutes15: 1e9, Hour1: 1e9},
		Estimated: miner.Estimate{Rate: 0.5e9, Low: 0.3e9, High: 0.7e9, Window: time.Hour, Shares: 41, Disagrees: true},
		Devices: []miner.DeviceStatus{
			{DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: "cuda:0", Name: "Some GPU", SearchKernel: "k"}}, Health: miner.OK,
				Rates: miner.Rates{Seconds10: 1.2e9, Minute1: 1e9}, Sensors: &miner.Sensors{Temperature: &celsius, Power: &watts}},
			{DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: "cpu", Name: "Some CPU", SearchKernel: "avx2"}}, Health: miner.Sick, Reason: "finishes nothing"},
		},
		Shares: miner.Shares{Accepted: 1234, Rejected: map[miner.Cause]uint64{miner.Stale: 3, miner.Lost: 1}, Pending: 1, Best: difficulty("1e12"), Blocks: 1, Last: now.Add(-2 * time.Second)},
		Work:   miner.WorkStatus{Source: "stratum+tcp://a.example:1", Height: 900_000, Share: difficulty("512.25"), Network: difficulty("126411437451912.23"), Received: now.Add(-9 * time.Second)},
		Sources: []miner.SourceStatus{
			{Name: "stratum+tcp://a.example:1", Connected: true, Active: true, Latency: miner.Latency{Count: 9, P50: 20 * time.Millisecond, P99: 90 * time.Millisecond}},
			{Name: "stratum+ssl://b.example:2", Connected: true},
			{Name: "stratum+tcp://c.example:3", Error: "no route"},
			{Name: "stratum+tcp://d.example:4", Connected: true, Error: "it refuses every share: low-difficulty"},
			{Name: "stratum+tcp://e.example:5"},
		},
	}
}

func TestMineView(t *testing.T) {
	got := strings.Join(view{Painter: screen.Painter{Width: 100}, help: true}.lines(someMinerStatus()), "\n")
	want := strings.TrimSpace(`
stele mine  mining, up 12m34s   h help  q quit
keys       p pause  r resume  h toggle help  q or Ctrl-C quit
rate       1.20 GH/s  1m 1.00 GH/s, 15m 1.00 GH/s, 1h 1.00 GH/s
  shares   500 MH/s, differs  300 MH/s to 700 MH/s, of 41 shares in 1h00m
  cuda:0   1.20 GH/s  ok  65 C  200 W  5.00 MH/J  Some GPU, k
  cpu      0 H/s  sick: finishes nothing  Some CPU, avx2
power      200 W, 5.00 MH/J
shares     1,234 accepted, 3 stale, 1 lost, 1 pending  last 2.0s ago
best       difficulty 1e+12, 1 block found
work       height 900000, 9.0s old  difficulty 512.2, network 1.264e+14
sources    active  stratum+tcp://a.example:1  latency 20ms, p99 90ms
           standby  stratum+ssl://b.example:2
           down  stratum+tcp://c.example:3  no route
           suspended  stratum+tcp://d.example:4  it refuses every share: low-difficulty
           idle  stratum+tcp://e.example:5
trouble    cpu is sick`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range (view{Painter: screen.Painter{Width: 40}}).lines(someMinerStatus()) {
		if n := utf8.RuneCountInString(line); n > 40 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestMineLine(t *testing.T) {
	got := statusLine(someMinerStatus())
	want := "mining  1.20 GH/s  accepted 1234  stale 3  lost 1  best 1e+12  blocks 1  cuda:0 65 C  cpu sick  source stratum+tcp://a.example:1  trouble: cpu is sick"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// paused records the calls of keys.
type paused struct{ said string }

func (p *paused) Pause() { p.said += "p" }

func (p *paused) Resume() { p.said += "r" }

// The keys do what the help says, also as capital letters; others do nothing.
func TestMineKeys(t *testing.T) {
	o, m, stopped := &display{}, &paused{}, 0
	for _, key := range []byte("hprPRx\x00\x1b[A?hqQ\x03\x04") {
		o.press(key, m, func() { stopped++ })
	}
	if !o.help.Load() || m.said != "prpr" || stopped != 4 {
		t.Errorf("help %v, miner %q, stopped %d times", o.help.Load(), m.said, stopped)
	}
}
