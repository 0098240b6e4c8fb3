package report

import (
	"bytes"
	"fmt"
	"io"

	"stele/bench"
)

// Markdown writes the sources for a forum: a comparison if there are several, and for each
// of them the rates, the environment, the cases and the proof of the work done. Errors:
// [ErrEmpty], and that of w.
func Markdown(w io.Writer, sources []Source) error {
	sources, err := prepare(sources)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if len(sources) > 1 {
		c := compare(sources)
		for _, mode := range c.modes {
			writeRanking(&out, mode, c.ranked[mode])
		}
	}
	for _, s := range sources {
		fmt.Fprintf(&out, "### %s\n\n", bench.EscapeMarkdown(s.Name))
		if err := s.Result.WriteTable(&out, bench.Markdown); err != nil {
			return err
		}
	}
	out.WriteString("Check a result on any CPU: `stele bench check FILE`\n")
	_, err = w.Write(out.Bytes())
	return err
}

// writeRanking writes the fastest case of a mode of each machine.
func writeRanking(out *bytes.Buffer, mode bench.Mode, ranked []best) {
	fmt.Fprintf(out, "| %s | rate (95 %%) | to the fastest (95 %%) | case | doubts |\n| --- | --- | --- | --- | --- |\n", mode)
	for i, b := range ranked {
		to := "1"
		if i > 0 {
			to = quotientOf(b.Case.Rate, ranked[0].Case.Rate).String()
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", bench.EscapeMarkdown(b.Name), mode.RateText(b.Case.Rate), to, bench.EscapeMarkdown(b.what()), flagList(b.Case.Flags))
	}
	out.WriteByte('\n')
}
