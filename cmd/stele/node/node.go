// Package node is the command "stele node", which runs a node of the ledger network,
// and "stele node check", which verifies its data folder.
//
// It reads flags and shows the status: view draws it on a terminal, statusLine writes a
// line. The node itself is in stele/node.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/nodeflags"
	"stele/cmd/stele/internal/screen"
	"stele/node"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/stratum"
)

const (
	devTraffic  = 25 // records per second
	coinbaseTag = "stele"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "node",
		Usage: "run a node of the ledger network",
		Description: "Validates and stores the chain, serves the API, and can mine. Ctrl-C stops the node;\n" +
			"the next start continues from its data folder.\n\n" +
			"  stele node --dev --mine\n\n" +
			"On a terminal it shows a live view, elsewhere it prints a line every few seconds.\n" +
			"Each flag can also be set as an environment variable, --api-token as STELE_API_TOKEN,\n" +
			"one that may be repeated with commas, and in a configuration file (--config). Flags\n" +
			"override variables, which override the file. SIGHUP reloads tokens, trusted proxies\n" +
			"and limits. See docs/node.md.",
		Flags: cmdline.FromEnvironment(append(append([]cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read settings from the TOML file `FILE`"},
			&cli.BoolFlag{Name: "check-config", Usage: "check the settings, print them without secrets, and exit"},
			&cli.BoolFlag{Name: "dev", Usage: "run on the development network, generate records, and pay rewards to a well-known key"},
		}, nodeflags.StoreFlags("dev")...), append([]cli.Flag{
			&cli.BoolFlag{Name: "prune", Usage: fmt.Sprintf("store only the bodies of the last %d blocks", chain.MinKeep)},
			&cli.BoolFlag{Name: "mine", Usage: "mine blocks"},
			&cli.StringFlag{Name: "payout", Usage: "pay mined blocks to `KEY`: 72 hex digits, or a name from \"stele key list\""},
			keyring.Flag(),
			&cli.StringFlag{Name: "stratum", Usage: "run a Stratum server on `HOST:PORT` (e.g. :3333); block rewards go to the key given as user name, or to --payout if that is \"node\""},
			&cli.StringFlag{Name: "stratum-cert", Usage: "use TLS for Stratum, with the certificates in `FILE` (PEM)"},
			&cli.StringFlag{Name: "stratum-key", Usage: "private key of --stratum-cert, in `FILE` (PEM)"},
			&cli.StringFlag{Name: "stratum-difficulty", Usage: "initial share `DIFFICULTY` of a miner", DefaultText: fmt.Sprint(stratum.DefaultDifficulty)},
			&cli.StringFlag{Name: "api", Usage: "serve the API on `HOST:PORT`, or \"none\"", Value: nodeflags.DefaultAPI},
			&cli.BoolFlag{Name: "web", Usage: "serve the web pages too, at the address of the API", Value: true, DefaultText: "true; --web=false: the API only"},
			&cli.StringFlag{Name: "api-token", Usage: "accept records from anyone who sends `TOKEN`, not only from this machine"},
			&cli.StringFlag{Name: "api-token-file", Usage: "read the API token from `FILE`"},
			&cli.StringSliceFlag{Name: "trusted-proxy", Usage: "trust X-Forwarded-For from reverse proxies at `ADDRESS`, such as 127.0.0.1 or 10.0.0.0/8; may be repeated"},
			&cli.StringFlag{Name: "traffic", Usage: "generate `N` records per second (dev and test only)", DefaultText: fmt.Sprintf("0; %d with --dev, without --peer and --seed", devTraffic)},
			&cli.StringFlag{Name: "for", Usage: "stop after `TIME`, such as 90s or 2h"},
			&cli.StringFlag{Name: "blocks", Usage: "stop after `N` new blocks"},
		}, slices.Concat(p2pFlags(), miningFlags(), screen.Flags(), deviceflags.Flags())...)...)),
		Action:      run,
		Subcommands: []*cli.Command{checkCommand(), exportCommand(), importCommand(), peersCommand()},
	}
}

