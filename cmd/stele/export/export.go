// Package export is the command "stele export", which writes a table of a node to a
// file, with a manifest beside it.
package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/sha256-simd"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/internal/atomicfile"
	"stele/node/api"
	"stele/node/export"
)

// filters are the flags that narrow a table down.
var filters = []string{"seller", "holder", "maker", "carrier"}

// Command returns the command.
func Command() *cli.Command {
	flags := []cli.Flag{
		nodeclient.Flag("get the table from the node API at `URL`"), nodeclient.TokenFlag(),
		&cli.StringFlag{Name: "format", Usage: "write `FORMAT`: csv, jsonl or parquet", Value: string(export.CSV)},
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write to `FILE`, and the manifest to FILE.manifest.json", DefaultText: "TABLE.FORMAT"},
		&cli.StringFlag{Name: "at", Usage: "export as of the block at `HEIGHT`", DefaultText: "the tip"},
		&cli.StringFlag{Name: "since", Usage: "begin with `HEIGHT`, for tables of the chain", DefaultText: "0"},
	}
	for _, name := range filters {
		flags = append(flags, &cli.StringFlag{Name: name, Usage: "only what is of the " + name + " with `KEY`"})
	}
	flags = append(flags, &cli.StringFlag{Name: "gtin", Usage: "only what is of the product `GTIN`"}, cmdline.JSONFlag())
	return &cli.Command{
		Name: "export", Usage: "write a table of the ledger or the chain to a file, to be checked by anybody", ArgsUsage: "TABLE",
		Description: "Tables: " + strings.Join(tableNames(), ", ") + ".\n" +
			"The same export as of the same block has the same bytes on every node. \"stele verify\n" +
			"export FILE\" compares the file with its manifest, and with any node. See\n" +
			"docs/export.md.\n\n" +
			"  stele export claims --seller KEY -o claims.csv\n" +
			"  stele verify export claims.csv --api 192.0.2.7:8690",
		Flags:  flags,
		Action: run,
	}
}

func tableNames() (names []string) {
	for _, t := range export.Tables() {
		names = append(names, t.Name)
	}
	return names
}

// written is what "stele export --json" prints.
type written struct {
	File     string          `json:"file"`
	Manifest export.Manifest `json:"manifest"`
}

func run(c *cli.Context) error {
	if c.NArg() != 1 || !slices.Contains(tableNames(), c.Args().First()) {
		return fmt.Errorf("pass one TABLE: %s", strings.Join(tableNames(), ", "))
	}
	table, format := c.Args().First(), export.Format(c.String("format"))
	if !slices.Contains(export.Formats(), format) {
		return fmt.Errorf("--format: invalid %q: must be csv, jsonl or parquet", format)
	}
	name := c.String("o")
	if name == "" {
		name = table + "." + string(format)
	}
	path, err := request(c, table, format)
	if err != nil {
		return err
	}
	m, err := download(c, path, name)
	if err != nil {
		return cmdline.Cause(c, err)
	}
	if m.Table != table || m.Format != format {
		return fmt.Errorf("the node has sent the table %s as %s", m.Table, m.Format)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, written{name, m})
	}
	return cmdline.PrintText(c, fmt.Sprintf("%s: %d rows, %d bytes, as of block %d of %s\n%s\n", name, m.Rows, m.Bytes, m.Height, m.Network, m.Block))
}

// request returns the path of the export.
func request(c *cli.Context, table string, format export.Format) (string, error) {
	query := url.Values{"format": {string(format)}}
	for _, flag := range []string{"at", "since"} {
		if !c.IsSet(flag) {
			continue
		}
		n, err := cmdline.Number(c, flag, 0, 1<<32-1, 0)
		if err != nil {
			return "", err
		}
		query.Set(flag, fmt.Sprint(n))
	}
	for _, flag := range append([]string{"gtin"}, filters...) {
		if c.IsSet(flag) {
			query.Set(flag, c.String(flag))
		}
	}
	return "/v1/export/" + table + "?" + query.Encode(), nil
}

// download writes an export and its manifest to files, when both are whole.
func download(c *cli.Context, path, name string) (m export.Manifest, err error) {
	client, err := nodeclient.New(c)
	if err != nil {
		return m, err
	}
	defer client.Close()
	file, err := atomicfile.Create(name, 0o644)
	if err != nil {
		return m, err
	}
	defer file.Discard()
	hash := sha256.New()
	trailer, err := client.Download(c.Context, path, io.MultiWriter(file, hash))
	if err != nil {
		return m, err
	}
	text := trailer.Get(api.ManifestTrailer)
	if text == "" {
		return m, errors.New("the export has no manifest: it was cut short, or something between here and the node drops HTTP trailers")
	}
	if m, err = export.ReadManifest([]byte(text)); err != nil {
		return m, err
	}
	if sum := fmt.Sprintf("%x", hash.Sum(nil)); sum != m.SHA256 {
		return m, fmt.Errorf("%w: its SHA-256 is %s, the manifest says %s", export.ErrChanged, sum, m.SHA256)
	}
	lines, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := file.Commit(); err != nil {
		return m, err
	}
	return m, atomicfile.WriteFile(export.ManifestName(name), append(lines, '\n'), 0o644)
}
