package verify

import (
	"fmt"

	"stele/engine"
	"stele/engine/blockfile"
	"stele/engine/headerchain"
	"stele/engine/pow"
)

// Reason is the kind of a fault or finding. The words are stable.
type Reason string

// The reasons, in the order in which [Invalid.Faults] lists them.
const (
	BadBits        Reason = "bad-bits"         // nBits are negative, zero or above 256 bits
	HighHash       Reason = "high-hash"        // the hash is above the target of nBits
	BadLink        Reason = "bad-link"         // the parent is not the item before
	BadGenesis     Reason = "bad-genesis"      // the chain does not start with its genesis block
	BitsAboveLimit Reason = "bits-above-limit" // nBits are above the limit of the chain
	BadRetarget    Reason = "bad-retarget"     // nBits are not those of the retarget rule
	TimeTooOld     Reason = "time-too-old"     // the time is not after the median of the 11 before
	TimeWarp       Reason = "time-warp"        // the first header of a period is too long before its parent (BIP 94)

	BadBlock          Reason = "bad-block"              // the block cannot be parsed
	BadMerkleRoot     Reason = "bad-merkle-root"        // the Merkle root of the header is not that of the transactions
	MerkleMutated     Reason = "merkle-mutated"         // equal hashes side by side in the Merkle tree
	BadWitness        Reason = "bad-witness-commitment" // the witness commitment is not that of the witnesses
	NoCoinbase        Reason = "no-coinbase"            // the first transaction is not a coinbase
	SeveralCoinbases  Reason = "several-coinbases"      // another transaction is a coinbase
	BadCoinbaseScript Reason = "bad-coinbase-script"    // the script of the coinbase does not have 2 to 100 bytes
	NullInput         Reason = "null-input"             // an input outside a coinbase spends no output
	DuplicateInput    Reason = "duplicate-input"        // a transaction spends an output twice
	DoubleSpend       Reason = "double-spend"           // two transactions spend the same output
	BadValue          Reason = "bad-value"              // an output, or the sum of all, is above 21 million bitcoin
	BadWeight         Reason = "bad-weight"             // the weight of the block is above 4,000,000
	TooManySigops     Reason = "too-many-sigops"        // too many signature operations
	BadCoinbaseHeight Reason = "bad-coinbase-height"    // the coinbase does not begin with the height
	WitnessMissing    Reason = "witness-missing"        // a commitment to witnesses but no witness; also a finding
	UnexpectedWitness Reason = "unexpected-witness"     // a witness before segwit
)

// The reasons that are only findings.
const (
	ShortTransaction Reason = "short-transaction" // a transaction of 64 bytes
)

// Report is the result of [Headers] and [Blocks].
type Report struct {
	Items        int64               // headers or blocks read
	Valid        int64               // items without a fault
	Transactions int64               // in blocks that could be parsed
	Bytes        int64               // of the items
	First        *Invalid            // the first item with a fault; nil if there is none
	Checks       []string            // the checks that were made, by the Check words
	Devices      []engine.DeviceWork // headers checked by each device
	OnDevice     int64               // blocks hashed by a device, see Options.DeviceAfter
	Gaps         Gaps                // parts of block files that could not be read
	Findings     Findings            // notable properties of items, valid or not
}

// The checks that a report can list.
const (
	CheckProofOfWork = "proof-of-work"
	CheckLink        = "link"
	CheckMedianTime  = "median-time"
	CheckLimit       = "limit"
	CheckRetarget    = "retarget"
	CheckTimeWarp    = "time-warp"
	CheckMerkleRoot  = "merkle-root"
	CheckWitness     = "witness-commitment"
	CheckRules       = "transactions"
	CheckHeight      = "coinbase-height"
	CheckSegwit      = "witness-missing"
)

// Item is a header or block of a stream.
type Item struct {
	Index  int64  // of the item in the whole stream, from 0
	Source string // name of the source
	Offset int64  // byte at which the item starts in its source; in a blk file, its record
	Height int64  // headerchain.UnknownHeight if not known
	Hash   pow.Hash
}

// Invalid is an item with faults.
type Invalid struct {
	Item
	Faults []Fault // at least one
}

// Finding is a property of an item that breaks no rule but may be a sign of a
// fault.
type Finding struct {
	Item
	Fault
}

// maxFindings bounds the findings that a report lists.
const maxFindings = 100

// Findings are the findings about all items.
type Findings struct {
	List  []Finding // the first ones, at most 100
	Count int64     // of all findings
}

// Fault is one rule that an item breaks, or a finding.
type Fault struct {
	Reason Reason
	Text   string // what was found and what was expected
}

func (f *Invalid) add(r Reason, format string, args ...any) {
	f.Faults = append(f.Faults, Fault{r, fmt.Sprintf(format, args...)})
}

// ruleReasons and blockReasons map the faults that other packages report to
// reasons.
var (
	ruleReasons = map[headerchain.Rule]Reason{
		headerchain.BadGenesis:     BadGenesis,
		headerchain.BitsAboveLimit: BitsAboveLimit,
		headerchain.BadRetarget:    BadRetarget,
		headerchain.TimeTooOld:     TimeTooOld,
		headerchain.TimeWarp:       TimeWarp,
	}
	blockReasons = map[error]Reason{
		blockfile.ErrMerkleRoot:     BadMerkleRoot,
		blockfile.ErrMutated:        MerkleMutated,
		blockfile.ErrWitness:        BadWitness,
		blockfile.ErrNoCoinbase:     NoCoinbase,
		blockfile.ErrCoinbases:      SeveralCoinbases,
		blockfile.ErrCoinbaseScript: BadCoinbaseScript,
		blockfile.ErrNullInput:      NullInput,
		blockfile.ErrDuplicateInput: DuplicateInput,
		blockfile.ErrDoubleSpend:    DoubleSpend,
		blockfile.ErrValue:          BadValue,
		blockfile.ErrWeight:         BadWeight,
		blockfile.ErrSigops:         TooManySigops,
	}
)