// run is the action of the command. A signal is the ordinary way to stop it, and not
// an error.
func run(c *cli.Context) error {
	s, err := readSettings(c)
	if err != nil {
		return err
	}
	if c.Bool("check-config") {
		return cmdline.PrintText(c, s.text(c))
	}
	servers, err := minerflags.Listen(s.served)
	if err != nil {
		return err
	}
	defer servers.Close()
	out := &display{Terminal: screen.NewTerminal(c)}
	defer out.Close()
	reloads := startReloads(c, s, servers, out.Log)
	defer reloads.stop()
	o := s.options
	o.Log = out.Log
	if c.Bool("mine") {
		if o.Engine, err = deviceflags.OpenMiner(c, out.Log); err != nil {
			return err
		}
		defer o.Engine.Close()
	}
	n, err := node.Open(c.Context, o)
	if err != nil {
		if c.Context.Err() != nil {
			return nil
		}
		return nodeflags.Explain(err)
	}
	reloads.opened(n)
	logStart(n.Status(), out.Log, o)
	err = runUntil(c, n, out, servers, s.until)
	last := n.Status()
	out.Close()
	err = errors.Join(err, n.Close())
	if closed := reloads.stop(); closed && err == nil {
		return nil // the terminal that would show the last line is gone
	}
	return stopped(c, last, err)
}

// logStart logs where a node is and what it serves.
func logStart(first query.Status, log *slog.Logger, o node.Options) {
	log.Info("node started", "network", first.Network, "data", first.Dir, "height", first.Height, "api", first.API)
	if first.Web {
		log.Info("web pages served", "url", "http://"+first.API+"/")
	}
	if first.Stratum != nil {
		log.Info("stratum server started", "address", first.Stratum.Address, "fingerprint", fingerprint(o.StratumTLS))
	}
}

// stopped reports how a node ended. The exit code is 10 if only a new process can use
// the node's devices again.
func stopped(c *cli.Context, last query.Status, err error) error {
	if err != nil {
		return minerflags.LostDevices(c, nodeflags.Explain(err))
	}
	return cmdline.PrintText(c, fmt.Sprintf("stopped at height %d; data folder %s closed cleanly\n", last.Height, last.Dir))
}

// runUntil runs a node, shows it and serves the APIs of its miner, until the context
// of c ends or the bounds are reached.
func runUntil(c *cli.Context, n *node.Node, out *display, servers *minerflags.Servers, until bounds) error {
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	if until.duration > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, until.duration)
		defer cancel()
	}
	controls := startControls(ctx, c, n.Miner(), out, servers, stop)
	lastBlock := uint64(n.Status().Height) + until.blocks
	var wg sync.WaitGroup
	wg.Go(func() {
		out.show(ctx, n, func(s query.Status) {
			if until.blocks > 0 && uint64(s.Height) >= lastBlock {
				stop()
			}
		})
	})
	wg.Go(func() { notifySystemd(ctx, n.Status) })
	err := n.Run(ctx)
	stop()
	wg.Wait()
	controls.wait()
	return err
}

