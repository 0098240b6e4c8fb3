package node

import (
	"fmt"
	"math"
	"strings"
	"time"

	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
	"stele/node/api"
	"stele/node/ledger/record"
	"stele/node/query"
)

// view draws the status of a node as lines of text. It has no state: the
// same status gives the same lines.
type view struct {
	screen.Painter
	keys bool // the keyboard controls the node
}

// lines returns the view, a string for each line, none wider than v.Width.
func (v view) lines(s query.Status) []string {
	var out []string
	add := func(label string, spans ...screen.Span) { out = append(out, v.Row(label, spans...)) }
	text, dim := screen.Plain.Sprintf, screen.Faint.Sprintf

	out = append(out, v.Line(
		screen.Bold.Sprint("stele node"), screen.Plain.Sprintf("  network %s, up %s", s.Network, human.Duration(s.Now.Sub(s.Started))),
		screen.Faint.Sprint("   "+v.help()),
	))
	add("tip", screen.Bold.Sprintf("height %d", s.Height),
		text("  %s  %s", human.Hash(s.Tip.String()), tipAge(s, "", " ago")))
	add("blocks", v.blocks(s)...)
	add("difficulty", text("%s  nBits %s, next retarget in %s (height %d)",
		difficulty(s), s.Bits, human.Count(uint64(s.NextRetarget-s.Height), "block"), s.NextRetarget))
	v.peers(s, add)
	v.mining(s, add)
	if w := s.Stratum; w != nil {
		rate := fmt.Sprintf("%sH/s of %s", human.SI(w.HashRate), human.Count(uint64(w.Workers), "worker"))
		add("stratum", append(mined(w.Mined, rate), v.rejected(w.Mined.Rejected), v.waiting(s), dim("  %s, %s", human.Count(w.Shares.Accepted, "share"), stratumAddress(w)))...)
	}
	add("pool", text("%s, %s", human.Count(uint64(s.Pool.Records), "record"), human.Bytes(s.Pool.Bytes)),
		dim("  %.1f %% full", 100*float64(s.Pool.Memory)/float64(max(s.Pool.MaxBytes, 1))))
	add("records", text("%s/s accepted, %s/s into blocks", perSec(s.Records.AcceptedRate), perSec(s.Records.ConnectedRate)))
	add("  total", dim("%s accepted, %s rejected, %s in blocks",
		human.Grouped(s.Records.Accepted), human.Grouped(s.Records.Rejected), human.Grouped(s.Records.Connected)))
	for _, t := range statusTallies(s) {
		for i, row := range v.rows(t.counts, t.maxRows) {
			if i > 0 {
				t.label = ""
			}
			add(t.label, screen.Faint.Sprint(row))
		}
	}
	if s.Traffic > 0 {
		add("traffic", dim("%s/s requested", perSec(s.Traffic)))
	}
	if s.API != "" {
		if s.Web {
			add("pages", screen.Faint.Sprint("http://"+s.API+"/"))
		}
		add("api", screen.Faint.Sprint("http://"+s.API+"/v1/health"))
	}
	add("data", screen.Faint.Sprint(s.Dir))
	for _, w := range s.Warnings {
		add("warning", screen.Warning.Sprint(w.Text)) // such as a deep reorganisation
	}
	if s.Trouble != "" {
		add("trouble", screen.Bad.Sprint(s.Trouble))
	}
	return out
}

// help returns how to stop the node, and how to pause it.
func (v view) help() string {
	if v.keys {
		return "p pause  r resume  q quit"
	}
	return "Ctrl-C to stop"
}

// peers adds the lines about the peers, and how far the node is behind them.
func (v view) peers(s query.Status, add func(label string, spans ...screen.Span)) {
	if s.Peers == nil {
		return
	}
	in := 0
	for _, p := range s.Peers.Connected {
		if p.Inbound {
			in++
		}
	}
	all := len(s.Peers.Connected)
	listen := "not listening"
	if s.Peers.Listen != "" {
		listen = "listening at " + s.Peers.Listen
	}
	add("peers", screen.Plain.Sprintf("%d: %d out, %d in", all, all-in, in), screen.Faint.Sprintf("  %s, key %s", listen, s.Peers.Key))
	if isSyncing(s) {
		add("sync", screen.Warning.Sprint(syncText(api.NewSync(s.Peers.Sync))))
	}
}

// isSyncing reports whether a node downloads what its peers have.
func isSyncing(s query.Status) bool {
	return s.Peers != nil && (s.Peers.Sync.State == query.SyncHeaders || s.Peers.Sync.State == query.SyncBlocks)
}

// waiting returns why nothing is mined for now.
func (v view) waiting(s query.Status) screen.Span {
	if s.Waiting == "" {
		return screen.Span{}
	}
	return screen.Warning.Sprint(", waiting: " + s.Waiting)
}

// mining adds the lines about the node's own devices.
func (v view) mining(s query.Status, add func(label string, spans ...screen.Span)) {
	m := s.Miner
	if m == nil {
		add("mining", screen.Faint.Sprint("off (start with --mine)"))
		return
	}
	var paused screen.Span
	if m.State == miner.Paused {
		paused = screen.Warning.Sprint(", paused")
	}
	add("mining", append(mined(s.Mined, human.SI(s.HashRate())+"H/s"), v.rejected(s.Mined.Rejected), paused, v.waiting(s))...)
	for _, d := range m.Devices {
		add("  "+d.Info.ID, screen.Plain.Sprintf("%sH/s  ", human.SI(d.Rates.Seconds10)), minerflags.Health(d), screen.Plain.Sprint(minerflags.Readings(d)),
			screen.Faint.Sprintf("  %s, %s", d.Info.Name, d.Info.SearchKernel))
	}
	if e := m.Estimated; e.Disagrees {
		add("  hits", screen.Warning.Sprintf("imply %sH/s to %sH/s, which differs from the measured hash rate", human.SI(e.Low), human.SI(e.High)))
	}
}

