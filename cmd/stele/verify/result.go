package verify

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"stele/cmd/stele/internal/human"
	"stele/engine"
	"stele/engine/headerchain"
	"stele/engine/verify"
)

// result is what "stele verify headers --json" and "stele verify blocks
// --json" print. Its fields are described in docs/verify.md.
type result struct {
	Items        int64               `json:"items"`
	Valid        int64               `json:"valid"`
	FirstInvalid *firstInvalid       `json:"first_invalid"`
	Checks       []string            `json:"checks"`
	Transactions int64               `json:"transactions"`
	Bytes        int64               `json:"bytes"`
	Complete     bool                `json:"complete"`
	Skipped      []skippedBytes      `json:"skipped,omitempty"`
	SkippedCount int64               `json:"skipped_count,omitempty"`
	SkippedBytes int64               `json:"skipped_bytes,omitempty"`
	Findings     []finding           `json:"findings,omitempty"`
	FindingCount int64               `json:"findings_count,omitempty"`
	Seconds      float64             `json:"seconds"`
	ItemsPerSec  float64             `json:"items_per_second"`
	BytesPerSec  float64             `json:"bytes_per_second"`
	Device       string              `json:"device"`
	Kernel       string              `json:"kernel"`
	Devices      []engine.DeviceWork `json:"devices"`
	OnDevice     int64               `json:"blocks_hashed_on_device,omitempty"`
	Error        string              `json:"error,omitempty"`
}

// item names a header or block.
type item struct {
	Index  int64  `json:"index"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Height *int64 `json:"height"`
	Hash   string `json:"hash"`
}

func newItem(it verify.Item) item {
	item := item{Index: it.Index, File: it.Source, Offset: it.Offset, Hash: it.Hash.String()}
	if it.Height != headerchain.UnknownHeight {
		item.Height = &it.Height
	}
	return item
}

// place returns for people where the item is. What names the items.
func (i item) place(what string) string {
	height := ""
	if i.Height != nil {
		height = fmt.Sprintf(", height %d", *i.Height)
	}
	return fmt.Sprintf("%s %d, offset %d of %s%s", strings.TrimSuffix(what, "s"), i.Index, i.Offset, filepath.Base(i.File), height)
}

// firstInvalid is the first invalid item.
type firstInvalid struct {
	item
	Reason verify.Reason `json:"reason"`
	Faults []faultText   `json:"faults"`
}

// finding is a remarkable fact about an item that breaks no rule.
type finding struct {
	item
	faultText
}

// faultText is one rule that an item breaks, or one finding.
type faultText struct {
	Reason verify.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// skippedBytes is an unreadable part of a file.
type skippedBytes struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	Text   string `json:"text"`
}

// maxLines bounds how many skipped parts, and how many findings, are shown to people.
const maxLines = 10

func newResult(r verify.Report, err error, elapsed time.Duration) result {
	res := result{
		Items:        r.Items,
		Valid:        r.Valid,
		Checks:       r.Checks,
		Transactions: r.Transactions,
		OnDevice:     r.OnDevice,
		Bytes:        r.Bytes,
		Complete:     err == nil,
		Seconds:      elapsed.Seconds(),
		ItemsPerSec:  human.PerSecond(uint64(r.Items), elapsed),
		BytesPerSec:  human.PerSecond(uint64(r.Bytes), elapsed),
		Devices:      append([]engine.DeviceWork{}, r.Devices...),
		SkippedCount: r.Gaps.Count,
		SkippedBytes: r.Gaps.Bytes,
		FindingCount: r.Findings.Count,
	}
	for _, g := range r.Gaps.List {
		res.Skipped = append(res.Skipped, skippedBytes{g.Source, g.Offset, g.Bytes, g.Err.Error()})
	}
	if f := r.First; f != nil {
		res.FirstInvalid = &firstInvalid{item: newItem(f.Item), Reason: f.Faults[0].Reason}
		for _, fault := range f.Faults {
			res.FirstInvalid.Faults = append(res.FirstInvalid.Faults, faultText(fault))
		}
	}
	for _, f := range r.Findings.List {
		res.Findings = append(res.Findings, finding{newItem(f.Item), faultText(f.Fault)})
	}
	if err != nil {
		res.Error = err.Error()
	}
	return res
}

// text returns the result for people. What names the items.
func (r result) text(what string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%d, %d valid\n", what, r.Items, r.Valid)
	if what == "blocks" {
		fmt.Fprintf(w, "transactions\t%d\n", r.Transactions)
	}
	if r.OnDevice > 0 {
		fmt.Fprintf(w, "hashed\t%d blocks on a GPU\n", r.OnDevice)
	}
	if f := r.FirstInvalid; f != nil {
		fmt.Fprintf(w, "first invalid\t%s\n", f.place(what))
		fmt.Fprintf(w, "\t%s\n", f.Hash)
		for _, fault := range f.Faults {
			fmt.Fprintf(w, "\t%s: %s\n", fault.Reason, fault.Text)
		}
	}
	if n := r.FindingCount; n > 0 {
		fmt.Fprintf(w, "findings\t%d\n", n)
		for _, f := range r.Findings[:min(len(r.Findings), maxLines)] {
			fmt.Fprintf(w, "\t%s: %s: %s\n", f.place(what), f.Reason, f.Text)
		}
		if n > maxLines {
			fmt.Fprintf(w, "\tand %d more\n", n-maxLines)
		}
	}
	if n := r.SkippedCount; n > 0 {
		fmt.Fprintf(w, "skipped\t%s in %s\n", human.Count(uint64(r.SkippedBytes), "byte"), human.Count(uint64(n), "place"))
		for _, s := range r.Skipped[:min(len(r.Skipped), maxLines)] {
			fmt.Fprintf(w, "\t%s\n", s.Text)
		}
		if n > maxLines {
			fmt.Fprintf(w, "\tand %d more\n", n-maxLines)
		}
	}
	fmt.Fprintf(w, "checked\t%s\n", strings.Join(r.Checks, ", "))
	fmt.Fprintf(w, "time\t%v: %s%s/s, %sB/s on %s (%s)\n", time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond),
		human.SI(r.ItemsPerSec), what, human.SI(r.BytesPerSec), r.Device, r.Kernel)
	w.Flush()
	return b.String()
}
