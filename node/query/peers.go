package query

import (
	"time"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// Peers are the peers of a node at one moment. The peer-to-peer server makes it.
type Peers struct {
	Now         time.Time
	Key         string // the node's own, 16 hex digits
	Listen      string // address that it listens at; "": none
	MaxPeers    int
	Connected   []Peer     // the oldest first
	Gone        []GonePeer // the last 50, the newest first
	Addresses   int        // known
	Discouraged int        // addresses
	Sync        Sync
	Counts      PeerCounts
}

// Peer is a node that is connected.
type Peer struct {
	Key        string // 16 hex digits
	Address    string
	Inbound    bool
	Kind       string // inbound, full, blocks-only, feeler or manual
	Agent      string // program and version that it reports; printable ASCII
	Protocol   int
	Since      time.Time
	LastHeard  time.Time
	Ping       time.Duration // the last; 0: not known
	MinPing    time.Duration
	Height     uint32 // of the best block that it is known to have
	Blocks     uint64 // that it was the first to give
	Records    uint64
	Received   uint64 // bytes
	Sent       uint64
	Requests   int    // open ones of this node
	Dropped    uint64 // messages not sent as it reads too slowly
	MinFeeRate uint64 // of records, for each 1000 bytes
}

// GonePeer is a connection that has ended, or a call that failed.
type GonePeer struct {
	Key     string // "": no handshake
	Address string
	Inbound bool
	Since   time.Time
	Until   time.Time
	Reason  string // stable word
	Text    string // in words
	ByPeer  bool   // the peer ended it
}

// SyncState is what a node knows of its place in the network. The words are stable.
type SyncState string

// The states of synchronisation.
const (
	SyncAlone   SyncState = "alone"   // no peer is connected
	SyncHeaders SyncState = "headers" // headers are downloaded
	SyncBlocks  SyncState = "blocks"  // blocks are downloaded
	SyncDone    SyncState = "synced"  // no peer is known to have more work
)

// Sync is how far a node is behind its peers. Rates are means of the last ten seconds.
type Sync struct {
	State           SyncState
	Height          uint32 // of the tip
	Tip             pow.Hash
	Target          uint32 // of the best header
	Best            pow.Hash
	BlocksPerSecond float64
	BytesPerSecond  float64
	Left            time.Duration // estimate; 0: not known
	Open            int           // requests for bodies
	Waiting         int           // bytes of bodies that wait for earlier ones
	CatchingUp      bool          // too far behind to mine on the tip
	Unavailable     bool          // no peer has the block after the tip: all of them prune, or are behind
}

// PeerCounts count what the peer-to-peer server did since its start.
type PeerCounts struct {
	Received, Sent          map[string]uint64 // bytes of frames, by kind of message
	MessagesIn, MessagesOut map[string]uint64 // by kind of message
	Disconnects             map[string]uint64 // by reason
	Rebuilds                map[string]uint64 // of compact blocks: whole, parts, full, failed
	Records                 map[reject.Reason]uint64
	RecordsAccepted         uint64 // from peers
	Orphans                 int    // records that wait for an earlier one
	Calls, FailedCalls      uint64
	Accepted, NotAccepted   uint64          // inbound connections
	HeaderToConnected       []time.Duration // of the last 1,000 blocks that peers announced, the newest last
}
