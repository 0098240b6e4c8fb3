// Package key is the command "stele key", which creates and manages the keys that sign
// records.
package key

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/node/keystore"
	"stele/node/ledger/keyfile"
	"stele/node/ledger/record"
)

// Command returns the command.
func Command() *cli.Command {
	named := func(name, usage, description string, action cli.ActionFunc, flags ...cli.Flag) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, Description: description, ArgsUsage: "NAME", Action: action,
			Flags: append(append([]cli.Flag{keyring.Flag()}, flags...), cmdline.JSONFlag()),
		}
	}
	return &cli.Command{
		Name:  "key",
		Usage: "create and manage the keys that sign records",
		Description: "A key has a secret that signs, and a public key of 72 hex digits that others use to\n" +
			"pay or to verify. Secrets are stored in files, encrypted with a passphrase.\n\n" +
			"  stele key new alice\n" +
			"  stele key list",
		Subcommands: []*cli.Command{
			named("new", "create a key, or import a secret",
				"NAME may have letters, digits, dots, dashes and underscores. Back up the key file and\n"+
					"the passphrase: if you lose either, the key cannot be recovered.", runNew,
				&cli.StringFlag{Name: "secret-file", Usage: "import the secret in the first line of `FILE`, 64 hex digits as printed by \"stele key export --secret\"; - is standard input"},
				&cli.StringFlag{Name: "work-factor", Usage: "each try of a passphrase takes 2^`N` rounds of scrypt", DefaultText: fmt.Sprint(keyfile.DefaultWorkFactor, ", about a second")},
				keyring.PassphraseFlag()),
			{
				Name: "list", Usage: "list all keys", Action: runList,
				Flags: []cli.Flag{keyring.Flag(), cmdline.JSONFlag()},
			},
			named("show", "show the public key and the file of a key", "", runShow),
			named("export", "print a key for use by other programs",
				"Prints the public key, or with --secret the secret. Anyone who sees the secret can\n"+
					"sign as you.", runExport,
				&cli.BoolFlag{Name: "secret", Usage: "print the secret, 64 hex digits"},
				keyring.PassphraseFlag()),
		},
	}
}

// keyName returns the argument of a command.
func keyName(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("%d names given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	return c.Args().First(), nil
}

// result is what new, show and export print with --json. docs/cli.md describes its
// fields.
type result struct {
	Name   string     `json:"name"`
	Key    record.Key `json:"key"`
	File   string     `json:"file"`
	Secret string     `json:"secret,omitempty"`
}

func newResult(f keystore.File) result { return result{Name: f.Name, Key: f.Key, File: f.Path} }

// print prints the result for people, or as JSON.
func (r result) print(c *cli.Context) error {
	if c.Bool("json") {
		return cmdline.PrintJSON(c, r)
	}
	return cmdline.PrintText(c, fmt.Sprintf("name  %s\nkey   %v\nfile  %s\n", r.Name, r.Key, r.File))
}

func runNew(c *cli.Context) error {
	folder, err := keyring.Folder(c)
	if err != nil {
		return err
	}
	name, err := keyName(c)
	if err != nil {
		return err
	}
	factor, err := cmdline.Number(c, "work-factor", keyfile.MinWorkFactor, keyfile.MaxWorkFactor, keyfile.DefaultWorkFactor)
	if err != nil {
		return err
	}
	folder.WorkFactor = int(factor)
	// Before the passphrase is asked for.
	if _, err := folder.Show(name); err == nil || errors.Is(err, keyfile.ErrFormat) {
		return fmt.Errorf("key %s already exists in %s; nothing was changed", name, folder.Path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	secret, err := newSecret(c)
	if err != nil {
		return err
	}
	phrase, err := keyring.Passphrase(c, name, true)
	if err != nil {
		return err
	}
	file, err := folder.Save(name, phrase, secret)
	if err != nil {
		return err
	}
	return newResult(file).print(c)
}

// newSecret returns the key of --secret-file, or a fresh one.
func newSecret(c *cli.Context) (record.PrivateKey, error) {
	if !c.IsSet("secret-file") {
		return record.NewKey(nil)
	}
	text, err := keyring.FirstLine(c, c.String("secret-file"))
	if err != nil {
		return nil, fmt.Errorf("--secret-file: %w", err)
	}
	var seed [32]byte
	if b, err := hex.DecodeString(strings.TrimSpace(text)); err != nil || len(b) != len(seed) {
		return nil, fmt.Errorf("--secret-file: invalid secret in the first line: must be %d hex digits", 2*len(seed)) // the error does not show it
	} else {
		copy(seed[:], b)
	}
	return record.KeyFromSeed(seed), nil
}

func runList(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return err
	}
	files, failed := folder.List()
	res := struct {
		Folder string   `json:"folder"`
		Keys   []result `json:"keys"`
	}{folder.Path, []result{}}
	for _, f := range files {
		res.Keys = append(res.Keys, newResult(f))
	}
	var printed error
	if c.Bool("json") {
		printed = cmdline.PrintJSON(c, res)
	} else {
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, k := range res.Keys {
			fmt.Fprintf(w, "%s\t%v\n", k.Name, k.Key)
		}
		w.Flush()
		if len(files) == 0 && failed == nil {
			fmt.Fprintf(&b, "no keys in %s; create one with: stele key new NAME\n", folder.Path)
		}
		printed = cmdline.PrintText(c, b.String())
	}
	return errors.Join(failed, printed)
}

// namedKey returns the file of the key that the argument names, and its folder.
func namedKey(c *cli.Context) (folder keystore.Folder, file keystore.File, err error) {
	if folder, err = keyring.Folder(c); err != nil {
		return folder, file, err
	}
	name, err := keyName(c)
	if err != nil {
		return folder, file, err
	}
	file, err = folder.Show(name)
	return folder, file, err
}

func runShow(c *cli.Context) error {
	_, file, err := namedKey(c)
	if err != nil {
		return err
	}
	return newResult(file).print(c)
}

func runExport(c *cli.Context) error {
	folder, file, err := namedKey(c)
	if err != nil {
		return err
	}
	res := newResult(file)
	line := res.Key.String()
	if c.Bool("secret") {
		key, err := keyring.Load(c, folder, file.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "stele: warning: this is the secret of key %s: anyone who sees it can sign as you\n", file.Name)
		res.Secret = hex.EncodeToString(key.Seed())
		line = res.Secret
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, res)
	}
	return cmdline.PrintText(c, line+"\n")
}