// readOptions reads the flags, except those of the engine and those that can be
// reloaded.
func readOptions(c *cli.Context) (o node.Options, err error) {
	if c.Bool("dev") && c.IsSet("network") && c.String("network") != network.Dev.Name {
		return o, fmt.Errorf("--dev requires --network %s: got %s", network.Dev.Name, c.String("network"))
	}
	if o.Params, err = nodeflags.Network(c); err != nil {
		return o, err
	}
	if o.Dir, err = nodeflags.DataFolder(c, o.Params); err != nil {
		return o, err
	}
	if o.P2P, err = p2pOptions(c, o.Params, o.Dir); err != nil {
		return o, err
	}
	o.Blobs = filepath.Join(o.Dir, blobsFolder)
	o.Seen = filepath.Join(o.Dir, seenFile)
	o.Alerts = filepath.Join(o.Dir, alertsFile)
	o.Version = c.App.Version
	o.Tag = []byte(coinbaseTag)
	if c.Bool("prune") {
		o.Keep = chain.MinKeep
	}
	if api := c.String("api"); api != "none" {
		o.API = api
	}
	o.Web = c.Bool("web")
	if o.Traffic, err = trafficRate(c, o.Params); err != nil {
		return o, err
	}
	if c.Bool("mine") {
		o.Sensors, o.CPUEnergy = minerflags.Sensors, minerflags.CPUEnergy()
	}
	o.Seed = uint64(time.Now().UnixNano())
	if c.Bool("mine") && !c.Bool("dev") && c.String("payout") == "" {
		return o, errors.New("--mine requires --payout, the key to pay: create one with \"stele key new\", or pass --dev")
	}
	if o.Payout, err = payout(c); err != nil {
		return o, err
	}
	return o, stratumOptions(c, &o)
}

// maxTraffic bounds --traffic, in records per second.
const maxTraffic = 1_000_000

func trafficRate(c *cli.Context, p *network.Params) (float64, error) {
	if !c.IsSet("traffic") {
		// Two nodes would generate for the same accounts, and reject each other's records.
		if c.Bool("dev") && len(c.StringSlice("peer"))+len(c.StringSlice("seed")) == 0 {
			return devTraffic, nil
		}
		return 0, nil
	}
	rate, err := strconv.ParseFloat(c.String("traffic"), 64)
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > maxTraffic {
		return 0, fmt.Errorf("--traffic: invalid rate %q: must be 0 to %d records per second", c.String("traffic"), maxTraffic)
	}
	if rate > 0 && len(p.Alloc) == 0 {
		return 0, fmt.Errorf("--traffic: network %s has no well-known keys with a balance", p.Name)
	}
	return rate, nil
}

// payout returns the key to pay for mined blocks, the zero key if there is none.
func payout(c *cli.Context) (record.Key, error) {
	text := c.String("payout")
	if text == "" {
		if c.Bool("dev") {
			return record.PublicOf(network.DevFaucets()[0]), nil
		}
		return record.Key{}, nil
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return record.Key{}, err
	}
	key, err := keyring.PublicKey(folder, text)
	if err != nil {
		return key, fmt.Errorf("--payout: %w", err)
	}
	return key, nil
}

// bounds are the limits at which a node stops by itself, 0 for no limit.
type bounds struct {
	duration time.Duration
	blocks   uint64
}

func readBounds(c *cli.Context) (b bounds, err error) {
	if c.IsSet("for") {
		if b.duration, err = cmdline.Duration(c, "for"); err != nil {
			return b, err
		}
	}
	b.blocks, err = cmdline.Number(c, "blocks", 1, math.MaxUint32, 0)
	return b, err
}

// display shows the status of a node: a live view on a terminal, lines elsewhere.
type display struct {
	*screen.Terminal
	keys bool // the keyboard controls the node
}

// show shows the node until ctx ends, and calls seen with each status.
func (o *display) show(ctx context.Context, n *node.Node, seen func(query.Status)) {
	ticker := time.NewTicker(screen.RedrawEvery)
	defer ticker.Stop()
	var printed query.Status // as a line
	for {
		s := n.Status()
		switch {
		case o.IsLive():
			o.Draw(func(p screen.Painter) []string { return view{p, o.keys}.lines(s) })
		case s.Now.Sub(printed.Now) >= screen.PrintEvery:
			printed = s
			o.Print(statusLine(s) + "\n")
		}
		seen(s)
		select {
		case <-ctx.Done():
			s := n.Status()
			if o.IsLive() {
				return
			}
			if s.Height != printed.Height || s.Now.Sub(printed.Now) > screen.RedrawEvery {
				o.Print(statusLine(s) + "\n")
			}
			o.Print(tallyLines(s))
			return
		case <-ticker.C:
		}
	}
}
