package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/node/keystore"
	"stele/node/ledger/keyfile"
	"stele/node/ledger/record"
)

func keyCommand() *cli.Command {
	named := func(name, usage, description string, action cli.ActionFunc, flags ...cli.Flag) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, Description: description, ArgsUsage: "NAME", Action: action,
			Flags: append(append([]cli.Flag{keysFlag()}, flags...), jsonFlag()),
		}
	}
	return &cli.Command{
		Name:  "key",
		Usage: "make and keep the keys that sign records",
		Description: "A key has a secret, which signs, and a public part of 72 hex digits, which others\n" +
			"need to pay or to check. Secrets are in files, encrypted with a passphrase.\n" +
			"Make one with: stele key new alice",
		Subcommands: []*cli.Command{
			named("new", "make a key, or keep one that you have",
				"NAME is for you: letters, digits, dots, dashes and underscores. Keep a copy of\n"+
					"the file that is made, and the passphrase: who loses one of them has lost the\n"+
					"key, and nobody can make it anew.", keyNew,
				&cli.StringFlag{Name: "secret-file", Usage: "do not make a key, but take the secret in the first line of `FILE`, 64 hex digits as of \"stele key export --secret\"; - is standard input"},
				&cli.StringFlag{Name: "work-factor", Usage: "the passphrase takes 2^`N` rounds of scrypt to try", DefaultText: fmt.Sprint(keyfile.DefaultWorkFactor, ", a second")},
				passphraseFlag()),
			{
				Name: "list", Usage: "list all keys", Action: keyList,
				Flags: []cli.Flag{keysFlag(), jsonFlag()},
			},
			named("show", "show a key's public part and its file", "", keyShow),
			named("export", "print a key for other programs",
				"Prints the public key, or with --secret the secret: then whoever sees the output\n"+
					"can sign as you.", keyExport,
				&cli.BoolFlag{Name: "secret", Usage: "print the secret, 64 hex digits"},
				passphraseFlag()),
		},
	}
}

// keysFlag returns the flag that keyFolder reads.
func keysFlag() cli.Flag {
	return &cli.StringFlag{Name: "keys", EnvVars: []string{"STELE_KEYS"}, Usage: "the folder `DIR` has the key files", DefaultText: "stele/keys in $XDG_CONFIG_HOME or ~/.config"}
}

// keyFolder returns the folder that --keys names.
func keyFolder(c *cli.Context) (f keystore.Folder, err error) {
	if f.Path = c.String("keys"); c.IsSet("keys") && f.Path == "" {
		return f, errors.New("--keys: the name is empty")
	} else if f.Path == "" {
		f.Path, err = keystore.DefaultPath()
	}
	return f, err
}

// publicKey reads a public key, or the name of one in the folder.
func publicKey(f keystore.Folder, text string) (record.Key, error) {
	key, err := record.ParseKey(text)
	if err == nil || len(text) > 64 { // no name is as long
		return key, err
	}
	file, err := f.Show(text)
	if errors.Is(err, keystore.ErrName) || errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("%q is neither a key, %d hex digits, nor the name of one in %s", text, len(key.String()), f.Path)
	}
	return file.Key, err
}

// keyName returns the argument of a command.
func keyName(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("%d names given, want 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	return c.Args().First(), nil
}

// keyResult is what the key commands print with --json. Its fields are described
// in docs/cli.md.
type keyResult struct {
	Name   string     `json:"name"`
	Key    record.Key `json:"key"`
	File   string     `json:"file"`
	Secret string     `json:"secret,omitempty"`
}

func resultOf(f keystore.File) keyResult { return keyResult{Name: f.Name, Key: f.Key, File: f.Path} }

// print prints the result for people, or as JSON.
func (r keyResult) print(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c, r)
	}
	return printText(c, fmt.Sprintf("name  %s\nkey   %v\nfile  %s\n", r.Name, r.Key, r.File))
}

