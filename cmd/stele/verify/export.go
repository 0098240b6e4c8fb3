package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/engine/pow"
	"stele/internal/text"
	"stele/node/api"
	"stele/node/export"
	"stele/node/ledger/network"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "compare an exported file with its manifest, and with a node",
		ArgsUsage: "FILE",
		Description: "Checks that FILE has the bytes that its manifest says. With --api it also asks a node\n" +
			"whether the block of the manifest is in its chain, and whether the node exports the\n" +
			"same rows as of that block. See docs/export.md.\n\n" +
			"  stele verify export claims.csv --api 192.0.2.7:8690\n\n" +
			"Without --api, whoever changes both FILE and manifest is not noticed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "manifest", Usage: "read the manifest from `FILE`", DefaultText: "FILE.manifest.json"},
			&cli.StringFlag{Name: "api", EnvVars: []string{"STELE_API"}, Usage: "ask the node API at `URL`", DefaultText: "none"},
			nodeclient.TokenFlag(), cmdline.JSONFlag(),
		},
		Action: runExport,
	}
}

// exportResult is what "stele verify export --json" prints. Its fields are described in
// docs/export.md.
type exportResult struct {
	Valid    bool             `json:"valid"`
	Checked  []string         `json:"checked"` // what was checked, and holds: file, block, rows
	Fault    string           `json:"fault,omitempty"`
	Manifest *export.Manifest `json:"manifest"`
}

func runExport(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d files given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	name := c.Args().First()
	beside := c.String("manifest")
	if beside == "" {
		beside = export.ManifestName(name)
	}
	res := exportResult{Checked: []string{}}
	err := res.check(c, name, beside)
	if err != nil {
		if !isFault(err) {
			return cmdline.Cause(c, err)
		}
		res.Fault = text.Error(err, 2*text.Max).Error()
	}
	res.Valid = err == nil
	var printed error
	switch {
	case c.Bool("json"):
		printed = cmdline.PrintJSON(c, res)
	case err != nil:
		printed = cmdline.PrintText(c, fmt.Sprintf("INVALID  %s\n", res.Fault))
	default:
		printed = cmdline.PrintText(c, res.text())
	}
	if printed != nil {
		return printed
	}
	if err != nil {
		return cmdline.ErrFoundWrong
	}
	return nil
}

// isFault reports whether an error says that file or manifest are wrong. Others say that
// something could not be checked.
func isFault(err error) bool {
	for _, kind := range []error{export.ErrManifest, export.ErrTruncated, export.ErrChanged, export.ErrNetwork, export.ErrBlock, export.ErrRows} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (res *exportResult) check(c *cli.Context, name, beside string) error {
	f, err := cmdline.OpenFile(c.Context, beside)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, export.MaxManifest+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	m, err := export.ReadManifest(text)
	if err != nil {
		return err
	}
	res.Manifest = &m
	// A network dev with other days has another genesis block under the same name.
	if p, err := network.Lookup(m.Network); err != nil || p != network.Dev && p.GenesisHeader().Hash().String() != m.Genesis {
		return fmt.Errorf("%w: %.40q with the genesis block %.64q is none that this program knows", export.ErrNetwork, m.Network, m.Genesis)
	}
	file, err := cmdline.OpenFile(c.Context, name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := m.Check(file); err != nil {
		return err
	}
	res.Checked = append(res.Checked, "file")
	if c.String("api") == "" {
		return nil
	}
	return res.ask(c)
}

// ask compares the manifest with a node.
func (res *exportResult) ask(c *cli.Context) error {
	client, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := res.askBlock(c, client); err != nil {
		return err
	}
	res.Checked = append(res.Checked, "block")
	m := res.Manifest
	answer := limited{max: export.MaxManifest}
	if _, err := client.Download(c.Context, "/v1/export/"+m.Table+"/manifest?"+m.Parameters().Encode(), &answer); err != nil {
		return fmt.Errorf("block %d is in the chain of the node, but the rows were not checked: %w", m.Height, err)
	}
	theirs, err := export.ReadManifest(answer.Bytes())
	if err != nil {
		return fmt.Errorf("%s: invalid answer: %v", client, err) // no fault of the file
	}
	if err := m.Compare(&theirs); err != nil {
		return err
	}
	res.Checked = append(res.Checked, "rows")
	return nil
}

// askBlock asks whether the block of the manifest is in the chain of the node.
func (res *exportResult) askBlock(c *cli.Context, client *nodeclient.Client) error {
	m := res.Manifest
	var node api.Network
	if err := client.Get(c.Context, "/v1/network", &node); err != nil {
		return err
	}
	if node.Name != m.Network || node.Genesis != m.Genesis {
		return fmt.Errorf("%w: the file is of %s with the genesis block %s, the node of %.40s with %.64s", export.ErrNetwork, m.Network, m.Genesis, node.Name, node.Genesis)
	}
	hash, err := pow.ParseHash(m.Block)
	if err != nil {
		return fmt.Errorf("%w: its block is %.64q: %w", export.ErrManifest, m.Block, err)
	}
	var h api.Header
	err = client.Get(c.Context, "/v1/headers/"+hash.String(), &h)
	switch {
	case nodeclient.IsNotFound(err):
		return fmt.Errorf("%w: the node does not know the block %v at height %d", export.ErrBlock, hash, m.Height)
	case err != nil:
		return err
	case !h.InChain || h.Height != m.Height || h.MedianTime != m.MedianTime:
		return fmt.Errorf("%w: the block %v is not in the chain of the node at height %d", export.ErrBlock, hash, m.Height)
	}
	return nil
}

// limited keeps what is written, up to a maximum number of bytes.
type limited struct {
	bytes.Buffer
	max int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.max {
		return 0, fmt.Errorf("the answer has more than %d bytes", l.max)
	}
	return l.Buffer.Write(p)
}

// text says what the checks prove.
func (res *exportResult) text() string {
	m := res.Manifest
	var b strings.Builder
	fmt.Fprintf(&b, "VALID  %s of %s as of block %d, %d rows\n", m.Table, m.Network, m.Height, m.Rows)
	fmt.Fprintf(&b, "file   has the bytes that its manifest says: nobody changed or cut it since, unless both were changed\n")
	if slices.Contains(res.Checked, "rows") {
		fmt.Fprintf(&b, "block  %s is in the chain of the node\n", m.Block)
		fmt.Fprintf(&b, "rows   are those that the node exports as of this block: none is changed, missing or added\n")
	} else {
		fmt.Fprintf(&b, "Pass --api to compare block and rows with a node.\n")
	}
	return b.String()
}
