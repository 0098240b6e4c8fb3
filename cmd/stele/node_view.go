package main

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"stele/engine/miner"
	"stele/node"
	"stele/node/ledger/record"
)

// nodeView formats the status of a node as lines of text. It has no state: the same
// status gives the same lines.
type nodeView struct {
	width int  // columns of the terminal
	color bool // with the escape codes of ECMA-48 for bold and faint
	ascii bool // only characters of ASCII
	keys  bool // keys can be pressed
}

// style is how a piece of a line is shown.
type style int

const (
	plain style = iota
	faint
	bold
)

// span is a piece of a line.
type span struct {
	style style
	text  string
}

// lines returns the view, a string for each line, none wider than v.width.
func (v nodeView) lines(s node.Status) []string {
	var out []string
	add := func(label string, spans ...span) {
		out = append(out, v.paint(append([]span{{faint, fmt.Sprintf("%-11s", label)}}, spans...)))
	}
	text := func(format string, args ...any) span { return span{plain, fmt.Sprintf(format, args...)} }

	out = append(out, v.paint([]span{
		{bold, "stele node"}, {plain, fmt.Sprintf("  network %s, up %s", s.Network, shortTime(s.Now.Sub(s.Started)))},
		{faint, "   " + v.help()},
	}))
	add("tip", span{bold, fmt.Sprintf("height %d", s.Height)},
		text("  %s  %s", shortHash(s.Tip.String()), tipAge(s, "", " ago")))
	add("blocks", v.blocks(s)...)
	add("difficulty", text("%s  nBits %s, next retarget in %s (height %d)",
		difficulty(s), s.Bits, plural(uint64(s.NextRetarget-s.Height), "block"), s.NextRetarget))
	v.mining(s, add)
	if w := s.Stratum; w != nil {
		add("stratum", text("%sH/s of %s, %s mined, %d stale", siUnits(w.HashRate), plural(uint64(w.Workers), "worker"), plural(w.Mined.Blocks, "block"), w.Mined.Stale),
			v.rejected(w.Mined.Rejected), span{faint, fmt.Sprintf("  %s, %s", plural(w.Shares.Accepted, "share"), stratumAddress(w))})
	}
	add("pool", text("%s, %s", plural(uint64(s.Pool.Records), "record"), byteSize(s.Pool.Bytes)),
		span{faint, fmt.Sprintf("  %.1f %% full", 100*float64(s.Pool.Memory)/float64(max(s.Pool.MaxBytes, 1)))})
	add("records", text("%s/s accepted, %s/s into blocks", perSec(s.Records.AcceptedRate), perSec(s.Records.ConnectedRate)))
	add("  in all", span{faint, fmt.Sprintf("%s accepted, %s rejected, %s in blocks",
		grouped(s.Records.Accepted), grouped(s.Records.Rejected), grouped(s.Records.Connected))})
	for _, t := range statusTallies(s) {
		for i, row := range v.rows(t.of, t.rows) {
			if i > 0 {
				t.label = ""
			}
			add(t.label, span{faint, row})
		}
	}
	if s.Traffic > 0 {
		add("traffic", span{faint, fmt.Sprintf("%s/s requested", perSec(s.Traffic))})
	}
	if s.API != "" {
		add("api", span{faint, "http://" + s.API + "/v1/health"})
	}
	add("data", span{faint, s.Dir})
	for _, w := range s.Warnings {
		add("warning", span{bold, w.Text})
	}
	if s.Trouble != "" {
		add("trouble", span{bold, s.Trouble})
	}
	return out
}

// help returns how the node is stopped, and paused.
func (v nodeView) help() string {
	if v.keys {
		return "p pause  r resume  q quit"
	}
	return "Ctrl-C stops it"
}

// blocks returns the line about block times: the last one, their mean, and a small
// bar chart of the last ones, in which half height is the target.
func (v nodeView) blocks(s node.Status) []span {
	if len(s.Intervals) == 0 {
		return []span{{plain, "none yet, target " + shortTime(s.Spacing)}}
	}
	last := s.Intervals
	if room := (v.width - 62); len(last) > room {
		last = last[len(last)-max(room, 0):]
	}
	return []span{
		{plain, fmt.Sprintf("last %s, mean %s of %d, target %s  ",
			shortTime(s.Intervals[len(s.Intervals)-1]), shortTime(mean(s.Intervals)), len(s.Intervals), shortTime(s.Spacing))},
		{faint, v.picture(last, s.Spacing)},
	}
}

