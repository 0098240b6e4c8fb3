package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stele/engine"
	"stele/internal/netguard"
	"stele/node"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/stratum"
)

const (
	defaultAPI  = "127.0.0.1:8690"
	devTraffic  = 25 // records per second
	coinbaseTag = "stele"
)

func nodeCommand() *cli.Command {
	return &cli.Command{
		Name:  "node",
		Usage: "run a node of the ledger network, and mine on it",
		Description: "To try it: stele node --dev --mine\n\n" +
			"The node keeps its chain in a folder and continues there. Ctrl-C stops it. On a\n" +
			"terminal it shows its state, elsewhere it prints a line every few seconds. Each\n" +
			"flag can also be given as a variable: --api-token as STELE_API_TOKEN. See\n" +
			"docs/node.md.",
		Flags: fromEnvironment(append(append([]cli.Flag{
			&cli.BoolFlag{Name: "dev", Usage: "use the development network, make records, and mine for a published key"},
		}, storeFlags()...), append([]cli.Flag{
			&cli.BoolFlag{Name: "prune", Usage: fmt.Sprintf("keep only the bodies of the last %d blocks", chain.MinKeep)},
			&cli.BoolFlag{Name: "mine", Usage: "mine blocks"},
			&cli.StringFlag{Name: "payout", Usage: "pay the rewards of mined blocks to `KEY`: 72 hex digits, or the name of a key of \"stele key list\""},
			keysFlag(),
			&cli.StringFlag{Name: "stratum", Usage: "run a Stratum server on `HOST:PORT` (e.g. :3333); block rewards go to the key given as user name"},
			&cli.StringFlag{Name: "stratum-cert", Usage: "serve Stratum over TLS with the certificates in `FILE` (PEM)"},
			&cli.StringFlag{Name: "stratum-key", Usage: "read the private key of --stratum-cert from `FILE` (PEM)"},
			&cli.StringFlag{Name: "stratum-difficulty", Usage: "set the `DIFFICULTY` of a miner's first shares", DefaultText: fmt.Sprint(stratum.DefaultDifficulty)},
			&cli.StringFlag{Name: "api", Usage: "serve the API on `HOST:PORT`; \"none\" for no API", Value: defaultAPI},
			&cli.StringFlag{Name: "api-token", Usage: "accept records from clients that send this `TOKEN`, instead of from this machine only"},
			&cli.StringSliceFlag{Name: "trusted-proxy", Usage: "trust the X-Forwarded-For header of reverse proxies at `ADDRESS`, such as 127.0.0.1 or 10.0.0.0/8"},
			&cli.StringFlag{Name: "traffic", Usage: "make `N` records per second, on dev and test", DefaultText: fmt.Sprintf("0; %d with --dev", devTraffic)},
			&cli.StringFlag{Name: "for", Usage: "stop after this `TIME`, as in 90s or 2h"},
			&cli.StringFlag{Name: "blocks", Usage: "stop when the chain has grown by `N` blocks"},
			&cli.BoolFlag{Name: "plain", Usage: "print lines, also on a terminal"},
			&cli.BoolFlag{Name: "verbose", Usage: "log more"},
		}, append(nodeMineFlags(), engineFlags()...)...)...)),
		Action:      runNode,
		Subcommands: []*cli.Command{nodeCheckCommand()},
	}
}

// storeFlags returns the flags that name a store and its network.
func storeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "network", Usage: "the `NETWORK`: dev, test or main", DefaultText: "dev"},
		&cli.StringFlag{Name: "data", Usage: "keep the chain in the folder `DIR`", DefaultText: "stele/NETWORK in $XDG_DATA_HOME or ~/.local/share"},
	}
}

// fromEnvironment makes each flag settable by a variable too: --api-token by
// STELE_API_TOKEN.
func fromEnvironment(flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		name := "STELE_" + strings.ToUpper(strings.ReplaceAll(f.Names()[0], "-", "_"))
		switch f := f.(type) {
		case *cli.StringFlag:
			f.EnvVars = []string{name}
		case *cli.BoolFlag:
			f.EnvVars = []string{name}
		}
	}
	return flags
}

