package wire

import (
	"net/netip"

	"stele/engine/pow"
	"stele/node/ledger/fields"
)

// Message is one of the messages of this package: a pointer to a struct. It is not
// safe for concurrent use while somebody modifies it.
type Message interface {
	// Kind returns the number of the message on the wire.
	Kind() Kind
	// layout lists the fields in the order of their encoding, with their rules.
	layout(c *coder)
}

// Services are the services of a node. Bits without a meaning are for later
// versions, and are ignored.
type Services uint64

// The services of a node.
const (
	ServesBlocks       Services = 1 << iota // all bodies
	ServesRecentBlocks                      // the bodies of the last 288 blocks
	TakesRecords                            // records for the pool
	KeepsBlobs                              // sealed data of recipients, and the notices of carriers
)

// Has reports whether all services of want are there.
func (s Services) Has(want Services) bool { return s&want == want }

// Hello is the first message of both sides, and is sent once.
type Hello struct {
	Protocol    uint16 // the highest version that the node speaks
	MinProtocol uint16 // the lowest; 1 to Protocol
	Network     uint32 // the id of the network
	Genesis     pow.Hash
	Services    Services
	Height      uint32 // of the tip
	Tip         pow.Hash
	Work        pow.Work // of the active chain; on the wire 32 bytes, little-endian
	Port        uint16   // where the node listens; 0 if it does not
	Nonce       uint64   // random, so that a node notices a connection to itself
	MinFeeRate  uint64   // the minimum fee of a record for each 1000 bytes
	Agent       string   // name and version of the program: at most 64 bytes of printable ASCII
}

// Kind returns [KindHello].
func (*Hello) Kind() Kind { return KindHello }

func (m *Hello) layout(c *coder) {
	c.f.Uint16(&m.Protocol)
	c.f.Uint16(&m.MinProtocol)
	if m.MinProtocol < 1 || m.MinProtocol > m.Protocol {
		c.failf("protocols %d to %d, must be an interval above 0", m.MinProtocol, m.Protocol)
	}
	c.f.Uint32(&m.Network)
	fields.Hash(c.f, &m.Genesis)
	c.f.Uint64((*uint64)(&m.Services))
	c.f.Uint32(&m.Height)
	fields.Hash(c.f, &m.Tip)
	for i := range m.Work {
		c.f.Uint64(&m.Work[i])
	}
	c.f.Uint16(&m.Port)
	c.f.Uint64(&m.Nonce)
	c.f.Uint64(&m.MinFeeRate)
	c.text(&m.Agent, MaxAgent)
}

// Common returns the highest version of the protocol that both sides speak, and
// false if there is none.
func (m *Hello) Common(other *Hello) (uint16, bool) {
	version := min(m.Protocol, other.Protocol)
	return version, version >= max(m.MinProtocol, other.MinProtocol)
}

// Ping asks for a [Pong] with the same nonce.
type Ping struct{ Nonce uint64 }

// Kind returns [KindPing].
func (*Ping) Kind() Kind { return KindPing }

func (m *Ping) layout(c *coder) { c.f.Uint64(&m.Nonce) }

// Pong answers a [Ping].
type Pong struct{ Nonce uint64 }

// Kind returns [KindPong].
func (*Pong) Kind() Kind { return KindPong }

func (m *Pong) layout(c *coder) { c.f.Uint64(&m.Nonce) }

// GetHeaders asks for the headers after the first hash of Locator that is in the
// peer's active chain, up to Stop, or as many as fit if Stop is zero.
type GetHeaders struct {
	Locator []pow.Hash // 1 to [MaxLocator], from the tip down; count in 2 bytes
	Stop    pow.Hash
}

// Kind returns [KindGetHeaders].
func (*GetHeaders) Kind() Kind { return KindGetHeaders }

func (m *GetHeaders) layout(c *coder) {
	c.hashes(&m.Locator, 1, MaxLocator)
	fields.Hash(c.f, &m.Stop)
}

// Headers answers a [GetHeaders], or announces new blocks. Each header should name
// the one before as its parent, which this package does not check.
type Headers struct {
	Headers []pow.Header // at most [MaxHeaders], [MaxUnsolicitedHeaders] as an announcement; count in 2 bytes
}

