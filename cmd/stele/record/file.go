package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/internal/atomicfile"
	"stele/node/ledger/record"
)

// readRecord returns the record of the argument: a file, "-" for standard input, or
// the record itself in hex. Errors of package reject are faults of the record, all
// others are failures to read it.
func readRecord(c *cli.Context) (*record.Record, error) {
	if c.NArg() != 1 {
		return nil, fmt.Errorf("%d records given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	arg := c.Args().First()
	if raw, err := hex.DecodeString(arg); err == nil && len(raw) > 0 {
		if _, err := os.Stat(arg); err != nil { // no file has this name
			return record.Decode(raw)
		}
	}
	text, err := cmdline.ReadInput(c, arg, record.MaxTextSize+1024)
	if err != nil {
		return nil, err
	}
	return parseRecord(text)
}

// parseRecord parses a record in JSON, hex or binary.
func parseRecord(text []byte) (*record.Record, error) {
	trimmed := bytes.TrimSpace(text)
	if bytes.HasPrefix(trimmed, []byte("{")) {
		r := new(record.Record)
		return r, r.UnmarshalJSON(trimmed)
	}
	if raw, err := hex.DecodeString(string(trimmed)); err == nil {
		return record.Decode(raw)
	}
	return record.Decode(text)
}

// recordText returns a record as indented JSON.
func recordText(r *record.Record) ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = json.Indent(&text, line, "", "  ")
	text.WriteByte('\n')
	return text.Bytes(), err
}

// recordResult is what new, sign and show print with --json. docs/cli.md describes
// its fields.
type recordResult struct {
	ID       string         `json:"id"`
	FullHash string         `json:"full_hash"`
	Type     string         `json:"type"`
	Size     int            `json:"size"`
	File     string         `json:"file,omitempty"`
	Signers  []recordSigner `json:"signers"`
	Hex      string         `json:"hex"`
	Record   *record.Record `json:"record"`
}

type recordSigner struct {
	Key    record.Key `json:"key"`
	Signed bool       `json:"signed"` // validly or not
}

func newRecordResult(r *record.Record, file string) recordResult {
	res := recordResult{
		ID: r.ID().String(), FullHash: r.FullHash().String(), Type: r.Type().String(), Size: r.Size(),
		File: file, Signers: []recordSigner{}, Hex: hex.EncodeToString(r.Encode()), Record: r,
	}
	for i, key := range r.Signers() {
		res.Signers = append(res.Signers, recordSigner{key, r.Signatures[i] != record.Signature{}})
	}
	return res
}

// missing returns the keys that have not signed yet.
func (r recordResult) missing() (keys []string) {
	for _, s := range r.Signers {
		if !s.Signed {
			keys = append(keys, s.Key.String())
		}
	}
	return keys
}

// writeRecord writes a record to a file and prints a summary, or prints the record if
// file is empty.
func writeRecord(c *cli.Context, r *record.Record, file string) error {
	res := newRecordResult(r, file)
	text, err := recordText(r)
	if err != nil {
		return err
	}
	if file != "" {
		if err := replaceFile(file, text); err != nil {
			return err
		}
	}
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c, res)
	case c.Bool("id"):
		return cmdline.PrintText(c, res.ID+"\n")
	case file == "":
		return cmdline.PrintText(c, string(text))
	}
	return cmdline.PrintText(c, fmt.Sprintf("%s  %s %s\n%s", file, res.Type, res.ID, res.next()))
}

// next returns who has to sign the record next.
func (r recordResult) next() string {
	missing := r.missing()
	if len(missing) == 0 {
		return "fully signed\n"
	}
	return fmt.Sprintf("missing signatures:\n  %s\n", strings.Join(missing, "\n  "))
}

// replaceFile replaces a regular file, or creates it.
func replaceFile(name string, text []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file; omit -o to print", name)
	}
	return atomicfile.WriteFile(name, text, 0o644)
}
