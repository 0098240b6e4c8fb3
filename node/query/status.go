package query

import (
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Status is the state of a node at one moment. Counts start at 0 when the node
// starts and only grow; rates are means of the last ten seconds. The node makes it:
// it has the parts that a [Reader] does not have.
type Status struct {
	Version string // of the program
	Network string
	Genesis pow.Hash
	Dir     string    // of the store
	API     string    // address that the API listens at; "": none
	Web     bool      // whether it serves the web pages too
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
	// Waiting is why neither the node's own devices nor its Stratum server mine for now,
	// as "catching up with peers"; "": nothing prevents it.
	Waiting string

	Stratum *Stratum // nil: there is no server

	Pool    PoolStatus
	Traffic float64 // records per second that the generator should make; 0: none
	Records RecordCounts

	Types      map[record.Type]uint64      // records in connected blocks, without coinbases
	Claims     map[rules.ClaimState]uint64 // that were open at the start or opened since
	Rejections map[reject.Reason]uint64    // records of the traffic that were rejected

	Peers    *Peers    // nil: the node has no peer-to-peer server
	Warnings []Warning // what an operator should know
	Trouble  string    // what keeps the node from working, "": nothing
}

// Connected returns the number of connected peers.
func (s *Status) Connected() int {
	if s.Peers == nil {
		return 0
	}
	return len(s.Peers.Connected)
}

// HashRate returns the rate of the node's own devices, in hashes per second; 0 if
// the node does not mine.
func (s *Status) HashRate() float64 {
	if s.Miner == nil {
		return 0
	}
	return s.Miner.Counted.Seconds10
}

// Mined counts what became of the blocks that were found.
type Mined struct {
	Blocks   uint64 // accepted by the chain
	Stale    uint64 // too late: a block of somebody else was faster
	Rejected uint64 // by the chain; each is a fault of the program
}

// Stratum is the state of a node's Stratum server. Hash rates are estimated from the
// accepted shares of the last five minutes, in hashes per second.
type Stratum struct {
	Address     string // that the server listens at
	TLS         bool
	Connections int
	Workers     int // names of connected workers
	HashRate    float64
	Shares      Shares
	Mined       Mined // by its miners
	Banned      int   // addresses
}

// Shares counts the shares of miners.
type Shares struct {
	Accepted      uint64
	Stale         uint64 // for an old tip, or an unknown job
	Duplicate     uint64
	LowDifficulty uint64
	Unauthorized  uint64
	Invalid       uint64 // all others
}

// Miners are the miners of a node's Stratum server at one moment.
type Miners struct {
	Now    time.Time
	Server Stratum
	All    []Miner // sorted by name; one for each connection that receives work
}

// Miner is a miner that is connected to a node's Stratum server.
type Miner struct {
	Name       string // the user name
	Agent      string // the program and version that the miner reports
	Since      time.Time
	LastShare  time.Time // that was accepted; zero: none yet
	Difficulty float64   // of its shares
	HashRate   float64   // as in Stratum
	Shares     Shares
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

// Warning is something that an operator should know although the node works.
type Warning struct {
	Kind WarningKind
	Text string
}

// WarningKind is a kind of warning. The words are stable.
type WarningKind string

// The kinds of warnings.
const (
	// Alone: the network is one of many nodes, and this one has no peers.
	Alone WarningKind = "alone"
	// NoRoots: nobody can grant roles on this network.
	NoRoots WarningKind = "no-roots"
	// Behind: peers have more work, and nothing is mined until the node has it too.
	Behind WarningKind = "behind"
	// DeepReorg: many blocks were disconnected within the last hour.
	DeepReorg WarningKind = "deep-reorg"
	// TipStale: the last block is much older than the target interval.
	TipStale WarningKind = "tip-stale"
)