// picture draws a bar for each interval: height 4 of 8 is the target, and each step
// is a factor of the square root of two.
func (v nodeView) picture(intervals []time.Duration, target time.Duration) string {
	heights := []rune("▁▂▃▄▅▆▇█")
	if v.ascii {
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

// mining adds the lines about the node's own devices.
func (v nodeView) mining(s node.Status, add func(label string, spans ...span)) {
	m := s.Miner
	if m == nil {
		add("mining", span{faint, "no; --mine starts it"})
		return
	}
	line := span{plain, fmt.Sprintf("%sH/s, %s mined, %d stale", siUnits(s.HashRate()), plural(s.Mined.Blocks, "block"), s.Mined.Stale)}
	state := span{}
	if m.State == miner.Paused {
		state = span{bold, ", paused"}
	}
	add("mining", line, v.rejected(s.Mined.Rejected), state)
	for _, d := range m.Devices {
		health := span{plain, fmt.Sprintf("%sH/s  %s", siUnits(d.Rates.Seconds10), d.Health)}
		if d.Reason != "" {
			health = span{bold, health.text + ": " + d.Reason}
		}
		add("  "+d.Info.ID, health, span{plain, sensors(d)}, span{faint, fmt.Sprintf("  %s, %s", d.Info.Name, d.Info.SearchKernel)})
	}
	if m.Estimated.Disagrees {
		add("  hits", span{bold, fmt.Sprintf("imply %sH/s to %sH/s, which differs from the measured hash rate", siUnits(m.Estimated.Low), siUnits(m.Estimated.High))})
	}
}

// rejected warns of blocks of this node that its chain rejected.
func (v nodeView) rejected(n uint64) span {
	if n == 0 {
		return span{}
	}
	return span{bold, fmt.Sprintf(", %d rejected", n)}
}

// paint joins spans to a line, with escape codes if v.color. A line wider than the
// terminal is cut and ends with an ellipsis.
func (v nodeView) paint(spans []span) string {
	var b strings.Builder
	all, left, end := 0, v.width, ""
	for _, s := range spans {
		all += utf8.RuneCountInString(s.text)
	}
	if all > v.width {
		if end = "…"; v.ascii {
			end = "..."[:min(3, v.width)]
		}
		left -= utf8.RuneCountInString(end)
	}
	for _, s := range spans {
		text := s.text
		if n := utf8.RuneCountInString(text); n > left {
			text = string([]rune(text)[:max(left, 0)])
		}
		left -= utf8.RuneCountInString(text)
		switch {
		case text == "":
		case v.color && s.style == bold:
			b.WriteString("\x1b[1m" + text + "\x1b[0m")
		case v.color && s.style == faint:
			b.WriteString("\x1b[2m" + text + "\x1b[0m")
		default:
			b.WriteString(text)
		}
	}
	return strings.TrimRight(b.String()+end, " ")
}

// stratumAddress returns the URL of the Stratum server.
func stratumAddress(w *node.StratumStatus) string {
	if w.TLS {
		return "stratum+ssl://" + w.Address
	}
	return "stratum+tcp://" + w.Address
}

// statusLine returns the status of a node in one line, for output that is no
// terminal: words and values, stable enough for grep.
func statusLine(s node.Status) string {
	line := fmt.Sprintf("height %d  tip %s  %s  ", s.Height, shortHash(s.Tip.String()), tipAge(s, "age ", ""))
	if len(s.Intervals) > 0 {
		line += fmt.Sprintf("block time %s (target %s)  ", shortTime(mean(s.Intervals)), shortTime(s.Spacing))
	}
	line += fmt.Sprintf("difficulty %s  ", difficulty(s))
	if s.Miner != nil {
		line += fmt.Sprintf("%sH/s  mined %d  stale %d  ", siUnits(s.HashRate()), s.Mined.Blocks, s.Mined.Stale)
	}
	if w := s.Stratum; w != nil {
		line += fmt.Sprintf("stratum %sH/s  workers %d  shares %d  stratum_mined %d  stratum_stale %d  ", siUnits(w.HashRate), w.Workers, w.Shares.Accepted, w.Mined.Blocks, w.Mined.Stale)
	}
	line += fmt.Sprintf("pool %d  accepted %d  refused %d  in blocks %d", s.Pool.Records, s.Records.Accepted, s.Records.Rejected, s.Records.Connected)
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

// tipAge returns the age of the node's tip; after a start, by the header's time.
// Where blocks come fast, that can be ahead of the clock.
func tipAge(s node.Status, before, after string) string {
	age := s.Now.Sub(s.TipSeen)
	if age < 0 {
		return "dated " + shortTime(-age) + " in the future"
	}
	return before + shortTime(age) + after
}

// difficulty returns the difficulty of the next block, with four digits.
func difficulty(s node.Status) string {
	t, err := s.Bits.Target()
	if err != nil {
		return "?"
	}
	return shortDifficulty(t.Difficulty())
}

// shortHash shortens 64 hex digits to the first and the last.
func shortHash(hex string) string { return hex[:16] + ".." + hex[len(hex)-4:] }

// shortTime formats a duration with two or three digits: 85ms, 3.1s, 12m4s,
// 5h02m.
func shortTime(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(max(len(all), 1))
}

// byteSize formats a number of bytes for people.
func byteSize(n int64) string { return siUnits(float64(n)) + "B" }

// perSec formats a rate of records.
func perSec(x float64) string {
	if x < 999.5 {
		return fmt.Sprintf("%.3g", x)
	}
	return strings.ReplaceAll(siUnits(x), " ", "")
}

// grouped formats a number with commas between groups of three digits.
func grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// plural formats a count of things: "1 block", "2 blocks".
func plural(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(n) + " " + what
}
