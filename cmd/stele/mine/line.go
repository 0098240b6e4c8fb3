package mine

import (
	"fmt"
	"strings"
	"time"

	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
)

// clock is the layout of the local time in front of each line.
const clock = time.TimeOnly

// statusLines returns the status of a miner as lines for output that is not a terminal:
// words and values, stable enough for grep. What does not fit the first line goes to
// further ones, which begin with the clock and two more blanks.
func statusLines(p screen.Painter, s miner.Status) []string {
	fields := []string{fmt.Sprintf("%s  %sH/s", s.State, human.SI(s.Counted.Seconds10)), fmt.Sprintf("accepted %d", s.Shares.Accepted)}
	for _, cause := range miner.Causes {
		if n := s.Shares.Rejected[cause]; n > 0 {
			fields = append(fields, fmt.Sprintf("%s %d", cause, n))
		}
	}
	fields = append(fields, "best "+human.Difficulty(s.Shares.Best))
	if s.Shares.Blocks > 0 {
		fields = append(fields, fmt.Sprintf("blocks %d", s.Shares.Blocks))
	}
	if s.Work.Source != "" {
		fields = append(fields, sourceName(p, s.Work.Source))
	}
	for _, d := range s.Devices {
		fields = append(fields, deviceField(d))
	}
	if s.Trouble != "" {
		fields = append(fields, pieces("trouble: "+s.Trouble, p.Width-len(clock)-3)...)
	}
	return wrap(p, s.Now.Format(clock)+" ", fields)
}

// pieces splits a text between words, so that each piece that has several takes at most
// the given number of columns.
func pieces(text string, columns int) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		if i := len(out) - 1; i >= 0 && screen.Columns(out[i])+1+screen.Columns(word) <= columns {
			out[i] += " " + word
		} else {
			out = append(out, word)
		}
	}
	return out
}

// deviceField returns what a status line says about a device.
func deviceField(d miner.DeviceStatus) string {
	text := fmt.Sprintf("%s %sH/s", d.Info.ID, human.SI(d.Rates.Seconds10))
	if d.Health != miner.OK {
		text += " " + string(d.Health)
	}
	if m := d.Sensors; m != nil && m.Temperature != nil {
		text += fmt.Sprintf(" %.0f C", *m.Temperature)
	}
	if m := d.Sensors; m != nil && m.Power != nil {
		text += fmt.Sprintf(" %.0f W", *m.Power)
	}
	return text
}

// wrap joins fields by two blanks to lines of at most p.Width columns, each of which
// begins with start. A field that is wider than a line is cut.
func wrap(p screen.Painter, start string, fields []string) []string {
	var lines []string
	line := start
	for i, field := range fields {
		if i > 0 {
			if screen.Columns(line)+2+screen.Columns(field) > p.Width {
				lines, line = append(lines, line), start
			}
			line += "  "
		}
		line += field
	}
	lines = append(lines, line)
	for i := range lines {
		lines[i] = p.Line(screen.Plain.Sprint(lines[i]))
	}
	return lines
}

// shareLine returns the line about the answer to a share.
func shareLine(p screen.Painter, a miner.Answer) string {
	word, style := "accepted", screen.Good
	switch {
	case a.Cause == miner.Lost:
		word, style = "lost", screen.Bad
	case a.Cause != "":
		word, style = "rejected", screen.Bad
	case a.Block:
		word, style = "BLOCK FOUND", screen.Great
	}
	spans := []screen.Span{
		screen.Faint.Sprint(a.At.Format(clock) + " "),
		style.Sprintf("%-8s", word),
		screen.Plain.Sprintf("  #%d  %s  diff %s/%s  %s", a.Number, a.Device, human.Difficulty(a.Difficulty), human.Difficulty(a.Required), sourceName(p, a.Source)),
		screen.Faint.Sprintf("  %d ms", a.Took.Milliseconds()),
	}
	switch {
	case a.Cause == "":
	case a.Reason == "" || a.Reason == string(a.Cause):
		spans = append(spans, screen.Bad.Sprintf("  %s", a.Cause))
	default:
		spans = append(spans, screen.Bad.Sprintf("  %s: %s", a.Cause, a.Reason))
	}
	return p.Line(spans...)
}

// maxSourceName is how many columns the name of a source takes in a line.
const maxSourceName = 30

// sourceName returns the name of a source for a line: its URL without the scheme.
func sourceName(p screen.Painter, name string) string {
	if _, address, found := strings.Cut(name, "://"); found {
		name = address
	}
	return p.Cut(name, maxSourceName)
}

// maxShareLines is how many lines about shares appear between two lines about the
// status, and how many about blocks.
const maxShareLines = 20

// shareLog bounds the lines about shares, since a pool with easy shares would fill the
// disk. It has no clock: the status lines divide the time.
type shareLog struct {
	lines, blocks     int    // since the last status line
	accepted, refused uint64 // shares without a line
}

// admit reports whether an answer gets a line, and counts it if not.
func (l *shareLog) admit(a miner.Answer) bool {
	switch {
	case a.Block && a.Cause == "" && l.blocks < maxShareLines:
		l.blocks++
		return true
	case l.lines < maxShareLines:
		l.lines++
		return true
	case a.Cause == "":
		l.accepted++
	default:
		l.refused++
	}
	return false
}

// rest returns the line about the shares without a line since the last call, and begins
// anew. It returns "" if there is none.
func (l *shareLog) rest(p screen.Painter, now time.Time) string {
	of := *l
	*l = shareLog{}
	if of.accepted+of.refused == 0 {
		return ""
	}
	return p.Line(screen.Faint.Sprintf("%s shares without a line: %s accepted, %s rejected or lost",
		now.Format(clock)+" ", human.Grouped(of.accepted), human.Grouped(of.refused)))
}
