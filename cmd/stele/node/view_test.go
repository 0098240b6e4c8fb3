package node

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stele/cmd/stele/internal/screen"
	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/query"
)

func someStatus() query.Status {
	now := time.Unix(1_800_000_000, 0)
	tip, err := pow.ParseHash("0000001f5a2c7d9be8a1f00d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69")
	if err != nil {
		panic(err)
	}
	return query.Status{
		Network: "dev", Dir: "/var/lib/stele/dev", API: "127.0.0.1:8690",
		Now: now, Started: now.Add(-754 * time.Second),
		Height: 1234, Tip: tip, TipTime: now.Add(-4 * time.Second), TipSeen: now.Add(-2100 * time.Millisecond),
		Intervals: []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 6 * time.Second, 12 * time.Second, time.Minute},
		Spacing:   3 * time.Second, Bits: 0x1d00ffff, NextRetarget: 1248,
		Mined: query.Mined{Blocks: 1200, Stale: 7},
		Miner: &miner.Status{
			State: miner.Mining, Counted: miner.Rates{Seconds10: 302.4e6},
			Devices: []miner.DeviceStatus{{
				DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: "cpu", Name: "Some CPU", SearchKernel: "avx512"}, State: engine.OK},
				Health:       miner.OK, Rates: miner.Rates{Seconds10: 302.4e6},
			}},
		},
		Pool:    query.PoolStatus{Records: 42, Bytes: 8100, Memory: 32_000_000, MaxBytes: 64_000_000},
		Traffic: 25,
		Records: query.RecordCounts{Accepted: 31_000, Rejected: 2, Connected: 30_958, AcceptedRate: 25.02, ConnectedRate: 24.81},
		Types: map[record.Type]uint64{
			record.TypePay: 9_000, record.TypeVoucherIssue: 1_500, record.TypeShipmentCreate: 1_650, record.TypeCustodyHandover: 2_000,
			record.TypeDeliveryConfirm: 1_480, record.TypeClaimOpen: 700, record.TypeEvaluate: 900, record.TypeRuling: 0,
		},
		Claims:     map[rules.ClaimState]uint64{rules.ClaimOpen: 12, rules.ClaimEscalated: 4, rules.ClaimSettled: 500},
		Rejections: map[reject.Reason]uint64{reject.SequenceUsed: 2, reject.InsufficientFunds: 11},
	}
}

func TestNodeView(t *testing.T) {
	got := strings.Join(view{Painter: screen.Painter{Width: 100}}.lines(someStatus()), "\n")
	want := strings.TrimPrefix(`
stele node  network dev, up 12m34s   Ctrl-C to stop
tip        height 1234  0000001f5a2c7d9b..5a69  2.1s ago
blocks     last 1m00s, mean 12s of 7, target 3.0s  ▁▁▃▄▆██
difficulty 1  nBits 1d00ffff, next retarget in 14 blocks (height 1248)
mining     302 MH/s, 1,200 blocks mined, 7 stale
  cpu      302 MH/s  ok  Some CPU, avx512
pool       42 records, 8.10 kB  50.0 % full
records    25/s accepted, 24.8/s into blocks
  total    31,000 accepted, 2 rejected, 30,958 in blocks
by type    PAY 9,000  CUSTODY_HANDOVER 2,000  SHIPMENT_CREATE 1,650  VOUCHER_ISSUE 1,500
           DELIVERY_CONFIRM 1,480  EVALUATE 900  CLAIM_OPEN 700
claims     closed-settled 500  open 12  escalated 4
rejected   insufficient-funds 11  sequence-used 2
traffic    25/s requested
api        http://127.0.0.1:8690/v1/health
data       /var/lib/stele/dev`, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}

	celsius := 61.4
	hot := someStatus()
	hot.Miner.State, hot.Miner.Estimated = miner.Paused, miner.Estimate{Low: 100e6, High: 120e6, Disagrees: true}
	hot.Miner.Devices[0].Health, hot.Miner.Devices[0].Reason = miner.Resting, "too hot"
	hot.Miner.Devices[0].Sensors = &miner.Sensors{Temperature: &celsius}
	lines := strings.TrimPrefix(`
mining     302 MH/s, 1,200 blocks mined, 7 stale, paused
  cpu      302 MH/s  resting: too hot  61 C  Some CPU, avx512
  hits     imply 100 MH/s to 120 MH/s, which differs from the measured hash rate
`, "\n")
	if all := strings.Join(view{Painter: screen.Painter{Width: 100}}.lines(hot), "\n"); !strings.Contains(all, lines) {
		t.Errorf("got:\n%s\nwant in it:\n%s", all, lines)
	}
	if line := statusLine(hot); !strings.Contains(line, "  302 MH/s  paused  mined 1200  stale 7  ") {
		t.Errorf("status line %q", line)
	}

	s := someStatus()
	s.Stratum = &query.Stratum{
		Connections: 13, Workers: 12, HashRate: 1.234e12, Shares: query.Shares{Accepted: 3400},
		Address: "[::]:3333", Mined: query.Mined{Blocks: 31, Stale: 1},
	}
	all := strings.Join(view{Painter: screen.Painter{Width: 100}}.lines(s), "\n")
	if line := "\nstratum    1.23 TH/s of 12 workers, 31 blocks mined, 1 stale  3,400 shares, stratum+tcp://[::]:3333\n"; !strings.Contains(all, line) {
		t.Errorf("got:\n%s\nwant in it: %s", all, line)
	}
	if line := "  stratum 1.23 TH/s  workers 12  shares 3400  stratum_mined 31  stratum_stale 1  pool "; !strings.Contains(statusLine(s), line) {
		t.Errorf("got: %s\nwant in it: %s", statusLine(s), line)
	}
}