// Kind returns [KindHeaders].
func (*Headers) Kind() Kind { return KindHeaders }

func (m *Headers) layout(c *coder) {
	n := c.count16(len(m.Headers), 0, c.limit(MaxHeaders, MaxUnsolicitedHeaders), pow.HeaderSize)
	list(c, &m.Headers, n, c.header)
}

// GetBlocks asks for a [Block] for each hash.
type GetBlocks struct {
	Hashes []pow.Hash // 1 to [MaxGetBlocks]; count in 2 bytes
}

// Kind returns [KindGetBlocks].
func (*GetBlocks) Kind() Kind { return KindGetBlocks }

func (m *GetBlocks) layout(c *coder) { c.hashes(&m.Hashes, 1, MaxGetBlocks) }

// Block answers one hash of a [GetBlocks].
type Block struct {
	Raw []byte // the encoded block, which is the whole body
}

// Kind returns [KindBlock].
func (*Block) Kind() Kind { return KindBlock }

func (m *Block) layout(c *coder) { c.rest(&m.Raw) }

// Header returns the header of the block.
func (m *Block) Header() (pow.Header, error) {
	return pow.DecodeHeader(m.Raw[:min(len(m.Raw), pow.HeaderSize)])
}

// Cause is why a node does not have, or does not send, what it was asked for.
type Cause uint8

// The causes of an [Absent].
const (
	CauseUnknown Cause = iota // the node does not know the hash
	CausePruned               // the node had it, and has deleted it
	CauseBusy                 // the peer may ask again
	causes                    // how many there are
)

// Absent answers hashes of a request that the node does not serve.
type Absent struct {
	Request Kind // [KindGetBlocks], [KindGetCompact], [KindGetParts] or [KindWant]
	Cause   Cause
	Hashes  []pow.Hash // 1 to [MaxAbsent]; count in 2 bytes
}

// Kind returns [KindAbsent].
func (*Absent) Kind() Kind { return KindAbsent }

func (m *Absent) layout(c *coder) {
	fields.Choice(c.f, &m.Request)
	switch m.Request {
	case KindGetBlocks, KindGetCompact, KindGetParts, KindWant:
	default:
		c.failf("%s was not served, must be getblocks, getcompact, getparts or want", m.Request)
	}
	fields.Choice(c.f, &m.Cause)
	if m.Cause >= causes {
		c.failf("cause %d, must be 0 to %d", m.Cause, causes-1)
	}
	c.hashes(&m.Hashes, 1, MaxAbsent)
}

// GetCompact asks for a [Compact] block.
type GetCompact struct{ Hash pow.Hash }

// Kind returns [KindGetCompact].
func (*GetCompact) Kind() Kind { return KindGetCompact }

func (m *GetCompact) layout(c *coder) { fields.Hash(c.f, &m.Hash) }

// GetParts asks for records of a block that was received as a [Compact].
type GetParts struct {
	Block   pow.Hash
	Indices []uint32 // of records in the block, ascending; 1 to [MaxParts]; count in 4 bytes
}

// Kind returns [KindGetParts].
func (*GetParts) Kind() Kind { return KindGetParts }

func (m *GetParts) layout(c *coder) {
	fields.Hash(c.f, &m.Block)
	n := c.count32(len(m.Indices), 1, MaxParts, 4)
	list(c, &m.Indices, n, c.f.Uint32)
	c.ascending(m.Indices, "index")
}

// Parts answers a [GetParts].
type Parts struct {
	Block   pow.Hash
	Records [][]byte // encoded, in the order of the request; 1 to [MaxParts]; count in 4 bytes
}

// Kind returns [KindParts].
func (*Parts) Kind() Kind { return KindParts }

func (m *Parts) layout(c *coder) {
	fields.Hash(c.f, &m.Block)
	c.records(&m.Records, c.count32(len(m.Records), 1, MaxParts, 2+MinRecordSize))
}

// Have announces records by their full hashes, those with the signatures: a copy
// with bad signatures has another hash than the good record.
type Have struct {
	Hashes []pow.Hash // 1 to [MaxHave]; count in 2 bytes
}

// Kind returns [KindHave].
func (*Have) Kind() Kind { return KindHave }

