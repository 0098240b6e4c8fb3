package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"stele/engine/pow"
	"stele/internal/text"
	"stele/node"
	"stele/node/chain"
	"stele/node/evidence"
	"stele/node/ledger/block"
	"stele/node/ledger/bundle"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

func recordBundleCommand() *cli.Command {
	return &cli.Command{
		Name:      "bundle",
		Usage:     "put all that the chain knows of a case into a file",
		ArgsUsage: "voucher|claim ID",
		Description: "The file has the records of the case, the proofs that they are in the chain, and\n" +
			"the headers from there on. Anybody can check it with stele verify bundle, without\n" +
			"a node. It comes from a node that runs, or with --data from the folder of one that\n" +
			"does not. See docs/evidence.md.",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "api", Usage: "the `URL` of a node's API", Value: "http://" + defaultAPI},
		}, storeFlags()...),
			&cli.BoolFlag{Name: "all-headers", Usage: "begin with the genesis block, so that the reader need not know any block"},
			&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write to `FILE` instead of standard output"},
			jsonFlag(),
		),
		Action: recordBundle,
	}
}

// recordBundleResult is what "stele record bundle -o FILE --json" prints. Its
// fields are described in docs/evidence.md.
type recordBundleResult struct {
	File    string      `json:"file"`
	Network string      `json:"network"`
	Kind    bundle.Kind `json:"kind"`
	ID      record.ID   `json:"id"`
	Records int         `json:"records"`
	Start   uint32      `json:"start"`
	Tip     uint32      `json:"tip_height"`
}

func recordBundle(c *cli.Context) error {
	if c.NArg() != 2 {
		return fmt.Errorf("%d arguments given, want a kind and an id; see %s --help", c.NArg(), c.Command.HelpName)
	}
	kind, err := bundle.ParseKind(c.Args().Get(0))
	if err != nil {
		return err
	}
	id, err := pow.ParseHash(c.Args().Get(1))
	if err != nil {
		return fmt.Errorf("%q is no id of a %s: %w", c.Args().Get(1), kind, err)
	}
	out := c.String("o")
	if out == "" && c.Bool("json") {
		return errors.New("--json tells about the file that -o names; without -o the bundle itself is printed")
	}

	var b *bundle.Bundle
	switch {
	case c.IsSet("data") && c.IsSet("api"):
		return errors.New("--data and --api exclude each other")
	case c.IsSet("data"):
		b, err = bundleFromData(c, kind, id)
	default:
		b, err = bundleFromAPI(c, kind, id)
	}
	if err != nil {
		return reason(c, err)
	}
	var encoded bytes.Buffer
	if err := b.Write(&encoded); err != nil {
		return err
	}
	if out == "" {
		return printText(c, encoded.String())
	}
	if err := replaceFile(out, encoded.Bytes()); err != nil {
		return err
	}
	res := recordBundleResult{
		File: out, Network: b.Network, Kind: b.Kind, ID: b.ID, Records: len(b.Records),
		Start: b.Start, Tip: b.Start + uint32(len(b.Headers)-1),
	}
	if c.Bool("json") {
		return printJSON(c, res)
	}
	return printText(c, fmt.Sprintf("%s  %s %v: %d records, headers %d to %d\n", out, res.Kind, res.ID, res.Records, res.Start, res.Tip))
}

// bundleFromAPI asks a node for a bundle.
func bundleFromAPI(c *cli.Context, kind bundle.Kind, id record.ID) (*bundle.Bundle, error) {
	base, err := url.Parse(c.String("api"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("--api: %q is no URL such as http://%s", c.String("api"), defaultAPI)
	}
	u := base.JoinPath("v1", "bundles", string(kind), id.String())
	if c.Bool("all-headers") {
		u.RawQuery = "all_headers=true"
	}
	b, err := fetchBundle(c.Context, u.String())
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", base, err)
	case b.Kind != kind || b.ID != id || len(b.Headers) == 0:
		return nil, fmt.Errorf("%s: it answered with another bundle: %s %v", base, text.Clean(string(b.Kind), 16), b.ID)
	}
	return b, nil
}

func fetchBundle(ctx context.Context, u string) (*bundle.Bundle, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the rest is known
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

// bundleFromData makes a bundle from the folder of a node that does not run.
func bundleFromData(c *cli.Context, kind bundle.Kind, id record.ID) (b *bundle.Bundle, err error) {
	dir := c.String("data")
	if dir == "" {
		return nil, errors.New("--data: empty name")
	}
	var p *network.Params
	var identity store.Identity
	var st *store.Store
	err = inItsNetwork(c, func(tried *network.Params) (err error) {
		p, identity = tried, store.Identity{Network: tried.ID, Genesis: block.Genesis(tried).Hash()}
		st, err = store.Open(dir, identity, store.Options{ReadOnly: true})
		return err
	})
	if err != nil {
		return nil, explainStore(err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	ch, err := chain.Open(c.Context, chain.Options{Store: st, Params: p})
	if err != nil {
		return nil, explainStore(err)
	}
	v, err := views.Open(filepath.Join(dir, node.ViewsFolder), views.Options{Chain: ch, Identity: identity})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := v.Update(c.Context); err != nil {
		return nil, err
	}
	return evidence.Collect(ch, v, p, kind, id, bundle.Options{AllHeaders: c.Bool("all-headers")})
}
