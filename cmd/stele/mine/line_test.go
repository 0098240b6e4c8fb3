package mine

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
	"stele/internal/text"
)

var plain = screen.Painter{Width: screen.LineWidth}

func TestMineLines(t *testing.T) {
	got := strings.Join(statusLines(plain, someMinerStatus()), "\n")
	want := strings.TrimSpace(`
08:00:00 mining  1.20 GH/s  accepted 1234  stale 3  lost 1  best 1e+12  blocks 1  a.example:1
08:00:00   cuda:0 1.20 GH/s 65 C 200 W  cpu 0 H/s sick  trouble: cpu is sick`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s := someMinerStatus()
	for range 6 {
		s.Devices = append(s.Devices, s.Devices[0])
	}
	s.Trouble = strings.Repeat("trouble ", 20) + "end" // it is not cut
	lines := statusLines(plain, s)
	if len(lines) != 6 || !strings.HasSuffix(lines[5], " trouble end") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if screen.Columns(line) > screen.LineWidth || !strings.HasPrefix(line, "08:00:00 ") {
			t.Errorf("%d columns: %s", screen.Columns(line), line)
		}
	}
}

func someAnswer() miner.Answer {
	s := someMinerStatus()
	return miner.Answer{At: s.Now, Took: 23 * time.Millisecond, Number: 12, Source: s.Work.Source, Device: "cuda:0", Difficulty: s.Shares.Best, Required: s.Work.Share}
}

func TestShareLine(t *testing.T) {
	accepted, block, rejected, lost := someAnswer(), someAnswer(), someAnswer(), someAnswer()
	block.Block = true
	rejected.Cause, rejected.Reason = miner.Stale, "job not found"
	lost.Cause = miner.Lost
	for _, tt := range []struct {
		of            miner.Answer
		plain, colour string
	}{
		{accepted, "08:00:00 accepted  #12  cuda:0  diff 1e+12/512.2  a.example:1  23 ms", "\x1b[32maccepted\x1b[0m  #12"},
		{block, "08:00:00 BLOCK FOUND  #12  cuda:0  diff 1e+12/512.2  a.example:1  23 ms", "\x1b[1;32mBLOCK FOUND\x1b[0m  #12"},
		{rejected, "08:00:00 rejected  #12  cuda:0  diff 1e+12/512.2  a.example:1  23 ms  stale: job not found", "\x1b[31m  stale: job not found\x1b[0m"},
		{lost, "08:00:00 lost      #12  cuda:0  diff 1e+12/512.2  a.example:1  23 ms  lost", "\x1b[31mlost    \x1b[0m  #12"},
	} {
		if got := shareLine(plain, tt.of); got != tt.plain {
			t.Errorf("got  %q\nwant %q", got, tt.plain)
		}
		if got := shareLine(screen.Painter{Width: screen.LineWidth, Color: true}, tt.of); !strings.Contains(got, tt.colour) {
			t.Errorf("got  %q\nwant in it %q", got, tt.colour)
		}
	}
}

// Whatever a pool says and is called, a line is below 100 columns and has no escape codes
// but those of its styles.
func TestShareLineHostile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"\x1b[2J\x1b]0;owned\x07", "\r\n08:00:00 accepted", "\u202egnp.exe", strings.Repeat("矿", 300), strings.Repeat("🧱", 50), "\xff\xfe",
		}))
		a := someAnswer()
		a.Cause = rapid.SampledFrom(append([]miner.Cause{""}, miner.Causes...)).Draw(t, "cause")
		a.Reason, a.Source, a.Device = words.Draw(t, "reason"), words.Draw(t, "source"), words.Draw(t, "device")
		p := screen.Painter{Width: screen.LineWidth, Color: rapid.Bool().Draw(t, "color")}
		line := shareLine(p, a)
		if n := screen.Columns(line); n >= 100 {
			t.Fatalf("%d columns: %q", n, line)
		}
		for _, style := range []string{"0", "2", "31", "32", "1;32"} {
			line = strings.ReplaceAll(line, "\x1b["+style+"m", "")
		}
		if text.Clean(line, 1<<16) != line {
			t.Fatalf("%q", line)
		}
	})
}

// A flood of shares gives few lines, and those that are left out are counted. A block
// among them has its line, and a flood of blocks has few.
func TestShareLog(t *testing.T) {
	var l shareLog
	var out bytes.Buffer
	for i := range 1000 {
		a := someAnswer()
		a.Block = i == 999
		if i%10 == 0 {
			a.Cause = miner.Stale
		}
		if l.admit(a) {
			out.WriteString(shareLine(plain, a) + "\n")
		}
	}
	if n := strings.Count(out.String(), "\n"); n != maxShareLines+1 || !strings.Contains(out.String(), "BLOCK FOUND") {
		t.Errorf("%d lines:\n%s", n, &out)
	}
	const want = "08:00:00  shares without a line: 881 accepted, 98 rejected or lost"
	if got := l.rest(plain, someMinerStatus().Now); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := l.rest(plain, someMinerStatus().Now); got != "" {
		t.Errorf("again %q", got)
	}
	blocks := 0
	for range 100 {
		a := someAnswer()
		if a.Block = true; l.admit(a) {
			blocks++
		}
	}
	if blocks != 2*maxShareLines || l.accepted != 60 {
		t.Errorf("%d lines about blocks, %d left out", blocks, l.accepted)
	}
}

// An output that does not take lines does not stop the miner.
func TestAnswerNeverBlocks(t *testing.T) {
	o := newDisplay(nil)
	for range maxWaitingAnswers + 5 {
		o.answer(someAnswer())
	}
	if n := o.dropped.Load(); n != 5 {
		t.Errorf("%d dropped", n)
	}
}
