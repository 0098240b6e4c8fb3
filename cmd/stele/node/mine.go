package node

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
	"stele/engine/miner/health"
	"stele/node"
)

// miningFlags returns the flags about the devices of --mine. Those of "stele mine"
// with the same names mean the same.
func miningFlags() []cli.Flag {
	return slices.Concat(minerflags.LimitFlags(), minerflags.HookFlags("run `COMMAND` when the chain accepts a block of this node"), []cli.Flag{
		&cli.StringFlag{Name: "mine-api", Usage: "serve status and metrics of the devices on `HOST:PORT`, as \"stele mine\" does", DefaultText: "none"},
		&cli.StringFlag{Name: "cgminer", Usage: "serve the read-only cgminer API on `HOST:PORT`", DefaultText: "none"},
	})
}

// readMining reads the flags of miningFlags into the options of a node, and opens the
// APIs of its miner. The caller closes them.
func readMining(c *cli.Context, o *node.Options) (servers *minerflags.Servers, err error) {
	if !c.Bool("mine") {
		for _, f := range miningFlags() {
			if name := f.Names()[0]; c.String(name) != "" {
				return nil, fmt.Errorf("--%s requires --mine", name)
			}
		}
		return minerflags.Listen(minerflags.ServerOptions{})
	}
	if o.Limits, err = minerflags.Limits(c, health.Limits{}); err != nil {
		return nil, err
	}
	if o.Hooks, err = minerflags.Hooks(c, health.Hooks{}); err != nil {
		return nil, err
	}
	o.Sensors, o.CPUEnergy = minerflags.Sensors, minerflags.CPUEnergy()
	served := minerflags.ServerOptions{API: c.String("mine-api"), APIFlag: "mine-api", Cgminer: c.String("cgminer"), Token: c.String("api-token")}
	for flag, address := range map[string]string{"mine-api": served.API, "cgminer": served.Cgminer} {
		if address == "" {
			continue
		}
		if err := minerflags.CheckAddress(flag, address); err != nil {
			return nil, err
		}
	}
	if a := served.API; a != "" && a != "none" && !minerflags.IsLoopback(a) && served.Token == "" {
		return nil, fmt.Errorf("--mine-api: %s can be reached from other machines: it requires --api-token", a)
	}
	return minerflags.Listen(served)
}

// controls are the means to control the miner of a node while it runs: its APIs and
// the keyboard.
type controls struct {
	keys *screen.Keyboard
	wg   sync.WaitGroup
}

// startControls starts the controls, until ctx ends. M is nil if the node does not
// mine; stop stops the node.
func startControls(ctx context.Context, c *cli.Context, m *miner.Miner, out *display, servers *minerflags.Servers, stop func()) *controls {
	k := &controls{keys: screen.OpenKeyboard(c.App.Reader, m != nil && out.IsLive())}
	if m != nil {
		servers.Start(ctx, &k.wg, m, out.Log)
	}
	if out.keys = k.keys.IsOpen(); out.keys {
		go k.keys.Read(func(key byte) { minerflags.Press(key, m, stop) })
	}
	return k
}

// wait restores the terminal and waits for the APIs, whose context must have ended.
func (k *controls) wait() {
	k.keys.Close()
	k.wg.Wait()
}
