package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/urfave/cli/v2"

	"stele/node/keystore"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/pool"
)

func recordCommand() *cli.Command {
	out := &cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write the record to `FILE` and tell about it, instead of printing it"}
	return &cli.Command{
		Name:  "record",
		Usage: "make, sign, show and check records",
		Description: "A record is made, signed by one or several parties, and given to a node:\n\n" +
			"  stele key new alice\n" +
			"  stele record new --key alice --seq 0 --valid-until 1000 --to KEY --amount 1.5 -o pay.json\n" +
			"  stele record sign pay.json --key alice\n" +
			"  stele record check pay.json\n\n" +
			"FILE is a record as JSON, hex or binary; - is standard input.",
		Subcommands: []*cli.Command{
			{
				Name:  "new",
				Usage: "make a record, not signed yet",
				Description: "Types with flags of their own:\n" +
					"  PAY          --to KEY --amount N [--reference ID]\n" +
					"  ROLE_GRANT   --role ROLE --to KEY --approver KEY ...\n" +
					"  ROLE_REVOKE  --role ROLE --to KEY --approver KEY ...\n" +
					"  KEY_ROTATE   --to KEY, the new key\n" +
					"For all others --payload has the fields. The types are\n" + typeList() + "\n" +
					"KEY is 72 hex digits, or a name of \"stele key list\".",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "type", Usage: "the `TYPE` of the record", DefaultText: "PAY"},
					&cli.StringFlag{Name: "network", Usage: "the `NETWORK` that it is for: dev, test or main", DefaultText: "dev"},
					&cli.StringFlag{Name: "key", Usage: "the author's `KEY`"},
					&cli.StringFlag{Name: "seq", Usage: "`N` records of this key came before; a node tells how many"},
					&cli.StringFlag{Name: "valid-until", Usage: "`HEIGHT` of the last block that may hold it"},
					&cli.StringFlag{Name: "fee", Usage: "the author pays the fee `AMOUNT`", DefaultText: "by --fee-rate"},
					&cli.StringFlag{Name: "fee-rate", Usage: "the author pays `N` units of 1e-8 for 1000 bytes; a node's min_fee_rate in /v1/pool is what it asks for",
						DefaultText: fmt.Sprintf("%d, ten times what a node asks for by default", pool.ProposedRate)},
					&cli.StringFlag{Name: "to", Usage: "the `KEY` that is paid, has the role, or is the new one"},
					&cli.StringFlag{Name: "amount", Usage: "pay the `AMOUNT`, as in 1.5"},
					&cli.StringFlag{Name: "reference", Usage: "what the payment is for: the `ID` of a record, as that of the claim of a refund", DefaultText: "zeros"},
					&cli.StringFlag{Name: "role", Usage: "the `ROLE`: " + roleList()},
					&cli.StringSliceFlag{Name: "approver", Usage: "a root `KEY` that signs too, without the author; may be repeated"},
					&cli.StringFlag{Name: "payload", Usage: "the fields of the type as `JSON`, or the name of a file with them"},
					out, keysFlag(), jsonFlag(),
				},
				Action: recordNew,
			},
			{
				Name:      "sign",
				Usage:     "sign a record with a key",
				ArgsUsage: "FILE",
				Description: "The signature is put into FILE, or into another one with -o. A record from\n" +
					"standard input is printed. Each of several parties signs once, in any order.",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "key", Usage: "the `NAME` of the key"},
					passphraseFlag(), out, keysFlag(), jsonFlag(),
				},
				Action: recordSign,
			},
			{
				Name:      "show",
				Usage:     "show what a record says",
				ArgsUsage: "FILE|HEX",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "hex", Usage: "print only the encoding, in hex"},
					jsonFlag(),
				},
				Action: recordShow,
			},
			{
				Name:      "check",
				Usage:     "check a record: each rule that it breaks",
				ArgsUsage: "FILE|HEX",
				Description: "Checked is what can be without a node: the form, the rules of the type, and all\n" +
					"signatures. Balance, sequence number and rights only a node knows.",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "network", Usage: "the `NETWORK` that it must be for: dev, test or main", DefaultText: "any of them"},
					jsonFlag(),
				},
				Action: recordCheck,
			},
			recordBundleCommand(),
		},
	}
}

