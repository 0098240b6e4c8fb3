// Package nodeflags has the flags that name the network of a node, the folder of
// its store and the address of its API.
package nodeflags

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/node/ledger/network"
	"stele/node/store"
)

// DefaultAPI is the default address of the API of a node.
const DefaultAPI = "127.0.0.1:8690"

// StoredNetwork is the default of --network for commands that read a store.
const StoredNetwork = "that of the store in --data, or dev"

// StoreFlags returns the flags --network, --day and --data. Otherwise describes the network
// without --network.
func StoreFlags(otherwise string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "network", Usage: "use the `NETWORK` dev, test or main", DefaultText: otherwise},
		DayFlag(),
		&cli.StringFlag{Name: "data", Usage: "use the data folder `DIR`", DefaultText: "stele/NETWORK in $XDG_DATA_HOME or ~/.local/share"},
	}
}

// DayFlag returns the flag --day.
func DayFlag() cli.Flag {
	return &cli.StringFlag{Name: "day", Usage: "use a network dev of its own whose days last `TIME`, such as 10m",
		DefaultText: fmt.Sprintf("%ds", network.Dev.AfterSales.Day)}
}

// Network returns the network that --network and --day name.
func Network(c *cli.Context) (*network.Params, error) {
	p := network.Dev
	if c.IsSet("network") {
		var err error
		if p, err = network.Lookup(c.String("network")); err != nil {
			return nil, fmt.Errorf("--network: %w", err)
		}
	}
	return WithDay(c, p)
}

// WithDay returns p, or with --day the network dev with days of this length.
func WithDay(c *cli.Context, p *network.Params) (*network.Params, error) {
	if !c.IsSet("day") {
		return p, nil
	}
	day, err := cmdline.Duration(c, "day")
	switch {
	case err != nil:
		return nil, err
	case p != network.Dev:
		return nil, fmt.Errorf("--day requires network %s: got %s", network.Dev.Name, p.Name)
	case day%time.Second != 0 || day > maxDay:
		return nil, fmt.Errorf("--day: %v is no whole number of seconds up to %v", day, maxDay)
	}
	return network.DevWithDay(uint32(day / time.Second))
}

// maxDay is the longest --day.
const maxDay = 24 * time.Hour

// DataFolder returns the folder that --data names, or the default folder of the
// network (XDG Base Directory Specification).
func DataFolder(c *cli.Context, p *network.Params) (string, error) {
	if c.IsSet("data") {
		if c.String("data") == "" {
			return "", errors.New("--data: the name is empty")
		}
		return c.String("data"), nil
	}
	base, err := cmdline.UserData("data")
	if err != nil {
		return "", err
	}
	name := p.Name
	if day := p.AfterSales.Day; p.ID == network.Dev.ID && day != network.Dev.AfterSales.Day {
		name = fmt.Sprintf("%s-day-%ds", name, day) // it is another chain
	}
	return filepath.Join(base, name), nil
}

// EachNetwork calls use with the network that --network and --day name. Without them it
// tries one network after the other until use does not return [store.ErrNetwork].
func EachNetwork(c *cli.Context, use func(p *network.Params) error) error {
	networks := network.All()
	if c.IsSet("network") || c.IsSet("day") {
		p, err := Network(c)
		if err != nil {
			return err
		}
		networks = []*network.Params{p}
	}
	var err error
	for _, p := range networks {
		if err = use(p); !errors.Is(err, store.ErrNetwork) {
			break
		}
	}
	return err
}

// Explain adds to an error of opening a node, or its store, what the user can do about it.
func Explain(err error) error {
	switch {
	case errors.Is(err, store.ErrNetwork):
		return fmt.Errorf("%w: pass the right --network and --day, or another folder with --data", err)
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: run \"stele node check\" for details", err)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, store.ErrDisk):
		return fmt.Errorf("%w: pass the data folder of a node with --data", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: pass another address to --api, --stratum or --listen", err)
	}
	return err
}
