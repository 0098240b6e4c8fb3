package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cgo/nvml"
	"stele/engine"
	"stele/engine/miner"
	"stele/engine/miner/telemetry"
)

// defaultMineAPI is where the API of a miner is served.
const defaultMineAPI = "127.0.0.1:8691"

func mineCommand() *cli.Command {
	return &cli.Command{
		Name:  "mine",
		Usage: "mine for a pool or a node, with others to fall back on",
		Description: "stele mine --url stratum+tcp://pool.example:3333 --user account.worker\n\n" +
			"It mines for the first source that gives work, and goes back to a better one when\n" +
			"that is there again. Ctrl-C stops it. On a terminal it shows what it does (h tells\n" +
			"the keys), elsewhere it prints a line every few seconds. Each flag can also be\n" +
			"given as a variable, --api-token as STELE_API_TOKEN, and in a file (--config);\n" +
			"flags come before variables, and those before the file. SIGHUP reads sources,\n" +
			"passwords and limits again. See docs/mine.md.",
		Flags: fromEnvironment(append(append(mineSourceFlags(), []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read the settings in the TOML file `FILE`"},
			&cli.BoolFlag{Name: "check-config", Usage: "only check the settings, and print them without secrets"},
			&cli.StringFlag{Name: "temp-limit", Usage: "let a device rest that is hotter than `CELSIUS`"},
			&cli.StringFlag{Name: "temp-resume", Usage: "and go on below `CELSIUS`", DefaultText: "10 less"},
			&cli.StringFlag{Name: "power-limit", Usage: "let a device rest that draws more than `WATTS`"},
			&cli.StringFlag{Name: "power-resume", Usage: "and go on below `WATTS`", DefaultText: "a tenth less"},
			&cli.StringFlag{Name: "api", Usage: "serve status and metrics at `HOST:PORT`; \"none\" for neither", Value: defaultMineAPI},
			&cli.StringFlag{Name: "api-token", Usage: "the `TOKEN` that requests need from other machines, and to pause and resume"},
			&cli.StringFlag{Name: "api-token-file", Usage: "the `FILE` that holds the token"},
			&cli.StringFlag{Name: "cgminer", Usage: "serve the API of cgminer, as far as it reads, at `HOST:PORT`", DefaultText: "none"},
			&cli.StringFlag{Name: "on-sick", Usage: "run `COMMAND` when a device gives wrong answers or hangs"},
			&cli.StringFlag{Name: "on-dead", Usage: "run `COMMAND` when a device fails"},
			&cli.StringFlag{Name: "on-recovered", Usage: "run `COMMAND` when a device works again"},
			&cli.StringFlag{Name: "on-block", Usage: "run `COMMAND` when a source accepts a block"},
			&cli.StringFlag{Name: "algo", Aliases: []string{"a"}, Usage: "the `NAME` of what is mined, as other miners want it; only sha256d is", Value: "sha256d"},
			&cli.BoolFlag{Name: "list-devices", Usage: "list the devices, as \"stele devices\" does, and stop"},
			&cli.StringFlag{Name: "for", Usage: "stop after this `TIME`, as in 90s or 2h"},
			&cli.BoolFlag{Name: "plain", Usage: "print lines, also on a terminal"},
			&cli.BoolFlag{Name: "verbose", Usage: "log more"},
		}...), engineFlags()...)),
		Action: runMine,
	}
}

// runMine is the action of "stele mine". A signal is the ordinary way to end
// it, and no error.
func runMine(c *cli.Context) error {
	if c.Bool("list-devices") {
		return devices(c)
	}
	settings, err := readMineSettings(c)
	if err != nil {
		return err
	}
	if c.Bool("check-config") {
		return printText(c, settings.text())
	}
	servers, err := openMineServers(settings)
	if err != nil {
		return err
	}
	defer servers.close()
	out := newNodeOutput(c)
	defer out.close()
	sources, err := settings.open(out.log)
	if err != nil {
		return err
	}
	warnOfVariables(out.log, settings.sources)
	e, err := openNodeEngine(c, out.log)
	if err != nil {
		return err
	}
	defer e.Close()
	m := miner.New(miner.Options{
		Engine: e, Sources: sources, Log: out.log, Version: versionText(),
		Sensors: minerSensors, Limits: settings.limits, Hooks: settings.hooks,
	})

	ctx, stop := context.WithCancel(c.Context)
	if settings.duration > 0 {
		ctx, stop = context.WithTimeout(c.Context, settings.duration)
	}
	defer stop()
	view := &mineScreen{nodeOutput: out}
	keys := openKeyboard(c.App.Reader, out.screen != nil)
	defer keys.close()
	go keys.read(func(key byte) { view.press(key, m, stop) })

	var beside sync.WaitGroup
	beside.Go(func() { view.show(ctx, m) })
	hungUp := false
	beside.Go(func() {
		if hungUp = reloadOnHangup(ctx, c, settings, m, servers, out.log); hungUp {
			stop()
		}
	})
	servers.start(ctx, &beside, m, out.log)
	err = m.Run(ctx)
	view.failed.Store(err != nil)
	stop()
	beside.Wait()
	out.close()
	keys.close()
	if err != nil {
		return lostDevices(c, err)
	}
	if err = printText(c, mineSummary(m.Status())); hungUp {
		return nil // nobody is there to read it
	}
	return err
}

