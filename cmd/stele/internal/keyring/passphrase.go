package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"stele/cmd/stele/internal/cmdline"
)

// passphraseVariable is the environment variable with the passphrase.
const passphraseVariable = "STELE_PASSPHRASE"

// maxPassphrase bounds the size of a file with a passphrase or a secret, in bytes.
const maxPassphrase = 4096

// PassphraseFlag returns the flag --passphrase-file.
func PassphraseFlag() cli.Flag {
	return &cli.StringFlag{Name: "passphrase-file", Usage: "read the passphrase from the first line of `FILE` (default: " + passphraseVariable + ", or else a prompt)"}
}

// Passphrase returns the passphrase of a key: the first line of a file, the
// variable STELE_PASSPHRASE, or what the user types on the terminal. There a fresh
// one is typed twice.
func Passphrase(c *cli.Context, name string, fresh bool) (string, error) {
	if c.IsSet("passphrase-file") {
		text, err := FirstLine(c, c.String("passphrase-file"))
		if err != nil {
			return "", fmt.Errorf("--passphrase-file: %w", err)
		}
		if text == "" {
			return "", errors.New("--passphrase-file: the first line is empty")
		}
		return text, nil
	}
	if text, ok := os.LookupEnv(passphraseVariable); ok {
		if text == "" {
			return "", fmt.Errorf("%s is empty", passphraseVariable)
		}
		return text, nil
	}
	text, err := ask(c, "Passphrase for key "+name+": ")
	if err != nil || !fresh {
		return text, err
	}
	again, err := ask(c, "Repeat the passphrase: ")
	if err == nil && again != text {
		err = errors.New("the passphrases do not match; nothing was changed")
	}
	return text, err
}

// FirstLine returns the first line of a file, "-" being standard input.
func FirstLine(c *cli.Context, name string) (string, error) {
	text, err := cmdline.ReadInput(c, name, maxPassphrase)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// ask reads a line from the terminal without showing it.
func ask(c *cli.Context, prompt string) (string, error) {
	in, ok := c.App.Reader.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", fmt.Errorf("no passphrase: standard input is not a terminal; pass --passphrase-file or set %s", passphraseVariable)
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(c.App.ErrWriter, prompt)
	defer fmt.Fprintln(c.App.ErrWriter)
	type answer struct {
		text []byte
		err  error
	}
	done := make(chan answer, 1) // nothing can wake the read, which lives as long as the program
	go func() {
		text, err := term.ReadPassword(fd)
		done <- answer{text, err}
	}()
	select {
	case a := <-done:
		if a.err == nil && len(bytes.TrimSpace(a.text)) == 0 {
			a.err = errors.New("the passphrase is empty")
		}
		return string(a.text), a.err
	case <-c.Context.Done():
		return "", errors.Join(context.Cause(c.Context), term.Restore(fd, before))
	}
}
