package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/query"
)

// Health is the health of the node.
type Health struct {
	Status   string    `json:"status" enum:"ok,stale,trouble" doc:"ok; stale: no block came for much longer than one should take; trouble: the node has stopped for now"`
	Trouble  string    `json:"trouble,omitempty" doc:"why the node has stopped"`
	Version  string    `json:"version"`
	Network  string    `json:"network" example:"dev"`
	Genesis  string    `json:"genesis" doc:"hash of block 0"`
	Uptime   float64   `json:"uptime_seconds"`
	Height   uint32    `json:"height"`
	TipAge   float64   `json:"tip_age_seconds" doc:"since the time in the header of the tip"`
	TipStale bool      `json:"tip_stale" doc:"whether the tip is older than twelve times the time that a block should take"`
	Peers    int       `json:"peers" doc:"nodes that this one is connected to"`
	Sync     *Sync     `json:"sync,omitempty" doc:"how far the node is behind its peers; missing if it has no peer-to-peer server"`
	Mining   bool      `json:"mining"`
	Waiting  string    `json:"waiting,omitempty" doc:"why the node and its Stratum miners mine nothing for now" example:"catching up with peers"`
	HashRate float64   `json:"hashes_per_second"`
	Pool     int       `json:"pool_records"`
	Warnings []Warning `json:"warnings" doc:"conditions that an operator should know, although the node works"`
}

// Warning is a condition that an operator should know.
type Warning struct {
	Kind string `json:"kind" enum:"alone,behind,deep-reorg,no-roots,tip-stale"`
	Text string `json:"text"`
}

// Miners are the miners that are connected by Stratum.
type Miners struct {
	Address     string       `json:"address" doc:"at which the Stratum server listens"`
	TLS         bool         `json:"tls"`
	Connections int          `json:"connections"`
	HashRate    float64      `json:"hashes_per_second" doc:"estimated from the accepted shares of the last five minutes"`
	Shares      MinerShares  `json:"shares"`
	Blocks      MinerBlocks  `json:"blocks"`
	Banned      int          `json:"banned_addresses"`
	Miners      []MinerState `json:"miners" doc:"one for each connection that receives work, by user name"`
}

// MinerState is a connected miner. It has no address, since anybody may read it.
type MinerState struct {
	User       string      `json:"user" doc:"payout key and name of the worker"`
	Agent      string      `json:"agent" doc:"program of the miner, as it names itself"`
	Connected  float64     `json:"connected_seconds"`
	LastShare  float64     `json:"last_share_seconds" doc:"since the last accepted share, or since it connected"`
	Difficulty float64     `json:"difficulty" doc:"of its shares"`
	HashRate   float64     `json:"hashes_per_second" doc:"estimated from the accepted shares of the last five minutes"`
	Shares     MinerShares `json:"shares"`
}

// MinerShares counts shares.
type MinerShares struct {
	Accepted      uint64 `json:"accepted"`
	Stale         uint64 `json:"stale" doc:"for a block that is no longer the tip"`
	Duplicate     uint64 `json:"duplicate"`
	LowDifficulty uint64 `json:"low_difficulty"`
	Unauthorized  uint64 `json:"unauthorized"`
	Invalid       uint64 `json:"invalid" doc:"all others"`
}

// MinerBlocks counts the blocks that miners found.
type MinerBlocks struct {
	Accepted uint64 `json:"accepted"`
	Stale    uint64 `json:"stale" doc:"another block was faster"`
	Refused  uint64 `json:"refused" doc:"rejected by the chain; each is a fault of the program"`
}

func (a *API) registerNode(api huma.API) {
	huma.Register(api, get("get-health", "/v1/health", "Health of the node"),
		func(context.Context, *struct{}) (*answer[Health], error) {
			return &answer[Health]{NewHealth(a.status())}, nil
		})
	huma.Register(api, get("list-miners", "/v1/miners", "The miners that are connected by Stratum"),
		func(context.Context, *struct{}) (*answer[Miners], error) {
			if a.miners == nil {
				return &answer[Miners]{Miners{Miners: []MinerState{}}}, nil
			}
			return &answer[Miners]{newMiners(a.miners())}, nil
		})
}

// NewHealth returns the health that a status shows.
func NewHealth(s query.Status) Health {
	h := Health{
		Status:   "ok",
		Trouble:  s.Trouble,
		Version:  s.Version,
		Network:  s.Network,
		Genesis:  s.Genesis.String(),
		Uptime:   s.Now.Sub(s.Started).Seconds(),
		Height:   s.Height,
		TipAge:   max(0, s.Now.Sub(s.TipTime).Seconds()),
		Mining:   s.Miner != nil,
		Waiting:  s.Waiting,
		HashRate: s.HashRate(),
		Pool:     s.Pool.Records,
		Peers:    s.Connected(),
		Warnings: []Warning{},
	}
	if s.Peers != nil {
		sync := NewSync(s.Peers.Sync)
		h.Sync = &sync
	}
	for _, w := range s.Warnings {
		h.Warnings = append(h.Warnings, Warning{Kind: string(w.Kind), Text: w.Text})
		h.TipStale = h.TipStale || w.Kind == query.TipStale
	}
	switch {
	case s.Trouble != "":
		h.Status = "trouble"
	case h.TipStale:
		h.Status = "stale"
	}
	return h
}

func newMiners(q query.Miners) Miners {
	w := q.Server
	m := Miners{
		Address:     w.Address,
		TLS:         w.TLS,
		Connections: w.Connections,
		HashRate:    w.HashRate,
		Shares:      MinerShares(w.Shares),
		Blocks:      MinerBlocks{Accepted: w.Mined.Blocks, Stale: w.Mined.Stale, Refused: w.Mined.Rejected},
		Banned:      w.Banned,
		Miners:      []MinerState{},
	}
	for _, x := range q.All {
		last := x.LastShare
		if last.IsZero() {
			last = x.Since
		}
		m.Miners = append(m.Miners, MinerState{
			User: x.Name, Agent: x.Agent, Connected: q.Now.Sub(x.Since).Seconds(), LastShare: q.Now.Sub(last).Seconds(),
			Difficulty: x.Difficulty, HashRate: x.HashRate, Shares: MinerShares(x.Shares),
		})
	}
	return m
}
