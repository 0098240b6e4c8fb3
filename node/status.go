package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/api"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/stratum"
)

// Status tells how a node does at one moment. Counts are since the node was
// started and only grow; rates are means of the last ten seconds.
type Status struct {
	Network string
	Dir     string    // of the store
	API     string    // address that the API listens at; "" if there is none
	Now     time.Time // when the status was taken
	Started time.Time

	Height       uint32
	Tip          pow.Hash
	TipTime      time.Time       // the header's
	TipSeen      time.Time       // when the node took it; after a start, TipTime
	Intervals    []time.Duration // between the last blocks, oldest first, at most 60
	Spacing      time.Duration   // that a block should take
	Bits         pow.Bits        // of the next block
	NextRetarget uint32          // height of the next block whose target may change

	Mining   bool
	Devices  []DeviceStatus
	HashRate float64 // hashes per second, of all devices
	Mined    Mined

	Stratum *StratumStatus // nil: there is no server

	Pool    PoolStatus
	Traffic float64 // records per second that the generator is asked for; 0: none
	Records RecordCounts

	Types    map[record.Type]uint64      // records in connected blocks, without coinbases
	Claims   map[rules.ClaimState]uint64 // that were open at the start or came since
	Refusals map[reject.Reason]uint64    // records of the traffic that were refused

	Peers    int       // that are connected; always 0, as nodes do not speak to each other yet
	Warnings []Warning // what an operator should know of
	Trouble  string    // what keeps the node from going on, "" if nothing does
}

// DeviceStatus is a device of the engine and its speed.
type DeviceStatus struct {
	engine.DeviceStatus
	HashRate float64 // hashes per second
}

// Mined counts what became of the blocks that were found.
type Mined struct {
	Blocks  uint64 // that the chain took
	Stale   uint64 // that came too late: somebody else's block was faster
	Refused uint64 // that the chain refused; each is a fault of the program
}

// StratumStatus tells how the miners do that have work by Stratum.
type StratumStatus struct {
	stratum.Status
	Address string // that the server listens at
	TLS     bool
	Mined   Mined
}

// PoolStatus tells how full the pool is.
type PoolStatus struct {
	Records  int
	Bytes    int64 // of encoded records
	Memory   int64 // that they take
	MaxBytes int64 // of memory
}

// RecordCounts counts records on their way.
type RecordCounts struct {
	Accepted, Refused uint64  // by the pool
	Connected         uint64  // in connected blocks, without coinbases
	AcceptedRate      float64 // per second
	ConnectedRate     float64 // per second
}

