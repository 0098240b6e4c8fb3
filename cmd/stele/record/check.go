package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeflags"
	"stele/node/ledger/network"
	"stele/node/ledger/reject"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "check a record and list every rule that it breaks",
		ArgsUsage: "FILE|HEX",
		Description: "Checks everything that needs no node: the form, the rules of the type, and all\n" +
			"signatures. Only a node can check balance, sequence number and roles.\n\n" +
			"  stele record check pay.json",
		Flags: []cli.Flag{
			networkFlag("require a record for the `NETWORK` dev, test or main", "any"),
			cmdline.JSONFlag(),
		},
		Action: runCheck,
	}
}

// checkResult is what "stele record check --json" prints. Its fields are
// described in docs/cli.md.
type checkResult struct {
	Valid  bool          `json:"valid"`
	ID     string        `json:"id"`
	Type   string        `json:"type"`
	Faults []recordFault `json:"faults"`
}

type recordFault struct {
	Reason reject.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// add adds a fault of the record. It returns an error that is not such a fault.
func (r *checkResult) add(err error) error {
	var e *reject.Error
	if err != nil && !errors.As(err, &e) {
		return err
	}
	if e != nil {
		r.Faults = append(r.Faults, recordFault{e.Reason, e.Text})
	}
	return nil
}

func runCheck(c *cli.Context) error {
	id, anyNetwork := uint32(0), !c.IsSet("network")
	if !anyNetwork {
		p, err := nodeflags.Network(c)
		if err != nil {
			return err
		}
		id = p.ID
	}
	res := checkResult{Faults: []recordFault{}}
	r, err := readRecord(c)
	if err := res.add(err); err != nil {
		return err
	}
	if err == nil {
		res.ID, res.Type = r.ID().String(), r.Type().String()
		if anyNetwork && slices.ContainsFunc(network.All(), func(p *network.Params) bool { return p.ID == r.Network }) {
			id = r.Network
		}
		for err := range r.Faults(id) {
			if err := res.add(err); err != nil {
				return err
			}
		}
		for err := range r.SignatureFaults() {
			if err := res.add(err); err != nil {
				return err
			}
		}
	}
	res.Valid = len(res.Faults) == 0
	var printed error
	if c.Bool("json") {
		printed = cmdline.PrintJSON(c, res)
	} else {
		printed = cmdline.PrintText(c, res.text())
	}
	if printed == nil && !res.Valid {
		return cmdline.ErrFoundWrong
	}
	return printed
}

// text returns the result for people.
func (r checkResult) text() string {
	if r.Valid {
		return fmt.Sprintf("valid: %s %s, as far as can be checked without a node\n", r.Type, r.ID)
	}
	var b strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "%s: %s\n", f.Reason, f.Text)
	}
	return b.String()
}
