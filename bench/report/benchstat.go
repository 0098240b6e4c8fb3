package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"

	"stele/bench"
)

// Benchstat writes the samples that the rates describe in the format of Go's benchmarks,
// which benchstat reads: a line for each sample, with nanoseconds per item and items per
// second. The environment is in lines of keys and values before them. The number of
// threads is the suffix of the name, as GOMAXPROCS is in Go. Errors: [ErrEmpty], and that
// of w.
func Benchstat(w io.Writer, sources []Source) error {
	sources, err := prepare(sources)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, s := range sources {
		e := s.Result.Environment
		for _, line := range []fact{
			{Name: "result", Value: s.Name}, {Name: "goos", Value: e.OS}, {Name: "goarch", Value: e.Arch}, {Name: "cpu", Value: e.CPU.Brand},
			{Name: "microarchitecture", Value: e.Microarchitecture}, {Name: "stele", Value: e.Version}, {Name: "go", Value: e.Go},
			{Name: "kernel", Value: e.Kernel}, {Name: "driver", Value: e.Driver},
		} {
			fmt.Fprintf(&out, "%s: %s\n", line.Name, cmp.Or(line.Value, "unknown"))
		}
		out.WriteByte('\n')
		for i := range s.Result.Cases {
			writeSamples(&out, &s.Result.Cases[i])
		}
		out.WriteByte('\n')
	}
	_, err = w.Write(out.Bytes())
	return err
}

// writeSamples writes a line for each sample that counts.
func writeSamples(out *bytes.Buffer, c *bench.CaseResult) {
	name := "Benchmark" + strings.ReplaceAll(title(c.Mode), " ", "") + "/" + benchName(c.Device)
	if c.Kernel != "" {
		name += "/" + benchName(c.Kernel)
	}
	if c.Threads > 0 {
		name += fmt.Sprintf("-%d", c.Threads)
	}
	for _, s := range c.Counted() {
		fmt.Fprintf(out, "%s %d %.6g ns/op %.6g %s/s\n", name, s.Items, s.Seconds*1e9/float64(s.Items), s.Rate(), c.Unit)
	}
}

// benchName replaces what a name of a benchmark cannot have.
func benchName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '/' || r == '-' || r == '=' {
			return '_'
		}
		return r
	}, s)
}