// Status tells how the node does.
func (n *Node) Status() Status {
	tip, pool := n.chain.Tip(), n.pool.Stats()
	interval := n.o.Params.Pow.RetargetInterval
	s := Status{
		Network: n.o.Params.Name,
		Dir:     n.o.Dir,
		Now:     time.Now(),
		Started: n.started,

		Height:       tip.Height,
		Tip:          tip.Hash,
		TipTime:      unix(tip.Header.Time),
		Spacing:      time.Duration(n.o.Params.Pow.TargetSpacing) * time.Second,
		Bits:         tip.NextBits,
		NextRetarget: (tip.Height/interval + 1) * interval,

		Pool:    PoolStatus{Records: pool.Records, Bytes: pool.Bytes, Memory: pool.Memory, MaxBytes: pool.MaxBytes},
		Traffic: n.o.Traffic,
	}
	s.Warnings = warnings(n.o.Params, s.Peers, s.Now.Sub(s.TipTime))
	if n.listener != nil {
		s.API = n.listener.Addr().String()
	}
	if err := n.store.Err(); err != nil {
		s.Trouble = err.Error()
	} else if err := n.chain.Err(); err != nil {
		s.Trouble = fmt.Sprintf("the chain has stopped, and tries again with the next block: %v", err)
	}
	clock := clockError(tip.MinTime, n.o.now(), n.o.Params)
	var devices []engine.DeviceStatus
	if n.miner != nil {
		s.Mining = true
		s.Mined = n.miner.found.status()
		devices = n.miner.engine.Status()
	}

	if n.stratum != nil {
		s.Stratum = &StratumStatus{
			Status: n.stratum.Status(), Address: n.workers.Addr().String(), TLS: n.o.StratumTLS != nil, Mined: n.solved.status(),
		}
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	s.Trouble = cmp.Or(s.Trouble, n.trouble)
	if clock != nil {
		s.Trouble = cmp.Or(s.Trouble, clock.Error())
	}
	s.TipSeen = n.blocks.tipSeen
	s.Intervals = slices.Clone(n.blocks.intervals)
	s.Records = RecordCounts{
		Accepted: pool.Counts.Accepted, Refused: pool.Counts.Refused, Connected: n.connected,
		AcceptedRate: n.meters.accepted.rate(), ConnectedRate: n.meters.connected.rate(),
	}
	s.Types, s.Claims = maps.Clone(n.tally.records), n.tally.states()
	if n.traffic != nil {
		s.Refusals = n.traffic.Counts().Refusals()
	}
	for _, d := range devices {
		status := DeviceStatus{DeviceStatus: d}
		if m := n.meters.devices[d.Info.ID]; m != nil {
			status.HashRate = m.rate()
		}
		s.HashRate += status.HashRate
		s.Devices = append(s.Devices, status)
	}
	return s
}

// clockError tells that the clock here is wrong if even the earliest time that
// the next header may have is too far ahead of it. The chain would refuse every
// block until the clock is set.
func clockError(earliest uint32, now time.Time, p *network.Params) error {
	h := pow.Header{Time: earliest}
	if headertree.TooNew(h, now, p.MaxFuture) == nil {
		return nil
	}
	behind := unix(earliest).Sub(now).Truncate(time.Second)
	return fmt.Errorf("the clock here is wrong: it is %v behind the chain, at most %v are allowed: set the clock; no block is made or taken until then",
		behind, time.Duration(p.MaxFuture)*time.Second)
}

// health is the status for the API.
func (n *Node) health() api.Health {
	s := n.Status()
	h := api.Health{
		Status:   "ok",
		Trouble:  s.Trouble,
		Version:  n.o.Version,
		Network:  s.Network,
		Genesis:  n.genesis.String(),
		Uptime:   s.Now.Sub(s.Started).Seconds(),
		Height:   s.Height,
		TipAge:   max(0, s.Now.Sub(s.TipTime).Seconds()),
		Mining:   s.Mining,
		HashRate: s.HashRate,
		Pool:     s.Pool.Records,
		Peers:    s.Peers,
		Warnings: []api.Warning{},
	}
	for _, w := range s.Warnings {
		h.Warnings = append(h.Warnings, api.Warning{Kind: string(w.Kind), Text: w.Text})
		h.TipStale = h.TipStale || w.Kind == TipStale
	}
	switch {
	case s.Trouble != "":
		h.Status = "trouble"
	case h.TipStale:
		h.Status = "stale"
	}
	return h
}

// miners are those of the Stratum server, for the API.
func (n *Node) miners() api.Miners {
	s, mined, now := n.stratum.Status(), n.solved.status(), n.o.now()
	m := api.Miners{
		Address:     n.workers.Addr().String(),
		TLS:         n.o.StratumTLS != nil,
		Connections: s.Connections,
		HashRate:    s.HashRate,
		Shares:      api.MinerShares(s.Shares),
		Blocks:      api.MinerBlocks{Accepted: mined.Blocks, Stale: mined.Stale, Refused: mined.Refused},
		Banned:      s.Banned,
		Miners:      []api.MinerState{},
	}
	for _, w := range n.stratum.Workers() {
		last := w.LastShare
		if last.IsZero() {
			last = w.Since
		}
		m.Miners = append(m.Miners, api.MinerState{
			User: w.Name, Agent: w.Agent, Connected: now.Sub(w.Since).Seconds(), LastShare: now.Sub(last).Seconds(),
			Difficulty: w.Difficulty, HashRate: w.HashRate, Shares: api.MinerShares(w.Shares),
		})
	}
	return m
}
