package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// pollEvery is how often a node is asked whether a record is in the chain.
const pollEvery = 300 * time.Millisecond

func submitCommand() *cli.Command {
	return &cli.Command{
		Name:      "submit",
		Usage:     "submit a signed record to a node",
		ArgsUsage: "FILE|HEX",
		Description: "Sends the record to the node at --api. With --wait it returns when the record is in\n" +
			"the chain. Submitting a record again is harmless. The exit code is 1 if the node rejects\n" +
			"the record.\n\n" +
			"  stele record submit pay.json --wait",
		Flags: []cli.Flag{
			idFlag(),
			&cli.BoolFlag{Name: "wait", Usage: "wait until the record is in the chain"},
			&cli.StringFlag{Name: "confirmations", Usage: "with --wait: until `N` blocks hold it or stand on the one that does", DefaultText: "1"},
			nodeclient.Flag("submit to the node API at `URL`"), nodeclient.TokenFlag(), cmdline.JSONFlag(),
		},
		Action: runSubmit,
	}
}

// submitResult is what "stele record submit --json" prints. docs/cli.md describes its
// fields.
type submitResult struct {
	ID            string        `json:"id"`
	Type          string        `json:"type"`
	State         string        `json:"state"`
	Height        uint32        `json:"height,omitempty"`
	Confirmations uint32        `json:"confirmations"`
	Reason        reject.Reason `json:"reason,omitempty"`
	Text          string        `json:"text,omitempty"`

	RevertChances []api.RevertChance `json:"revert_chances,omitempty"`
}

// Where a record is, besides the states of the API.
const (
	stateConfirmed = "confirmed"
	stateRejected  = "rejected"
	stateDropped   = "dropped"
)

func runSubmit(c *cli.Context) error {
	r, err := readRecord(c)
	if err != nil {
		return err
	}
	depth, err := cmdline.Number(c, "confirmations", 1, math.MaxUint32, 1)
	if err != nil {
		return err
	}
	if !c.Bool("wait") {
		depth = 0
	}
	return submitRecord(c, r, uint32(depth))
}

// submitRecord submits a record, waits until it is so deep in the chain, 0 for not at all,
// and prints the result.
func submitRecord(c *cli.Context, r *record.Record, depth uint32) error {
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	res := submitResult{ID: r.ID().String(), Type: r.Type().String()}
	if err := checkComplete(r); err != nil {
		res.reject(err)
	} else if err := res.submit(c, node, r); err != nil {
		return cmdline.Cause(c, err)
	}
	if depth > 0 && res.State != stateRejected {
		if err := res.wait(c.Context, node, depth); err != nil {
			return cmdline.Cause(c, err)
		}
	}
	bad := res.State == stateRejected || res.State == stateDropped
	switch {
	case c.Bool("json"):
		err = cmdline.PrintJSON(c, res)
	case c.Bool("id") && bad:
		_, err = fmt.Fprint(c.App.ErrWriter, res.text())
	case c.Bool("id"):
		err = cmdline.PrintText(c, res.ID+"\n")
	default:
		err = cmdline.PrintText(c, res.text())
	}
	if err == nil && bad {
		return cmdline.ErrFoundWrong
	}
	return err
}

// checkComplete rejects a record that lacks a signature, or has one that is not valid.
func checkComplete(r *record.Record) error {
	if err := checkPresent(r); err != nil {
		return err
	}
	if missing := newRecordResult(r, "").missing(); len(missing) > 0 {
		return reject.New(reject.BadSignature, "missing signatures: %s", strings.Join(missing, ", "))
	}
	return nil
}

func (res *submitResult) reject(err error) {
	res.State = stateRejected
	var e *reject.Error
	if errors.As(err, &e) {
		res.Reason, res.Text = e.Reason, e.Text
	}
}

// submit sends the record. It returns an error if the node neither accepts nor rejects
// it.
func (res *submitResult) submit(c *cli.Context, node *nodeclient.Client, r *record.Record) error {
	var sent api.Sent
	err := node.Post(c.Context, "/v1/records", "application/octet-stream", r.Encode(), &sent)
	var p *nodeclient.Problem
	if errors.As(err, &p) && p.Reason != "" && p.Status == http.StatusUnprocessableEntity {
		res.State, res.Reason, res.Text = stateRejected, p.Reason, p.Detail
		return nil
	}
	res.State = sent.State
	return err
}

// wait asks the node again and again until the record is deep enough in the chain, or
// gone.
func (res *submitResult) wait(ctx context.Context, node *nodeclient.Client, depth uint32) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for missing := 0; missing < 3; { // it may be between pool and chain
		var found api.Record
		err := node.Get(ctx, "/v1/records/"+res.ID, &found)
		var p *nodeclient.Problem
		switch {
		case nodeclient.IsNotFound(err):
			missing++
		case errors.As(err, &p) && (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests):
		case err != nil:
			return err
		default:
			missing = 0
			res.State, res.Height, res.Confirmations = found.State, found.Height, found.Confirmations
			res.RevertChances = found.RevertChances
			if found.Confirmations >= depth {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	res.State = stateDropped
	res.Text = "the node no longer has the record: another one took its sequence number, its height is over, or a block contradicts it; create it anew"
	return nil
}

// text returns the result for people.
func (res *submitResult) text() string {
	switch res.State {
	case stateConfirmed:
		if res.Height > 0 {
			return fmt.Sprintf("confirmed: %s %s, in block %d\n%s", res.Type, res.ID, res.Height, res.chances())
		}
	case stateRejected:
		return fmt.Sprintf("rejected: %s %s\n%s: %s\n", res.Type, res.ID, res.Reason, res.Text)
	case stateDropped:
		return fmt.Sprintf("dropped: %s %s\n%s\n", res.Type, res.ID, res.Text)
	}
	return fmt.Sprintf("%s: %s %s\n", res.State, res.Type, res.ID)
}

// chances returns a line about who could still take the record back; none for the tip,
// which anybody can.
func (res *submitResult) chances() string {
	if res.Confirmations < 2 || len(res.RevertChances) == 0 {
		return ""
	}
	var parts []string
	for _, c := range res.RevertChances {
		parts = append(parts, fmt.Sprintf("%.2g %% with %.0f %% of all work", 100*c.Chance, 100*c.Share))
	}
	return fmt.Sprintf("chance of an attacker to take it back after %d confirmations: %s\n", res.Confirmations, strings.Join(parts, ", "))
}
