package node

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/node/api"
	"stele/node/chain"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/stratum"
)

// Status is the state of a node at one moment. Counts start at 0 when the node
// starts and only grow; rates are means of the last ten seconds.
type Status struct {
	Network string
	Dir     string    // of the store
	API     string    // address that the API listens at; "": none
	Now     time.Time // when the status was taken
	Started time.Time

	Height       uint32
	Tip          pow.Hash
	TipTime      time.Time       // the header's
	TipSeen      time.Time       // when the node connected it; after a start, TipTime
	Intervals    []time.Duration // between the last blocks, oldest first, at most 60
	Spacing      time.Duration   // target interval between blocks
	Bits         pow.Bits        // of the next block
	NextRetarget uint32          // height of the next block whose target may change

	Miner *miner.Status // of the node's own devices; nil: it does not mine
	Mined Mined         // by them

	Stratum *StratumStatus // nil: there is no server

	Pool    PoolStatus
	Traffic float64 // records per second that the generator should make; 0: none
	Records RecordCounts

	Types      map[record.Type]uint64      // records in connected blocks, without coinbases
	Claims     map[rules.ClaimState]uint64 // that were open at the start or opened since
	Rejections map[reject.Reason]uint64    // records of the traffic that were rejected

	Peers    int       // connected ones; always 0, as there is no peer-to-peer network yet
	Warnings []Warning // what an operator should know
	Trouble  string    // what keeps the node from working, "": nothing
}

// Mined counts what became of the blocks that were found.
type Mined struct {
	Blocks   uint64 // accepted by the chain
	Stale    uint64 // too late: a block of somebody else was faster
	Rejected uint64 // by the chain; each is a fault of the program
}

// StratumStatus is the state of the Stratum server.
type StratumStatus struct {
	stratum.Status
	Address string // that the server listens at
	TLS     bool
	Mined   Mined // by its miners
}

// PoolStatus is the size of the pool.
type PoolStatus struct {
	Records  int
	Bytes    int64 // of encoded records
	Memory   int64 // in bytes, of the records as they are held
	MaxBytes int64 // bound of Memory
}

// RecordCounts counts records on their way into blocks.
type RecordCounts struct {
	Accepted, Rejected uint64  // by the pool
	Connected          uint64  // in connected blocks, without coinbases
	AcceptedRate       float64 // per second
	ConnectedRate      float64 // per second
}

// HashRate returns the rate of the node's own devices, in hashes per second; 0 if
// the node does not mine.
func (s *Status) HashRate() float64 {
	if s.Miner == nil {
		return 0
	}
	return s.Miner.Counted.Seconds10
}

// Status returns the state of the node.
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
	if n.apiListener != nil {
		s.API = n.apiListener.Addr().String()
	}
	if n.miner != nil {
		status := n.miner.Status()
		s.Miner, s.Mined = &status, n.source.counts.status()
	}
	if n.stratum != nil {
		s.Stratum = &StratumStatus{
			Status: n.stratum.Status(), Address: n.stratumListener.Addr().String(), TLS: n.o.StratumTLS != nil, Mined: n.stratumMined.status(),
		}
	}
	if n.traffic != nil {
		s.Rejections = n.traffic.Counts().Rejections()
	}

	s.Trouble = n.findTrouble(tip, s.Miner)

	n.mu.Lock()
	defer n.mu.Unlock()
	n.follow()
	s.TipSeen = n.blocks.tipSeen
	s.Intervals = slices.Clone(n.blocks.intervals)
	s.Records = RecordCounts{
		Accepted: pool.Counts.Accepted, Rejected: pool.Counts.Rejected, Connected: n.connected,
		AcceptedRate: perSecond(&n.rates.accepted, s.Now), ConnectedRate: perSecond(&n.rates.connected, s.Now),
	}
	s.Types, s.Claims = maps.Clone(n.tally.records), n.tally.states()
	return s
}

// findTrouble returns what keeps the node from working, the worst first. The
// caller must not hold n.mu.
func (n *Node) findTrouble(tip *chain.Tip, m *miner.Status) string {
	if err := n.store.Err(); err != nil {
		return err.Error()
	}
	if err := n.chain.Err(); err != nil {
		return fmt.Sprintf("the chain has stopped, and tries again with the next block: %v", err)
	}
	n.mu.Lock()
	lasting := n.trouble
	n.mu.Unlock()
	if lasting != "" {
		return lasting
	}
	if err := clockError(tip.MinTime, n.o.now(), n.o.Params); err != nil {
		return err.Error()
	}
	if m != nil && m.State == miner.Stalled {
		return m.Trouble
	}
	return ""
}

// clockError reports that the local clock is wrong: even the earliest time that
// the next header may have is too far ahead of it. The chain would reject every
// block until the clock is set.
func clockError(earliest uint32, now time.Time, p *network.Params) error {
	h := pow.Header{Time: earliest}
	if headertree.TooNew(h, now, p.MaxFuture) == nil {
		return nil
	}
	behind := unix(earliest).Sub(now).Truncate(time.Second)
	return fmt.Errorf("the clock here is wrong: it is %v behind the chain, at most %v are allowed: set the clock; no block is made or accepted until then",
		behind, time.Duration(p.MaxFuture)*time.Second)
}

// health returns the status for the API.
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
		Mining:   s.Miner != nil,
		HashRate: s.HashRate(),
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

// miners returns the miners of the Stratum server, for the API.
func (n *Node) miners() api.Miners {
	s, mined, now := n.stratum.Status(), n.stratumMined.status(), n.o.now()
	m := api.Miners{
		Address:     n.stratumListener.Addr().String(),
		TLS:         n.o.StratumTLS != nil,
		Connections: s.Connections,
		HashRate:    s.HashRate,
		Shares:      api.MinerShares(s.Shares),
		Blocks:      api.MinerBlocks{Accepted: mined.Blocks, Stale: mined.Stale, Refused: mined.Rejected},
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