// What is good is green, what needs a look is yellow, what is wrong is red.
func TestNodeViewColors(t *testing.T) {
	s := someStatus()
	s.Mined.Rejected = 1
	s.Warnings = []query.Warning{{Kind: query.DeepReorg, Text: "12 blocks were disconnected"}}
	s.Trouble = "no space left"
	all := strings.Join(view{Painter: screen.Painter{Width: 100, Color: true}}.lines(s), "\n")
	for _, want := range []string{
		"302 MH/s, \x1b[32m1,200 blocks mined\x1b[0m, \x1b[33m7 stale\x1b[0m\x1b[31m, 1 rejected\x1b[0m",
		"302 MH/s  \x1b[32mok\x1b[0m",
		"\x1b[33m12 blocks were disconnected\x1b[0m",
		"\x1b[31mno space left\x1b[0m",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

// No line is wider than the terminal, however narrow that is, and the reason of a sick
// device is shown.
func TestNodeViewWidth(t *testing.T) {
	s := someStatus()
	s.Miner.Devices[0].Health, s.Miner.Devices[0].Reason = miner.Sick, "it gave a wrong hash"
	s.Warnings = []query.Warning{{Kind: query.Alone, Text: "this node has no peers"}}
	s.Trouble = "no space left on the device that holds the data folder"
	s.Mined.Rejected = 1
	for width := 1; width < 120; width++ {
		for _, v := range []view{{Painter: screen.Painter{Width: width}}, {Painter: screen.Painter{Width: width, Color: true}}, {Painter: screen.Painter{Width: width, ASCII: true}}} {
			for _, line := range v.lines(s) {
				if screen.Columns(line) > width {
					t.Fatalf("width %d: %q", width, line)
				}
				if v.ASCII && utf8.RuneCountInString(line) != len(line) {
					t.Fatalf("not ASCII: %q", line)
				}
			}
		}
	}
	// A cut line ends with an ellipsis.
	for i, want := range []string{
		"stele node  network dev, up 12m34s   Ct…",
		"tip        height 1234  0000001f5a2c7d9…",
		"blocks     last 1m00s, mean 12s of 7, t…",
		"difficulty 1  nBits 1d00ffff, next reta…",
		"mining     302 MH/s, 1,200 blocks mined…",
		"  cpu      302 MH/s  sick: it gave a wr…",
		"pool       42 records, 8.10 kB  50.0 % …",
		"records    25/s accepted, 24.8/s into b…",
	} {
		if got := (view{Painter: screen.Painter{Width: 40}}).lines(s)[i]; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		want = strings.Replace(want, "…", "", 1)
		if got := (view{Painter: screen.Painter{Width: 40, ASCII: true}}).lines(s)[i]; got != want[:37]+"..." {
			t.Errorf("got  %q\nwant %q", got, want[:37]+"...")
		}
	}
	all := strings.Join(view{Painter: screen.Painter{Width: 120}}.lines(s), "\n")
	for _, want := range []string{"sick: it gave a wrong hash", "warning    this node has no peers", "trouble    no space left", ", 1 rejected"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

// With all record types, states and reasons the view still fits 80 columns and 24
// lines, and counts what it leaves out.
func TestNodeViewRoom(t *testing.T) {
	s := someStatus()
	for i, kind := range record.Types() {
		s.Types[kind] = uint64(1_000_000 * i)
	}
	for state := rules.ClaimOpen; state <= rules.ClaimGivenUp; state++ {
		s.Claims[state] = uint64(state) * 10_000
	}
	for i, reason := range reject.All() {
		s.Rejections[reason] = uint64(1000 * i)
	}
	lines := view{Painter: screen.Painter{Width: 80}}.lines(s)
	if len(lines) > 23 {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	more := 0
	for _, line := range lines {
		if strings.HasSuffix(line, " more") {
			more++
		}
	}
	if more != 3 {
		t.Errorf("in %d lines something is left out:\n%s", more, strings.Join(lines, "\n"))
	}
}

// The view of a node that has just started.
func TestNodeViewFirst(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := query.Status{Network: "main", Now: now, Started: now, TipSeen: now, Bits: 0x1d00ffff, Spacing: 10 * time.Minute, NextRetarget: 2016}
	all := strings.Join(view{Painter: screen.Painter{Width: 80}}.lines(s), "\n")
	for _, want := range []string{"none yet, target 10m00s", "off (start with --mine)", "next retarget in 2,016 blocks"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if line := statusLine(s); strings.Contains(line, "\n") || strings.Contains(line, "block time") {
		t.Errorf("status line %q", line)
	}
}

// After a start the time of the tip is that of its header, which may be ahead of the
// clock.
func TestTipAhead(t *testing.T) {
	s := someStatus()
	s.TipSeen = s.Now.Add(150 * time.Second)
	if line := (view{Painter: screen.Painter{Width: 80}}).lines(s)[1]; line != "tip        height 1234  0000001f5a2c7d9b..5a69  dated 2m30s in the future" {
		t.Errorf("view: %q", line)
	}
	if line := statusLine(s); !strings.Contains(line, "5a69  dated 2m30s in the future  block time") {
		t.Errorf("status line: %q", line)
	}
	if line := statusLine(someStatus()); !strings.Contains(line, "5a69  age 2.1s  block time") {
		t.Errorf("status line: %q", line)
	}
}

// The lines for output that is not a terminal.
func TestStatusLines(t *testing.T) {
	s := someStatus()
	if line := statusLine(s); !strings.HasSuffix(line, "in blocks 30958  sold 1500  delivered 1480  claims open 16, closed 500") {
		t.Errorf("status line %q", line)
	}
	want := strings.TrimPrefix(`
by type:  PAY 9000  CUSTODY_HANDOVER 2000  SHIPMENT_CREATE 1650  VOUCHER_ISSUE 1500  DELIVERY_CONFIRM 1480  EVALUATE 900  CLAIM_OPEN 700
claims:  closed-settled 500  open 12  escalated 4
rejected:  insufficient-funds 11  sequence-used 2
`, "\n")
	if got := tallyLines(s); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// A node with peers shows them, how far it is behind them, and that it does not mine
// meanwhile.
func TestViewPeers(t *testing.T) {
	s := someStatus()
	s.Peers = &query.Peers{
		Key: "30c1b5a6e0f9d412", Listen: "[::]:28699", Connected: []query.Peer{{Inbound: true}, {}, {}},
		Sync: query.Sync{State: query.SyncBlocks, Height: 1234, Target: 9000, BlocksPerSecond: 80.4, BytesPerSecond: 3.2e6, Left: 96 * time.Second, CatchingUp: true},
	}
	s.Waiting = "catching up with peers"
	got := strings.Join(view{Painter: screen.Painter{Width: 120}}.lines(s), "\n") + "\n"
	for _, want := range []string{
		"peers      3: 2 out, 1 in  listening at [::]:28699, key 30c1b5a6e0f9d412\n",
		"sync       blocks, height 1234 of 9000, 80.4 blocks/s, 3.20 MB/s, 1m36s left\n",
		"mining     302 MH/s, 1,200 blocks mined, 7 stale, waiting: catching up with peers\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	line := statusLine(s)
	for _, want := range []string{"  peers 3  sync blocks, height 1234 of 9000, 80.4 blocks/s, 3.20 MB/s, 1m36s left  ", "  waiting: catching up with peers  "} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in\n%s", want, line)
		}
	}
	s.Peers.Sync = query.Sync{State: query.SyncDone, Height: 1234, Target: 1234}
	if got := strings.Join(view{Painter: screen.Painter{Width: 120}}.lines(s), "\n"); strings.Contains(got, "\nsync") {
		t.Errorf("synced:\n%s", got)
	}
}
