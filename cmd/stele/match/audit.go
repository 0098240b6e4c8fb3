package match

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/node/api"
	"stele/node/ledger/record"
	"stele/node/match"
)

// audited is what "stele match --audit --json" prints.
type audited struct {
	Answers    int           `json:"answers"`
	Duplicates int           `json:"duplicates"` // that are not counted
	Groups     int           `json:"groups"`     // of answers with the same candidates
	ChiSquare  float64       `json:"chi_square"`
	Degrees    int           `json:"degrees_of_freedom"`
	P          float64       `json:"p"`
	Unlikely   bool          `json:"unlikely"`
	Sellers    []firstPlaces `json:"sellers"` // those that were first more often than expected before the others
}

type firstPlaces struct {
	Seller    record.Key `json:"seller"`
	Observed  int        `json:"observed"`
	Expected  float64    `json:"expected"`
	Deviation float64    `json:"deviation"` // in standard deviations
}

func audit(c *cli.Context) error {
	if c.NArg() == 0 || c.IsSet("verify") || c.IsSet("query") {
		return errors.New("--audit takes one FILE or more, and neither --verify nor --query")
	}
	test := match.NewFairnessTest()
	for _, name := range c.Args().Slice() {
		err := eachAnswer(c, name, test.Add)
		var fault *match.Fault
		if errors.As(err, &fault) {
			if err := (&verdict{Fault: err.Error()}).print(c); err != nil {
				return err
			}
			return cmdline.ErrFoundWrong
		}
		if err != nil {
			return err
		}
	}
	report, err := test.Report()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, newAudited(&report))
	} else {
		err = cmdline.PrintText(c, auditText(&report))
	}
	if err == nil && report.IsUnlikely() {
		err = cmdline.ErrFoundWrong
	}
	return err
}

// eachAnswer calls f with the answers of a file, one after the other.
func eachAnswer(c *cli.Context, name string, f func(*match.Answer) error) error {
	in, err := cmdline.OpenInput(c, name)
	if err != nil {
		return err
	}
	defer in.Close()
	limited := &answerReader{from: in}
	for n := 1; ; n++ {
		limited.left = maxFile
		var drawn api.Drawn
		err := limited.decode(&drawn)
		if err == io.EOF {
			return nil
		}
		var answer match.Answer
		if err == nil {
			answer, err = drawn.Answer()
		}
		if err != nil {
			return fmt.Errorf("%s: answer %d is no answer of a draw: %w", cmdline.InputName(name), n, err)
		}
		if err := f(&answer); err != nil {
			return fmt.Errorf("%s: answer %d: %w", cmdline.InputName(name), n, err)
		}
	}
}

// answerReader decodes the values of a stream. It reads at most left bytes for the next
// one, beside what the decoder has read ahead.
type answerReader struct {
	from    io.Reader
	left    int
	decoder *json.Decoder
}

var errLong = fmt.Errorf("it has more than %d bytes", maxFile)

// Read implements io.Reader.
func (r *answerReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLong
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func (r *answerReader) decode(v any) error {
	if r.decoder == nil {
		r.decoder = json.NewDecoder(r)
	}
	return r.decoder.Decode(v)
}

func newAudited(r *match.FairnessReport) audited {
	a := audited{
		Answers: r.Answers, Duplicates: r.Duplicates, Groups: r.Groups, ChiSquare: r.ChiSquare, Degrees: r.Degrees, P: r.P,
		Unlikely: r.IsUnlikely(), Sellers: []firstPlaces{},
	}
	for _, s := range r.Sellers {
		a.Sellers = append(a.Sellers, firstPlaces(s))
	}
	return a
}

// shownSellers is how many sellers the text has at most.
const shownSellers = 5

func auditText(r *match.FairnessReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d answers (%d duplicates are not counted), %d sets of candidates\n", r.Answers, r.Duplicates, r.Groups)
	fmt.Fprintf(&b, "chi-square of the first places %.2f with %d degrees of freedom, p = %.3g\n\n", r.ChiSquare, r.Degrees, r.P)
	fmt.Fprintf(&b, "first places  expected  deviation  seller\n")
	for i, s := range r.Sellers {
		if i == shownSellers {
			fmt.Fprintf(&b, "and %d more\n", len(r.Sellers)-i)
			break
		}
		fmt.Fprintf(&b, "%12d  %8.1f  %+9.1f  %v\n", s.Observed, s.Expected, s.Deviation, s.Seller)
	}
	fmt.Fprintf(&b, "\nIf nobody chose the query ids, or which answers are in the files, first places deviate from\n"+
		"the chances by this much or more with a probability of p.\n")
	if r.IsUnlikely() {
		fmt.Fprintf(&b, "That is below %g: somebody probably did choose. The test does not say who: a platform can try\n"+
			"ids, and whoever collects answers can leave some out.\n", match.Unlikely)
		return b.String()
	}
	fmt.Fprintf(&b, "That is not below %g: the answers give no reason to think so. It does not prove that nobody\n"+
		"did: a small preference shows only in many answers.\n", match.Unlikely)
	return b.String()
}
