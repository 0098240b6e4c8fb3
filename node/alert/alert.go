package alert

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
)

// Kind is a kind of alert. The words are stable.
type Kind string

// The kinds.
const (
	OverdueRuling Kind = "overdue-ruling" // nobody ruled in time
	OverdueClaim  Kind = "overdue-claim"  // a party did not act in time, and somebody else may now
	Default       Kind = "default"        // an order was not executed in time
	CustodyGap    Kind = "custody-gap"    // goods that nobody confirms to have
	Coverage      Kind = "coverage"       // records on the chain that are not checked
	Recall        Kind = "recall"         // vouchers of recalled goods whose holders have not reacted
	Anomaly       Kind = "anomaly"        // a finding of package anomaly
	Warning       Kind = "warning"        // of the node
	Trouble       Kind = "trouble"        // keeps the node from working
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{OverdueRuling, OverdueClaim, Default, CustodyGap, Coverage, Recall, Anomaly, Warning, Trouble}
}

// State is the state of an alert. The words are stable.
type State string

// The states.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged" // somebody knows, the fact still holds
	Resolved     State = "resolved"     // the fact no longer holds
)

// States returns all states.
func States() []State { return []State{Open, Acknowledged, Resolved} }

// Bounds of what an alert holds.
const (
	MaxAlerts  = 2000 // that a book keeps
	MaxRecords = 20   // of a fact
	MaxText    = 1000 // bytes of a text
	MaxName    = 200  // bytes of a subject, and of who acknowledges
)

// Fact is something that holds now.
type Fact struct {
	Kind    Kind
	Subject string      // what it is about: with the kind, it names the fact
	Text    string      // for people
	Records []record.ID // behind it
}

// At is a moment on the chain.
type At struct {
	Height uint32    `json:"height"` // of the tip
	Time   time.Time `json:"time"`   // in the header of the tip
}

// Alert is a fact with its history.
type Alert struct {
	ID      string      `json:"id"` // 16 hex digits
	Kind    Kind        `json:"kind"`
	State   State       `json:"state"`
	Subject string      `json:"subject"`
	Text    string      `json:"text"` // as of the last round in which the fact held
	Records []record.ID `json:"records"`

	Opened       At     `json:"opened"`       // the last time
	Openings     uint32 `json:"openings"`     // how often it opened
	Resolved     At     `json:"resolved"`     // zero: it is not
	Acknowledged At     `json:"acknowledged"` // zero: it is not, or not since it opened
	By           string `json:"by"`           // who acknowledged it, as they named themselves
}

// IDOf returns the id of the alert of a fact: the first 8 bytes of the SHA-256 of kind
// and subject, in hex.
func IDOf(kind Kind, subject string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", kind, subject))
	return hex.EncodeToString(sum[:8])
}

// clone returns a copy that shares nothing.
func (a *Alert) clone() Alert {
	c := *a
	c.Records = slices.Clone(a.Records)
	return c
}