// blocks returns the line about block times: the last one, their mean, and a chart of
// the last ones.
func (v view) blocks(s query.Status) []screen.Span {
	if len(s.Intervals) == 0 {
		return []screen.Span{screen.Plain.Sprint("none yet, target " + human.Duration(s.Spacing))}
	}
	last := s.Intervals
	if room := (v.Width - 62); len(last) > room {
		last = last[len(last)-max(room, 0):]
	}
	return []screen.Span{
		screen.Plain.Sprintf("last %s, mean %s of %d, target %s  ",
			human.Duration(s.Intervals[len(s.Intervals)-1]), human.Duration(mean(s.Intervals)), len(s.Intervals), human.Duration(s.Spacing)),
		screen.Faint.Sprint(v.chart(last, s.Spacing)),
	}
}

// chart draws a bar for each interval. Bar height 4 of 8 is the target; each step is a
// factor of sqrt(2).
func (v view) chart(intervals []time.Duration, target time.Duration) string {
	heights := []rune("▁▂▃▄▅▆▇█")
	if v.ASCII {
		heights = []rune("_.-=+*#@")
	}
	var b strings.Builder
	for _, d := range intervals {
		h := 0
		if d > 0 && target > 0 {
			h = 3 + int(math.Round(2*math.Log2(float64(d)/float64(target))))
		}
		b.WriteRune(heights[min(max(h, 0), len(heights)-1)])
	}
	return b.String()
}

// mined returns the beginning of a line about what mines for the node: its rate, the
// blocks that it found, and those of them that lost against others.
func mined(m query.Mined, rate string) []screen.Span {
	found, stale := screen.Plain, screen.Plain
	if m.Blocks > 0 {
		found = screen.Good
	}
	if m.Stale > 0 {
		stale = screen.Warning
	}
	return []screen.Span{
		screen.Plain.Sprint(rate + ", "), found.Sprint(human.Count(m.Blocks, "block") + " mined"),
		screen.Plain.Sprint(", "), stale.Sprintf("%d stale", m.Stale),
	}
}

// rejected returns a warning of blocks that this node mined and its chain rejected.
func (v view) rejected(n uint64) screen.Span {
	if n == 0 {
		return screen.Span{}
	}
	return screen.Bad.Sprintf(", %d rejected", n)
}

// stratumAddress returns the URL of the Stratum server.
func stratumAddress(w *query.Stratum) string {
	if w.TLS {
		return "stratum+ssl://" + w.Address
	}
	return "stratum+tcp://" + w.Address
}

// statusLine returns the status of a node in one line, for output that is not a
// terminal: words and values, stable enough for grep.
func statusLine(s query.Status) string {
	line := fmt.Sprintf("height %d  tip %s  %s  ", s.Height, human.Hash(s.Tip.String()), tipAge(s, "age ", ""))
	if len(s.Intervals) > 0 {
		line += fmt.Sprintf("block time %s (target %s)  ", human.Duration(mean(s.Intervals)), human.Duration(s.Spacing))
	}
	line += fmt.Sprintf("difficulty %s  ", difficulty(s))
	if s.Peers != nil {
		line += fmt.Sprintf("peers %d  ", s.Connected())
	}
	if isSyncing(s) {
		line += "sync " + syncText(api.NewSync(s.Peers.Sync)) + "  "
	}
	if s.Miner != nil {
		line += fmt.Sprintf("%sH/s  ", human.SI(s.HashRate()))
		if s.Miner.State == miner.Paused {
			line += "paused  "
		}
		line += fmt.Sprintf("mined %d  stale %d  ", s.Mined.Blocks, s.Mined.Stale)
	}
	if s.Waiting != "" {
		line += fmt.Sprintf("waiting: %s  ", s.Waiting)
	}
	if w := s.Stratum; w != nil {
		line += fmt.Sprintf("stratum %sH/s  workers %d  shares %d  stratum_mined %d  stratum_stale %d  ", human.SI(w.HashRate), w.Workers, w.Shares.Accepted, w.Mined.Blocks, w.Mined.Stale)
	}
	line += fmt.Sprintf("pool %d  accepted %d  rejected %d  in blocks %d", s.Pool.Records, s.Records.Accepted, s.Records.Rejected, s.Records.Connected)
	if sold := s.Types[record.TypeVoucherIssue]; sold > 0 {
		open, closed := openClaims(s.Claims)
		line += fmt.Sprintf("  sold %d  delivered %d  claims open %d, closed %d", sold, s.Types[record.TypeDeliveryConfirm], open, closed)
	}
	for _, w := range s.Warnings {
		line += "  warning " + string(w.Kind)
	}
	if s.Trouble != "" {
		line += "  trouble: " + s.Trouble
	}
	return line
}

// tipAge returns how long the node has had its tip. After a start it goes by the
// header's time, which may be ahead of the clock if blocks came fast.
func tipAge(s query.Status, before, after string) string {
	age := s.Now.Sub(s.TipSeen)
	if age < 0 {
		return "dated " + human.Duration(-age) + " in the future"
	}
	return before + human.Duration(age) + after
}

// difficulty returns the difficulty of the next block, with four digits.
func difficulty(s query.Status) string {
	t, err := s.Bits.Target()
	if err != nil {
		return "?"
	}
	return human.Difficulty(t.Difficulty())
}

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(max(len(all), 1))
}

// perSec writes a rate of records.
func perSec(x float64) string {
	if x < 999.5 {
		return fmt.Sprintf("%.3g", x)
	}
	return strings.ReplaceAll(human.SI(x), " ", "")
}
