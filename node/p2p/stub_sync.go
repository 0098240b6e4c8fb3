package p2p

import (
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/p2p/wire"
	"stele/node/query"
)

// syncer is the part for headers and bodies. Not written yet.
type syncer struct{}

// origin is how a block came.
type origin uint8

const (
	fromAnswer origin = iota // to a request
	fromPush                 // a compact block, before this node knew it
)

func newSyncer(*Server) *syncer { return &syncer{} }

func (*syncer) run()                                                           {}
func (*syncer) ready(*peer)                                                    {}
func (*syncer) gone(*peer)                                                     {}
func (*syncer) handle(*peer, wire.Message) (<-chan struct{}, error)            { return nil, nil }
func (*syncer) changed(chain.Event)                                            {}
func (*syncer) due() (t time.Time)                                             { return t }
func (*syncer) tick(time.Time)                                                 {}
func (*syncer) learned(*peer, []pow.Header)                                    {}
func (*syncer) ask(*peer)                                                      {}
func (*syncer) submit(*peer, *block.Block, origin, func(chain.Outcome, error)) {}
func (*syncer) atTip() bool                                                    { return true }
func (*syncer) status() query.Sync                                             { return query.Sync{State: query.SyncAlone} }