// lostDevices gives an error of Run its own exit code if only a new process can
// use the devices again.
func lostDevices(c *cli.Context, err error) error {
	if !errors.Is(err, engine.ErrLost) {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", err)
	return exitCode(exitLost)
}

// mineServers are the listeners of the two APIs; nil: none.
type mineServers struct {
	http, cgminer net.Listener
	open          bool
	token         atomic.Value // a string; SIGHUP may change it
}

func openMineServers(s *mineSettings) (servers *mineServers, err error) {
	servers = &mineServers{open: loopback(s.api)}
	servers.token.Store(s.token)
	if s.api != "none" {
		if servers.http, err = net.Listen("tcp", s.api); err != nil {
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("%w (another stele mine? give --api another port, or none)", err)
			}
			return nil, fmt.Errorf("--api: %w", err)
		}
	}
	if s.cgminer != "" && s.cgminer != "none" {
		if servers.cgminer, err = net.Listen("tcp", s.cgminer); err != nil {
			servers.close()
			return nil, fmt.Errorf("--cgminer: %w", err)
		}
	}
	return servers, nil
}

func (s *mineServers) close() {
	for _, l := range []net.Listener{s.http, s.cgminer} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// start serves until ctx ends. A server that fails is told; mining goes on.
func (s *mineServers) start(ctx context.Context, all *sync.WaitGroup, m *miner.Miner, log *slog.Logger) {
	serve := func(what string, l net.Listener, do func() error) {
		if l == nil {
			return
		}
		log.Info("serving", "what", what, "address", l.Addr().String())
		all.Go(func() {
			if err := do(); err != nil {
				log.Error("an API ended", "what", what, "reason", err)
			}
		})
	}
	serve("status and metrics", s.http, func() error {
		return telemetry.Serve(ctx, s.http, telemetry.Handler(telemetry.HandlerOptions{
			Status: m.Status, Pause: m.Pause, Resume: m.Resume, Open: s.open,
			Token: func() string { return s.token.Load().(string) },
		}))
	})
	serve("cgminer API", s.cgminer, func() error { return telemetry.Cgminer(ctx, s.cgminer, m.Status, log) })
}

// reloadOnHangup reads sources, limits and the token of the API again on SIGHUP,
// until ctx ends. If anything is wrong, all stays as it was. The miner goes on
// with what it mines for a source that is the same as before. It returns true if
// the signal came because the terminal was closed.
func reloadOnHangup(ctx context.Context, c *cli.Context, now *mineSettings, m *miner.Miner, servers *mineServers, log *slog.Logger) (closed bool) {
	terminalClosed := watchTerminal(c.App.Reader)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-hangup:
		}
		if terminalClosed() {
			log.Info("the terminal was closed")
			return true
		}
		next, err := now.reload(c, log)
		if err == nil {
			var sources []miner.Source
			if sources, err = next.open(log); err == nil {
				m.SetSources(sources)
				m.SetLimits(next.limits)
				servers.token.Store(next.token)
				now = next
				log.Info("settings read again", "sources", len(sources))
				continue
			}
		}
		log.Error("settings not read again; the old ones stay", "reason", err)
	}
}

// minerSensors reads the sensors of a GPU.
func minerSensors(uuid string) (miner.Sensors, error) {
	r, err := nvml.Read(uuid)
	if err != nil {
		return miner.Sensors{}, err
	}
	whole := func(x *uint32) *float64 {
		if x == nil {
			return nil
		}
		f := float64(*x)
		return &f
	}
	return miner.Sensors{Temperature: whole(r.Temperature), Fan: whole(r.Fan), Power: r.Power, Energy: r.Energy}, nil
}

// mineSummary is the last line.
func mineSummary(s miner.Status) string {
	refused := uint64(0)
	for _, n := range s.Shares.Rejected {
		refused += n
	}
	return fmt.Sprintf("stopped after %s: %sH/s, %s accepted, %d not, best difficulty %s, %s\n",
		shortTime(s.Now.Sub(s.Started)), siUnits(s.Counted.Mean), plural(s.Shares.Accepted, "share"), refused,
		shortDifficulty(s.Shares.Best), plural(s.Shares.Blocks, "block"))
}

// parseFor reads --for; 0: no end.
func parseFor(c *cli.Context) (time.Duration, error) {
	if !c.IsSet("for") {
		return 0, nil
	}
	return parseDuration(c, "for")
}