func (m *Have) layout(c *coder) { c.hashes(&m.Hashes, 1, MaxHave) }

// Want asks for records by their full hashes.
type Want struct {
	Hashes []pow.Hash // 1 to [MaxWant]; count in 2 bytes
}

// Kind returns [KindWant].
func (*Want) Kind() Kind { return KindWant }

func (m *Want) layout(c *coder) { c.hashes(&m.Hashes, 1, MaxWant) }

// Records answers a [Want], or pushes new records.
type Records struct {
	Records [][]byte // encoded; 1 to [MaxRecords], [MaxUnsolicitedRecords] as a push; count in 2 bytes
}

// Kind returns [KindRecords].
func (*Records) Kind() Kind { return KindRecords }

func (m *Records) layout(c *coder) {
	limit := c.limit(MaxRecords, MaxUnsolicitedRecords)
	c.records(&m.Records, c.count16(len(m.Records), 1, limit, 2+MinRecordSize))
}

// FeeRate changes the MinFeeRate of the sender's [Hello].
type FeeRate struct {
	Min uint64 // the minimum fee of a record for each 1000 bytes
}

// Kind returns [KindFeeRate].
func (*FeeRate) Kind() Kind { return KindFeeRate }

func (m *FeeRate) layout(c *coder) { c.f.Uint64(&m.Min) }

// Announce says how the sender wants to hear of new blocks: by a pushed [Compact],
// or by [Headers], which is how a connection begins.
type Announce struct{ Push bool }

// Kind returns [KindAnnounce].
func (*Announce) Kind() Kind { return KindAnnounce }

func (m *Announce) layout(c *coder) { c.flag(&m.Push) }

// GetAddrs asks for addresses of other nodes.
type GetAddrs struct{}

// Kind returns [KindGetAddrs].
func (*GetAddrs) Kind() Kind { return KindGetAddrs }

func (*GetAddrs) layout(*coder) {}

// Addr is the address of a node.
type Addr struct {
	// Addr is on the wire 16 bytes and a port. An IPv4 address is mapped into IPv6
	// there, and only there. It has no zone, and a port above 0.
	Addr     netip.AddrPort
	Services Services
	// Age is how long ago the node was seen, in hours; 65535 and more is 65535.
	Age uint16
}

func (a *Addr) layout(c *coder) {
	ip := a.Addr.Addr()
	if !c.f.Reading() && (!ip.IsValid() || ip.Is4In6() || ip.Zone() != "") {
		c.failf("address %s, must be IPv4 or IPv6 without a zone", ip)
	}
	b, port := ip.As16(), a.Addr.Port()
	c.f.Fixed(b[:])
	c.f.Uint16(&port)
	if port == 0 {
		c.failf("port 0, must be 1 to 65535")
	}
	a.Addr = netip.AddrPortFrom(netip.AddrFrom16(b).Unmap(), port)
	c.f.Uint64((*uint64)(&a.Services))
	c.f.Uint16(&a.Age)
}

// Addrs answers a [GetAddrs], or announces addresses.
type Addrs struct {
	Addrs []Addr // at most [MaxAddrs], [MaxUnsolicitedAddrs] as an announcement; count in 2 bytes
}

// Kind returns [KindAddrs].
func (*Addrs) Kind() Kind { return KindAddrs }

func (m *Addrs) layout(c *coder) {
	n := c.count16(len(m.Addrs), 0, c.limit(MaxAddrs, MaxUnsolicitedAddrs), addrSize)
	list(c, &m.Addrs, n, func(a *Addr) { a.layout(c) })
}

// Reason is why a node ends a connection: a word of package reject, or one of the
// following. It has 1 to 32 lower-case letters, digits and hyphens.
type Reason string

// The reasons for a [Bye] that are none for the rejection of a record or block.
const (
	ReasonBehind       Reason = "behind"        // the peer does not follow the chain with the most work
	ReasonDuplicate    Reason = "duplicate"     // another connection of the two nodes stays
	ReasonFull         Reason = "full"          // the node has no room for the connection
	ReasonLate         Reason = "late"          // an answer did not come in time
	ReasonProtocol     Reason = "protocol"      // a message that the protocol does not allow
	ReasonPruned       Reason = "pruned"        // the peer lacks blocks that the node needs
	ReasonSelf         Reason = "self"          // the node is connected to itself
	ReasonStalling     Reason = "stalling"      // the peer holds up the download of blocks
	ReasonTooMuch      Reason = "too-much"      // more messages or bytes than the limits allow
	ReasonTooSlow      Reason = "too-slow"      // the peer reads or sends too slowly
	ReasonUseless      Reason = "useless"       // the peer's chain has too little work
	ReasonWrongNetwork Reason = "wrong-network" // another network, genesis block or protocol
)

