package stratum_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stele/engine/miner"
	"stele/engine/miner/stratum"
)

// The conversations in testdata are written from what pools publish, or from what
// their miners have logged, with other values, except for those that are marked as
// recorded. A line is
//
//	# a comment
//	> a line of the pool; $id is the id of the last request
//	< the method of the next request
//	! share: the miner submits one of its newest work
//	= work, its id, difficulty, mask and number of extranonces: the miner has it
//	= accepted, or a cause: the answer to the share, as the miner sees it
//	version-rolling: the miner supports it
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, string(text))
		})
	}
}

func replay(t *testing.T, text string) {
	o := stratum.Options{URL: poolURL}
	if strings.Contains(text, "\nversion-rolling\n") {
		o.VersionMask = miner.DefaultVersionMask
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()
	o.Dial = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
	m := newStub(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = m.client.Run(ctx, m)
	}()
	defer func() { cancel(); <-ended }()

	in := bufio.NewReader(theirs)
	id, works := "", 0
	var answer <-chan error
	for i, line := range strings.Split(text, "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		where := fmt.Sprintf("line %d: %s", i+1, line)
		switch kind {
		case ">":
			if _, err := io.WriteString(theirs, strings.ReplaceAll(rest, "$id", id)+"\n"); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
		case "<":
			text, err := in.ReadBytes('\n')
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			var request struct {
				ID     json.RawMessage
				Method string
			}
			if err := json.Unmarshal(text, &request); err != nil || request.Method != rest {
				t.Fatalf("%s: the miner says %s", where, text)
			}
			id = string(request.ID)
		case "!":
			w := m.work(works - 1)
			h := w.Header(7, w.Time)
			answer = submitting(t, miner.Share{Work: w, Extranonce: 7, Header: h, Hash: h.Hash()})
		case "=":
			if rest, ok := strings.CutPrefix(rest, "work "); ok {
				w := m.work(works)
				works++
				f := strings.Fields(rest)
				got := fmt.Sprintf("%s %08x %d", w.ID, w.VersionMask, w.Extranonces)
				if want := fmt.Sprintf("%s %s %s", f[0], f[2], f[3]); got != want {
					t.Errorf("%s: %s", where, got)
				}
				if w.Target != parseDifficulty(t, f[1]).Target() {
					t.Errorf("%s: target %v", where, w.Target)
				}
				continue
			}
			got := "accepted"
			if err := <-answer; err != nil {
				r, ok := errors.AsType[*miner.Rejection](err)
				if !ok {
					t.Fatalf("%s: %v", where, err)
				}
				got = string(r.Cause)
			}
			if got != rest {
				t.Errorf("%s: %s", where, got)
			}
		case "#", "version-rolling", "":
		default:
			t.Fatalf("%s: what is that?", where)
		}
	}
}
