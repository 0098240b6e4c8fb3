package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// passphraseVariable is the environment variable with the passphrase.
const passphraseVariable = "STELE_PASSPHRASE"

// mostPassphrase bounds what is read of a passphrase file.
const mostPassphrase = 4096

func passphraseFlag() cli.Flag {
	return &cli.StringFlag{Name: "passphrase-file", Usage: "the first line of `FILE` is the passphrase (default: the variable " + passphraseVariable + ", or else it is asked for)"}
}

// passphrase returns the passphrase of a key: the first line of a file, or the
// variable, or what is typed on the terminal; there a new one is typed twice.
func passphrase(c *cli.Context, name string, fresh bool) (string, error) {
	if c.IsSet("passphrase-file") {
		text, err := firstLine(c, c.String("passphrase-file"))
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
	again, err := ask(c, "The same again: ")
	if err == nil && again != text {
		err = errors.New("the two passphrases differ; nothing was done")
	}
	return text, err
}

// firstLine returns the first line of a file, "-" being standard input.
func firstLine(c *cli.Context, name string) (string, error) {
	text, err := readInput(c, name, mostPassphrase)
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
		return "", fmt.Errorf("no passphrase: standard input is no terminal to ask on; give --passphrase-file or the variable %s", passphraseVariable)
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
	done := make(chan answer, 1) // the read cannot be woken, and ends with the program
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
