package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd" +
	"7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"

// An interrupted scan still tells what it has, and that this is not all.
func TestScanInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("interrupt signal received"))
	for _, extra := range []string{"--json", "--threads=1"} {
		var stdout, stderr bytes.Buffer
		got := run(ctx, newApp(nil, &stdout, &stderr), []string{"stele", "scan", "--header", genesis, extra})
		const why = "scan ended after 0 of 4294967296 nonces: interrupt signal received"
		if got != exitFailed || stderr.String() != "stele: "+why+"\n" {
			t.Errorf("%s: exit code %d, stderr %q", extra, got, stderr.String())
		}
		if extra != "--json" {
			if !strings.HasPrefix(stdout.String(), "0 found among 0 nonces,") {
				t.Errorf("stdout %q", stdout.String())
			}
			continue
		}
		var res scanResult
		if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
			t.Fatal(err)
		}
		if res.Complete || res.Scanned != 0 || res.Count != 1<<32 || res.Nonces == nil || res.Error != why {
			t.Errorf("result %+v", res)
		}
	}
}
