// Package keyring has the flags that name keys and passphrases, and loads the keys.
package keyring

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"stele/node/keystore"
	"stele/node/ledger/record"
)

// Flag returns the flag --keys.
func Flag() cli.Flag {
	return &cli.StringFlag{Name: "keys", EnvVars: []string{"STELE_KEYS"}, Usage: "read the key files in the folder `DIR`", DefaultText: "stele/keys in $XDG_CONFIG_HOME or ~/.config"}
}

// Folder returns the folder that --keys names.
func Folder(c *cli.Context) (f keystore.Folder, err error) {
	if f.Path = c.String("keys"); c.IsSet("keys") && f.Path == "" {
		return f, errors.New("--keys: the name is empty")
	} else if f.Path == "" {
		f.Path, err = keystore.DefaultPath()
	}
	return f, err
}

// PublicKey returns the public key that text is: 72 hex digits, or the name of a key
// in the folder.
func PublicKey(f keystore.Folder, text string) (record.Key, error) {
	key, err := record.ParseKey(text)
	if err == nil || len(text) > 64 { // no name is that long
		return key, err
	}
	file, err := f.Show(text)
	if errors.Is(err, keystore.ErrName) || errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("invalid key %q: must be %d hex digits or the name of a key in %s", text, len(key.String()), f.Path)
	}
	return file.Key, err
}

// Load returns a signing key. It may ask for the passphrase on the terminal.
func Load(c *cli.Context, folder keystore.Folder, name string) (record.PrivateKey, error) {
	if _, err := folder.Show(name); err != nil { // before the passphrase is asked for
		return nil, err
	}
	phrase, err := Passphrase(c, name, false)
	if err != nil {
		return nil, err
	}
	return folder.Load(name, phrase)
}
