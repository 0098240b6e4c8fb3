package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/cmd/stele/internal/recordform"
	"stele/node/keystore"
	"stele/node/ledger/record"
	"stele/node/pool"
)

func newCommand() *cli.Command {
	return &cli.Command{
		Name:  "new",
		Usage: "create a record",
		Description: "Creates a record of one of these types:\n" + typeList() + "\n" +
			"Some types have flags of their own; for all others --set or --payload gives the\n" +
			"fields. --template TYPE prints an example, docs/records.md lists all fields.\n" +
			"  PAY          --to KEY --amount N [--reference ID]\n" +
			"  ROLE_GRANT   --role ROLE --to KEY --approver KEY ...\n" +
			"  ROLE_REVOKE  --role ROLE --to KEY --approver KEY ...\n" +
			"  KEY_ROTATE   --to KEY, the new key\n" +
			"KEY is 72 hex digits, or a name from \"stele key list\". Optional fields may be left out.\n" +
			"For a digest, @FILE is the SHA-256 of a file.\n\n" +
			"  stele record new --type CLAIM_OPEN --key bob --set voucher=ID --set ground=fault --set remedy=repair\n\n" +
			"The node at --api is asked for what is left out: sequence number, last height, terms,\n" +
			"fees. With --seq and --valid-until no node is asked, unless --api is set.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "type", Usage: "create a record of this `TYPE`", DefaultText: "PAY"},
			&cli.StringFlag{Name: "template", Usage: "print an example of the payload of `TYPE`, with comments, and create nothing"},
			networkFlag("create it for the `NETWORK` dev, test or main", "that of the node, or dev"),
			nodeclient.Flag("ask the node API at `URL` for what is left out"), nodeclient.TokenFlag(),
			&cli.StringFlag{Name: "key", Usage: "`KEY` of the author"},
			&cli.StringFlag{Name: "seq", Usage: "sequence number: `N` earlier records of this key", DefaultText: "the next one, by --api"},
			&cli.StringFlag{Name: "valid-until", Usage: "`HEIGHT` of the last block that may contain it", DefaultText: fmt.Sprintf("%d blocks from now, by --api", validBlocks)},
			&cli.StringFlag{Name: "fee", Usage: "fee of `AMOUNT`", DefaultText: "by --fee-rate"},
			&cli.StringFlag{Name: "fee-rate", Usage: "fee of `N` units of 1e-8 per 1000 bytes; a node reports its minimum as min_fee_rate in /v1/pool",
				DefaultText: fmt.Sprintf("%d, ten times the default minimum of a node", pool.ProposedRate)},
			&cli.StringFlag{Name: "to", Usage: "`KEY` that is paid, that gets or loses the role, or that replaces the old one"},
			&cli.StringFlag{Name: "amount", Usage: "pay `AMOUNT`, such as 1.5"},
			&cli.StringFlag{Name: "reference", Usage: "`ID` of the record that is paid for, such as the claim of a refund", DefaultText: "none"},
			&cli.StringFlag{Name: "role", Usage: "grant or revoke `ROLE`: " + roleList()},
			&cli.StringSliceFlag{Name: "approver", Usage: "root `KEY` that signs besides the author; may be repeated"},
			&cli.StringSliceFlag{Name: "set", Usage: "set a field of the type, as `FIELD=VALUE`; may be repeated"},
			&cli.StringFlag{Name: "payload", Usage: "fields of the type as `JSON`, or the name of a file with them"},
			&cli.BoolFlag{Name: "sign", Usage: "sign the record with --key and --co-key"},
			&cli.StringSliceFlag{Name: "co-key", Usage: "also sign with the key `NAME`; may be repeated"},
			submitFlag(), idFlag(), keyring.PassphraseFlag(),
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
	if c.IsSet("template") {
		return printTemplate(c)
	}
	r, err := newRecord(c)
	if err != nil {
		return err
	}
	if err := r.Check(r.Network); err != nil {
		return err
	}
	if r, err = signNew(c, r); err != nil {
		return err
	}
	return finish(c, r, c.String("o"))
}

// signNew signs a new record with the keys of the flags, if they say so.
func signNew(c *cli.Context, r *record.Record) (*record.Record, error) {
	if !c.Bool("sign") && !c.Bool("submit") && !c.IsSet("co-key") {
		return r, nil
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return nil, err
	}
	if r, err = signAs(c, folder, r, c.String("key"), "key"); err != nil {
		return nil, err
	}
	for _, name := range c.StringSlice("co-key") {
		if r, err = signAs(c, folder, r, name, "co-key"); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// printTemplate prints an example of the payload of a type.
func printTemplate(c *cli.Context) error {
	form, err := parseForm(c, "template")
	if err != nil {
		return err
	}
	return cmdline.PrintText(c, form.Template())
}

// parseForm returns the form of the type that a flag names, or of a payment.
func parseForm(c *cli.Context, flag string) (recordform.Form, error) {
	kind := record.TypePay
	if c.IsSet(flag) {
		var err error
		if kind, err = record.ParseType(strings.ToUpper(c.String(flag))); err != nil {
			return recordform.Form{}, fmt.Errorf("--%s: %w; see %s --help", flag, err, c.Command.HelpName)
		}
	}
	form, ok := recordform.Of(kind)
	if !ok {
		return form, fmt.Errorf("--%s: only miners create records of type %v", flag, kind)
	}
	return form, nil
}

// newRecord returns the record that the flags describe. It builds the JSON form
// first, and so applies the checks of that form.
func newRecord(c *cli.Context) (*record.Record, error) {
	folder, err := keyring.Folder(c)
	if err != nil {
		return nil, err
	}
	form, err := parseForm(c, "type")
	if err != nil {
		return nil, err
	}
	if err := cmdline.Require(c, "key"); err != nil {
		return nil, err
	}
	key, err := keyFlag(c, folder, "key")
	if err != nil {
		return nil, err
	}
	values, err := newValues(c, folder, form)
	if err != nil {
		return nil, err
	}
	known, err := learn(c, key)
	if err != nil {
		return nil, err
	}
	defer known.close()
	if err := known.fill(form, values); err != nil {
		return nil, err
	}
	payload, err := form.Complete(values, names(c, folder))
	if err != nil {
		return nil, fmt.Errorf("%w; see %s --template %v", err, c.Command.HelpName, form.Type)
	}
	text, err := json.Marshal(map[string]any{
		"network": known.network.ID, "type": form.Type.String(), "version": form.Type.Version(), "seq": known.seq, "valid_until": known.validUntil,
		"fee": record.Amount(0), "key": key, "payload": payload,
	})
	if err != nil {
		return nil, err
	}
	r := new(record.Record)
	if err := r.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	paid := *r
	if paid.Fee, err = newFee(c, r, known.feeRate); err != nil {
		return nil, err
	}
	return record.New(paid), nil
}

// names resolves the names of keys and files in a payload.
func names(c *cli.Context, folder keystore.Folder) recordform.Names {
	return recordform.Names{
		Key: func(name string) (record.Key, error) { return keyring.PublicKey(folder, name) },
		File: func(path string) (d record.Digest, err error) {
			in, err := cmdline.OpenInput(c, path)
			if err != nil {
				return d, err
			}
			hash := sha256.New()
			_, err = io.Copy(hash, in)
			copy(d[:], hash.Sum(nil))
			return d, errors.Join(err, in.Close())
		},
	}
}

// newFee returns the fee of a new record: that of --fee, or else the rate of
// --fee-rate, by default proposed, times its size with all signatures.
func newFee(c *cli.Context, r *record.Record, proposed pool.Rate) (record.Amount, error) {
	if c.IsSet("fee") {
		if c.IsSet("fee-rate") {
			return 0, errors.New("--fee and --fee-rate are mutually exclusive")
		}
		fee, err := record.ParseAmount(c.String("fee"))
		if err != nil {
			err = fmt.Errorf("--fee: %w", err)
		}
		return fee, err
	}
	rate, err := cmdline.Number(c, "fee-rate", 0, uint64(record.MaxAmount)/record.MaxSize, uint64(proposed))
	return pool.Rate(rate).Fee(r.Size()), err
}

// ownFlags are the flags for the fields of some types: the field by the flag.
var ownFlags = map[record.Type]map[string]string{
	record.TypePay:        {"to": "to", "amount": "amount", "reference": "reference"},
	record.TypeRoleGrant:  {"to": "key", "role": "role", "approver": "approvers"},
	record.TypeRoleRevoke: {"to": "key", "role": "role", "approver": "approvers"},
	record.TypeKeyRotate:  {"to": "new"},
}

// newValues returns the fields of the payload that the flags give.
func newValues(c *cli.Context, folder keystore.Folder, form recordform.Form) (values recordform.Values, err error) {
	values = recordform.Values{}
	if c.IsSet("payload") {
		if values, err = payloadFlag(c); err != nil {
			return nil, err
		}
	}
	for _, assignment := range c.StringSlice("set") {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return nil, fmt.Errorf("--set: %.40q is not FIELD=VALUE", assignment)
		}
		if err := form.Set(values, name, value); err != nil {
			return nil, fmt.Errorf("--set: %w", err)
		}
	}
	own := ownFlags[form.Type]
	for _, flag := range []string{"to", "amount", "reference", "role", "approver"} {
		field := own[flag]
		switch {
		case !c.IsSet(flag):
			if values[field] == nil && (flag == "to" || flag == "amount" || flag == "role") && field != "" {
				return nil, cmdline.Require(c, flag)
			}
			continue
		case field == "" || c.IsSet("payload"):
			return nil, fmt.Errorf("--%s does not apply to this record; see %s --help", flag, c.Command.HelpName)
		}
		value, err := ownFlag(c, folder, flag)
		if err != nil {
			return nil, err
		}
		if err := form.Set(values, field, value); err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("type %v requires --set or --payload; see %s --template %[1]v", form.Type, c.Command.HelpName)
	}
	return values, nil
}

// ownFlag returns the value of a flag of [ownFlags], and rejects it in the words of the
// flag.
func ownFlag(c *cli.Context, folder keystore.Folder, flag string) (value string, err error) {
	value = c.String(flag)
	switch flag {
	case "to":
		_, err = keyring.PublicKey(folder, value)
	case "amount":
		_, err = record.ParseAmount(value)
	case "reference":
		err = new(record.ID).UnmarshalText([]byte(value))
	case "role":
		_, err = record.ParseRole(value)
	case "approver":
		value = strings.Join(c.StringSlice(flag), ",")
		for _, name := range c.StringSlice(flag) {
			if _, failed := keyring.PublicKey(folder, name); failed != nil {
				err = failed
			}
		}
	}
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return value, err
}

// payloadFlag returns the value of --payload, or the content of the file that it
// names.
func payloadFlag(c *cli.Context) (recordform.Values, error) {
	text := []byte(c.String("payload"))
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var err error
		if text, err = cmdline.ReadInput(c, string(text), record.MaxTextSize); err != nil {
			return nil, fmt.Errorf("--payload: %w", err)
		}
	}
	values, err := recordform.Read(text)
	if err != nil {
		return nil, fmt.Errorf("--payload: %w", err)
	}
	return values, nil
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
