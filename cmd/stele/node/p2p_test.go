package node

import (
	"flag"
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"stele/node"
	"stele/node/ledger/network"
)

// p2pOptionsOf parses flags.
func p2pOptionsOf(t *testing.T, p *network.Params, args ...string) (*node.P2P, error) {
	t.Helper()
	set := flag.NewFlagSet("", flag.ContinueOnError)
	for _, f := range p2pFlags() {
		if err := f.Apply(set); err != nil {
			t.Fatal(err)
		}
	}
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return p2pOptions(cli.NewContext(nil, set, nil), p, "d")
}

func TestP2POptions(t *testing.T) {
	const key = "00112233445566ff"
	for _, c := range []struct {
		p    *network.Params
		args string
		want *node.P2P
	}{
		{network.Dev, "", nil},
		{network.Dev, "--listen none", nil},
		{network.Dev, "--max-peers 0", nil},
		{network.Test, "--max-peers 0", nil},
		{network.Dev, "--listen 127.0.0.1:0", &node.P2P{Listen: "127.0.0.1:0", MaxPeers: 128, Private: true}},
		{network.Test, "", &node.P2P{Listen: ":18699", MaxPeers: 128}},
		{network.Main, "--max-peers 20 --private-addresses", &node.P2P{Listen: ":8699", MaxPeers: 20, Private: true}},
		{network.Main, "--listen none --seed a.example --seed b.example:7", &node.P2P{Seeds: []string{"a.example:8699", "b.example:7"}, MaxPeers: 128}},
		{network.Dev, "--peer 192.0.2.1 --peer ::1 --peer [2001:db8::1]:5 --peer node.example", &node.P2P{
			Peers: []string{"192.0.2.1:28699", "[::1]:28699", "[2001:db8::1]:5", "node.example:28699"}, MaxPeers: 128, Private: true}},
		{network.Dev, "--only-peers --peer " + key + "@node.example:1", &node.P2P{
			Peers: []string{key + "@node.example:1"}, OnlyPeers: true, MaxPeers: 128, Private: true}},
	} {
		got, err := p2pOptionsOf(t, c.p, strings.Fields(c.args)...)
		if c.want != nil {
			c.want.Dir = "d/p2p"
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: %+v, %v, want %+v", c.p.Name, c.args, got, err, c.want)
		}
	}
}

func TestP2POptionsInvalid(t *testing.T) {
	for args, want := range map[string]string{
		"--listen nowhere":            `--listen: invalid address "nowhere": must be HOST:PORT, such as :28699, or none`,
		"--listen :99999":             "--listen: invalid address",
		"--peer :5":                   `--peer: invalid address ":5": must be HOST or HOST:PORT`,
		"--peer a:b":                  "--peer: invalid address",
		"--peer a:0":                  "--peer: invalid address",
		"--peer a:1:2":                "--peer: invalid address",
		"--peer=":                     "--peer: invalid address",
		"--peer 0011@a:1":             `--peer: invalid key in "0011@a:1": must be 16 to 64 hex digits`,
		"--peer 00112233445566fx@a:1": "--peer: invalid key",
		"--seed 00112233445566ff@a:1": "--seed: invalid address",
		"--only-peers":                "--only-peers requires --peer",
		"--max-peers 1001":            "--max-peers: 1001 is out of range",
		"--max-peers 0 --peer a":      "mutually exclusive",
		"--max-peers 0 --listen :1":   "mutually exclusive",
		"--peer http://node.example/": "--peer: invalid address",
		"--peer " + strings.Repeat("00", 33) + "@a:1": "--peer: invalid key",
	} {
		if got, err := p2pOptionsOf(t, network.Dev, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, error %v, want %q", args, got, err, want)
		}
	}
}