// typeList returns the names of all types but COINBASE, which only miners make,
// in lines.
func typeList() string {
	var b strings.Builder
	width := 0
	for _, t := range record.Types() {
		if t == record.TypeCoinbase {
			continue
		}
		if width += 1 + len(t.String()); width > 78 || b.Len() == 0 {
			b.WriteString("\n ")
			width = 2 + len(t.String())
		}
		b.WriteString(" " + t.String())
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func roleList() string {
	var names []string
	for _, r := range record.Roles() {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}

func recordNew(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	r, err := newRecord(c)
	if err != nil {
		return err
	}
	if err := r.Check(r.Network); err != nil {
		return err
	}
	return writeRecord(c, r, c.String("o"))
}

// newRecord makes the record that the flags describe, by way of its JSON form.
func newRecord(c *cli.Context) (*record.Record, error) {
	folder, err := keyFolder(c)
	if err != nil {
		return nil, err
	}
	kind := record.TypePay
	if c.IsSet("type") {
		if kind, err = record.ParseType(strings.ToUpper(c.String("type"))); err != nil {
			return nil, fmt.Errorf("--type: %w", err)
		}
	}
	params, err := nodeNetwork(c)
	if err != nil {
		return nil, err
	}
	for _, flag := range []string{"key", "seq", "valid-until"} {
		if !c.IsSet(flag) {
			return nil, fmt.Errorf("--%s is missing; see %s --help", flag, c.Command.HelpName)
		}
	}
	key, err := keyFlag(c, folder, "key")
	if err != nil {
		return nil, err
	}
	seq, err := number(c, "seq", 0, math.MaxUint64, 0)
	if err != nil {
		return nil, err
	}
	until, err := number(c, "valid-until", 0, math.MaxUint32, 0)
	if err != nil {
		return nil, err
	}
	payload, err := newPayload(c, kind, folder)
	if err != nil {
		return nil, err
	}
	form, err := json.Marshal(map[string]any{
		"network": params.ID, "type": kind.String(), "version": kind.Version(), "seq": seq, "valid_until": until,
		"fee": record.Amount(0), "key": key, "payload": payload,
	})
	if err != nil {
		return nil, err
	}
	r := new(record.Record)
	if err := r.UnmarshalJSON(form); err != nil {
		return nil, err
	}
	paid := *r
	if paid.Fee, err = newFee(c, r); err != nil {
		return nil, err
	}
	return record.New(paid), nil
}

// newFee returns the fee of a new record: what --fee says, or else the rate of
// --fee-rate for its size with all signatures.
func newFee(c *cli.Context, r *record.Record) (record.Amount, error) {
	if c.IsSet("fee") {
		if c.IsSet("fee-rate") {
			return 0, errors.New("--fee and --fee-rate exclude each other: give one of them")
		}
		return amountFlag(c, "fee")
	}
	rate, err := number(c, "fee-rate", 0, uint64(record.MaxAmount)/record.MaxSize, uint64(pool.ProposedRate))
	return pool.Rate(rate).Fee(r.Size()), err
}

// newPayload returns the JSON form of the payload that the flags describe.
func newPayload(c *cli.Context, kind record.Type, folder keystore.Folder) (any, error) {
	uses := map[record.Type][]string{
		record.TypePay:        {"to", "amount", "reference"},
		record.TypeRoleGrant:  {"to", "role", "approver"},
		record.TypeRoleRevoke: {"to", "role", "approver"},
		record.TypeKeyRotate:  {"to"},
	}
	for _, flag := range []string{"to", "amount", "reference", "role", "approver"} {
		if c.IsSet(flag) && (c.IsSet("payload") || !slices.Contains(uses[kind], flag)) {
			return nil, fmt.Errorf("--%s is not for this; see %s --help", flag, c.Command.HelpName)
		}
	}
	if c.IsSet("payload") {
		return payloadFlag(c)
	}
	if uses[kind] == nil {
		return nil, fmt.Errorf("a %v needs --payload; see %s --help", kind, c.Command.HelpName)
	}
	to, err := keyFlag(c, folder, "to")
	if err != nil {
		return nil, err
	}
	switch kind {
	case record.TypePay:
		amount, err := amountFlag(c, "amount")
		if err != nil {
			return nil, err
		}
		p := record.Pay{To: to, Amount: amount}
		if c.IsSet("reference") {
			if err := p.Reference.UnmarshalText([]byte(c.String("reference"))); err != nil {
				return nil, fmt.Errorf("--reference: %w", err)
			}
		}
		return p, nil
	case record.TypeKeyRotate:
		return record.KeyRotate{New: to}, nil
	}
	role, err := record.ParseRole(c.String("role"))
	if err != nil {
		return nil, fmt.Errorf("--role: %w", err)
	}
	p := record.RoleGrant{Role: role, Key: to}
	for _, text := range c.StringSlice("approver") {
		key, err := publicKey(folder, text)
		if err != nil {
			return nil, fmt.Errorf("--approver: %w", err)
		}
		p.Approvers = append(p.Approvers, key)
	}
	slices.SortFunc(p.Approvers, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
	return p, nil
}

// payloadFlag returns the JSON that --payload has or names.
func payloadFlag(c *cli.Context) (json.RawMessage, error) {
	text := []byte(c.String("payload"))
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var err error
		if text, err = readInput(c, string(text), record.MaxTextSize); err != nil {
			return nil, fmt.Errorf("--payload: %w", err)
		}
	}
	if !json.Valid(text) {
		return nil, errors.New("--payload: not JSON")
	}
	return text, nil
}

// keyFlag returns the public key that a flag has or names.
func keyFlag(c *cli.Context, folder keystore.Folder, flag string) (record.Key, error) {
	if !c.IsSet(flag) {
		return record.Key{}, fmt.Errorf("--%s is missing; see %s --help", flag, c.Command.HelpName)
	}
	key, err := publicKey(folder, c.String(flag))
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return key, err
}

// amountFlag returns the amount of a flag, which must be there.
func amountFlag(c *cli.Context, flag string) (record.Amount, error) {
	if !c.IsSet(flag) {
		return 0, fmt.Errorf("--%s is missing; see %s --help", flag, c.Command.HelpName)
	}
	a, err := record.ParseAmount(c.String(flag))
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return a, err
}

func recordSign(c *cli.Context) error {
	folder, err := keyFolder(c)
	if err != nil {
		return err
	}
	if !c.IsSet("key") {
		return fmt.Errorf("--key is missing; see %s --help", c.Command.HelpName)
	}
	r, err := readRecord(c)
	if err != nil {
		return err
	}
	file, err := folder.Show(c.String("key"))
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	if !slices.Contains(r.Signers(), file.Key) {
		return fmt.Errorf("--key: %s is no signer of this record; they are %v", file.Name, r.Signers())
	}
	key, err := loadKey(c, folder, file.Name)
	if err != nil {
		return err
	}
	signed, err := record.Sign(r, key)
	if err != nil {
		return err
	}
	target := c.String("o")
	if !c.IsSet("o") {
		if target = c.Args().First(); target == "-" {
			target = ""
		} else if _, err := os.Stat(target); err != nil { // hex on the command line
			target = ""
		}
	}
	return writeRecord(c, signed, target)
}

func recordShow(c *cli.Context) error {
	r, err := readRecord(c)
	if err != nil {
		return err
	}
	res := newRecordResult(r, "")
	switch {
	case c.Bool("json"):
		return printJSON(c, res)
	case c.Bool("hex"):
		return printText(c, res.Hex+"\n")
	}
	text, err := res.text()
	if err != nil {
		return err
	}
	return printText(c, text)
}

// visibleJSON returns the same JSON with escapes for what is not printable, such as
// characters that turn the direction of writing.
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

// text is the result for people.
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
			state = "there"
		}
		fmt.Fprintf(&b, "signature %d  %s, by %v\n", i+1, state, s.Key)
	}
	return b.String(), nil
}