// runNode is the action of "stele node". A signal ends it in the ordinary way,
// without an error.
func runNode(c *cli.Context) error {
	o, err := nodeOptions(c)
	if err != nil {
		return err
	}
	until, err := nodeBounds(c)
	if err != nil {
		return err
	}
	servers, err := nodeMiningOptions(c, &o)
	if err != nil {
		return err
	}
	defer servers.close()
	out := newNodeOutput(c)
	defer out.close()
	o.Log = out.log
	if c.Bool("mine") {
		if o.Engine, err = openNodeEngine(c, out.log); err != nil {
			return err
		}
		defer o.Engine.Close()
	}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		// A closed terminal is an ordinary end too.
		hung, stop := signal.NotifyContext(c.Context, syscall.SIGHUP)
		defer stop()
		c.Context = hung
	}
	n, err := node.Open(c.Context, o)
	if err != nil {
		if c.Context.Err() != nil {
			return nil
		}
		return explainStore(err)
	}
	first := n.Status()
	out.log.Info("node started", "network", first.Network, "data", first.Dir, "height", first.Height, "api", first.API)
	if first.Stratum != nil {
		out.log.Info("stratum server listening", "address", first.Stratum.Address, "fingerprint", fingerprint(o.StratumTLS))
	}
	err = showNode(c, n, out, until, servers)
	last := n.Status()
	out.close()
	return nodeStopped(c, last, errors.Join(err, n.Close()))
}

// nodeStopped reports how a node ended. An error has the exit code 10 if only a new
// process can use the node's devices again.
func nodeStopped(c *cli.Context, last node.Status, err error) error {
	if err != nil {
		return lostDevices(c, explainStore(err))
	}
	return printText(c, fmt.Sprintf("stopped at height %d; the store is closed: %s\n", last.Height, last.Dir))
}

// showNode runs the node until the context of c or its bounds end it, shows it
// meanwhile, and serves the APIs of its miner.
func showNode(c *cli.Context, n *node.Node, out *nodeOutput, until bounds, servers *mineServers) error {
	ctx, stop := context.WithCancel(c.Context)
	if until.duration > 0 {
		ctx, stop = context.WithTimeout(c.Context, until.duration)
	}
	defer stop()
	beside := startNodeMiner(ctx, c, n.Miner(), out, servers, out.log, stop)
	defer beside.wait()
	first := n.Status().Height
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		out.show(ctx, n, func(s node.Status) {
			if until.blocks > 0 && uint64(s.Height) >= uint64(first)+until.blocks {
				stop()
			}
		})
	}()
	err := n.Run(ctx)
	stop()
	<-shown
	return err
}

// nodeOptions reads the flags, except those of the engine.
func nodeOptions(c *cli.Context) (o node.Options, err error) {
	if err := noArgs(c); err != nil {
		return o, err
	}
	if c.Bool("dev") && c.IsSet("network") && c.String("network") != network.Dev.Name {
		return o, fmt.Errorf("--dev is for the network %s, not for %s", network.Dev.Name, c.String("network"))
	}
	if o.Params, err = nodeNetwork(c); err != nil {
		return o, err
	}
	if o.Dir, err = dataFolder(c, o.Params); err != nil {
		return o, err
	}
	o.Blobs = filepath.Join(o.Dir, blobsFolder)
	o.Version = versionText()
	o.Tag = []byte(coinbaseTag)
	if c.Bool("prune") {
		o.Keep = chain.MinKeep
	}
	if api := c.String("api"); api != "none" {
		o.API = api
	}
	o.APIToken = c.String("api-token")
	if o.APIProxies, err = netguard.ParseProxies(c.StringSlice("trusted-proxy")); err != nil {
		return o, fmt.Errorf("--trusted-proxy: %w", err)
	}
	if o.Traffic, err = trafficRate(c, o.Params); err != nil {
		return o, err
	}
	o.Seed = uint64(time.Now().UnixNano())
	if c.Bool("mine") && !c.Bool("dev") && c.String("payout") == "" {
		return o, errors.New("--mine needs --payout, the key that is paid; \"stele key new\" makes one")
	}
	if o.Payout, err = payout(c); err != nil {
		return o, err
	}
	return o, stratumOptions(c, &o)
}

// nodeNetwork returns the network that --network names, dev by default.
func nodeNetwork(c *cli.Context) (*network.Params, error) {
	if !c.IsSet("network") {
		return network.Dev, nil
	}
	p, err := network.Lookup(c.String("network"))
	if err != nil {
		return nil, fmt.Errorf("--network: %w", err)
	}
	return p, nil
}

// dataFolder returns the folder that --data names, or this user's default folder
// for the network (XDG Base Directory Specification).
func dataFolder(c *cli.Context, p *network.Params) (string, error) {
	if c.IsSet("data") {
		if c.String("data") == "" {
			return "", errors.New("--data: empty name")
		}
		return c.String("data"), nil
	}
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no default folder for the data, pass --data: %w", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "stele", p.Name), nil
}

