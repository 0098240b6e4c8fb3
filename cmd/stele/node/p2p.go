package node

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/node"
	"stele/node/ledger/network"
)

const (
	p2pFolder       = "p2p" // of the data folder
	defaultMaxPeers = 128
	maxPeers        = 1000
	minKeyDigits    = 16 // of a pinned key
	maxKeyDigits    = 64
)

// p2pFlags returns the flags about peers.
func p2pFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "listen", Usage: "accept peers on `HOST:PORT` (e.g. :28699), or \"none\"",
			DefaultText: fmt.Sprintf(":%d on main, :%d on test, none on dev", network.Main.Port, network.Test.Port)},
		&cli.StringSliceFlag{Name: "peer", Usage: "stay connected to the node at `ADDRESS`, [KEY@]HOST[:PORT]; with KEY, it must have that key; may be repeated"},
		&cli.StringSliceFlag{Name: "seed", Usage: "ask the node at `ADDRESS`, HOST[:PORT], for addresses of others; may be repeated"},
		&cli.BoolFlag{Name: "only-peers", Usage: "connect to no others than --peer, and accept no others if each has a KEY"},
		&cli.StringFlag{Name: "max-peers", Usage: "have at most `N` peers; 0 isolates the node", DefaultText: strconv.Itoa(defaultMaxPeers)},
		&cli.BoolFlag{Name: "private-addresses", Usage: "also connect to addresses of private networks that other nodes report (always on dev)"},
	}
}

// p2pOptions reads the flags about peers. The result is nil if the node has none: with
// --max-peers 0, and on dev unless it is to listen or to connect.
func p2pOptions(c *cli.Context, p *network.Params, dir string) (*node.P2P, error) {
	most, err := cmdline.Number(c, "max-peers", 0, maxPeers, defaultMaxPeers)
	if err != nil {
		return nil, err
	}
	o := &node.P2P{
		Dir: filepath.Join(dir, p2pFolder), MaxPeers: int(most), OnlyPeers: c.Bool("only-peers"),
		Private: p.ID == network.Dev.ID || c.Bool("private-addresses"),
	}
	if o.Listen, err = listenAddress(c, p); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	for _, text := range c.StringSlice("peer") {
		key, host, pinned := strings.Cut(text, "@")
		if !pinned {
			key, host = "", text
		} else if !isKey(key) {
			return nil, fmt.Errorf("--peer: invalid key in %q: must be %d to %d hex digits", text, minKeyDigits, maxKeyDigits)
		} else {
			key += "@"
		}
		address, err := withPort(host, p.Port)
		if err != nil {
			return nil, fmt.Errorf("--peer: invalid address %q: %w", text, err)
		}
		o.Peers = append(o.Peers, key+address)
	}
	for _, text := range c.StringSlice("seed") {
		address, err := withPort(text, p.Port)
		if err != nil {
			return nil, fmt.Errorf("--seed: invalid address %q: %w", text, err)
		}
		o.Seeds = append(o.Seeds, address)
	}
	switch {
	case o.OnlyPeers && len(o.Peers) == 0:
		return nil, fmt.Errorf("--only-peers requires --peer; --max-peers 0 isolates the node")
	case most == 0 && (len(o.Peers) > 0 || c.IsSet("listen") && o.Listen != ""):
		return nil, fmt.Errorf("--max-peers 0 and --peer or --listen are mutually exclusive")
	case most == 0, p.ID == network.Dev.ID && o.Listen == "" && len(o.Peers)+len(o.Seeds) == 0:
		return nil, nil
	}
	return o, nil
}

// listenAddress returns the address at which peers are accepted, "" for none.
func listenAddress(c *cli.Context, p *network.Params) (string, error) {
	switch text := c.String("listen"); {
	case text == "none", text == "" && p.ID == network.Dev.ID:
		return "", nil
	case text == "":
		return fmt.Sprintf(":%d", p.Port), nil
	default:
		_, port, err := net.SplitHostPort(text)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return "", fmt.Errorf("invalid address %q: must be HOST:PORT, such as :%d, or none", text, p.Port)
		}
		return text, nil
	}
}

// isKey reports whether a text is the beginning of a node's key that is long enough to
// name it.
func isKey(text string) bool {
	_, err := hex.DecodeString(text + strings.Repeat("0", len(text)%2))
	return err == nil && len(text) >= minKeyDigits && len(text) <= maxKeyDigits
}

// withPort returns HOST:PORT for HOST[:PORT].
func withPort(text string, port uint16) (string, error) {
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return netip.AddrPortFrom(ip, port).String(), nil
	}
	if !strings.Contains(text, ":") {
		text = net.JoinHostPort(text, strconv.Itoa(int(port)))
	}
	host, number, err := net.SplitHostPort(text)
	if n, err2 := strconv.ParseUint(number, 10, 16); err != nil || err2 != nil || n == 0 || host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("must be HOST or HOST:PORT")
	}
	return text, nil
}
