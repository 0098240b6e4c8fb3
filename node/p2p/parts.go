package p2p

import "stele/node/p2p/wire"

// addParts makes the parts, each with the kinds of messages that it handles. An absent
// goes to the part that handles the request which it answers.
func (s *Server) addParts() {
	s.syncer, s.records, s.compact = newSyncer(s), newRecorder(s), newCompactor(s)
	s.dialer, s.addresses, s.finder = newDialer(s), newAddresses(s), newFinder(s)

	s.add(newPinger(s), wire.KindPing, wire.KindPong)
	s.add(s.addresses, wire.KindGetAddrs, wire.KindAddrs)
	s.add(s.syncer, wire.KindGetHeaders, wire.KindHeaders, wire.KindGetBlocks, wire.KindBlock)
	s.add(s.compact, wire.KindCompact, wire.KindGetCompact, wire.KindGetParts, wire.KindParts, wire.KindAnnounce)
	s.add(s.records, wire.KindHave, wire.KindWant, wire.KindRecords, wire.KindFeeRate)
	s.add(s.finder, wire.KindGetBlob, wire.KindBlob, wire.KindGetNotice, wire.KindNotice)
	s.add(s.dialer)
}

func (s *Server) add(p part, kinds ...wire.Kind) {
	s.parts = append(s.parts, p)
	for _, k := range kinds {
		s.by[k] = p
	}
}

// handles returns the part that handles a message; nil: none, the message is of a
// later version.
func (s *Server) handles(m wire.Message) part {
	k := m.Kind()
	if absent, ok := m.(*wire.Absent); ok {
		k = absent.Request
	}
	if k > maxKind {
		return nil
	}
	return s.by[k]
}
