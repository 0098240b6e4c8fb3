package p2p

import (
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/p2p/wire"
)

// compactor is the part for compact blocks. Not written yet.
type compactor struct{}

func newCompactor(*Server) *compactor { return &compactor{} }

func (*compactor) run()                                                {}
func (*compactor) ready(*peer)                                         {}
func (*compactor) gone(*peer)                                          {}
func (*compactor) handle(*peer, wire.Message) (<-chan struct{}, error) { return nil, nil }
func (*compactor) changed(chain.Event)                                 {}
func (*compactor) due() (t time.Time)                                  { return t }
func (*compactor) tick(time.Time)                                      {}
func (*compactor) fetch(*peer, pow.Header) bool                        { return false }
