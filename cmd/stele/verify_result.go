package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"stele/engine"
	"stele/engine/headerchain"
	"stele/engine/verify"
)

// verifyResult is what "stele verify headers --json" and "stele verify blocks
// --json" print. Its fields are described in docs/verify.md.
type verifyResult struct {
	Items        int64          `json:"items"`
	Valid        int64          `json:"valid"`
	FirstInvalid *firstInvalid  `json:"first_invalid"`
	Checks       []string       `json:"checks"`
	Transactions int64          `json:"transactions"`
	Bytes        int64          `json:"bytes"`
	Complete     bool           `json:"complete"`
	Skipped      []skippedBytes `json:"skipped,omitempty"`
	SkippedCount int64          `json:"skipped_count,omitempty"`
	SkippedBytes int64          `json:"skipped_bytes,omitempty"`
	Seconds      float64        `json:"seconds"`
	ItemsPerSec  float64        `json:"items_per_second"`
	BytesPerSec  float64        `json:"bytes_per_second"`
	Device       string         `json:"device"`
	Kernel       string         `json:"kernel"`
	Devices      []engine.Share `json:"devices"`
	Error        string         `json:"error,omitempty"`
}

// firstInvalid is the first item with which something is wrong.
type firstInvalid struct {
	Index  int64         `json:"index"`
	File   string        `json:"file"`
	Offset int64         `json:"offset"`
	Height *int64        `json:"height"`
	Hash   string        `json:"hash"`
	Reason verify.Reason `json:"reason"`
	Faults []faultText   `json:"faults"`
}

// faultText is one thing that is wrong with it.
type faultText struct {
	Reason verify.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// skippedBytes is a part of a file that could not be read.
type skippedBytes struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	Text   string `json:"text"`
}

// maxSkippedLines bounds how much of that is shown to people.
const maxSkippedLines = 10

func newVerifyResult(r verify.Report, err error, elapsed time.Duration) verifyResult {
	res := verifyResult{
		Items:        r.Items,
		Valid:        r.Valid,
		Checks:       r.Checks,
		Transactions: r.Transactions,
		Bytes:        r.Bytes,
		Complete:     err == nil,
		Seconds:      elapsed.Seconds(),
		ItemsPerSec:  perSecond(uint64(r.Items), elapsed),
		BytesPerSec:  perSecond(uint64(r.Bytes), elapsed),
		Devices:      append([]engine.Share{}, r.Devices...),
		SkippedCount: r.Gaps.Count,
		SkippedBytes: r.Gaps.Bytes,
	}
	for _, g := range r.Gaps.List {
		res.Skipped = append(res.Skipped, skippedBytes{g.Source, g.Offset, g.Bytes, g.Err.Error()})
	}
	if f := r.First; f != nil {
		res.FirstInvalid = &firstInvalid{
			Index:  f.Index,
			File:   f.Source,
			Offset: f.Offset,
			Hash:   f.Hash.String(),
			Reason: f.Faults[0].Reason,
		}
		for _, fault := range f.Faults {
			res.FirstInvalid.Faults = append(res.FirstInvalid.Faults, faultText(fault))
		}
		if f.Height != headerchain.UnknownHeight {
			res.FirstInvalid.Height = &f.Height
		}
	}
	if err != nil {
		res.Error = err.Error()
	}
	return res
}

// text is the result for people. What names the items.
func (r verifyResult) text(what string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%d, %d valid\n", what, r.Items, r.Valid)
	if what == "blocks" {
		fmt.Fprintf(w, "transactions\t%d\n", r.Transactions)
	}
	if f := r.FirstInvalid; f != nil {
		height := ""
		if f.Height != nil {
			height = fmt.Sprintf(", height %d", *f.Height)
		}
		fmt.Fprintf(w, "first invalid\t%s %d, offset %d of %s%s\n", strings.TrimSuffix(what, "s"), f.Index, f.Offset, filepath.Base(f.File), height)
		fmt.Fprintf(w, "\t%s\n", f.Hash)
		for _, fault := range f.Faults {
			fmt.Fprintf(w, "\t%s: %s\n", fault.Reason, fault.Text)
		}
	}
	if n := r.SkippedCount; n > 0 {
		fmt.Fprintf(w, "skipped\t%s in %s\n", plural(uint64(r.SkippedBytes), "byte"), plural(uint64(n), "place"))
		for _, s := range r.Skipped[:min(len(r.Skipped), maxSkippedLines)] {
			fmt.Fprintf(w, "\t%s\n", s.Text)
		}
		if n > maxSkippedLines {
			fmt.Fprintf(w, "\tand %d more\n", n-maxSkippedLines)
		}
	}
	fmt.Fprintf(w, "checked\t%s\n", strings.Join(r.Checks, ", "))
	fmt.Fprintf(w, "time\t%v: %s%s/s, %sB/s on %s (%s)\n", time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond),
		siUnits(r.ItemsPerSec), what, siUnits(r.BytesPerSec), r.Device, r.Kernel)
	w.Flush()
	return b.String()
}