func keyNew(c *cli.Context) error {
	folder, err := keyFolder(c)
	if err != nil {
		return err
	}
	name, err := keyName(c)
	if err != nil {
		return err
	}
	factor, err := number(c, "work-factor", keyfile.MinWorkFactor, keyfile.MaxWorkFactor, keyfile.DefaultWorkFactor)
	if err != nil {
		return err
	}
	folder.WorkFactor = int(factor)
	// Told before the passphrase is asked for.
	if _, err := folder.Show(name); err == nil || errors.Is(err, keyfile.ErrFormat) {
		return fmt.Errorf("there is a key %s already, in %s; nothing was changed", name, folder.Path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	secret, err := newSecret(c)
	if err != nil {
		return err
	}
	phrase, err := passphrase(c, name, true)
	if err != nil {
		return err
	}
	file, err := folder.Save(name, phrase, secret)
	if err != nil {
		return err
	}
	return resultOf(file).print(c)
}

// newSecret returns the key that --secret-file has, or a fresh one.
func newSecret(c *cli.Context) (record.PrivateKey, error) {
	if !c.IsSet("secret-file") {
		return record.NewKey(nil)
	}
	text, err := firstLine(c, c.String("secret-file"))
	if err != nil {
		return nil, fmt.Errorf("--secret-file: %w", err)
	}
	var seed [32]byte
	if b, err := hex.DecodeString(strings.TrimSpace(text)); err != nil || len(b) != len(seed) {
		return nil, fmt.Errorf("--secret-file: the first line is not a secret, %d hex digits", 2*len(seed)) // and is not shown
	} else {
		copy(seed[:], b)
	}
	return record.KeyFromSeed(seed), nil
}

func keyList(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	folder, err := keyFolder(c)
	if err != nil {
		return err
	}
	files, failed := folder.List()
	res := struct {
		Folder string      `json:"folder"`
		Keys   []keyResult `json:"keys"`
	}{folder.Path, []keyResult{}}
	for _, f := range files {
		res.Keys = append(res.Keys, resultOf(f))
	}
	var printed error
	if c.Bool("json") {
		printed = printJSON(c, res)
	} else {
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, k := range res.Keys {
			fmt.Fprintf(w, "%s\t%v\n", k.Name, k.Key)
		}
		w.Flush()
		if len(files) == 0 && failed == nil {
			fmt.Fprintf(&b, "no keys in %s; make one with: stele key new NAME\n", folder.Path)
		}
		printed = printText(c, b.String())
	}
	return errors.Join(failed, printed)
}

// namedKey returns the file of the key that the argument names, and its folder.
func namedKey(c *cli.Context) (folder keystore.Folder, file keystore.File, err error) {
	if folder, err = keyFolder(c); err != nil {
		return folder, file, err
	}
	name, err := keyName(c)
	if err != nil {
		return folder, file, err
	}
	file, err = folder.Show(name)
	return folder, file, err
}

func keyShow(c *cli.Context) error {
	_, file, err := namedKey(c)
	if err != nil {
		return err
	}
	return resultOf(file).print(c)
}

func keyExport(c *cli.Context) error {
	folder, file, err := namedKey(c)
	if err != nil {
		return err
	}
	res := resultOf(file)
	line := res.Key.String()
	if c.Bool("secret") {
		key, err := loadKey(c, folder, file.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "stele: this is the secret of key %s: whoever sees it can sign as you\n", file.Name)
		res.Secret = hex.EncodeToString(key.Seed())
		line = res.Secret
	}
	if c.Bool("json") {
		return printJSON(c, res)
	}
	return printText(c, line+"\n")
}

// loadKey returns a signing key, for which it may ask for the passphrase.
func loadKey(c *cli.Context, folder keystore.Folder, name string) (record.PrivateKey, error) {
	if _, err := folder.Show(name); err != nil { // told before the passphrase is asked for
		return nil, err
	}
	phrase, err := passphrase(c, name, false)
	if err != nil {
		return nil, err
	}
	return folder.Load(name, phrase)
}
