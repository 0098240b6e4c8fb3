package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/node/ledger/record"
)

// readRecord returns the record that an argument names: a file, "-" for standard
// input, or the record itself in hex. Errors of package reject are faults of the
// record, others of reading it.
func readRecord(c *cli.Context) (*record.Record, error) {
	if c.NArg() != 1 {
		return nil, fmt.Errorf("%d records given, want 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	arg := c.Args().First()
	if raw, err := hex.DecodeString(arg); err == nil && len(raw) > 0 {
		if _, err := os.Stat(arg); err != nil { // and no file has this name
			return record.Decode(raw)
		}
	}
	text, err := readInput(c, arg, record.MaxTextSize+1024)
	if err != nil {
		return nil, err
	}
	return parseRecord(text)
}

// parseRecord reads a record in any of its forms: JSON, hex or binary.
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

// recordText returns the JSON form of a record for a file.
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

// recordResult is what the commands for one record print with --json. Its fields
// are described in docs/cli.md.
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
	Signed bool       `json:"signed"` // whether or not well
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

// missing returns who has not signed yet.
func (r recordResult) missing() (keys []string) {
	for _, s := range r.Signers {
		if !s.Signed {
			keys = append(keys, s.Key.String())
		}
	}
	return keys
}

// writeRecord writes a record to a file and tells about it, or prints it if
// there is no file.
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
		return printJSON(c, res)
	case file == "":
		return printText(c, string(text))
	}
	return printText(c, fmt.Sprintf("%s  %s %s\n%s", file, res.Type, res.ID, res.next()))
}

// next tells what is to be done with the record.
func (r recordResult) next() string {
	missing := r.missing()
	if len(missing) == 0 {
		return "signed by all\n"
	}
	return fmt.Sprintf("to be signed by\n  %s\n", strings.Join(missing, "\n  "))
}

// replaceFile writes a file at once: whoever reads it gets all of the old one or
// all of the new one.
func replaceFile(name string, text []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file; leave -o out to print", name)
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".stele-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Chmod(0o644), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
