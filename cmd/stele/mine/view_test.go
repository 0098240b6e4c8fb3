package mine

import (
	"strings"
	"testing"
	"time"

	"stele/cmd/stele/internal/screen"
	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
)

func someMinerStatus() miner.Status {
	now := time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)
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
	colors := view{Painter: screen.Painter{Width: 100, Color: true}}.lines(someMinerStatus())
	for i, want := range map[int]string{
		3: "\x1b[2m  cuda:0   \x1b[0m1.20 GH/s  \x1b[32mok\x1b[0m  65 C  200 W  5.00 MH/J\x1b[2m  Some GPU, k\x1b[0m",
		4: "\x1b[2m  cpu      \x1b[0m0 H/s  \x1b[31msick: finishes nothing\x1b[0m\x1b[2m  Some CPU, avx2\x1b[0m",
		6: "\x1b[2mshares     \x1b[0m\x1b[32m1,234 accepted\x1b[0m, \x1b[31m3 stale, 1 lost\x1b[0m\x1b[2m, 1 pending\x1b[0m\x1b[2m  last 2.0s ago\x1b[0m",
		7: "\x1b[2mbest       \x1b[0m\x1b[1;32mdifficulty 1e+12, 1 block found\x1b[0m",
	} {
		if colors[i] != want {
			t.Errorf("line %d: got\n%q\nwant\n%q", i, colors[i], want)
		}
	}
}

// No line of the view is wider than the terminal, also with wide characters, and none has
// escape codes from outside.
func TestMineViewWidth(t *testing.T) {
	s := someMinerStatus()
	s.Sources[2].Name, s.Sources[2].Error = "stratum+tcp://矿池.example:3333", "\x1b[31m\x1b]0;title\x07矿池拒绝了所有的份额 🧱🧱 \u202e"
	s.Work.Source = s.Sources[2].Name
	for width := 1; width <= 200; width++ {
		for _, p := range []screen.Painter{{Width: width}, {Width: width, Color: true}, {Width: width, ASCII: true}} {
			for _, line := range (view{Painter: p, help: true}).lines(s) {
				if n := screen.Columns(line); n > width {
					t.Fatalf("width %d: %d columns: %q", width, n, line)
				}
				if strings.ContainsAny(line, "\a\u202e\n") || !p.Color && strings.Contains(line, "\x1b") || strings.Contains(line, "\x1b]") {
					t.Fatalf("%+v: %q", p, line)
				}
			}
		}
	}
}

// On a low terminal, devices that are well make room for the others and for what is
// below.
func TestMineViewHeight(t *testing.T) {
	s := someMinerStatus()
	sick := s.Devices[1]
	s.Devices = nil
	for range 30 {
		s.Devices = append(s.Devices, someMinerStatus().Devices[0])
	}
	s.Devices = append(s.Devices, sick)
	lines := view{Painter: screen.Painter{Width: 80, Height: 23}}.lines(s)
	all := strings.Join(lines, "\n")
	for _, want := range []string{"sick: finishes nothing", "and 22 more devices", "trouble    cpu is sick"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if len(lines) != 23 {
		t.Errorf("%d lines:\n%s", len(lines), all)
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