// maxTraffic bounds --traffic.
const maxTraffic = 1_000_000

func trafficRate(c *cli.Context, p *network.Params) (float64, error) {
	if !c.IsSet("traffic") {
		if c.Bool("dev") {
			return devTraffic, nil
		}
		return 0, nil
	}
	rate, err := strconv.ParseFloat(c.String("traffic"), 64)
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > maxTraffic {
		return 0, fmt.Errorf("--traffic: invalid rate %q: must be a number of records per second from 0 to %d", c.String("traffic"), maxTraffic)
	}
	if rate > 0 && len(p.Alloc) == 0 {
		return 0, fmt.Errorf("--traffic: the network %s has no published keys with a balance", p.Name)
	}
	return rate, nil
}

// payout returns the key that is paid for mined blocks; the zero key: none.
func payout(c *cli.Context) (record.Key, error) {
	text := c.String("payout")
	if text == "" {
		if c.Bool("dev") {
			return record.PublicOf(network.DevFaucets()[0]), nil
		}
		return record.Key{}, nil
	}
	folder, err := keyFolder(c)
	if err != nil {
		return record.Key{}, err
	}
	key, err := publicKey(folder, text)
	if err != nil {
		return key, fmt.Errorf("--payout: %w", err)
	}
	return key, nil
}

// bounds say when a node stops itself; 0: never.
type bounds struct {
	duration time.Duration
	blocks   uint64
}

func nodeBounds(c *cli.Context) (b bounds, err error) {
	if c.IsSet("for") {
		if b.duration, err = parseDuration(c, "for"); err != nil {
			return b, err
		}
	}
	b.blocks, err = number(c, "blocks", 1, math.MaxUint32, 0)
	return b, err
}

// openNodeEngine opens the devices that mine, as openEngine does, and logs what is
// wrong with others.
func openNodeEngine(c *cli.Context, log *slog.Logger) (*engine.Engine, error) {
	opts := gpuOptions(c, log)
	opts.Compare = true
	devices, absent, err := openDevices(c, opts)
	if err != nil {
		return nil, err
	}
	for _, a := range absent {
		if unexpected(a.Err) {
			log.Warn("device not used", "device", a.ID, "err", a.Err)
		}
	}
	return engine.New(devices, log), nil
}

// nodeOutput shows the status of a node: on a terminal as a view that is redrawn,
// elsewhere as lines.
type nodeOutput struct {
	out    io.Writer
	screen *screen // nil: lines
	color  bool
	ascii  bool
	keys   bool // a person can press keys
	log    *slog.Logger
}

const (
	redrawEvery = 250 * time.Millisecond
	linesEvery  = 5 * time.Second
)

func newNodeOutput(c *cli.Context) *nodeOutput {
	o := &nodeOutput{out: c.App.Writer, color: os.Getenv("NO_COLOR") == "", ascii: !utf8Locale()}
	if f, ok := c.App.Writer.(*os.File); ok && isTerminal(f) && !c.Bool("plain") {
		o.screen = newScreen(f)
	}
	level := slog.LevelInfo
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	logTo := c.App.ErrWriter
	if o.screen != nil && isTerminal(logTo) {
		logTo = o.screen
	}
	o.log = slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: level}))
	return o
}

// utf8Locale reports whether the terminal shows more than ASCII.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToUpper(os.Getenv(name)); value != "" {
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return true // not set; terminals do
}

// show shows the node until ctx ends, and calls seen with each status.
func (o *nodeOutput) show(ctx context.Context, n *node.Node, seen func(node.Status)) {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	var printed node.Status // as a line
	for {
		s := n.Status()
		switch {
		case o.screen != nil:
			width, _ := o.screen.size()
			_ = o.screen.draw(nodeView{width: width, color: o.color, ascii: o.ascii, keys: o.keys}.lines(s))
		case s.Now.Sub(printed.Now) >= linesEvery:
			printed = s
			fmt.Fprintln(o.out, statusLine(s))
		}
		seen(s)
		select {
		case <-ctx.Done():
			s := n.Status()
			if o.screen != nil {
				return
			}
			if s.Height != printed.Height || s.Now.Sub(printed.Now) > redrawEvery {
				fmt.Fprintln(o.out, statusLine(s))
			}
			fmt.Fprint(o.out, tallyLines(s))
			return
		case <-ticker.C:
		}
	}
}

func (o *nodeOutput) close() {
	if o.screen != nil {
		o.screen.close()
	}
}
