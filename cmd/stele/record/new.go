package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeflags"
	"stele/node/keystore"
	"stele/node/ledger/record"
	"stele/node/pool"
)

func newCommand() *cli.Command {
	return &cli.Command{
		Name:  "new",
		Usage: "create an unsigned record",
		Description: "Creates a record of one of these types:\n" + typeList() + "\n" +
			"Some types have flags of their own; for all others --payload has the fields:\n" +
			"  PAY          --to KEY --amount N [--reference ID]\n" +
			"  ROLE_GRANT   --role ROLE --to KEY --approver KEY ...\n" +
			"  ROLE_REVOKE  --role ROLE --to KEY --approver KEY ...\n" +
			"  KEY_ROTATE   --to KEY, the new key\n" +
			"KEY is 72 hex digits, or a name from \"stele key list\". docs/ledger.md lists the fields\n" +
			"of each type.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "type", Usage: "create a record of this `TYPE`", DefaultText: "PAY"},
			networkFlag("create it for the `NETWORK` dev, test or main", "dev"),
			&cli.StringFlag{Name: "key", Usage: "`KEY` of the author"},
			&cli.StringFlag{Name: "seq", Usage: "sequence number: `N` earlier records of this key; a node reports it"},
			&cli.StringFlag{Name: "valid-until", Usage: "`HEIGHT` of the last block that may contain it"},
			&cli.StringFlag{Name: "fee", Usage: "fee of `AMOUNT`", DefaultText: "by --fee-rate"},
			&cli.StringFlag{Name: "fee-rate", Usage: "fee of `N` units of 1e-8 per 1000 bytes; a node reports its minimum as min_fee_rate in /v1/pool",
				DefaultText: fmt.Sprintf("%d, ten times the default minimum of a node", pool.ProposedRate)},
			&cli.StringFlag{Name: "to", Usage: "`KEY` that is paid, that gets or loses the role, or that replaces the old one"},
			&cli.StringFlag{Name: "amount", Usage: "pay `AMOUNT`, such as 1.5"},
			&cli.StringFlag{Name: "reference", Usage: "`ID` of the record that is paid for, such as the claim of a refund", DefaultText: "zeros"},
			&cli.StringFlag{Name: "role", Usage: "grant or revoke `ROLE`: " + roleList()},
			&cli.StringSliceFlag{Name: "approver", Usage: "root `KEY` that signs besides the author; may be repeated"},
			&cli.StringFlag{Name: "payload", Usage: "fields of the type as `JSON`, or the name of a file with them"},
			outFlag(), keyring.Flag(), cmdline.JSONFlag(),
		},
		Action: runNew,
	}
}

// typeList returns the names of all types in lines, without COINBASE, which only
// miners create.
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

func runNew(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
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

// newRecord returns the record that the flags describe. It builds the JSON form
// first, and so applies the checks of that form.
func newRecord(c *cli.Context) (*record.Record, error) {
	folder, err := keyring.Folder(c)
	if err != nil {
		return nil, err
	}
	kind := record.TypePay
	if c.IsSet("type") {
		if kind, err = record.ParseType(strings.ToUpper(c.String("type"))); err != nil {
			return nil, fmt.Errorf("--type: %w; see %s --help", err, c.Command.HelpName)
		}
	}
	params, err := nodeflags.Network(c)
	if err != nil {
		return nil, err
	}
	if err := cmdline.Require(c, "key", "seq", "valid-until"); err != nil {
		return nil, err
	}
	key, err := keyFlag(c, folder, "key")
	if err != nil {
		return nil, err
	}
	seq, err := cmdline.Number(c, "seq", 0, math.MaxUint64, 0)
	if err != nil {
		return nil, err
	}
	until, err := cmdline.Number(c, "valid-until", 0, math.MaxUint32, 0)
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

// newFee returns the fee of a new record: that of --fee, or else the rate of
// --fee-rate times its size with all signatures.
func newFee(c *cli.Context, r *record.Record) (record.Amount, error) {
	if c.IsSet("fee") {
		if c.IsSet("fee-rate") {
			return 0, errors.New("--fee and --fee-rate are mutually exclusive")
		}
		return amountFlag(c, "fee")
	}
	rate, err := cmdline.Number(c, "fee-rate", 0, uint64(record.MaxAmount)/record.MaxSize, uint64(pool.ProposedRate))
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
			return nil, fmt.Errorf("--%s does not apply to this record; see %s --help", flag, c.Command.HelpName)
		}
	}
	if c.IsSet("payload") {
		return payloadFlag(c)
	}
	if uses[kind] == nil {
		return nil, fmt.Errorf("type %v requires --payload; see %s --help", kind, c.Command.HelpName)
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
		key, err := keyring.PublicKey(folder, text)
		if err != nil {
			return nil, fmt.Errorf("--approver: %w", err)
		}
		p.Approvers = append(p.Approvers, key)
	}
	slices.SortFunc(p.Approvers, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
	return p, nil
}

// payloadFlag returns the value of --payload, or the content of the file that it
// names.
func payloadFlag(c *cli.Context) (json.RawMessage, error) {
	text := []byte(c.String("payload"))
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var err error
		if text, err = cmdline.ReadInput(c, string(text), record.MaxTextSize); err != nil {
			return nil, fmt.Errorf("--payload: %w", err)
		}
	}
	if !json.Valid(text) {
		return nil, errors.New("--payload: invalid JSON")
	}
	return text, nil
}

// keyFlag returns the public key of a required flag.
func keyFlag(c *cli.Context, folder keystore.Folder, flag string) (record.Key, error) {
	if err := cmdline.Require(c, flag); err != nil {
		return record.Key{}, err
	}
	key, err := keyring.PublicKey(folder, c.String(flag))
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return key, err
}

// amountFlag returns the amount of a required flag.
func amountFlag(c *cli.Context, flag string) (record.Amount, error) {
	if err := cmdline.Require(c, flag); err != nil {
		return 0, err
	}
	a, err := record.ParseAmount(c.String(flag))
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return a, err
}
