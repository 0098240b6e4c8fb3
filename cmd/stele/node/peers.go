package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/nodeclient"
	"stele/internal/text"
	"stele/node/api"
)

func peersCommand() *cli.Command {
	return &cli.Command{
		Name:  "peers",
		Usage: "list the peers of a running node",
		Description: "Asks the API of a node for its peers, how far it is behind them, and which connections\n" +
			"ended lately, with the reasons. A node whose API has a token needs it here too.\n\n" +
			"  stele node peers\n" +
			"  stele node peers --forget 192.0.2.7",
		Flags: []cli.Flag{
			nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(),
			&cli.StringFlag{Name: "forget", Usage: "stop avoiding the IP `ADDRESS`, whose node broke the protocol"},
			cmdline.JSONFlag(),
		},
		Action: runPeers,
	}
}

func runPeers(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	client, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer client.Close()
	if c.IsSet("forget") {
		return forgetPeer(c, client)
	}
	var p api.Peers
	if err := client.Get(c.Context, "/v1/peers", &p); err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, p)
	}
	return cmdline.PrintText(c, peersText(p))
}

// forgetPeer removes an address from those that the node avoids.
func forgetPeer(c *cli.Context, client *nodeclient.Client) error {
	address, err := netip.ParseAddr(c.String("forget"))
	if err != nil {
		return fmt.Errorf("--forget: %q is not an IP address", c.String("forget"))
	}
	body, err := json.Marshal(map[string]string{"address": address.String()})
	if err != nil {
		return err
	}
	var res api.Forgotten
	if err := client.Post(c.Context, "/v1/peers/forget", "application/json", body, &res); err != nil {
		return cmdline.Cause(c, err)
	}
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c, res)
	case res.Forgotten:
		return cmdline.PrintText(c, fmt.Sprintf("the node no longer avoids %v\n", address))
	default:
		return cmdline.PrintText(c, fmt.Sprintf("the node does not avoid %v\n", address))
	}
}

// peersText returns the peers for people.
func peersText(p api.Peers) string {
	if p.Key == "" {
		return "the node has no peer-to-peer server\n"
	}
	out := table(func(w io.Writer) {
		fmt.Fprintf(w, "key\t%s\n", cell(p.Key))
		fmt.Fprintf(w, "listen\t%s\n", cell(p.Listen))
		fmt.Fprintf(w, "peers\t%d of at most %d; %s addresses known, %s avoided\n", len(p.Peers), p.MaxPeers, human.Grouped(uint64(p.Addresses)), human.Grouped(uint64(p.Discouraged)))
		fmt.Fprintf(w, "sync\t%s\n", syncText(p.Sync))
		fmt.Fprintf(w, "tip\t%s\n", cell(p.Sync.Tip))
	})
	if len(p.Peers) > 0 {
		out += "\n" + table(func(w io.Writer) {
			fmt.Fprintln(w, "PEER\tADDRESS\tKIND\tFOR\tPING\tHEIGHT\tGAVE\tIN\tOUT\tOPEN\tAGENT")
			for _, x := range p.Peers {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\n", cell(x.Key), cell(x.Address), cell(x.Kind), seconds(x.Connected), ping(x.Ping),
					x.Height, gave(x), human.Bytes(int64(x.Received)), human.Bytes(int64(x.Sent)), x.Requests, cell(x.Agent))
			}
		})
	}
	if len(p.Gone) > 0 {
		out += "\n" + table(func(w io.Writer) {
			fmt.Fprintln(w, "GONE\tADDRESS\tDIRECTION\tFOR\tAGO\tBY\tREASON")
			for _, x := range p.Gone {
				reason := x.Reason
				if x.Text != "" {
					reason += ": " + x.Text
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cell(x.Key), cell(x.Address), cell(x.Direction), seconds(x.Connected), seconds(x.Ago), cell(x.By), cell(reason))
			}
		})
	}
	return out
}

// syncText returns how far a node is behind its peers.
func syncText(s api.Sync) string {
	switch s.State {
	case "headers", "blocks":
		line := fmt.Sprintf("%s, height %d", s.State, s.Height)
		if s.Target > s.Height { // else it is not known yet
			line += fmt.Sprintf(" of %d", s.Target)
		}
		if s.BlocksRate > 0 {
			line += fmt.Sprintf(", %s blocks/s", perSec(s.BlocksRate))
		}
		if s.BytesRate > 0 {
			line += fmt.Sprintf(", %sB/s", human.SI(s.BytesRate))
		}
		if s.Left > 0 {
			line += fmt.Sprintf(", %s left", seconds(s.Left))
		}
		return line
	}
	return fmt.Sprintf("%s, height %d", cell(s.State), s.Height)
}

// gave returns what a peer was the first to give.
func gave(p api.Peer) string {
	return fmt.Sprintf("%s, %s", human.Count(p.Blocks, "block"), human.Count(p.Records, "record"))
}

func seconds(s float64) string { return human.Duration(time.Duration(s * float64(time.Second))) }

func ping(s float64) string {
	if s == 0 {
		return "-"
	}
	return seconds(s)
}

// cell returns a text of the API for a table, or a dash for an empty one.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return text.Clean(s, text.Max)
}
