// Package recipient is the command "stele recipient", with which a sender seals the name
// and address of a parcel's recipient to a carrier, and the carrier reads them.
package recipient

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/internal/atomicfile"
	"stele/internal/text"
	"stele/node/api"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

const octets = "application/octet-stream"

// Command returns the command.
func Command() *cli.Command {
	node := func(flags ...cli.Flag) []cli.Flag {
		return append(flags, nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(),
			keyring.PassphraseFlag(), keyring.Flag(), cmdline.JSONFlag())
	}
	carrier := &cli.StringFlag{Name: "key", Usage: "key `NAME` of the carrier"}
	return &cli.Command{
		Name:  "recipient",
		Usage: "seal the address of a parcel to its carrier, and open it",
		Description: "The chain has only a commitment to the name and address of a recipient. They travel\n" +
			"sealed to the carrier, and nodes delete them after the delivery.\n\n" +
			"  stele recipient notice --key post\n" +
			"  stele recipient seal address.txt --carrier post --pickup PICKUP -o parcel.json\n" +
			"  stele recipient fetch SHIPMENT --key post",
		Subcommands: []*cli.Command{
			{
				Name: "notice", Usage: "publish the key to which senders seal for a carrier",
				Description: "A carrier does this once. The key follows from its signing key.",
				Flags:       node(carrier), Action: runNotice,
			},
			{
				Name: "seal", Usage: "seal a name and address to a carrier, and store them at the node", ArgsUsage: "FILE",
				Description: "Prints the fields of a SHIPMENT_CREATE for \"stele record new --payload\". The node keeps\n" +
					"the sealed data for an hour, and longer if a record names them.\n" +
					"With --shipment and --key, a carrier seals what it got to the next one, and prints the\n" +
					"fields of the CUSTODY_HANDOVER.",
				Flags: node(
					&cli.StringFlag{Name: "carrier", Usage: "`KEY` of the carrier"},
					&cli.StringFlag{Name: "pickup", Usage: "pick-up `KEY` of the recipient, made for this parcel"},
					&cli.StringFlag{Name: "secret", Usage: "store the salt and the data in `FILE`: the proof of what was agreed"},
					&cli.StringFlag{Name: "shipment", Usage: "seal what this shipment `ID` has, instead of FILE"},
					carrier,
					&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write the fields to `FILE` instead of standard output"},
				),
				Action: runSeal,
			},
			{
				Name: "fetch", Usage: "get the name and address of a parcel from the node, and open them", ArgsUsage: "SHIPMENT",
				Flags: node(carrier,
					&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write to `FILE` instead of standard output"},
					&cli.BoolFlag{Name: "sealed", Usage: "with -o: write the sealed data, for \"stele recipient open\""}),
				Action: runFetch,
			},
			{
				Name: "open", Usage: "open sealed data without a node", ArgsUsage: "FILE",
				Flags: []cli.Flag{carrier,
					&cli.StringFlag{Name: "commitment", Usage: "commitment of the shipment, 64 `HEX` digits"},
					&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write to `FILE` instead of standard output"},
					keyring.PassphraseFlag(), keyring.Flag(), cmdline.JSONFlag()},
				Action: runOpen,
			},
		},
	}
}

// loadKey returns the signing key of --key.
func loadKey(c *cli.Context) (record.PrivateKey, error) {
	if err := cmdline.Require(c, "key"); err != nil {
		return nil, err
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return nil, err
	}
	key, err := keyring.Load(c, folder, c.String("key"))
	if err != nil {
		err = fmt.Errorf("--key: %w", err)
	}
	return key, err
}

// publicKey returns the public key that a flag names.
func publicKey(c *cli.Context, flag string) (record.Key, error) {
	if err := cmdline.Require(c, flag); err != nil {
		return record.Key{}, err
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return record.Key{}, err
	}
	key, err := keyring.PublicKey(folder, c.String(flag))
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return key, err
}

// oneArgument returns the only argument of a command.
func oneArgument(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("%d arguments given: must be 1, %s; see %s --help", c.NArg(), c.Command.ArgsUsage, c.Command.HelpName)
	}
	return c.Args().First(), nil
}

func runNotice(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	key, err := loadKey(c)
	if err != nil {
		return err
	}
	n, err := recipient.NewNotice(key)
	if err != nil {
		return err
	}
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	body, err := json.Marshal(map[string]string{"key": hex.EncodeToString(n.Key[:]), "signature": hex.EncodeToString(n.Signature[:])})
	if err != nil {
		return err
	}
	carrier := record.PublicOf(key)
	if err := node.Post(c.Context, "/v1/carriers/"+carrier.String()+"/notice", "application/json", body, nil); err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, api.Notice{Carrier: carrier, Key: hex.EncodeToString(n.Key[:]), Signature: hex.EncodeToString(n.Signature[:])})
	}
	return cmdline.PrintText(c, fmt.Sprintf("published: senders seal to %x for carrier %v\n", n.Key, carrier))
}

// sealKey returns the key to which to seal for a carrier, by its notice.
func sealKey(c *cli.Context, node *nodeclient.Client, carrier record.Key) (recipient.PublicKey, error) {
	var got api.Notice
	if err := node.Get(c.Context, "/v1/carriers/"+carrier.String()+"/notice", &got); err != nil {
		return recipient.PublicKey{}, fmt.Errorf("carrier %v: %w", carrier, err)
	}
	n := recipient.Notice{Carrier: carrier} // whatever the node says: the signature must be the carrier's
	if !unhex(got.Key, n.Key[:]) || !unhex(got.Signature, n.Signature[:]) {
		return recipient.PublicKey{}, fmt.Errorf("carrier %v: the node sent an invalid notice", carrier)
	}
	return n.PublicKey()
}

// unhex decodes hex digits that must fill to.
func unhex(digits string, to []byte) bool {
	if len(digits) != 2*len(to) {
		return false
	}
	n, err := hex.Decode(to, []byte(digits))
	return err == nil && n == len(to)
}

// write writes opened data: as they are to the file of -o, or for people.
func write(c *cli.Context, data []byte) error {
	if c.IsSet("o") {
		return atomicfile.WriteFile(c.String("o"), data, 0o600)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, map[string]string{"data": string(data)})
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		b.WriteString(text.Clean(strings.TrimSuffix(line, "\n"), recipient.MaxData) + "\n")
	}
	return cmdline.PrintText(c, b.String())
}