// Bye is the last message before the sender closes the connection.
type Bye struct {
	Reason Reason // length in 1 byte
	Text   string // for people: at most 160 bytes of printable ASCII; length in 1 byte
}

// Kind returns [KindBye].
func (*Bye) Kind() Kind { return KindBye }

func (m *Bye) layout(c *coder) {
	c.text((*string)(&m.Reason), MaxReason)
	if m.Reason == "" {
		c.failf("no reason")
	}
	for _, char := range []byte(m.Reason) {
		isWord := 'a' <= char && char <= 'z' || '0' <= char && char <= '9' || char == '-'
		if !isWord {
			c.failf("reason %q, must have lower-case letters, digits and hyphens only", m.Reason)
			return
		}
	}
	c.text(&m.Text, MaxText)
}

// GetBlob asks for sealed data of a recipient, with the request that a carrier of the
// parcel has signed (package node/blobs). A node that does not have them may pass the
// request on.
type GetBlob struct {
	ID        uint64 // chosen by the sender; the answer has it too
	Hops      uint8  // how often the request may still be passed on, at most [MaxHops]
	Blob      [32]byte
	Key       [32]byte // of the carrier
	Time      int64    // seconds since 1970
	Signature [64]byte
}

// Kind returns [KindGetBlob].
func (*GetBlob) Kind() Kind { return KindGetBlob }

func (m *GetBlob) layout(c *coder) {
	c.f.Uint64(&m.ID)
	c.hops(&m.Hops)
	c.f.Fixed(m.Blob[:])
	c.f.Fixed(m.Key[:])
	t := uint64(m.Time)
	c.f.Uint64(&t)
	m.Time = int64(t)
	c.f.Fixed(m.Signature[:])
}

// Blob answers a [GetBlob].
type Blob struct {
	ID   uint64
	Data []byte // at most [MaxBlobSize] bytes; none: not found
}

// Kind returns [KindBlob].
func (*Blob) Kind() Kind { return KindBlob }

func (m *Blob) layout(c *coder) {
	c.f.Uint64(&m.ID)
	c.rest(&m.Data)
}

// GetNotice asks for the notice of a carrier: the key to which senders seal data for it
// (package node/ledger/recipient). A node that does not have it may pass the request on.
type GetNotice struct {
	ID      uint64 // chosen by the sender; the answer has it too
	Hops    uint8  // as in [GetBlob]
	Carrier [32]byte
}

// Kind returns [KindGetNotice].
func (*GetNotice) Kind() Kind { return KindGetNotice }

func (m *GetNotice) layout(c *coder) {
	c.f.Uint64(&m.ID)
	c.hops(&m.Hops)
	c.f.Fixed(m.Carrier[:])
}

// Notice answers a [GetNotice].
type Notice struct {
	ID        uint64
	Found     bool
	Key       [32]byte // zero if not found
	Signature [64]byte // of the carrier; zero if not found
}

// Kind returns [KindNotice].
func (*Notice) Kind() Kind { return KindNotice }

func (m *Notice) layout(c *coder) {
	c.f.Uint64(&m.ID)
	c.flag(&m.Found)
	c.f.Fixed(m.Key[:])
	c.f.Fixed(m.Signature[:])
	if !m.Found && (m.Key != [32]byte{} || m.Signature != [64]byte{}) {
		c.failf("a notice that was not found has a key or a signature")
	}
}

// Unknown is a message of a later version, which this version ignores.
type Unknown struct {
	Number Kind   // 64 to 127
	Body   []byte // at most 64 kB
}

// Kind returns the number of the message.
func (m *Unknown) Kind() Kind { return m.Number }

func (m *Unknown) layout(c *coder) { c.rest(&m.Body) }
