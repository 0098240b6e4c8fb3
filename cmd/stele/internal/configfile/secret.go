package configfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
)

// Mask replaces a secret where settings are printed.
const Mask = "xxxxx"

// maxSecret bounds the size of a file with a secret, in bytes.
const maxSecret = 4 << 10

// Secret returns the first line of a file, which must not be empty. A pipe must deliver
// within 5 seconds.
func Secret(c *cli.Context, name string) (string, error) {
	text, err := readSoon(c, name, maxSecret)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s: the first line is empty", name)
	}
	return line, nil
}

// Token returns the token of --api-token or of the file of --api-token-file. If neither
// is set, these are api_token and api_token_file of the configuration file. From is the
// file that it was read from, "" for none. Without any, token is "".
func Token(c *cli.Context, inFile, fileInFile string) (token, from string, err error) {
	token, from = c.String("api-token"), c.String("api-token-file")
	switch {
	case token != "" && from != "":
		return "", "", errors.New("--api-token and --api-token-file are mutually exclusive, as are STELE_API_TOKEN and STELE_API_TOKEN_FILE")
	case token == "" && from == "":
		token, from = inFile, fileInFile
	}
	if from != "" {
		if token, err = Secret(c, from); err != nil {
			return "", "", fmt.Errorf("--api-token-file: %w", err)
		}
	}
	return token, from, nil
}

// maxWait bounds how long a pipe may take to deliver a file of settings.
const maxWait = 5 * time.Second

// readSoon reads a file of at most limit bytes. A pipe must end within maxWait; an
// interrupt ends the wait.
func readSoon(c *cli.Context, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.Context, maxWait)
	defer cancel()
	var text []byte
	f, err := cmdline.OpenFile(ctx, name)
	if err == nil {
		defer f.Close()
		text, err = io.ReadAll(io.LimitReader(f, limit+1))
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: timeout: the other end of the pipe must write and close it within %v", name, maxWait)
	case err != nil:
		return nil, cmdline.Cause(c, err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%s is too large: must be at most %d bytes", name, limit)
	}
	return text, nil
}