// networkName returns the name of a network, or its id if it has none.
func networkName(id uint32) string {
	for _, p := range network.All() {
		if p.ID == id {
			return p.Name
		}
	}
	return fmt.Sprintf("unknown, id %08x", id)
}

// recordCheckResult is what "stele record check --json" prints. Its fields are
// described in docs/cli.md.
type recordCheckResult struct {
	Valid  bool          `json:"valid"`
	ID     string        `json:"id"`
	Type   string        `json:"type"`
	Faults []recordFault `json:"faults"`
}

type recordFault struct {
	Reason reject.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// add adds what an error says. It returns an error that is no fault of the
// record.
func (r *recordCheckResult) add(err error) error {
	var e *reject.Error
	if err != nil && !errors.As(err, &e) {
		return err
	}
	if e != nil {
		r.Faults = append(r.Faults, recordFault{e.Reason, e.Text})
	}
	return nil
}

func recordCheck(c *cli.Context) error {
	id, anyNetwork := uint32(0), !c.IsSet("network")
	if !anyNetwork {
		p, err := nodeNetwork(c)
		if err != nil {
			return err
		}
		id = p.ID
	}
	res := recordCheckResult{Faults: []recordFault{}}
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
		printed = printJSON(c, res)
	} else {
		printed = printText(c, res.text())
	}
	if printed == nil && !res.Valid {
		return errFoundWrong
	}
	return printed
}

// text is the result for people.
func (r recordCheckResult) text() string {
	if r.Valid {
		return fmt.Sprintf("good: %s %s, as far as can be told without a node\n", r.Type, r.ID)
	}
	var b strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "%s: %s\n", f.Reason, f.Text)
	}
	return b.String()
}
