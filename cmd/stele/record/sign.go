package record

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/keystore"
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
			submitFlag(), idFlag(), nodeclient.Flag("with --submit: submit to the node API at `URL`"), nodeclient.TokenFlag(),
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
	signed, err := signAs(c, folder, r, c.String("key"), "key")
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
	return finish(c, signed, target)
}

// signAs signs a record with a key of the folder, which a flag names. It shows what is
// signed first.
func signAs(c *cli.Context, folder keystore.Folder, r *record.Record, name, flag string) (*record.Record, error) {
	file, err := folder.Show(name)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	if !slices.Contains(r.Signers(), file.Key) {
		return nil, fmt.Errorf("--%s: %s is not a signer of this record: must be one of %v", flag, file.Name, r.Signers())
	}
	if err := checkPresent(r); err != nil {
		return nil, err
	}
	text := words(r, file.Key, keyring.ReadNames(folder))
	if flag == "co-key" { // it was shown for --key
		text, _, _ = strings.Cut(text, "\n")
		text += " (as above)\n"
	}
	if _, err := fmt.Fprint(c.App.ErrWriter, text); err != nil {
		return nil, err
	}
	key, err := keyring.Load(c, folder, file.Name)
	if err != nil {
		return nil, err
	}
	return record.Sign(r, key)
}

// finish writes a record to a file, if there is one, and submits or prints it.
func finish(c *cli.Context, r *record.Record, file string) error {
	if !c.Bool("submit") {
		return writeRecord(c, r, file)
	}
	if file != "" {
		text, err := recordText(r)
		if err != nil {
			return err
		}
		if err := replaceFile(file, text); err != nil {
			return err
		}
	}
	return submitRecord(c, r, 1)
}
