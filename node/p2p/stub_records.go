package p2p

import (
	"time"

	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/p2p/wire"
)

// recorder is the part for records. Not written yet.
type recorder struct{}

func newRecorder(*Server) *recorder { return &recorder{} }

func (*recorder) run()                                                {}
func (*recorder) ready(*peer)                                         {}
func (*recorder) gone(*peer)                                          {}
func (*recorder) handle(*peer, wire.Message) (<-chan struct{}, error) { return nil, nil }
func (*recorder) changed(chain.Event)                                 {}
func (*recorder) due() (t time.Time)                                  { return t }
func (*recorder) tick(time.Time)                                      {}

// Accepted announces records that the pool has accepted. Safe for concurrent use.
func (s *Server) Accepted([]*record.Record) {}
