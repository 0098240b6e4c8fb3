package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/cmd/stele/internal/nodeflags"
	"stele/engine/pow"
	"stele/internal/text"
	"stele/node"
	"stele/node/chain"
	"stele/node/credit"
	"stele/node/evidence"
	"stele/node/ledger/block"
	"stele/node/ledger/bundle"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

func bundleCommand() *cli.Command {
	return &cli.Command{
		Name:      "bundle",
		Usage:     "export the evidence of a case into a file",
		ArgsUsage: "voucher|claim ID",
		Description: "Exports the records of a voucher or claim, the proofs that they are in the chain, and\n" +
			"the headers from there on. Anyone can check the file with \"stele verify bundle\",\n" +
			"without a node. The source is a running node, or with --data the folder of a\n" +
			"stopped one. See docs/evidence.md.\n\n" +
			"  stele record bundle voucher ID -o case.json",
		Flags: append(append([]cli.Flag{
			nodeclient.Flag("get the bundle from the node API at `URL`"),
		}, nodeflags.StoreFlags(nodeflags.StoredNetwork)...),
			&cli.BoolFlag{Name: "all-headers", Usage: "start with the genesis block, so that the reader needs to know no other block"},
			&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write to `FILE` instead of standard output"},
			cmdline.JSONFlag(),
		),
		Action: runBundle,
	}
}

// bundleFile is what "stele record bundle -o FILE --json" prints. Its
// fields are described in docs/evidence.md.
type bundleFile struct {
	File    string      `json:"file"`
	Network string      `json:"network"`
	Kind    bundle.Kind `json:"kind"`
	ID      record.ID   `json:"id"`
	Records int         `json:"records"`
	Start   uint32      `json:"start"`
	Tip     uint32      `json:"tip_height"`
}

func runBundle(c *cli.Context) error {
	if c.NArg() != 2 {
		return fmt.Errorf("the arguments must be a kind, voucher or claim, and an ID: got %d; see %s --help", c.NArg(), c.Command.HelpName)
	}
	kind, err := bundle.ParseKind(c.Args().Get(0))
	if err != nil {
		return err
	}
	id, err := pow.ParseHash(c.Args().Get(1))
	if err != nil {
		return fmt.Errorf("invalid ID %q of a %s: %w", c.Args().Get(1), kind, err)
	}
	out := c.String("o")
	if out == "" && c.Bool("json") {
		return errors.New("--json requires -o: without it the bundle itself is printed")
	}

	var b *bundle.Bundle
	switch {
	case c.IsSet("data") && c.IsSet("api") && c.String("api") != os.Getenv("STELE_API"):
		return errors.New("--data and --api are mutually exclusive")
	case c.IsSet("data"):
		b, err = bundleFromData(c, kind, id)
	default:
		b, err = bundleFromAPI(c, kind, id)
	}
	if err != nil {
		return cmdline.Cause(c, err)
	}
	var encoded bytes.Buffer
	if err := b.Write(&encoded); err != nil {
		return err
	}
	if out == "" {
		return cmdline.PrintText(c, encoded.String())
	}
	if err := replaceFile(out, encoded.Bytes()); err != nil {
		return err
	}
	res := bundleFile{
		File: out, Network: b.Network, Kind: b.Kind, ID: b.ID, Records: len(b.Records),
		Start: b.Start, Tip: b.Start + uint32(len(b.Headers)-1),
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, res)
	}
	return cmdline.PrintText(c, fmt.Sprintf("%s  %s %v: %d records, headers %d to %d\n", out, res.Kind, res.ID, res.Records, res.Start, res.Tip))
}

// bundleFromAPI requests a bundle from a node.
func bundleFromAPI(c *cli.Context, kind bundle.Kind, id record.ID) (*bundle.Bundle, error) {
	base, err := nodeclient.ParseURL(c.String("api"))
	if err != nil {
		return nil, err
	}
	u := base.JoinPath("v1", "bundles", string(kind), id.String())
	if c.Bool("all-headers") {
		u.RawQuery = "all_headers=true"
	}
	b, err := fetchBundle(c.Context, u.String())
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%s: %w: start a node there, or pass --api or --data", base, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", base, err)
	case b.Kind != kind || b.ID != id || len(b.Headers) == 0:
		return nil, fmt.Errorf("%s: response is another bundle: %s %v", base, text.Clean(string(b.Kind), 16), b.ID)
	}
	return b, nil
}

// newHTTPClient returns a client that sends requests to the host of their URL and to
// no other: it ignores proxy variables and follows no redirect.
func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fetchBundle gets a bundle from a URL. Its errors can be shown as they are.
func fetchBundle(ctx context.Context, u string) (*bundle.Bundle, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the method and the URL
		}
		return nil, text.Error(err, text.Max)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
		var problem struct {
			Detail string `json:"detail"`
		}
		if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
			return nil, errors.New(text.Clean(answer.Status, text.Max))
		}
		return nil, errors.New(text.Clean(problem.Detail, 2*text.Max))
	}
	b, err := bundle.Read(answer.Body)
	return b, text.Error(err, text.Max)
}

// bundleFromData collects a bundle from the data folder of a stopped node.
func bundleFromData(c *cli.Context, kind bundle.Kind, id record.ID) (b *bundle.Bundle, err error) {
	dir := c.String("data")
	if dir == "" {
		return nil, errors.New("--data: the name is empty")
	}
	var p *network.Params
	var identity store.Identity
	var st *store.Store
	err = nodeflags.EachNetwork(c, func(tried *network.Params) (err error) {
		p, identity = tried, store.Identity{Network: tried.ID, Genesis: block.Genesis(tried).Hash()}
		st, err = store.Open(dir, identity, store.Options{ReadOnly: true})
		return err
	})
	if err != nil {
		return nil, nodeflags.Explain(err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	ch, err := chain.Open(c.Context, chain.Options{Store: st, Params: p})
	if err != nil {
		return nil, nodeflags.Explain(err)
	}
	v, err := views.Open(filepath.Join(dir, node.ViewsFolder), views.Options{
		Chain: ch, Identity: identity, Tables: []views.Table{credit.NewIndex(p)},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := v.Update(c.Context); err != nil {
		return nil, err
	}
	return evidence.Collect(ch, v, p, kind, id, bundle.Options{AllHeaders: c.Bool("all-headers")})
}
