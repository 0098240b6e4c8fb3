package mine

import (
	"strings"
	"testing"

	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
)

func TestSummary(t *testing.T) {
	s := someMinerStatus()
	joules, hot := 150_800.0, 71.4
	s.Counted.Mean = 1.2e9
	s.Shares.Found = 1239
	s.Devices[0].Nonces, s.Devices[0].Hits, s.Devices[0].ExpectedHits, s.Devices[0].Shares = 904e9, 1239, 1260, 1239
	s.Devices[0].Rates.Mean, s.Devices[0].Sensors.Energy = 1.2e9, &joules
	s.Sources = s.Sources[:2]
	s.Sources[0].Sessions, s.Sources[0].Shares = 1, s.Shares

	var p past
	p.observe(s)
	resting := someMinerStatus()
	resting.Devices[0].Health, resting.Devices[0].Reason, resting.Devices[0].Sensors.Temperature = miner.Resting, "above 70 C", &hot
	p.observe(resting)
	p.observe(resting)
	p.observe(s)
	p.observe(resting)
	got := summary(screen.Painter{Width: 200}, s, p)
	want := strings.TrimPrefix(`
stopped after 12m34s: 1.20 GH/s, 904 Ghashes
shares     1,234 accepted, 3 stale, 1 lost, 1 without an answer, best difficulty 1e+12, 1 block found
luck       98 % of the expected shares (95 % interval 93 % to 104 %)
energy     151 kJ  5.99 MH/J  0.0419 kWh
devices
  cuda:0   1.20 GH/s  904 Ghashes  1,239 shares  max 71 C  151 kJ  5.99 MH/J
           rested 2 times; the last reason: above 70 C
  cpu      0 H/s  0 hashes  0 shares
           failed 1 time; the last reason: finishes nothing
pools
  stratum+tcp://a.example:1
           1,234 accepted, 3 stale, 1 lost, 1 without an answer, best difficulty 1e+12, 1 block found
           answers after 20ms, p99 90ms; 1 session
  stratum+ssl://b.example:2  not used
`, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if text := summary(screen.Painter{Width: 200}, miner.Status{}, past{}); text != "stopped after 0ms: 0 H/s, 0 hashes\nshares     0 accepted\n" {
		t.Errorf("of a run without devices: %q", text)
	}
}
