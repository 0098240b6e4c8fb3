package record

import (
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/node/ledger/record"
)

func signCommand() *cli.Command {
	return &cli.Command{
		Name:      "sign",
		Usage:     "sign a record",
		ArgsUsage: "FILE",
		Description: "Adds a signature to the record in FILE, or writes the signed record to another file\n" +
			"with -o. A record from standard input is printed. If several parties sign, one hands\n" +
			"the file to the next; each signs once, in any order. What is signed is shown first, on\n" +
			"standard error.\n\n" +
			"  stele record sign pay.json --key alice",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "sign with the key `NAME`"},
			keyring.PassphraseFlag(), outFlag(), keyring.Flag(), cmdline.JSONFlag(),
		},
		Action: runSign,
	}
}

func runSign(c *cli.Context) error {
	folder, err := keyring.Folder(c)
	if err != nil {
		return err
	}
	if err := cmdline.Require(c, "key"); err != nil {
		return err
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
		return fmt.Errorf("--key: %s is not a signer of this record: must be one of %v", file.Name, r.Signers())
	}
	if err := checkPresent(r); err != nil {
		return err
	}
	if _, err := fmt.Fprint(c.App.ErrWriter, words(r, file.Key, readKeyNames(folder))); err != nil {
		return err
	}
	key, err := keyring.Load(c, folder, file.Name)
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
