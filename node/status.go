package node

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/query"
)

// Status returns the state of the node.
func (n *Node) Status() query.Status {
	tip, pool := n.chain.Tip(), n.pool.Stats()
	interval := n.o.Params.Pow.RetargetInterval
	s := query.Status{
		Version: n.o.Version,
		Genesis: n.genesis,
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

		Pool:    query.PoolStatus{Records: pool.Records, Bytes: pool.Bytes, Memory: pool.Memory, MaxBytes: pool.MaxBytes},
		Traffic: n.o.Traffic,
	}
	s.Peers = n.peerStatus()
	s.Warnings = n.warnings(s.Peers, s.Now)
	if n.miner != nil || n.stratum != nil {
		s.Waiting = n.waiting()
	}
	if n.apiListener != nil {
		s.API, s.Web = n.apiListener.Addr().String(), n.o.Web
	}
	if n.miner != nil {
		status := n.miner.Status()
		s.Miner, s.Mined = &status, n.source.counts.status()
	}
	s.Stratum = n.stratumStatus()
	if n.traffic != nil {
		s.Rejections = n.traffic.Counts().Rejections()
	}

	s.Trouble = n.findTrouble(tip, s.Miner)

	n.mu.Lock()
	defer n.mu.Unlock()
	n.follow()
	s.TipSeen = n.blocks.tipSeen
	s.Intervals = slices.Clone(n.blocks.intervals)
	s.Records = query.RecordCounts{
		Accepted: pool.Counts.Accepted, Rejected: pool.Counts.Rejected, Connected: n.mined,
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
	if trouble := n.chain.Trouble(); trouble != "" {
		return trouble
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

// stratumStatus returns the state of the Stratum server, nil if there is none.
func (n *Node) stratumStatus() *query.Stratum {
	if n.stratum == nil {
		return nil
	}
	s := n.stratum.Status()
	return &query.Stratum{
		Address: n.stratumListener.Addr().String(), TLS: n.o.StratumTLS != nil, Connections: s.Connections, Workers: s.Workers,
		HashRate: s.HashRate, Shares: s.Shares, Mined: n.stratumMined.status(), Banned: s.Banned,
	}
}

// miners returns the miners of the Stratum server, which must exist.
func (n *Node) miners() query.Miners {
	m := query.Miners{Now: n.o.now(), Server: *n.stratumStatus()}
	for _, w := range n.stratum.Workers() {
		m.All = append(m.All, w.Miner)
	}
	return m
}
