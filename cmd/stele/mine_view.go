package main

import (
	"fmt"
	"strings"
	"time"

	"stele/engine/miner"
	"stele/engine/miner/telemetry"
	"stele/engine/pow"
)

// mineView draws the status of a miner as lines of text. It has no state: the
// same status gives the same lines.
type mineView struct {
	paper nodeView // how wide it is, and what can be drawn on it
	help  bool     // with the keys
}

// lines returns the view, a string for each line, none wider than the paper.
func (v mineView) lines(s miner.Status) []string {
	var out []string
	add := func(label string, spans ...span) {
		out = append(out, v.paper.paint(append([]span{{faint, fmt.Sprintf("%-11s", label)}}, spans...)))
	}
	text := func(format string, args ...any) span { return span{plain, fmt.Sprintf(format, args...)} }
	dim := func(format string, args ...any) span { return span{faint, fmt.Sprintf(format, args...)} }

	out = append(out, v.paper.paint([]span{
		{bold, "stele mine"}, text("  %s, up %s", s.State, shortTime(s.Now.Sub(s.Started))), dim("   h help  q quit"),
	}))
	if v.help {
		add("keys", text("p pause  r resume  h help on and off  q or Ctrl-C quit"))
	}
	add("rate", span{bold, siUnits(s.Counted.Seconds10) + "H/s"},
		dim("  1m %sH/s, 15m %sH/s, 1h %sH/s", siUnits(s.Counted.Minute1), siUnits(s.Counted.Minutes15), siUnits(s.Counted.Hour1)))
	if e := s.Estimated; e.Shares > 0 {
		estimate := text("%sH/s", siUnits(e.Rate))
		if e.Disagrees {
			estimate.style, estimate.text = bold, estimate.text+", which disagrees"
		}
		add("  shares", estimate, dim("  %sH/s to %sH/s, of %s in %s", siUnits(e.Low), siUnits(e.High), plural(e.Shares, "share"), shortTime(e.Window)))
	}
	for _, d := range s.Devices {
		health := text("%sH/s  %s", siUnits(d.Rates.Seconds10), d.Health)
		if d.Reason != "" {
			health.style, health.text = bold, health.text+": "+d.Reason
		}
		add("  "+d.Info.ID, health, text("%s", sensors(d)), dim("  %s, %s", d.Info.Name, d.Info.SearchKernel))
	}
	if watts, ok := telemetry.Power(s); ok {
		power := fmt.Sprintf("%.0f W", watts)
		if x, ok := telemetry.Efficiency(s.Devices...); ok {
			power += fmt.Sprintf(", %sH/J", siUnits(x))
		}
		add("power", text("%s", power))
	}
	add("shares", v.shares(s.Shares, s.Now)...)
	best := text("difficulty %s", shortDifficulty(s.Shares.Best))
	if s.Shares.Blocks > 0 {
		best.style, best.text = bold, best.text+", "+plural(s.Shares.Blocks, "block")+" found"
	}
	add("best", best)
	if w := s.Work; w.Source != "" {
		height := ""
		if w.Height > 0 {
			height = fmt.Sprintf("height %d, ", w.Height)
		}
		add("work", text("%s%s old", height, shortTime(s.Now.Sub(w.Received))),
			dim("  difficulty %s, of the block %s", shortDifficulty(w.Share), shortDifficulty(w.Network)))
	}
	for i, u := range s.Sources {
		label := ""
		if i == 0 {
			label = "sources"
		}
		add(label, v.source(u)...)
	}
	if s.Trouble != "" {
		add("trouble", span{bold, s.Trouble})
	}
	return out
}

// shares tells what became of shares.
func (v mineView) shares(s miner.Shares, now time.Time) []span {
	spans := []span{{plain, grouped(s.Accepted) + " accepted"}}
	if why := rejections(s); why != "" {
		spans = append(spans, span{bold, ", " + why})
	}
	if s.Pending > 0 {
		spans = append(spans, span{faint, fmt.Sprintf(", %d on their way", s.Pending)})
	}
	if !s.Last.IsZero() {
		spans = append(spans, span{faint, fmt.Sprintf("  last %s ago", shortTime(now.Sub(s.Last)))})
	}
	return spans
}

// source tells how a source does.
func (v mineView) source(u miner.SourceStatus) []span {
	state, style := "waits", faint
	switch {
	case u.Active:
		state, style = "mined", plain
	case u.Connected && u.Error != "": // it refuses all shares
		state, style = "set aside", bold
	case u.Connected:
		state = "ready"
	case u.Error != "":
		state, style = "away", bold
	}
	spans := []span{{style, fmt.Sprintf("%s  %s", state, u.Name)}}
	if u.Latency.Count > 0 {
		spans = append(spans, span{faint, fmt.Sprintf("  answers in %s, 99 %% in %s", shortTime(u.Latency.P50), shortTime(u.Latency.P99))})
	}
	if u.Error != "" {
		spans = append(spans, span{plain, "  " + u.Error})
	}
	return spans
}

// sensors tells what a device measures, with two blanks before each.
func sensors(d miner.DeviceStatus) string {
	var b strings.Builder
	if m := d.Sensors; m != nil {
		for _, x := range []struct {
			value *float64
			unit  string
		}{{m.Temperature, " C"}, {m.Power, " W"}, {m.Fan, " % fan"}} {
			if x.value != nil {
				fmt.Fprintf(&b, "  %.0f%s", *x.value, x.unit)
			}
		}
	}
	if x, ok := telemetry.Efficiency(d); ok {
		fmt.Fprintf(&b, "  %sH/J", siUnits(x))
	}
	return b.String()
}

// rejections counts what was not accepted by cause: "3 stale, 1 lost".
func rejections(s miner.Shares) string {
	var parts []string
	for _, cause := range miner.Causes {
		if n := s.Rejected[cause]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", grouped(n), cause))
		}
	}
	return strings.Join(parts, ", ")
}

// mineLine is the status of a miner in one line, for where there is no terminal:
// words and values, stable enough for grep.
func mineLine(s miner.Status) string {
	line := fmt.Sprintf("%s  %sH/s  accepted %d", s.State, siUnits(s.Counted.Seconds10), s.Shares.Accepted)
	for _, cause := range miner.Causes {
		if n := s.Shares.Rejected[cause]; n > 0 {
			line += fmt.Sprintf("  %s %d", cause, n)
		}
	}
	line += "  best " + shortDifficulty(s.Shares.Best)
	if s.Shares.Blocks > 0 {
		line += fmt.Sprintf("  blocks %d", s.Shares.Blocks)
	}
	for _, d := range s.Devices {
		if d.Health != miner.OK {
			line += fmt.Sprintf("  %s %s", d.Info.ID, d.Health)
		}
		if m := d.Sensors; m != nil && m.Temperature != nil {
			line += fmt.Sprintf("  %s %.0f C", d.Info.ID, *m.Temperature)
		}
	}
	if s.Work.Source != "" {
		line += "  source " + s.Work.Source
	}
	if s.Trouble != "" {
		line += "  trouble: " + s.Trouble
	}
	return line
}

// shortDifficulty writes a difficulty with four digits.
func shortDifficulty(d pow.Difficulty) string { return fmt.Sprintf("%.4g", d.Float64()) }
