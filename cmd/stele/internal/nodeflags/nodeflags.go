// Package nodeflags has the flags that name the network of a node, the folder of
// its store and the address of its API.
package nodeflags

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"stele/node/ledger/network"
	"stele/node/store"
)

// DefaultAPI is the default address of the API of a node.
const DefaultAPI = "127.0.0.1:8690"

// StoredNetwork is the default of --network for commands that read a store.
const StoredNetwork = "that of the store in --data, or dev"

// StoreFlags returns the flags --network and --data. Otherwise describes the network
// without --network.
func StoreFlags(otherwise string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "network", Usage: "use the `NETWORK` dev, test or main", DefaultText: otherwise},
		&cli.StringFlag{Name: "data", Usage: "use the data folder `DIR`", DefaultText: "stele/NETWORK in $XDG_DATA_HOME or ~/.local/share"},
	}
}

// Network returns the network that --network names.
func Network(c *cli.Context) (*network.Params, error) {
	if !c.IsSet("network") {
		return network.Dev, nil
	}
	p, err := network.Lookup(c.String("network"))
	if err != nil {
		return nil, fmt.Errorf("--network: %w", err)
	}
	return p, nil
}

// DataFolder returns the folder that --data names, or the default folder of the
// network (XDG Base Directory Specification).
func DataFolder(c *cli.Context, p *network.Params) (string, error) {
	if c.IsSet("data") {
		if c.String("data") == "" {
			return "", errors.New("--data: the name is empty")
		}
		return c.String("data"), nil
	}
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no default data folder, pass --data: %w", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "stele", p.Name), nil
}

// EachNetwork calls use with the network that --network names. Without the flag it
// tries one network after the other until use does not return [store.ErrNetwork].
func EachNetwork(c *cli.Context, use func(p *network.Params) error) error {
	networks := network.All()
	if c.IsSet("network") {
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
		return fmt.Errorf("%w: pass the right --network, or another folder with --data", err)
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: run \"stele node check\" for details", err)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, store.ErrDisk):
		return fmt.Errorf("%w: pass the data folder of a node with --data", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: pass another address to --api, --stratum or --listen", err)
	}
	return err
}
