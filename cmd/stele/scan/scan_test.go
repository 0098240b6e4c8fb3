package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"stele/cmd/stele/internal/cmdline"
)

// An interrupted scan prints what it has found, and that this is incomplete.
func TestScanInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("interrupt signal received"))
	for _, extra := range []string{"--json", "--threads=1"} {
		var stdout, stderr bytes.Buffer
		got := cmdline.Run(ctx, cmdline.NewApp("", nil, &stdout, &stderr, Command()), []string{"stele", "scan", "--header", genesis, extra})
		const why = "scan stopped after 0 of 4294967296 nonces: interrupt signal received"
		if got != cmdline.ExitFailed || stderr.String() != "stele: "+why+"\n" {
			t.Errorf("%s: exit code %d, stderr %q", extra, got, stderr.String())
		}
		if extra != "--json" {
			if !strings.HasPrefix(stdout.String(), "0 found among 0 nonces,") {
				t.Errorf("stdout %q", stdout.String())
			}
			continue
		}
		var res result
		if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
			t.Fatal(err)
		}
		if res.Complete || res.Scanned != 0 || res.Count != 1<<32 || res.Nonces == nil || res.Error != why {
			t.Errorf("result %+v", res)
		}
	}
}
