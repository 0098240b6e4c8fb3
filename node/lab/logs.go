package lab

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"stele/internal/text"
)

// Bounds of the logs of a run.
const (
	maxLogs    = 100_000 // lines, the last ones
	maxLogLine = 500     // bytes
)

// minLogLevel is the level from which the lines of nodes in this process are kept.
var minLogLevel slog.LevelVar

// logBook keeps the last log lines of all nodes. Safe for concurrent use.
type logBook struct {
	clock func() time.Duration // since the begin of the run

	mu    sync.Mutex
	lines []LogLine // a ring, once it is full
	next  int
}

// add adds a line.
func (b *logBook) add(node int, line string) {
	l := LogLine{At: b.clock(), Node: node, Text: text.Clean(line, maxLogLine)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) < maxLogs {
		b.lines = append(b.lines, l)
		return
	}
	b.lines[b.next] = l
	b.next = (b.next + 1) % maxLogs
}

// all returns the lines, the oldest first.
func (b *logBook) all() []LogLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(append([]LogLine(nil), b.lines[b.next:]...), b.lines[:b.next]...)
}

// writer returns a writer of the lines of a node, each of which is one Write.
func (b *logBook) writer(node int) io.Writer { return bookWriter{b, node} }

// logger returns the logger of a node.
func (b *logBook) logger(node int) *slog.Logger {
	return slog.New(slog.NewTextHandler(b.writer(node), &slog.HandlerOptions{
		Level: &minLogLevel,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{} // the book has its own
			}
			return a
		},
	}))
}

type bookWriter struct {
	book *logBook
	node int
}

func (w bookWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.book.add(w.node, strings.TrimRight(line, "\r\n"))
	}
	return len(p), nil
}
