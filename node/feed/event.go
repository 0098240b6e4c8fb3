package feed

import (
	"encoding/json"
	"fmt"
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/views"
)

// Kind is the kind of an event.
type Kind string

// The kinds. The payload of each is the type beside it.
const (
	KindBlock              Kind = "block"               // Block
	KindBlockDisconnected  Kind = "block-disconnected"  // BlockDisconnected
	KindRecord             Kind = "record"              // Record: a block has it
	KindRecordDisconnected Kind = "record-disconnected" // RecordDisconnected: its block has left the chain
	KindPooled             Kind = "pooled"              // Pooled
	KindRejected           Kind = "rejected"            // Rejected
	KindAlert              Kind = "alert"               // whatever Publish gets
	KindStatus             Kind = "status"              // Status, once a second, without an id

	// These concern one reader, whatever its filter. They have no id.
	KindGap     Kind = "gap"     // Gap
	KindDropped Kind = "dropped" // Dropped; no event follows
)

// Kinds returns the kinds that a reader can choose.
func Kinds() []Kind {
	return []Kind{KindBlock, KindBlockDisconnected, KindRecord, KindRecordDisconnected, KindPooled, KindRejected, KindAlert, KindStatus}
}

// isLive reports whether events of a kind cannot be found again on the chain.
func (k Kind) isLive() bool { return k == KindPooled || k == KindRejected || k == KindAlert }

// Block is a block that has joined the chain. Times are seconds since 1970.
type Block struct {
	Height     uint32        `json:"height"`
	Hash       string        `json:"hash"`
	Time       uint32        `json:"time"`
	MedianTime uint32        `json:"median_time"` // of this block and the ten before it
	Records    int           `json:"records"`     // with the coinbase
	Size       int           `json:"size"`        // of the encoding, in bytes
	Fees       record.Amount `json:"fees"`
	Payee      string        `json:"payee,omitempty"`
}

// BlockDisconnected is a block that has left the chain.
type BlockDisconnected struct {
	Height uint32 `json:"height"`
	Hash   string `json:"hash"`
}

// Record is a record that a block of the chain has.
type Record struct {
	ID        string        `json:"id"`
	Type      string        `json:"type"`
	Height    uint32        `json:"height"`
	Index     uint32        `json:"index"` // in the block; 0 is the coinbase
	Block     string        `json:"block"`
	BlockTime uint32        `json:"block_time"`
	Voucher   string        `json:"voucher,omitempty"`
	Claim     string        `json:"claim,omitempty"`
	Shipment  string        `json:"shipment,omitempty"`
	Parties   []record.Key  `json:"parties,omitempty"` // see views.About; and who holds the voucher or made the claim, now
	GTIN      string        `json:"gtin,omitempty"`
	Serial    record.Serial `json:"serial,omitempty"`
}

// RecordDisconnected is a record whose block has left the chain.
type RecordDisconnected struct {
	ID     string `json:"id"`
	Height uint32 `json:"height"` // of the block
}

// Pooled is a record that the pool has admitted.
type Pooled struct {
	ID   string        `json:"id"`
	Type string        `json:"type"`
	Fee  record.Amount `json:"fee"`
	Size int           `json:"size"` // of the encoding, in bytes
}

// Rejected is a record that the pool has rejected.
type Rejected struct {
	ID     string        `json:"id"`
	Type   string        `json:"type"`
	Reason reject.Reason `json:"reason"`
}

// Status is the state of the node.
type Status struct {
	Height           uint32  `json:"height"`
	Tip              string  `json:"tip"`
	TipTime          int64   `json:"tip_time"`
	Peers            int     `json:"peers"`
	PoolRecords      int     `json:"pool_records"`
	RecordsPerSecond float64 `json:"records_per_second"` // in blocks, the mean of ten seconds
	HashRate         float64 `json:"hash_rate"`          // of the node's own devices
	Trouble          string  `json:"trouble"`            // "": none
}

// Gap says that a reader has missed events, and why.
type Gap struct {
	Reason GapReason `json:"reason"`
	Text   string    `json:"text"`
}

// GapReason is why events were missed.
type GapReason string

// The reasons of gaps.
const (
	GapUnknown GapReason = "unknown-id" // the id names no place that this node knows
	GapPruned  GapReason = "pruned"     // the node has no longer the blocks
	GapTooFar  GapReason = "too-far"    // more than MaxReplay blocks
	GapLive    GapReason = "not-kept"   // events of the pool and alerts since the id
	GapFlood   GapReason = "too-many"   // more events of the pool than the feed handles
)

// Dropped says why the feed ends for a reader.
type Dropped struct {
	Reason DropReason `json:"reason"`
	Text   string     `json:"text"`
}

// DropReason is why a reader was dropped.
type DropReason string

// The reasons for which readers are dropped.
const (
	DropSlow DropReason = "slow" // it was behind the whole log
)

// Event is an event as the readers get it. It must not be changed.
type Event struct {
	Kind Kind
	Text []byte // an event of a text/event-stream, with the empty line at its end

	place place  // after the event
	about *about // what it is about; nil: nothing that a subject can choose
}

// about is what filters by subject compare with.
type about struct {
	typ     record.Type
	subject views.Subject
	parties []record.Key
	// isUnknown: the views could not say what the record is about. The event passes all
	// filters by voucher, claim, shipment and party, since it may concern them.
	isUnknown bool
}

// newEvent encodes an event. The id is left out if it is "".
func newEvent(kind Kind, id string, payload any) *Event {
	data, err := json.Marshal(payload)
	if err != nil { // a payload of Publish; those of this package can be encoded
		data = []byte("{}")
	}
	text := make([]byte, 0, len(data)+len(id)+40)
	if id != "" {
		text = fmt.Appendf(text, "id: %s\n", id)
	}
	text = fmt.Appendf(text, "event: %s\ndata: %s\n\n", kind, data) // JSON has no line breaks
	return &Event{Kind: kind, Text: slices.Clip(text)}
}

// size is about how many bytes of memory the event takes.
func (e *Event) size() int {
	n := len(e.Text) + 160
	if e.about != nil {
		n += 160 + 36*len(e.about.parties)
	}
	return n
}
