package p2p

import (
	"errors"

	"stele/engine/pow"
	"stele/node/ledger/reject"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// maxUseless is how often an outbound peer may send what is of no use to this node.
const maxUseless = 3

// textOf returns the text of a verdict without its reason.
func textOf(err error) string {
	if e := (*reject.Error)(nil); errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}

// headerVerdict handles the verdict of the chain about headers of a peer.
func (y *syncer) headerVerdict(p *peer, headers []pow.Header, err error) {
	reason, isVerdict := reject.Of(err)
	var f *fault
	switch {
	case !isVerdict:
		y.s.log.Error("headers not added", "err", err)
	case reason == reject.TimeTooNew:
		if f = y.keepHeader(p, headers); f == nil {
			f = y.useless(p, reason, err)
		}
	case reason == reject.LowWork, reason == reject.UnknownParent:
		f = y.useless(p, reason, err)
	case reason == reject.InvalidBlock, reason == reject.InvalidParent:
		f = y.gaveInvalid(p, reason, err)
	case reason.Fault():
		f = broke(wire.Reason(reason), "%s", textOf(err))
	}
	if f != nil {
		y.s.drop(p, f)
	}
}

// useless counts headers or a block of no use. After a few of them an outbound peer
// makes room for another one; inbound ones cost nothing.
func (y *syncer) useless(p *peer, reason reject.Reason, err error) *fault {
	sp := y.peers[p.id]
	if sp == nil || !p.isOutbound() || p.kind == slots.Manual {
		return nil
	}
	sp.useless++
	if sp.useless < maxUseless {
		return nil
	}
	return slow(wire.ReasonUseless, "%d times %s, at last: %s", sp.useless, reason, textOf(err))
}

// gaveInvalid returns the fault of a peer that follows a branch that is invalid. It
// may just have other rules; at the second time it is avoided.
func (y *syncer) gaveInvalid(p *peer, reason reject.Reason, err error) *fault {
	f := broke(wire.Reason(reason), "%s", textOf(err))
	addr := p.addr.Addr()
	n, _ := y.invalid.Get(addr)
	y.invalid.Put(addr, n+1)
	f.discourage = n > 0
	return f
}

// isOfLaterRules reports whether a reason may mean that the block follows the rules of
// a later version of the program.
func isOfLaterRules(r reject.Reason) bool {
	return r == reject.UnknownType || r == reject.UnknownVersion
}

// unknownRules counts blocks that this version of the program cannot judge.
type unknownRules struct {
	blocks map[pow.Hash]bool
	peers  map[slots.ID]bool
	warned bool
}

// What it takes to warn: so many blocks, of so many peers.
const (
	unknownBlocks = 3
	unknownPeers  = 2
)

// note counts a block, and warns once that the program may be too old. Anybody may call
// with blocks that only look so: peers that this node called decide, if it has some.
func (u *unknownRules) note(s *Server, from slots.ID, hash pow.Hash, reason reject.Reason) {
	p := s.peers[from]
	if isCaller := p != nil && !p.isOutbound(); u.warned || isCaller && s.outbound() > 0 {
		return
	}
	if u.blocks == nil {
		u.blocks, u.peers = map[pow.Hash]bool{}, map[slots.ID]bool{}
	}
	if len(u.blocks) < unknownBlocks {
		u.blocks[hash] = true
	}
	if len(u.peers) < unknownPeers {
		u.peers[from] = true
	}
	if len(u.blocks) == unknownBlocks && len(u.peers) == unknownPeers {
		u.warned = true
		s.log.Warn("blocks follow rules that this version does not know: an update may be due",
			"block", hash, "reason", reason)
	}
}
