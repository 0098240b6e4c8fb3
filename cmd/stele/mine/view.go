package mine

import (
	"fmt"
	"slices"
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
			estimate.Style, estimate.Text = screen.Warning, estimate.Text+", differs"
		}
		add("  shares", estimate, dim("  %sH/s to %sH/s, of %s in %s", human.SI(e.Low), human.SI(e.High), human.Count(e.Shares, "share"), human.Duration(e.Window)))
	}
	beforeDevices := len(out)
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
		best.Style, best.Text = screen.Great, best.Text+", "+human.Count(s.Shares.Blocks, "block")+" found"
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
		add("trouble", screen.Bad.Sprint(s.Trouble))
	}
	room := len(s.Devices)
	if v.Height > 0 {
		room = max(v.Height-len(out), 1)
	}
	return slices.Insert(out, beforeDevices, v.devices(s.Devices, room)...)
}

// devices returns the lines about the devices. If the room is too small for all, the
// last line counts those that are left out; a device that is not well is never left out
// for one that is.
func (v view) devices(all []miner.DeviceStatus, room int) []string {
	shown := all
	if len(all) > room {
		rank := func(d miner.DeviceStatus) int {
			if d.Health == miner.OK {
				return 1
			}
			return 0
		}
		shown = slices.Clone(all)
		slices.SortStableFunc(shown, func(a, b miner.DeviceStatus) int { return rank(a) - rank(b) })
		shown = shown[:room-1]
	}
	var out []string
	for _, d := range shown {
		out = append(out, v.Row("  "+d.Info.ID, screen.Plain.Sprintf("%sH/s  ", human.SI(d.Rates.Seconds10)), minerflags.Health(d),
			screen.Plain.Sprint(minerflags.Readings(d)), screen.Faint.Sprintf("  %s, %s", d.Info.Name, d.Info.SearchKernel)))
	}
	if left := len(all) - len(shown); left > 0 {
		out = append(out, v.Row("", screen.Faint.Sprintf("and %s", human.Count(uint64(left), "more device"))))
	}
	return out
}

// shares returns the line about shares.
func (v view) shares(s miner.Shares, now time.Time) []screen.Span {
	spans := []screen.Span{screen.Good.Sprint(human.Grouped(s.Accepted) + " accepted")}
	if why := rejections(s); why != "" {
		spans = append(spans, screen.Plain.Sprint(", "), screen.Bad.Sprint(why))
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
		state, style = "active", screen.Good
	case u.Connected && u.Error != "": // it rejects every share
		state, style = "suspended", screen.Bad
	case u.Connected:
		state = "standby"
	case u.Error != "":
		state, style = "down", screen.Bad
	}
	spans := []screen.Span{style.Sprint(state), screen.Plain.Sprint("  " + u.Name)}
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
