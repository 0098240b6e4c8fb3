package mine

import (
	"fmt"
	"strings"
	"time"

	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
	"stele/engine/miner/telemetry"
)

// view draws the status of a miner as lines of text. It has no state: the
// same status gives the same lines.
type view struct {
	screen.Painter
	help bool // shows the keys
}

// lines returns the view, a string for each line, none wider than v.Width.
func (v view) lines(s miner.Status) []string {
	var out []string
	add := func(label string, spans ...screen.Span) { out = append(out, v.Row(label, spans...)) }
	text, dim := screen.Plain.Sprintf, screen.Faint.Sprintf

	out = append(out, v.Line(
		screen.Bold.Sprint("stele mine"), text("  %s, up %s", s.State, human.Duration(s.Now.Sub(s.Started))), dim("   h help  q quit"),
	))
	if v.help {
		add("keys", text("p pause  r resume  h toggle help  q or Ctrl-C quit"))
	}
	add("rate", screen.Bold.Sprint(human.SI(s.Counted.Seconds10)+"H/s"),
		dim("  1m %sH/s, 15m %sH/s, 1h %sH/s", human.SI(s.Counted.Minute1), human.SI(s.Counted.Minutes15), human.SI(s.Counted.Hour1)))
	if e := s.Estimated; e.Shares > 0 {
		estimate := text("%sH/s", human.SI(e.Rate))
		if e.Disagrees {
			estimate.Style, estimate.Text = screen.Bold, estimate.Text+", differs"
		}
		add("  shares", estimate, dim("  %sH/s to %sH/s, of %s in %s", human.SI(e.Low), human.SI(e.High), human.Count(e.Shares, "share"), human.Duration(e.Window)))
	}
	for _, d := range s.Devices {
		health := text("%sH/s  %s", human.SI(d.Rates.Seconds10), d.Health)
		if d.Reason != "" {
			health.Style, health.Text = screen.Bold, health.Text+": "+d.Reason
		}
		add("  "+d.Info.ID, health, text("%s", minerflags.Readings(d)), dim("  %s, %s", d.Info.Name, d.Info.SearchKernel))
	}
	if watts, ok := telemetry.Power(s); ok {
		power := fmt.Sprintf("%.0f W", watts)
		if x, ok := telemetry.Efficiency(s.Devices...); ok {
			power += fmt.Sprintf(", %sH/J", human.SI(x))
		}
		add("power", text("%s", power))
	}
	add("shares", v.shares(s.Shares, s.Now)...)
	best := text("difficulty %s", human.Difficulty(s.Shares.Best))
	if s.Shares.Blocks > 0 {
		best.Style, best.Text = screen.Bold, best.Text+", "+human.Count(s.Shares.Blocks, "block")+" found"
	}
	add("best", best)
	if w := s.Work; w.Source != "" {
		height := ""
		if w.Height > 0 {
			height = fmt.Sprintf("height %d, ", w.Height)
		}
		add("work", text("%s%s old", height, human.Duration(s.Now.Sub(w.Received))),
			dim("  difficulty %s, network %s", human.Difficulty(w.Share), human.Difficulty(w.Network)))
	}
	for i, u := range s.Sources {
		label := ""
		if i == 0 {
			label = "sources"
		}
		add(label, v.source(u)...)
	}
	if s.Trouble != "" {
		add("trouble", screen.Bold.Sprint(s.Trouble))
	}
	return out
}

// shares returns the line about shares.
func (v view) shares(s miner.Shares, now time.Time) []screen.Span {
	spans := []screen.Span{screen.Plain.Sprint(human.Grouped(s.Accepted) + " accepted")}
	if why := rejections(s); why != "" {
		spans = append(spans, screen.Bold.Sprint(", "+why))
	}
	if s.Pending > 0 {
		spans = append(spans, screen.Faint.Sprintf(", %d pending", s.Pending))
	}
	if !s.Last.IsZero() {
		spans = append(spans, screen.Faint.Sprintf("  last %s ago", human.Duration(now.Sub(s.Last))))
	}
	return spans
}

// source returns the line about a source.
func (v view) source(u miner.SourceStatus) []screen.Span {
	state, style := "idle", screen.Faint
	switch {
	case u.Active:
		state, style = "active", screen.Plain
	case u.Connected && u.Error != "": // it rejects every share
		state, style = "suspended", screen.Bold
	case u.Connected:
		state = "standby"
	case u.Error != "":
		state, style = "down", screen.Bold
	}
	spans := []screen.Span{style.Sprintf("%s  %s", state, u.Name)}
	if u.Latency.Count > 0 {
		spans = append(spans, screen.Faint.Sprintf("  latency %s, p99 %s", human.Duration(u.Latency.P50), human.Duration(u.Latency.P99)))
	}
	if u.Error != "" {
		spans = append(spans, screen.Plain.Sprint("  "+u.Error))
	}
	return spans
}

// rejections returns how many shares were not accepted, by cause: "3 stale, 1 lost".
func rejections(s miner.Shares) string {
	var parts []string
	for _, cause := range miner.Causes {
		if n := s.Rejected[cause]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", human.Grouped(n), cause))
		}
	}
	return strings.Join(parts, ", ")
}

// statusLine returns the status of a miner in one line, for output that is not a
// terminal: words and values, stable enough for grep.
func statusLine(s miner.Status) string {
	line := fmt.Sprintf("%s  %sH/s  accepted %d", s.State, human.SI(s.Counted.Seconds10), s.Shares.Accepted)
	for _, cause := range miner.Causes {
		if n := s.Shares.Rejected[cause]; n > 0 {
			line += fmt.Sprintf("  %s %d", cause, n)
		}
	}
	line += "  best " + human.Difficulty(s.Shares.Best)
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
