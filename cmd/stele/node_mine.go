package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/urfave/cli/v2"

	"stele/engine/miner"
	"stele/node"
)

// nodeMineFlags returns the flags about the devices of --mine. Those of "stele mine"
// with the same names mean the same.
func nodeMineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "temp-limit", Usage: "pause a device above `CELSIUS`"},
		&cli.StringFlag{Name: "temp-resume", Usage: "resume it below `CELSIUS`", DefaultText: "10 less"},
		&cli.StringFlag{Name: "power-limit", Usage: "pause a device that draws more than `WATTS`"},
		&cli.StringFlag{Name: "power-resume", Usage: "resume it below `WATTS`", DefaultText: "a tenth less"},
		&cli.StringFlag{Name: "on-sick", Usage: "run `COMMAND` when a device returns invalid results or hangs"},
		&cli.StringFlag{Name: "on-dead", Usage: "run `COMMAND` when a device fails"},
		&cli.StringFlag{Name: "on-recovered", Usage: "run `COMMAND` when a device works again"},
		&cli.StringFlag{Name: "on-block", Usage: "run `COMMAND` when the chain accepts a block of this node"},
		&cli.StringFlag{Name: "mine-api", Usage: "serve status and metrics of the devices at `HOST:PORT`, as \"stele mine\" does", DefaultText: "none"},
		&cli.StringFlag{Name: "cgminer", Usage: "serve the read-only commands of cgminer's API at `HOST:PORT`", DefaultText: "none"},
	}
}

// nodeMiningOptions reads the flags of nodeMineFlags into the options of a node, and
// opens the listeners of its miner's APIs.
func nodeMiningOptions(c *cli.Context, o *node.Options) (*mineServers, error) {
	if !c.Bool("mine") {
		for _, f := range nodeMineFlags() {
			if name := f.Names()[0]; c.String(name) != "" {
				return nil, fmt.Errorf("--%s has no effect without --mine", name)
			}
		}
		return &mineServers{}, nil
	}
	var s mineSettings
	if err := s.readLimits(c); err != nil {
		return nil, err
	}
	if err := s.readHooks(c); err != nil {
		return nil, err
	}
	o.Sensors, o.Limits, o.Hooks = minerSensors, s.limits, s.hooks
	return openNodeMineServers(c)
}

// openNodeMineServers opens the listeners of --mine-api and --cgminer.
func openNodeMineServers(c *cli.Context) (*mineServers, error) {
	api, cgminer, token := c.String("mine-api"), c.String("cgminer"), c.String("api-token")
	servers := &mineServers{open: loopback(api)}
	servers.token.Store(token)
	for _, l := range []struct {
		flag, address string
		to            *net.Listener
	}{{"mine-api", api, &servers.http}, {"cgminer", cgminer, &servers.cgminer}} {
		if l.address == "" || l.address == "none" {
			continue
		}
		if err := checkAddress(l.flag, l.address); err != nil {
			servers.close()
			return nil, err
		}
		if l.flag == "mine-api" && !servers.open && token == "" {
			return nil, fmt.Errorf("--mine-api: %s can be reached from other machines: it needs --api-token", api)
		}
		var err error
		if *l.to, err = net.Listen("tcp", l.address); err != nil {
			servers.close()
			return nil, fmt.Errorf("--%s: %w", l.flag, err)
		}
	}
	return servers, nil
}

// nodeMiner is what a command does beside a node that mines, until its context
// ends: it serves the miner's APIs and heeds the keys.
type nodeMiner struct {
	keys    *keyboard
	serving sync.WaitGroup
}

// startNodeMiner starts it. M is nil if the node does not mine.
func startNodeMiner(ctx context.Context, c *cli.Context, m *miner.Miner, out *nodeOutput, servers *mineServers, log *slog.Logger, stop func()) *nodeMiner {
	beside := &nodeMiner{keys: openKeyboard(c.App.Reader, m != nil && out.screen != nil)}
	if m != nil {
		servers.start(ctx, &beside.serving, m, log)
	}
	if out.keys = beside.keys.in != nil; out.keys {
		go beside.keys.read(func(key byte) { pressNodeKey(key, m, stop) })
	}
	return beside
}

// wait waits for the servers and gives the terminal back.
func (b *nodeMiner) wait() {
	b.keys.close()
	b.serving.Wait()
}

// pressNodeKey does what a key is for.
func pressNodeKey(key byte, m pauser, stop func()) {
	switch key {
	case 'q', 'Q', ctrlC, ctrlD:
		stop()
	case 'p', 'P':
		m.Pause()
	case 'r', 'R':
		m.Resume()
	}
}
