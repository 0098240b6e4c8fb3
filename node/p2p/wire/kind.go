package wire

import "strconv"

// Protocol is the highest version of the protocol that this program speaks, and
// MinProtocol the lowest.
const (
	Protocol    = 1
	MinProtocol = 1
)

// Kind is the number of a message on the wire.
type Kind uint8

// The kinds of messages.
const (
	KindHello      Kind = 1
	KindPing       Kind = 2
	KindPong       Kind = 3
	KindGetHeaders Kind = 4
	KindHeaders    Kind = 5
	KindGetBlocks  Kind = 6
	KindBlock      Kind = 7
	KindAbsent     Kind = 8
	KindCompact    Kind = 9
	KindGetCompact Kind = 10
	KindGetParts   Kind = 11
	KindParts      Kind = 12
	KindHave       Kind = 13
	KindWant       Kind = 14
	KindRecords    Kind = 15
	KindFeeRate    Kind = 16
	KindAnnounce   Kind = 17
	KindGetAddrs   Kind = 18
	KindAddrs      Kind = 19
	KindBye        Kind = 20
	KindGetBlob    Kind = 21
	KindBlob       Kind = 22
	KindGetNotice  Kind = 23
	KindNotice     Kind = 24
)

// Kinds of later versions, which this version ignores.
const (
	minIgnored Kind = 64
	maxIgnored Kind = 127
)

// kinds has the name of each kind, and makes an empty message of it.
var kinds = [...]struct {
	name string
	make func() Message
}{
	KindHello:      {"hello", func() Message { return new(Hello) }},
	KindPing:       {"ping", func() Message { return new(Ping) }},
	KindPong:       {"pong", func() Message { return new(Pong) }},
	KindGetHeaders: {"getheaders", func() Message { return new(GetHeaders) }},
	KindHeaders:    {"headers", func() Message { return new(Headers) }},
	KindGetBlocks:  {"getblocks", func() Message { return new(GetBlocks) }},
	KindBlock:      {"block", func() Message { return new(Block) }},
	KindAbsent:     {"absent", func() Message { return new(Absent) }},
	KindCompact:    {"compact", func() Message { return new(Compact) }},
	KindGetCompact: {"getcompact", func() Message { return new(GetCompact) }},
	KindGetParts:   {"getparts", func() Message { return new(GetParts) }},
	KindParts:      {"parts", func() Message { return new(Parts) }},
	KindHave:       {"have", func() Message { return new(Have) }},
	KindWant:       {"want", func() Message { return new(Want) }},
	KindRecords:    {"records", func() Message { return new(Records) }},
	KindFeeRate:    {"feerate", func() Message { return new(FeeRate) }},
	KindAnnounce:   {"announce", func() Message { return new(Announce) }},
	KindGetAddrs:   {"getaddrs", func() Message { return new(GetAddrs) }},
	KindAddrs:      {"addrs", func() Message { return new(Addrs) }},
	KindBye:        {"bye", func() Message { return new(Bye) }},
	KindGetBlob:    {"getblob", func() Message { return new(GetBlob) }},
	KindBlob:       {"blob", func() Message { return new(Blob) }},
	KindGetNotice:  {"getnotice", func() Message { return new(GetNotice) }},
	KindNotice:     {"notice", func() Message { return new(Notice) }},
}

// IsKnown reports whether this version of the protocol has the kind.
func (k Kind) IsKnown() bool { return int(k) < len(kinds) && kinds[k].make != nil }

// IsIgnored reports whether the kind is one of a later version, which a node
// ignores. A kind that is neither known nor ignored ends the connection.
func (k Kind) IsIgnored() bool { return minIgnored <= k && k <= maxIgnored }

// String returns the name of the kind, such as "getheaders", or its number.
func (k Kind) String() string {
	if !k.IsKnown() {
		return "kind-" + strconv.Itoa(int(k))
	}
	return kinds[k].name
}

// newMessage returns an empty message of the kind, nil if this version has none.
func newMessage(k Kind) Message {
	switch {
	case k.IsKnown():
		return kinds[k].make()
	case k.IsIgnored():
		return &Unknown{Number: k}
	}
	return nil
}
