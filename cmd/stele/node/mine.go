package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
)

// miningFlags returns the flags about the devices of --mine. Those of "stele mine"
// with the same names mean the same.
func miningFlags() []cli.Flag {
	return slices.Concat(minerflags.LimitFlags(), minerflags.HookFlags("run `COMMAND` when the chain accepts a block of this node"), []cli.Flag{
		&cli.StringFlag{Name: "mine-api", Usage: "serve status and metrics of the devices on `HOST:PORT`, as \"stele mine\" does", DefaultText: "none"},
		&cli.StringFlag{Name: "cgminer", Usage: "serve the read-only cgminer API on `HOST:PORT`", DefaultText: "none"},
	})
}

// checkMining checks the settings of miningFlags.
func (s *settings) checkMining(c *cli.Context) error {
	if !c.Bool("mine") {
		for _, f := range miningFlags() {
			if name := f.Names()[0]; c.String(name) != "" {
				return fmt.Errorf("--%s requires --mine", name)
			}
		}
		if !reflect.DeepEqual(s.file.File, minerflags.File{}) {
			return errors.New("limits and commands of the config file, such as temp_limit and on_sick, require mine = true")
		}
		return nil
	}
	for flag, address := range map[string]string{"mine-api": s.served.API, "cgminer": s.served.Cgminer} {
		if address == "" {
			continue
		}
		if err := minerflags.CheckAddress(flag, address); err != nil {
			return err
		}
	}
	if a := s.served.API; a != "" && a != "none" && !minerflags.IsLoopback(a) && s.served.Token == "" {
		return fmt.Errorf("--mine-api: %s can be reached from other machines: it requires --api-token or --api-token-file", a)
	}
	return nil
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
