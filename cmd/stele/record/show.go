package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/node/ledger/network"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show the content of a record",
		ArgsUsage: "FILE|HEX",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "hex", Usage: "print only the encoding, in hex"},
			cmdline.JSONFlag(),
		},
		Action: runShow,
	}
}

func runShow(c *cli.Context) error {
	r, err := readRecord(c)
	if err != nil {
		return err
	}
	res := newRecordResult(r, "")
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c, res)
	case c.Bool("hex"):
		return cmdline.PrintText(c, res.Hex+"\n")
	}
	text, err := res.text()
	if err != nil {
		return err
	}
	return cmdline.PrintText(c, text)
}

// visibleJSON returns the same JSON with escapes for characters that are not
// printable, such as those that change the direction of writing.
func visibleJSON(encoded []byte) string {
	var b strings.Builder
	for _, r := range string(encoded) {
		if unicode.IsPrint(r) || r == '\n' {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// text returns the result for people.
func (r recordResult) text() (string, error) {
	var b strings.Builder
	payload, err := json.MarshalIndent(r.Record.Payload, "             ", "  ")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "id           %s\n", r.ID)
	fmt.Fprintf(&b, "type         %s, version %d, %d bytes\n", r.Type, r.Record.Version, r.Size)
	fmt.Fprintf(&b, "network      %s\n", networkName(r.Record.Network))
	fmt.Fprintf(&b, "key          %v\n", r.Record.Key)
	fmt.Fprintf(&b, "seq          %d\n", r.Record.Seq)
	fmt.Fprintf(&b, "valid until  height %d\n", r.Record.ValidUntil)
	fmt.Fprintf(&b, "fee          %v\n", r.Record.Fee)
	fmt.Fprintf(&b, "payload      %s\n", visibleJSON(payload))
	for i, s := range r.Signers {
		state := "missing"
		if s.Signed {
			state = "present"
		}
		fmt.Fprintf(&b, "signature %d  %s, by %v\n", i+1, state, s.Key)
	}
	return b.String(), nil
}

// networkName returns the name of a network, or its ID if it is unknown.
func networkName(id uint32) string {
	for _, p := range network.All() {
		if p.ID == id {
			return p.Name
		}
	}
	return fmt.Sprintf("unknown, id %08x", id)
}
