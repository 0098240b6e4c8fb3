package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/query"
)

// Peers are the peers of the node.
type Peers struct {
	Key         string     `json:"key" doc:"of this node; 16 hex digits; empty: it has no peer-to-peer server"`
	Listen      string     `json:"listen" doc:"address that it listens at; empty: none"`
	MaxPeers    int        `json:"max_peers"`
	Addresses   int        `json:"addresses" doc:"of nodes that it knows"`
	Discouraged int        `json:"discouraged" doc:"addresses that it avoids for a day, as their nodes broke the protocol"`
	Sync        Sync       `json:"sync"`
	Peers       []Peer     `json:"peers" doc:"that are connected, the oldest connection first"`
	Gone        []GonePeer `json:"gone" doc:"connections that ended and calls that failed, the newest first"`
}

// Sync is how far a node is behind its peers.
type Sync struct {
	State      string  `json:"state" enum:"alone,headers,blocks,synced" doc:"alone: no peer is connected; headers, blocks: what is downloaded; synced: no peer is known to have more work"`
	Height     uint32  `json:"height" doc:"of the tip"`
	Tip        string  `json:"tip" doc:"hash of the tip"`
	Target     uint32  `json:"target" doc:"height of the best known header"`
	BlocksRate float64 `json:"blocks_per_second" doc:"mean of the last ten seconds"`
	BytesRate  float64 `json:"bytes_per_second" doc:"mean of the last ten seconds"`
	Left       float64 `json:"seconds_left" doc:"estimate; 0: not known"`
	CatchingUp bool    `json:"catching_up" doc:"the node is too far behind to mine"`
}

// Peer is a node that is connected. Its address is shown only to those who may write.
type Peer struct {
	Key        string  `json:"key" doc:"16 hex digits"`
	Address    string  `json:"address,omitempty" doc:"shown only to those who may write"`
	Direction  string  `json:"direction" enum:"in,out"`
	Kind       string  `json:"kind" enum:"inbound,full,blocks-only,feeler,manual"`
	Agent      string  `json:"agent" doc:"program and version, as it names itself"`
	Protocol   int     `json:"protocol"`
	Connected  float64 `json:"connected_seconds"`
	LastHeard  float64 `json:"last_heard_seconds" doc:"since its last message"`
	Ping       float64 `json:"ping_seconds" doc:"0: not known"`
	MinPing    float64 `json:"min_ping_seconds" doc:"0: not known"`
	Height     uint32  `json:"height" doc:"of the best block that it is known to have"`
	Blocks     uint64  `json:"first_blocks" doc:"that it was the first to give"`
	Records    uint64  `json:"first_records" doc:"that it was the first to give"`
	Received   uint64  `json:"received_bytes"`
	Sent       uint64  `json:"sent_bytes"`
	Requests   int     `json:"open_requests" doc:"of this node"`
	Dropped    uint64  `json:"dropped_messages" doc:"not sent, as it reads too slowly"`
	MinFeeRate uint64  `json:"min_fee_rate" doc:"of records that it takes, in units of 1e-8 per 1000 bytes"`
}

// GonePeer is a connection that has ended, or a call that failed.
type GonePeer struct {
	Key       string  `json:"key" doc:"empty: there was no handshake"`
	Address   string  `json:"address,omitempty" doc:"shown only to those who may write"`
	Direction string  `json:"direction" enum:"in,out"`
	Connected float64 `json:"connected_seconds" doc:"how long it lasted"`
	Ago       float64 `json:"seconds_ago"`
	By        string  `json:"by" enum:"node,peer" doc:"who ended it"`
	Reason    string  `json:"reason" doc:"stable word"`
	Text      string  `json:"text"`
}

// Forgotten is the answer to a request to forget an address.
type Forgotten struct {
	Forgotten bool `json:"forgotten" doc:"false: the address was not discouraged"`
}

type forgetInput struct {
	Body struct {
		Address string `json:"address" maxLength:"64" example:"192.0.2.7" doc:"IP address"`
	}
}

func (a *API) registerPeers(api huma.API) {
	huma.Register(api, get("get-peers", "/v1/peers", "The peers of the node"),
		func(ctx context.Context, _ *struct{}) (*answer[Peers], error) {
			if a.peers == nil {
				return &answer[Peers]{Peers{Sync: Sync{State: string(query.SyncAlone)}, Peers: []Peer{}, Gone: []GonePeer{}}}, nil
			}
			return &answer[Peers]{newPeers(a.peers(), isTrusted(ctx))}, nil
		})
	huma.Register(api, post("forget-peer", "/v1/peers/forget", "Stop avoiding an address"),
		func(_ context.Context, in *forgetInput) (*answer[Forgotten], error) {
			address, err := netip.ParseAddr(in.Body.Address)
			if err != nil {
				return nil, newProblem(http.StatusUnprocessableEntity, "address: must be an IP address")
			}
			return &answer[Forgotten]{Forgotten{a.forget != nil && a.forget(address)}}, nil
		})
}

// newPeers returns the peers, with their addresses if they may be shown.
func newPeers(q query.Peers, addresses bool) Peers {
	p := Peers{
		Key: q.Key, Listen: q.Listen, MaxPeers: q.MaxPeers, Addresses: q.Addresses, Discouraged: q.Discouraged,
		Sync: NewSync(q.Sync), Peers: []Peer{}, Gone: []GonePeer{},
	}
	shown := func(address string) string {
		if addresses {
			return address
		}
		return ""
	}
	since := func(t time.Time) float64 { return max(0, q.Now.Sub(t).Seconds()) }
	for _, x := range q.Connected {
		p.Peers = append(p.Peers, Peer{
			Key: x.Key, Address: shown(x.Address), Direction: direction(x.Inbound), Kind: x.Kind, Agent: x.Agent, Protocol: x.Protocol,
			Connected: since(x.Since), LastHeard: since(x.LastHeard), Ping: x.Ping.Seconds(), MinPing: x.MinPing.Seconds(),
			Height: x.Height, Blocks: x.Blocks, Records: x.Records, Received: x.Received, Sent: x.Sent,
			Requests: x.Requests, Dropped: x.Dropped, MinFeeRate: x.MinFeeRate,
		})
	}
	for _, x := range q.Gone {
		by := "node"
		if x.ByPeer {
			by = "peer"
		}
		p.Gone = append(p.Gone, GonePeer{
			Key: x.Key, Address: shown(x.Address), Direction: direction(x.Inbound), Connected: max(0, x.Until.Sub(x.Since).Seconds()),
			Ago: since(x.Until), By: by, Reason: x.Reason, Text: x.Text,
		})
	}
	return p
}

func direction(inbound bool) string {
	if inbound {
		return "in"
	}
	return "out"
}

// NewSync returns the synchronisation that a status shows.
func NewSync(s query.Sync) Sync {
	if s.State == "" {
		s.State = query.SyncAlone
	}
	return Sync{
		State: string(s.State), Height: s.Height, Tip: s.Tip.String(), Target: s.Target, BlocksRate: s.BlocksPerSecond, BytesRate: s.BytesPerSecond,
		Left: s.Left.Seconds(), CatchingUp: s.CatchingUp,
	}
}
