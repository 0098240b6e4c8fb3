// Package mine is the command "stele mine", which mines to pools and nodes.
//
//   - settings come from flags, environment variables and a configuration file.
//   - source is the configuration of one pool or node.
//   - display shows the status: view draws it on a terminal, statusLines and shareLine
//     write lines, summary is the end.
//
// The mining itself is in stele/engine/miner, the APIs for status and metrics are
// opened by stele/cmd/stele/internal/minerflags.
package mine

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/devices"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/configfile"
	"stele/cmd/stele/internal/deviceflags"
	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
)

// defaultAPI is the default address of the API of a miner.
const defaultAPI = "127.0.0.1:8691"

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "mine",
		Usage: "mine to a pool or node, with failover",
		Description: "Mines to the first source that has work, and returns to a better one when it\n" +
			"recovers. Ctrl-C stops it.\n\n" +
			"  stele mine --url stratum+tcp://pool.example:3333 --user account.worker\n" +
			"  stele mine --init\n" +
			"  stele mine --config mine.toml\n\n" +
			"On a terminal it shows a live view (press h for the keys), elsewhere it prints a line\n" +
			"every few seconds. Each flag can also be set as an environment variable, --api-token\n" +
			"as STELE_API_TOKEN, and in a configuration file (--config). Flags override variables,\n" +
			"which override the file. SIGHUP reloads sources, passwords and limits. See\n" +
			"docs/mine.md.",
		Flags: cmdline.FromEnvironment(slices.Concat(sourceFlags(), []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read settings from the TOML file `FILE`", DefaultText: "without --url: stele/mine.toml in $XDG_CONFIG_HOME or ~/.config, if it exists"},
			&cli.BoolFlag{Name: "init", Usage: "write the settings to the file of --config and exit; without --url, ask for pool, user and password"},
			&cli.BoolFlag{Name: "force", Usage: "let --init replace files"},
			&cli.BoolFlag{Name: "check-config", Usage: "check the settings, print them without secrets, and exit"},
		}, minerflags.LimitFlags(), []cli.Flag{
			&cli.StringFlag{Name: "api", Usage: "serve status and metrics on `HOST:PORT`, or \"none\"", Value: defaultAPI},
			&cli.StringFlag{Name: "api-token", Usage: "require `TOKEN` for requests from other machines, and to pause and resume"},
			&cli.StringFlag{Name: "api-token-file", Usage: "read the API token from `FILE`"},
			&cli.StringFlag{Name: "cgminer", Usage: "serve the read-only cgminer API on `HOST:PORT`", DefaultText: "none"},
		}, minerflags.HookFlags("run `COMMAND` when a source accepts a block"), []cli.Flag{
			&cli.StringFlag{Name: "algo", Aliases: []string{"a"}, Usage: "algorithm `NAME`, for compatibility with other miners; must be sha256d", Value: "sha256d"},
			&cli.BoolFlag{Name: "list-devices", Usage: "list devices as \"stele devices\" does, and exit"},
			&cli.StringFlag{Name: "for", Usage: "stop after `TIME`, such as 90s or 2h"},
		}, screen.Flags(), deviceflags.Flags())),
		Action: run,
	}
}

// run is the action of the command. A signal is the ordinary way to stop it, and not
// an error.
func run(c *cli.Context) error {
	if c.Bool("list-devices") {
		return devices.Run(c)
	}
	if c.Bool("init") {
		return initialize(c)
	}
	settings, err := readSettings(c)
	if err != nil {
		return err
	}
	if c.Bool("check-config") {
		return cmdline.PrintText(c, settings.text())
	}
	servers, err := minerflags.Listen(minerflags.ServerOptions{
		API: settings.api, APIFlag: "api", Cgminer: settings.cgminer, Token: settings.token,
	})
	if err != nil {
		return err
	}
	defer servers.Close()
	out := screen.NewTerminal(c)
	defer out.Close()
	sources, err := settings.open(out.Log)
	if err != nil {
		return err
	}
	if settings.usual {
		out.Log.Info("config file found", "file", settings.name)
	}
	warnOfVariables(out.Log, settings.sources)
	e, err := deviceflags.OpenMiner(c, out.Log)
	if err != nil {
		return err
	}
	defer e.Close()
	shown := newDisplay(out)
	m := miner.New(miner.Options{
		Engine: e, Sources: sources, Log: out.Log, Version: c.App.Version,
		Sensors: minerflags.Sensors, CPUEnergy: minerflags.CPUEnergy(), Limits: settings.limits, Hooks: settings.hooks, Systemd: true,
		OnShare: shown.answer,
	})
	hungUp, err := runMiner(c, m, settings, servers, shown)
	if err != nil {
		return minerflags.LostDevices(c, err)
	}
	if err = cmdline.PrintText(c, summary(screen.Painter{Width: math.MaxInt}, m.Status(), shown.past)); hungUp {
		return nil // the terminal that would show it is gone
	}
	return err
}

// runMiner runs a miner with its view, its keys and its APIs until the context of c
// ends, the time of --for is over, a key stops it, or the terminal is closed, which
// hungUp reports. It closes the terminal.
func runMiner(c *cli.Context, m *miner.Miner, settings *settings, servers *minerflags.Servers, shown *display) (hungUp bool, err error) {
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	if settings.duration > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, settings.duration)
		defer cancel()
	}
	keys := screen.OpenKeyboard(c.App.Reader, shown.IsLive())
	defer keys.Close()
	go keys.Read(func(key byte) { shown.press(key, m, stop) })

	hangups := configfile.WatchHangups(c.App.Reader)
	defer hangups.Close()
	var wg sync.WaitGroup
	ended := make(chan struct{}) // the miner has
	wg.Go(func() { shown.show(ctx, m, ended) })
	wg.Go(func() {
		if hungUp = reloadOnHangup(ctx, c, hangups, settings, m, servers, shown.Log); hungUp {
			stop()
		}
	})
	servers.Start(ctx, &wg, m, shown.Log)
	err = m.Run(ctx)
	shown.failed.Store(err != nil)
	stop()
	close(ended)
	wg.Wait()
	shown.Close()
	return hungUp, err
}

// reloadOnHangup reloads sources, limits and the API token on SIGHUP, until ctx ends.
// An invalid configuration changes nothing. A source whose settings are the same keeps
// its session and its work. It returns true if the signal came because the terminal
// was closed.
func reloadOnHangup(ctx context.Context, c *cli.Context, hangups *configfile.Hangups, now *settings, m *miner.Miner, servers *minerflags.Servers, log *slog.Logger) (closed bool) {
	return hangups.Run(ctx, log, func() error {
		next, err := now.reload(c, log)
		if err != nil {
			return err
		}
		sources, err := next.open(log)
		if err != nil {
			return err
		}
		m.SetSources(sources)
		m.SetLimits(next.limits)
		servers.SetToken(next.token)
		now = next
		log.Info("config reloaded", "sources", len(sources))
		return nil
	})
}

// parseFor returns the value of --for, 0 if it is not set.
func parseFor(c *cli.Context) (time.Duration, error) {
	if !c.IsSet("for") {
		return 0, nil
	}
	return cmdline.Duration(c, "for")
}
