package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"stele/bench"
)

// csvColumns are the columns of [CSV]. New ones are added at the end.
var csvColumns = []string{
	"result", "label", "started", "version", "go", "os", "arch", "cpu", "microarchitecture", "driver",
	"mode", "device", "kernel", "threads", "unit",
	"samples", "rate", "low", "high", "mad", "spread", "drift", "disturbed", "flags", "headline",
	"x_reference", "x_one_thread", "x_bare", "limit_share", "cycles_per_item", "limit_cycles_per_item", "clock_hz",
	"joules_per_item", "items_per_joule", "proof_range", "proof_digest",
}

// CSV writes a row for each case of each source below a row of names, as RFC 4180 says.
// Rates are in units per second, fractions from 0 to 1, and what is not known is empty. A
// text that a spreadsheet would take for a formula begins with an apostrophe. Errors:
// [ErrEmpty], and that of w.
func CSV(w io.Writer, sources []Source) error {
	sources, err := prepare(sources)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	rows := [][]string{csvColumns}
	for _, s := range sources {
		for i := range s.Result.Cases {
			rows = append(rows, csvRow(s, &s.Result.Cases[i]))
		}
	}
	return out.WriteAll(rows)
}

func csvRow(s Source, c *bench.CaseResult) []string {
	e := s.Result.Environment
	row := []string{
		csvText(s.Name), csvText(e.Label), s.Result.Started.UTC().Format(time.RFC3339), csvText(e.Version), csvText(e.Go), csvText(e.OS), csvText(e.Arch),
		csvText(e.CPU.Brand), csvText(e.Microarchitecture), csvText(e.Driver),
		string(c.Mode), csvText(c.Device), csvText(c.Kernel), csvCount(c.Threads), c.Unit,
		csvCount(c.Rate.Samples), csvNumber(c.Rate.Median), csvNumber(c.Rate.Low), csvNumber(c.Rate.High), csvValue(c.Rate.MAD), csvValue(c.Rate.Spread),
		csvValue(c.Rate.Drift), csvValue(c.Disturbed), flagList(c.Flags), strconv.FormatBool(s.Result.Headlines[c.Mode].Case == c.ID),
	}
	for _, q := range []*bench.Ratio{c.Ratio, c.Scaling, c.Bare} {
		text := ""
		if q != nil {
			text = csvNumber(q.Median)
		}
		row = append(row, text)
	}
	limit := make([]string, 4)
	if l := c.Limit; l != nil {
		limit = []string{csvNumber(l.Share), csvNumber(l.CyclesPerItem), csvNumber(l.LimitCycles), csvNumber(l.Clock)}
	}
	perJoule, proof := "", [2]string{}
	if c.PerJoule != nil {
		perJoule = csvNumber(c.PerJoule.Median)
	}
	if c.Proof != nil {
		proof = [2]string{csvText(c.Proof.Range), csvText(c.Proof.Digest)}
	}
	return append(slices.Concat(row, limit), csvNumber(c.Joules), perJoule, proof[0], proof[1])
}

// flagList lists flags, separated by spaces.
func flagList(flags []bench.Flag) string {
	var words []string
	for _, f := range flags {
		words = append(words, string(f))
	}
	return strings.Join(words, " ")
}

// csvText keeps spreadsheets from computing a text.
func csvText(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// csvValue formats a number that may be 0.
func csvValue(x float64) string { return strconv.FormatFloat(x, 'g', 8, 64) }

// csvNumber formats a number of which 0 means that it is not known.
func csvNumber(x float64) string {
	if x == 0 {
		return ""
	}
	return csvValue(x)
}

func csvCount(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
